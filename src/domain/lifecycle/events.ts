import type { LifecycleAction, LifecycleInput } from "./action.ts";
import { sameOwner } from "./joining.ts";
import { wantedState } from "./settings.ts";

/** An event about the resource, as people read it (src/api/v1alpha1/reasons.ts). */
export interface LifecycleEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  /** Stable: no times, nothing that a server sent. */
  readonly note: string;
}

/** What people are told of an action that was done; `input` as it was planned from. */
export const eventsOf = (action: LifecycleAction, input: LifecycleInput): readonly LifecycleEvent[] => {
  switch (action.type) {
    case "recordPlan":
      return action.lines.length === 0
        ? []
        : [
            {
              type: "Normal",
              reason: "Planned",
              action: "Plan",
              note: `Generation ${input.generation}: ${action.lines.length} change(s) are planned; status.plan has them.`,
            },
          ];
    case "declare":
      return action.records
        .filter(({ name, adopted }) => adopted === true && !onRecord(name, input))
        .map(({ target }) => ({
          type: "Normal",
          reason: "Adopted",
          action: "Adopt",
          note: `${target} existed before and is taken over.`,
        }));
    case "apply":
    case "remove":
      return pieceEvents(action, input);
    case "recordDrift":
      return action.lines.length === 0
        ? []
        : [drifted(`${action.lines.length} difference(s) are left; status.drift has them.`)];
    case "beginLeaving":
      return [
        {
          type: "Warning",
          reason: "Leaving",
          action: "Cut",
          note: `Account ${action.account} is being cut off: ${whyLeaving(action.account, input)}.`,
        },
      ];
    case "prove":
      return [provenEvent(action.account, input)];
    case "giveBack":
      return [
        {
          type: "Normal",
          reason: "GivenBack",
          action: "GiveBack",
          note: `Account ${action.account} is given back as it was found.`,
        },
      ];
    case "recordResumed":
      return [
        {
          type: "Normal",
          reason: "Resumed",
          action: "Resume",
          note: `Account ${action.account} is in use again, with the credentials that were in use before and that a SecretRotation has on record.`,
        },
      ];
    case "recordGood":
      return goodEvents(input);
    default:
      return [];
  }
};

const onRecord = (account: string, { status }: LifecycleInput): boolean =>
  (status.accounts ?? []).some(({ name }) => name === account);

const drifted = (note: string): LifecycleEvent => ({ type: "Warning", reason: "Drifted", action: "Compare", note });

type PieceAction = Extract<LifecycleAction, { type: "apply" | "remove" }>;

const pieceEvents = (action: PieceAction, input: LifecycleInput): readonly LifecycleEvent[] => {
  if (action.because === "Drift") {
    const what = action.type === "apply" ? action.piece.title : titleOf(action.account, action.key, input);
    const done = action.type === "apply" ? "is put back" : "is taken away";
    return [drifted(`Account ${action.account}: ${what} was changed by hand and ${done}.`)];
  }
  if (action.type === "apply") {
    if (action.piece.class !== "grant") return [];
    const note = `Account ${action.account} has ${action.piece.title} now.`;
    return [{ type: "Normal", reason: "Granted", action: "Apply", note }];
  }
  if (action.key === "principal") {
    const note = `Account ${action.account} is deleted.`;
    return [{ type: "Normal", reason: "AccountDeleted", action: "Delete", note }];
  }
  if (action.because !== "NotDeclared" && action.because !== "Reverted") return [];
  const note = `Account ${action.account} no longer has ${titleOf(action.account, action.key, input)}.`;
  return [{ type: "Normal", reason: "Removed", action: "Remove", note }];
};

const titleOf = (account: string, key: string, { observed }: LifecycleInput): string =>
  observed[account]?.pieces.find((piece) => piece.key === key)?.title ?? key;

const whyLeaving = (account: string, { settings, now }: LifecycleInput): string => {
  if (!settings.accounts.some(({ name }) => name === account)) return "the spec no longer declares it";
  const wanted = wantedState(settings, now);
  if (wanted === "Suspended") return "the identity is suspended";
  return settings.state === "Decommissioned" ? "the identity is decommissioned" : "spec.expiresAt has passed";
};

const provenEvent = (account: string, { settings, now }: LifecycleInput): LifecycleEvent => {
  const declared = settings.accounts.some(({ name }) => name === account);
  const note = `Account ${account} is refused by its provider.`;
  return declared && wantedState(settings, now) === "Suspended"
    ? { type: "Normal", reason: "Suspended", action: "Prove", note }
    : { type: "Normal", reason: "Offboarded", action: "Prove", note };
};

const goodEvents = ({ status, own, specHash, settings, generation }: LifecycleInput): readonly LifecycleEvent[] => {
  const moved = status.ownerRecord !== undefined && !sameOwner(status.ownerRecord, settings.owner);
  const news = own && status.lastKnownGood?.specHash !== specHash;
  return [
    ...(moved
      ? [
          {
            type: "Normal",
            reason: "Moved",
            action: "Move",
            note: `The identity belongs to ${settings.owner.team} (${settings.owner.contact}) now.`,
          } as const,
        ]
      : []),
    ...(news
      ? [
          {
            type: "Normal",
            reason: "Provisioned",
            action: "Apply",
            note: `Generation ${generation} stands at every provider; it is the last known good one.`,
          } as const,
        ]
      : []),
  ];
};

const LIMITS = [
  { type: "Warning", reason: "LimitReached", action: "Limit" },
  { type: "Warning", reason: "AuditShareUsed", action: "Limit" },
] as const;

/** What people are told when something has come to be so between two statuses, whoever did it. */
export const turnEvents = (
  before: LifecycleInput["status"],
  after: LifecycleInput["status"],
): readonly LifecycleEvent[] => {
  const conditionOf = ({ conditions }: LifecycleInput["status"], type: string) =>
    (conditions ?? []).find((condition) => condition.type === type);
  const had = (type: string): boolean => conditionOf(before, type) !== undefined;
  const doubts = DOUBTED.flatMap((type): readonly LifecycleEvent[] => {
    const is = conditionOf(after, type);
    const doubt = DOUBTS.find(({ reason }) => reason === is?.reason);
    if (is === undefined || doubt === undefined || conditionOf(before, type)?.reason === doubt.reason) return [];
    return [{ ...doubt, action: "Look", note: is.message }];
  });
  const review = (after.conditions ?? []).find(({ type }) => type === "ReviewDue");
  const limitEvents = LIMITS.flatMap((event) => {
    const limited = [after.failures, after.leaveFailures].find((failures) => failures?.reason === event.reason);
    const wasLimited = [before.failures, before.leaveFailures].some((failures) => failures?.reason === event.reason);
    return limited === undefined || wasLimited ? [] : [{ ...event, note: limited.message }];
  });
  return [
    ...doubts,
    ...(review === undefined || had("ReviewDue")
      ? []
      : [{ type: "Warning", reason: "ReviewDue", action: "Review", note: review.message } as const]),
    ...limitEvents,
  ];
};

/** Conditions that say whether an end is proven, or what others have put there. */
const DOUBTED = ["Suspended", "Offboarded", "Drifted"] as const;

/** Their reasons that a person has to do something about; each is told once when it comes to be so. */
const DOUBTS = [
  { type: "Warning", reason: "ForeignGrant" },
  { type: "Warning", reason: "CutMissing" },
  { type: "Warning", reason: "NotOurs" },
  { type: "Warning", reason: "NotLooked" },
  { type: "Warning", reason: "DriftUndecided" },
] as const;

/** Who asks that the identity lives again, or longer, may not; told once for each reason. */
export const refusedReturn = (
  before: LifecycleInput["status"],
  keptDown: { readonly message: string } | undefined,
): readonly LifecycleEvent[] => {
  const was = (before.conditions ?? []).find(({ type }) => type === "Ready")?.message;
  // Conditions keep only so much of a message.
  if (keptDown === undefined || (was !== undefined && was !== "" && keptDown.message.startsWith(was))) return [];
  return [{ type: "Warning", reason: "ReturnRefused", action: "Ask", note: keptDown.message }];
};
