import type { LifecycleAction, LifecycleWait } from "./action.ts";
import { wasOffboarded } from "./plan.ts";
import type { AccountRecord, LifecycleState } from "./record.ts";
import type { ReportInput } from "./report.ts";
import { wantedState } from "./settings.ts";

/** Is an account of the spec in force in one of these states? */
export const isPartly = (
  { status, settings }: Pick<ReportInput, "status" | "settings">,
  ...states: readonly AccountRecord["state"][]
): boolean =>
  (status.accounts ?? []).some(
    ({ name, state }) => states.includes(state) && settings.accounts.some((account) => account.name === name),
  );

/** One word for `kubectl get`. */
export const stateWord = (input: ReportInput): LifecycleState => {
  const { status, settings, now } = input;
  if (wasOffboarded(status)) return "Decommissioned";
  const accounts = status.accounts ?? [];
  const wanted = wantedState(settings, now);
  const held = accounts.every(({ state }) => state === "Cut" || state === "Gone");
  const untouched = input.dryRun && !accounts.some(({ state }) => state === "Leaving" || state === "Cut");
  if (wanted !== "Active" && !(untouched && accounts.length > 0)) {
    // It never began; a later expiry lets it.
    if (accounts.length === 0 && settings.state === "Active" && status.lastKnownGood === undefined) return "Pending";
    if (wanted === "Suspended") return held ? "Suspended" : "Suspending";
    return held ? "Decommissioned" : "Decommissioning";
  }
  if (wanted === "Active" && isPartly(input, "Leaving", "Cut")) return "Resuming";
  const complete = settings.accounts.every(({ name }) => accounts.some((record) => record.name === name));
  return complete && !isPartly(input, "Pending") && settings.accounts.length > 0 ? "Active" : "Pending";
};

const WAITS: Readonly<Record<LifecycleWait, string>> = {
  Paused: "Paused",
  DryRun: "Planned; held by keyturn.dev/dry-run",
  BackingOff: "Backing off",
  Hold: "Cut and proven; held until deletion",
  ClockSkew: "Clocks disagree; nothing is deleted",
  Expiry: "Idle",
  Rest: "Idle",
  HoldsUnread: "Nothing is given until the IdentityHolds have been read",
};

/** One line that says what is going on now; stable, so that a waiting resource is not written again and again. */
export const activity = (input: ReportInput): string => {
  const { situation, status } = input;
  if (situation.kind === "stalled") return `Stalled: ${situation.reason}`;
  const failures = status.leaveFailures ?? status.failures;
  if (failures !== undefined && situation.kind !== "acted") {
    const about = failures.about === undefined ? "" : ` (${failures.about.split("/")[0] ?? ""})`;
    return `Backing off: ${failures.reason}${about}`;
  }
  if (situation.kind === "acted") return doing(situation.action);
  if (status.quarantine !== undefined) return `Reverted: ${status.quarantine.reason}`;
  return situation.kind === "waiting" ? WAITS[situation.wait.for] : "Reconciling";
};

const doing = (action: LifecycleAction): string => {
  switch (action.type) {
    case "recordPlan":
      return "Planning";
    case "declare":
      return "Claiming accounts";
    case "apply":
      return `Applying ${action.account}: ${action.piece.title}`;
    case "remove":
      return `Removing from ${action.account}: ${action.key}`;
    case "beginLeaving":
    case "cut":
    case "closeLogin":
    case "disableCredential":
    case "prove":
      return `Cutting ${action.account}`;
    case "removeCredential":
    case "forget":
      return `Deleting ${action.account}`;
    case "giveBack":
      return `Giving back ${action.account}`;
    case "beginReturning":
    case "openLogin":
    case "enableCredential":
    case "uncut":
    case "recordResumed":
      return `Resuming ${action.account}`;
    default:
      return "Reconciling";
  }
};
