import type { LifecycleAction } from "../../../domain/lifecycle/action.ts";
import { wantedState } from "../../../domain/lifecycle/settings.ts";
import { isDeleted } from "../../../domain/lifecycle/leaving.ts";
import type { AccountRecord } from "../../../domain/lifecycle/record.ts";
import {
  declared,
  driftRecorded,
  forgotten,
  formerRecorded,
  leavingBegun,
  markedGood,
  narrowingBegun,
  planned,
  proofVoided,
  proven,
  resumed,
  returningBegun,
} from "../../../domain/lifecycle/transitions.ts";
import { addFinalizer } from "../../../cluster/finalizer.ts";
import { toOperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import { requirePermit } from "../../limits.ts";
import type { Ports } from "../../ports.ts";
import { stampOf } from "../requesters.ts";
import type { InForce, LifecycleScope } from "../scope.ts";
import { recordOf } from "../steps/accounts.ts";
import { claimAccount, releaseAccount, snapshotOf } from "./claim.ts";

/** What ends the pass with a status write; some of these write something of ours in the cluster first. */
export type RecordAction = Extract<
  LifecycleAction,
  {
    readonly type:
      | "recordPlan"
      | "declare"
      | "beginNarrowing"
      | "recordGood"
      | "recordDrift"
      | "beginLeaving"
      | "recordFormer"
      | "voidProof"
      | "forget"
      | "beginReturning"
      | "recordResumed";
  }
>;

export interface Recording {
  readonly scope: LifecycleScope;
  readonly inForce: InForce;
  readonly ports: Ports;
}

/** The record as it is afterwards; a list to read. */
export const carryRecord = async (recording: Recording, action: RecordAction): Promise<void> => {
  const { scope, inForce } = recording;
  switch (action.type) {
    case "recordPlan":
      scope.status = planned(scope.status, scope.object.metadata.generation ?? 0, action.lines, scope.now);
      return;
    case "declare":
      return declare(recording, action.records);
    case "beginNarrowing":
      scope.status = narrowingBegun(scope.status, inForce.specHash, action.accounts);
      return;
    case "recordGood":
      return recordGood(recording);
    case "recordDrift":
      scope.status = driftRecorded(scope.status, action.lines);
      return;
    case "beginLeaving":
      return beginLeaving(recording, action);
    case "recordFormer":
      scope.status = formerRecorded(scope.status, action);
      return;
    case "voidProof":
      scope.status = proofVoided(scope.status, action.account);
      return;
    case "forget":
      return forget(recording, action.account);
    case "beginReturning":
      scope.status = returningBegun(scope.status, action.account);
      return;
    case "recordResumed":
      scope.status = resumed(scope.status, action.account);
      return;
  }
};

/** Deletion must pass by us before anything is claimed, and everything is claimed before anything is made. */
const declare = async ({ scope, inForce, ports }: Recording, records: readonly AccountRecord[]): Promise<void> => {
  const object = await addFinalizer(ports.cluster, scope.ref, scope.object);
  scope.object = { ...scope.object, metadata: object.metadata };
  // What is put on record to be cut must not wait for what gives: not for the kill switch, a share or a full volume.
  const kind = wantedState(inForce.settings, scope.now) === "Active" ? "Issuing" : "Revoking";
  for (const record of records) {
    await claimAccount({ ports, ...scope }, record.target, snapshotOf(record, inForce.settings, scope.status), kind);
  }
  scope.status = declared(scope.status, records);
};

/** The claims are told as well: they say what the ledger needs should the resource vanish without its finalizer. */
const recordGood = async ({ scope, inForce, ports }: Recording): Promise<void> => {
  const good = scope.status.lastKnownGood;
  const next = markedGood(scope.status, {
    own: inForce.own,
    generation: inForce.own ? (scope.object.metadata.generation ?? 0) : (good?.generation ?? 0),
    specHash: inForce.specHash,
    spec: canonicalJson(inForce.own ? inForce.spec : JSON.parse(good?.spec ?? "{}")),
    settings: inForce.settings,
    desired: Object.fromEntries(scope.desired),
    now: scope.now,
    by: stampOf(scope.object.metadata, ports.operatorNamespace)?.username,
  });
  for (const record of next.accounts ?? []) {
    if (!scope.desired.has(record.name)) continue;
    await claimAccount({ ports, ...scope }, record.target, snapshotOf(record, inForce.settings, scope.status));
  }
  scope.status = next;
};

const beginLeaving = async (
  { scope, inForce, ports }: Recording,
  action: Extract<RecordAction, { type: "beginLeaving" }>,
): Promise<void> => {
  // A hold, a suspension, an end and a leak are a person's word that it must end: no limit is asked.
  const record = recordOf(scope, action.account);
  const declared = scope.hold !== undefined || record?.compromised === true;
  if (!declared && wantedState(inForce.settings, scope.now) === "Active")
    // It comes again by its back-off, which is longer than any gathering.
    await requirePermit(ports, "offboarding", {
      key: scope.subject.uid,
      namespace: scope.request.namespace,
      gathered: true,
    });
  const { account, enabledCredentials, narrows } = action;
  scope.status = leavingBegun(scope.status, { account, enabledCredentials, narrows, specHash: inForce.specHash });
  await tellClaim({ scope, inForce, ports }, account);
};

/** The claim knows as well what was in use, for the ledger. Leaving goes on without it. */
const tellClaim = async ({ scope, inForce, ports }: Recording, account: string): Promise<void> => {
  const record = recordOf(scope, account);
  if (record === undefined) return;
  await claimAccount(
    { ports, ...scope },
    record.target,
    snapshotOf(record, inForce.settings, scope.status),
    "Revoking",
  ).catch((thrown: unknown) => {
    const error = toOperatorError(thrown);
    if (error.code === "Aborted") throw error;
    ports.log.warn("The claim of a leaving account was not brought up to date", { account, error });
  });
};

const forget = async ({ scope, ports }: Recording, account: string): Promise<void> => {
  const record = recordOf(scope, account);
  if (record !== undefined) await releaseAccount({ ports, ...scope }, record.target);
  scope.status = forgotten(scope.status, account);
  const { requesters } = scope.status;
  if (requesters === undefined) return;
  const kept = requesters.filter(({ privilege }) => !privilege.startsWith(`${account}/`));
  scope.status = { ...scope.status, requesters: kept };
};

/** Refusal is proven: the hold begins for what is to be deleted. */
export const recordProof = (
  scope: LifecycleScope,
  inForce: InForce,
  account: string,
  proof: Parameters<typeof proven>[2]["proof"],
  wanted: "Suspended" | "Gone",
): void => {
  const { deletion } = inForce.settings;
  const holdMs = isDeleted({ wanted }, { deletion }) ? deletion.holdMs : undefined;
  scope.status = proven(scope.status, account, { proof, now: scope.now, holdMs });
};
