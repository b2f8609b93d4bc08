import type { PlanLine } from "./action.ts";
import { begun, isGivenBack } from "./leaving.ts";
import type { AccountRecord } from "./record.ts";
import { wantedState, type LifecycleSettings } from "./settings.ts";

/** What becomes of accounts when their resource is deleted with Retain; those in neither list are cut and kept, as with Disable. */
export interface Retention {
  /** Names of accounts that are kept as they are, without an owner. */
  readonly kept: readonly string[];
  /** Names of accounts that the ledger leaves in use until `until`. */
  readonly inUse: readonly string[];
  readonly until?: Date | undefined;
}

/** What the platform says about keeping an account without an end; of an account that it does not allow: why not, for people. */
export type RetainAnswer = { readonly kind: "allowed" } | { readonly kind: "refused"; readonly why: string };

export const NOTHING_RETAINED: Retention = { kept: [], inUse: [] };

/**
 * Retain keeps no right beyond its end: an expiry goes on in the ledger, and what is suspended, has expired or is leaving stays cut. Without an
 * end an account is kept where the platform allows it. `byPermission` false: the meaning of b745cd6, which kept everything.
 */
export const retentionOf = (
  records: readonly AccountRecord[],
  settings: Pick<LifecycleSettings, "state" | "expiresAt"> & {
    readonly deletion: Pick<LifecycleSettings["deletion"], "policy">;
  },
  at: {
    readonly now: Date;
    readonly byPermission: boolean;
    /** By account; absent: refused. */
    readonly answers: Readonly<Record<string, RetainAnswer>>;
  },
): Retention => {
  if (settings.deletion.policy !== "Retain") return NOTHING_RETAINED;
  if (!at.byPermission) return { kept: records.map(({ name }) => name), inUse: [] };
  if (wantedState(settings, at.now) !== "Active") return NOTHING_RETAINED;
  const standing = records.filter((record) => !begun(record));
  const { expiresAt } = settings;
  if (expiresAt !== undefined) {
    const inUse = standing.filter((record) => !isGivenBack(record)).map(({ name }) => name);
    return { kept: [], inUse, until: expiresAt };
  }
  return {
    kept: standing.filter(({ name }) => at.answers[name]?.kind === "allowed").map(({ name }) => name),
    inUse: [],
  };
};

/** Accounts that a deletion will cut although the spec says Retain: told with every plan. */
export const willCutLines = (answers: Readonly<Record<string, RetainAnswer>>): readonly PlanLine[] =>
  refusals(answers).map(([account, why]) => ({
    sign: "-",
    account,
    title: `deletion will cut the account although deletion.policy is Retain, for ${why}`,
    direction: "narrow",
  }));

/** The same as one sentence for Ready; undefined where there is nothing to say. */
export const willCutSentence = (answers: Readonly<Record<string, RetainAnswer>>): string | undefined => {
  const refused = refusals(answers);
  if (refused.length === 0) return undefined;
  const names = refused.map(([account]) => account).join(", ");
  return `Deletion will cut account(s) ${names} although spec.deletion.policy is Retain, for ${[...new Set(refused.map(([, why]) => why))].join("; ")}.`;
};

const refusals = (answers: Readonly<Record<string, RetainAnswer>>): readonly (readonly [string, string])[] =>
  Object.entries(answers).flatMap(([name, answer]) => (answer.kind === "refused" ? [[name, answer.why] as const] : []));
