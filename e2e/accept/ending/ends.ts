import type { ServiceAccountLifecycleSpec } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { AccountRecord } from "../../../src/domain/lifecycle/record.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { sleep } from "../../stack/wait.ts";
import type { Leaver } from "./leaver.ts";
import type { Claim } from "./observer.ts";

export type EndName = "suspended" | "decommissioned" | "expired" | "left-out" | "deleted" | "ledger";

/** A way to end: what a person does, and where the operator says how far it is. */
export interface End {
  readonly deletion: NonNullable<ServiceAccountLifecycleSpec["deletion"]>;
  /** Resolves when the end has come. */
  act(leaver: Leaver): Promise<void>;
  claim(leaver: Leaver): Promise<Claim>;
}

const held = { holdFor: "1h", timeout: "60s" } as const;

export const ends: Readonly<Record<EndName, End>> = {
  suspended: { deletion: held, act: patched({ state: "Suspended" }), claim: byCondition("Suspended") },
  // Nothing is held: it is dismantled and deleted as well.
  decommissioned: {
    deletion: { holdFor: "1s", timeout: "60s" },
    act: patched({ state: "Decommissioned" }),
    claim: byCondition("Offboarded"),
  },
  expired: {
    deletion: held,
    async act(leaver) {
      const expiresAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
      await patched({ expiresAt: expiresAt.toISOString().replace(".000", "") })(leaver);
      await sleep(expiresAt.getTime() - Date.now());
    },
    claim: byCondition("Offboarded"),
  },
  "left-out": {
    deletion: held,
    async act({ site, it, name, accounts }) {
      const { spec } = (await site.find(name)) ?? {};
      if (spec === undefined) throw new Error(`${name} is not there`);
      const gone = it.leaving ?? accounts.map((account) => account.name);
      const rest = spec.accounts.filter((account) => !gone.includes(account.name));
      await site.apply(site.identity(name, rest, { ...spec, accounts: [...rest] }));
    },
    async claim({ site, it, name, accounts }) {
      const identity = await site.find(name);
      const gone = it.leaving ?? accounts.map((account) => account.name);
      const records = (identity?.status?.accounts ?? []).filter((account) => gone.includes(account.name));
      const seen = identity?.status?.observedGeneration === identity?.metadata.generation;
      return ofRecords(records, seen && (identity?.status?.accounts ?? []).length > 0, identity);
    },
  },
  deleted: { deletion: held, act: deleted, claim: ofDeleted },
  // The finalizer waits for nothing: the ledger has it all to do.
  ledger: { deletion: { holdFor: "1s", timeout: "1s" }, act: deleted, claim: ofDeleted },
};

function patched(spec: Partial<ServiceAccountLifecycleSpec>): End["act"] {
  return async ({ site, name }) => {
    await site.team.mergePatch(site.path(name), { spec });
  };
}

async function deleted({ site, name }: Leaver): Promise<void> {
  await site.team.delete(site.path(name));
}

function byCondition(type: "Suspended" | "Offboarded"): End["claim"] {
  return async ({ site, name }) => {
    const identity = await site.find(name);
    return ofCondition(identity, type);
  };
}

function ofCondition(identity: Identity | undefined, type: string): Claim {
  const { status, reason = "", message = "" } = identityCondition(identity, type) ?? {};
  return { proven: status === "True", reason, message };
}

/** The same wherever it stands now: suspended, offboarded, or on the ledger. */
export async function claimAnywhere(of: Pick<Leaver, "site" | "name">): Promise<Claim> {
  const identity = await of.site.find(of.name);
  if (identity === undefined) return ofDeleted(of);
  return ofCondition(identity, identity.status?.state?.startsWith("Suspend") === true ? "Suspended" : "Offboarded");
}

interface Entry extends KubeObject {
  readonly spec: { readonly origin: { kind: string; namespace: string; name: string } };
  readonly status?: { readonly accounts?: readonly AccountRecord[] };
}

/** What an identity has left in the ledger. */
export async function ledgerEntryOf({ site, name }: Pick<Leaver, "site" | "name">): Promise<Entry | undefined> {
  const { items } = await site.lane.world.stack.kubernetes.client.list<Entry>(
    "/apis/keyturn.dev/v1alpha1/orphanedcredentials",
  );
  const mine = items.filter(({ spec: { origin } }) => origin.namespace === site.namespace && origin.name === name);
  return mine.find(({ spec }) => spec.origin.kind === "ServiceAccountLifecycle");
}

async function ofDeleted({ site, name }: Pick<Leaver, "site" | "name">): Promise<Claim> {
  const identity = await site.find(name);
  if (identity !== undefined) return ofCondition(identity, "Offboarded");
  const entry = await ledgerEntryOf({ site, name });
  if (entry === undefined) return { proven: true, reason: "Gone", message: "neither resource nor entry is there" };
  return ofRecords(entry.status?.accounts ?? [], (entry.status?.accounts ?? []).length > 0, entry);
}

/** What has neither condition says by its record that an account is cut and proven, or deleted. */
function ofRecords(records: readonly AccountRecord[], isKnown: boolean, whole: unknown): Claim {
  const open = records.filter(({ state, provenAt }) => state !== "Gone" && (state !== "Cut" || provenAt === undefined));
  const proven = isKnown && open.length === 0;
  const { status } = (whole ?? {}) as { status?: unknown };
  return { proven, reason: open[0]?.state ?? "Cut", message: JSON.stringify(status ?? {}).slice(0, 2500) };
}
