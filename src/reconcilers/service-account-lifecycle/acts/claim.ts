import type { AccountRecord, LifecycleStatus } from "../../../domain/lifecycle/record.ts";
import type { LifecycleSettings } from "../../../domain/lifecycle/settings.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { Mutation } from "../../outside.ts";
import type { Ports } from "../../ports.ts";

export const OWNER_KIND = "ServiceAccountLifecycle" as const;

/** What the ledger needs of an account when only its claim is left (the finalizer was taken off by hand). */
export interface ClaimSnapshot {
  readonly account: AccountRecord;
  readonly deletion: Pick<LifecycleSettings["deletion"], "policy" | "holdMs"> & {
    /** Of a Retain under the newer rule: the identity's end, RFC 3339; `None` without one. Absent: everything is kept, as in b745cd6. */
    readonly until?: string;
    /** The identity's end, RFC 3339, whatever the policy; absent: it has none, or a version before this wrote the claim. */
    readonly end?: string;
  };
}

export const snapshotOf = (
  account: AccountRecord,
  { deletion, expiresAt }: Pick<LifecycleSettings, "deletion" | "expiresAt">,
  { rules }: Pick<LifecycleStatus, "rules">,
): string => {
  const { policy, holdMs } = deletion;
  const ruled = policy === "Retain" && rules?.includes("RetainByPermission") === true;
  const until = ruled ? { until: expiresAt?.toISOString() ?? NO_END } : {};
  const end = expiresAt === undefined ? {} : { end: expiresAt.toISOString() };
  return canonicalJson({ account, deletion: { policy, holdMs, ...until, ...end } } satisfies ClaimSnapshot);
};

export const NO_END = "None";

interface Claiming {
  readonly ports: Pick<Ports, "claims" | "outside">;
  readonly subject: Mutation["subject"];
  readonly passId: string;
  readonly signal: AbortSignal;
}

/**
 * One account at a provider, one owner in the cluster, by create-only. A claim of a resource of our own name with another UID is a
 * dead predecessor's, since names are unique: it is taken over (undo). Conflict otherwise; the holder is not named, for tenants do
 * not see each other.
 */
export const claimAccount = async (
  act: Claiming,
  target: string,
  snapshot: string,
  kind: Mutation["kind"] = "Issuing",
): Promise<void> => {
  const { ports, subject } = act;
  const owner = { kind: OWNER_KIND, namespace: subject.namespace, name: subject.name, uid: subject.uid };
  const present = await ports.claims.read(target);
  if (present === undefined) {
    const made = await mutate(act, "kubernetes:Claim", kind, target, () =>
      ports.claims.make(target, { owner, snapshot }),
    );
    if (made.kind === "held") throw held(target);
    return;
  }
  const ours =
    present.owner.kind === owner.kind &&
    present.owner.namespace === owner.namespace &&
    present.owner.name === owner.name;
  if (!ours) throw held(target);
  if (present.owner.uid !== owner.uid) {
    await mutate(act, "kubernetes:TakeOverClaim", "Issuing", target, () =>
      ports.claims.takeOver(present, owner, { snapshot }),
    );
    return;
  }
  if (present.snapshot === snapshot) return;
  await mutate(act, "kubernetes:UpdateClaim", kind, target, () => ports.claims.update(present, { snapshot }));
};

/** The account is gone, or somebody else's again. */
export const releaseAccount = async (act: Claiming, target: string): Promise<void> => {
  await mutate(act, "kubernetes:ReleaseClaim", "Revoking", target, () =>
    act.ports.claims.release(target, act.subject.uid),
  );
};

const mutate = <T>(
  act: Claiming,
  action: string,
  kind: Mutation["kind"],
  target: string,
  run: () => Promise<T>,
): Promise<T> =>
  act.ports.outside.mutate({ action, kind, subject: act.subject, target, passId: act.passId }, act.signal, run);

const held = (target: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The account ${target} is claimed by another resource; one account has one owner.`,
  });
