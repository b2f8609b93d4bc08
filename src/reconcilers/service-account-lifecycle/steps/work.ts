import { DRY_RUN, PAUSED } from "../../../api/v1alpha1/annotations.ts";
import type { LifecycleAction, LifecycleInput, Privilege } from "../../../domain/lifecycle/action.ts";
import { eventsOf } from "../../../domain/lifecycle/events.ts";
import { begun } from "../../../domain/lifecycle/leaving.ts";
import { willCutLines } from "../../../domain/lifecycle/retention.ts";
import { removalsNoted } from "../../../domain/lifecycle/held-back.ts";
import { leaversOf, planLifecycle, removalsOutstanding } from "../../../domain/lifecycle/plan.ts";
import { afterOutside } from "../../../domain/lifecycle/transitions.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import type { Ports } from "../../ports.ts";
import type { OutsideAction } from "../acts/account.ts";
import { carryOutside, carryProof } from "../acts/outside.ts";
import { carryRecord, recordProof, type RecordAction, type Recording } from "../acts/record.ts";
import { readKnown } from "../inventory.ts";
import { failedSteps, type InForce, type LifecycleScope } from "../scope.ts";
import { leavingCapabilities, noteFailure, observeAccount, recordOf, refusalOfTargets, viewOf } from "./accounts.ts";
import { judgePrivileges, refusalOfConnections } from "./permissions.ts";

/** Drift that was put back, for the counter. */
const isRepair = (action: LifecycleAction): boolean => "because" in action && action.because === "Drift";

/** Far more than any identity needs: 16 accounts of 64 pieces, each made and looked at. */
const MOST_TURNS = 4000;

/** What ended the pass's work. */
export type WorkEnd =
  /** Recorded; the next pass goes on at once. */
  | { readonly kind: "recorded"; readonly action: RecordAction }
  | { readonly kind: "waiting"; readonly wait: Extract<LifecycleAction, { type: "wait" }> }
  | { readonly kind: "refused"; readonly refusal: Extract<LifecycleAction, { type: "refuse" }> };

/**
 * Asks the planner, does what it says, looks again at the account that it was about, and asks again: one request after another until
 * something has to be recorded or waited for. What fails is noted with its account, which is then left alone.
 */
export const work = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<WorkEnd> => {
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    stopWhenAborted(scope.signal);
    const input = await inputOf(scope, inForce, ports);
    const action = planLifecycle(input);
    const before = scope.failures.length;
    const end = await carry({ scope, inForce, ports }, action, input);
    if (scope.failures.length === before) scope.events.push(...eventsOf(action, input));
    if (end === undefined) continue;
    scope.status = removalsNoted(scope.status, { input, outstanding: removalsOutstanding(input) });
    return end;
  }
  throw new OperatorError("Unknown", {
    publicMessage: "The plan does not come to an end; the operator's log has more.",
  });
};

const inputOf = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<LifecycleInput> => {
  const leaving = await leavingCapabilities(scope, ports);
  const annotations = scope.object.metadata.annotations ?? {};
  return {
    now: scope.now,
    timeTrusted: scope.timeTrusted,
    status: scope.status,
    settings: inForce.settings,
    specHash: inForce.specHash,
    generation: scope.object.metadata.generation ?? 0,
    own: inForce.own,
    desired: Object.fromEntries(scope.desired),
    leaving,
    observed: Object.fromEntries([...scope.observed].map(([name, seen]) => [name, viewOf(seen)])),
    failed: failedSteps(scope),
    refusal: inForce.refusal ?? refusalOfTargets(scope) ?? (await refusalOfConnections(scope, inForce, ports)),
    permissions: Object.fromEntries(scope.permissions),
    known: scope.known,
    notes: willCutLines(scope.retains ?? {}),
    dryRun: annotations[DRY_RUN] === "true",
    paused: annotations[PAUSED] === "true",
    held: scope.hold !== undefined,
    holdsUnread: !ports.holds.read(),
  };
};

const carry = async (
  recording: Recording,
  action: LifecycleAction,
  input: LifecycleInput,
): Promise<WorkEnd | undefined> => {
  const { scope, ports } = recording;
  switch (action.type) {
    case "wait":
      return { kind: "waiting", wait: action };
    case "refuse":
      return { kind: "refused", refusal: action };
    case "observe":
      await look(scope, action, ports);
      return undefined;
    case "prove":
      await prove(recording, action.account, input);
      return undefined;
    case "recordPlan":
    case "declare":
    case "beginNarrowing":
    case "recordGood":
    case "recordDrift":
    case "beginLeaving":
    case "recordFormer":
    case "voidProof":
    case "forget":
    case "beginReturning":
    case "recordResumed":
      return record(recording, action);
    default:
      await outside(scope, action, ports);
      return undefined;
  }
};

const look = async (
  scope: LifecycleScope,
  action: Extract<LifecycleAction, { type: "observe" }>,
  ports: Ports,
): Promise<void> => {
  if (action.what === "account") {
    await noted(scope, action.account, () => observeAccount(scope, action.account, ports));
    return;
  }
  if (action.what === "credentials") {
    await noted(scope, action.account, async () => {
      scope.known = await readKnown(scope.request.namespace, ports);
    });
    return;
  }
  // One by one, so that an account whose privileges cannot be judged now holds up no other.
  for (const privilege of action.privileges) {
    const about = aboutPrivilege(privilege);
    const { account } = privilege;
    const leaves = recordOf(scope, account);
    if (leaves !== undefined && begun(leaves))
      await noted(scope, `${account}/open`, () => judgeReturn(scope, privilege, ports));
    else await noted(scope, about, () => judgePrivileges(scope, [privilege], ports));
  }
};

/** While it cannot be found out whether an account may come back it may not, so that it goes on leaving. */
const judgeReturn = async (scope: LifecycleScope, privilege: Privilege, ports: Ports): Promise<void> => {
  const message = "Whether it may come back cannot be found out now.";
  scope.permissions.set(aboutPrivilege(privilege), { kind: "refused", code: "PermissionDenied", message });
  await judgePrivileges(scope, [privilege], ports);
};

const aboutPrivilege = ({ account, piece }: Privilege): string => `${account}/${piece.key}`;

const noted = async (scope: LifecycleScope, about: string, run: () => Promise<void>): Promise<void> => {
  try {
    await run();
  } catch (thrown) {
    noteFailure(scope, about, toOperatorError(thrown));
  }
};

/** True end of the pass; a record that could not be written ahead is a failure of the accounts that it is about. */
const record = async (recording: Recording, action: RecordAction): Promise<WorkEnd | undefined> => {
  try {
    await carryRecord(recording, action);
    return { kind: "recorded", action };
  } catch (thrown) {
    const error = toOperatorError(thrown);
    const about = accountsOf(action);
    if (about.length === 0) throw error;
    for (const account of about) noteFailure(recording.scope, account, error, LEAVING.includes(action.type));
    return undefined;
  }
};

const LEAVING: readonly RecordAction["type"][] = ["beginLeaving", "forget"];

const accountsOf = (action: RecordAction): readonly string[] => {
  if (action.type === "declare") return action.records.map(({ name }) => name);
  return "account" in action ? [action.account] : [];
};

const outside = async (scope: LifecycleScope, action: OutsideAction, ports: Ports): Promise<void> => {
  if (!(await carryOutside(scope, action, ports))) return;
  if (isRepair(action)) ports.metrics.drift({ result: "Repaired" });
  scope.status = afterOutside(scope.status, action, scope.now);
};

const prove = async ({ scope, inForce, ports }: Recording, account: string, input: LifecycleInput): Promise<void> => {
  const proof = await carryProof(scope, account, ports);
  const leaver = leaversOf(input).find(({ record: { name } }) => name === account);
  if (proof === undefined || leaver === undefined) return;
  recordProof(scope, inForce, account, proof, leaver.wanted);
};

const stopWhenAborted = (signal: AbortSignal): void => {
  if (signal.aborted) throw new OperatorError("Aborted", { publicMessage: "The operator is stopping." });
};
