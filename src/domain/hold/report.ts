import type { IdentityHoldStatus } from "../../api/v1alpha1/identity-hold.ts";
import { condition, nextConditions, type ConditionUpdate } from "../../kernel/conditions.ts";

/** One thing that a hold matches, and what has become of it. */
export type HoldMatch = NonNullable<IdentityHoldStatus["matched"]>[number];

export interface HoldReportInput {
  readonly before: IdentityHoldStatus;
  readonly matches: readonly HoldMatch[];
  /** Claims of targets that what is held has now, or that the spec names. */
  readonly targets: readonly string[];
  readonly generation: number;
  readonly now: Date;
}

const MOST_MATCHES = 256;
const MOST_TARGETS = 1024;
const MOST_NAMED = 5;
const LONGEST = 1024;

/** The whole status of a hold. Targets are only added to: a hold that has seen one holds it under any other name. */
export const reportHold = (input: HoldReportInput): IdentityHoldStatus => {
  const { before, generation, now } = input;
  const matches = [...input.matches].sort(byUrgency);
  const targets = [...new Set([...(before.targets ?? []), ...input.targets])].slice(0, MOST_TARGETS);
  const omitted = matches.length - MOST_MATCHES;
  return {
    observedGeneration: generation,
    conditions: nextConditions(before.conditions ?? [], updatesOf(input), { generation, now }),
    ...(matches.length === 0 ? {} : { matched: matches.slice(0, MOST_MATCHES).map(shortened) }),
    ...(omitted > 0 ? { matchedOmitted: omitted } : {}),
    ...(targets.length === 0 ? {} : { targets }),
  };
};

const shortened = ({ message, ...match }: HoldMatch): HoldMatch =>
  message === undefined ? match : { ...match, message: message.slice(0, LONGEST) };

const URGENCY: Readonly<Record<HoldMatch["state"], number>> = { Foreign: 0, Open: 1, Cut: 2, Proven: 3 };

const byUrgency = (a: HoldMatch, b: HoldMatch): number =>
  URGENCY[a.state] - URGENCY[b.state] || (nameOf(a) < nameOf(b) ? -1 : 1);

const nameOf = ({ kind, namespace, name }: HoldMatch): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;

const updatesOf = (input: HoldReportInput): readonly ConditionUpdate[] => {
  const { matches } = input;
  const inState = (state: HoldMatch["state"]): readonly HoldMatch[] => matches.filter((match) => match.state === state);
  if (matches.length === 0) {
    const message =
      "No resource, no ledger entry and no claim has the name or a target of this hold, so nothing was cut. Look at its spelling; whatever is made under it is held.";
    return [
      condition("Ready", "False", "MatchesNothing", message),
      condition("Unmatched", "True", "MatchesNothing", message),
    ];
  }
  const foreign = inState("Foreign");
  if (foreign.length > 0) {
    const message = `Not Keyturn's, so nothing of it was cut: ${told(foreign)} End it at its provider.`;
    return [
      condition("Ready", "False", "ForeignMatch", message),
      condition("Unmatched", "True", "ForeignMatch", message),
    ];
  }
  const open = inState("Open");
  if (open.length > 0) return underWay("Cutting", `Not wholly cut yet: ${told(open)}`);
  const cut = inState("Cut");
  if (cut.length > 0) return underWay("NotProven", `Cut, and not proven yet: ${told(cut)}`);
  return [condition("Ready", "True", "Held", `All ${matches.length} of what it matches are cut, and that was proven.`)];
};

const underWay = (reason: string, message: string): readonly ConditionUpdate[] => [
  condition("Ready", "False", reason, message),
  condition("Reconciling", "True", "Progressing", message),
];

const told = (matches: readonly HoldMatch[]): string => {
  const first = [...matches].sort(byUrgency).slice(0, MOST_NAMED);
  const more = matches.length > MOST_NAMED ? ` And ${matches.length - MOST_NAMED} more.` : "";
  return `${first.map((match) => `${nameOf(match)}${match.message === undefined ? "" : ` (${match.message})`}`).join("; ")}.${more}`;
};
