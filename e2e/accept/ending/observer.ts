import type { Credential } from "../lifecycle/credentials.ts";
import { answerTo } from "../lifecycle/fifty.ts";
import type { EndingTally } from "./tally.ts";

/** Something that a leaver ever had, and what it may be taken for when it still works. */
export interface Access extends Credential {
  /**
   * `own`: must be refused. `others`: somebody else's grant; it is no left access while the resource names it and claims no proof.
   * `group`: a grant to a group; it is told and counts nowhere.
   */
  readonly from: "own" | "others" | "group";
}

/** What the operator says of a leaver, as it stands in the resource or the ledger. */
export interface Claim {
  /** Suspended or Offboarded is True; for what has neither: it is on record as cut and proven. */
  readonly proven: boolean;
  readonly reason: string;
  readonly message: string;
}

/** One look at everything: what it answered, between two readings of the claim. */
export interface Round {
  readonly before: Claim;
  readonly worked: readonly Access[];
  readonly tried: number;
  readonly after: Claim;
}

/** Tries everything once, from a claim to a claim. Nothing of the operator's own is asked but the claim. */
export async function look(accesses: readonly Access[], claim: () => Promise<Claim>): Promise<Round> {
  const before = await claim();
  const answers = await Promise.all(accesses.map(async (one) => ({ one, answer: await answerTo(one) })));
  const worked = answers.filter(({ answer }) => answer === "accepted").map(({ one }) => one);
  return { before, worked, tried: accesses.length, after: await claim() };
}

/** Is a proof claimed, before and after, although something worked in between? What a group gives counts not. */
export function isFalseProof({ before, worked, after }: Round): boolean {
  return before.proven && after.proven && worked.some(({ from }) => from !== "group");
}

/** What must not work and does: somebody else's grant only where the claim does not tell of it. */
export function leftIn({ worked, after }: Round): readonly Access[] {
  const told = !after.proven && after.reason === "ForeignGrant";
  return worked.filter(({ from }) => from === "own" || (from === "others" && !told));
}

/** Adds a round up. */
export function countRound(tally: EndingTally, round: Round): void {
  tally.accessTried += round.tried;
  if (isFalseProof(round)) tally.falseProofs += 1;
}

/** Measures the time in which, by what IAM holds, a former action would be allowed again, from the first cut that was read. */
export interface UncutMeter {
  /** `at` in milliseconds; `allowed`: the former actions that would be allowed at that time. */
  sample(at: number, allowed: readonly string[]): void;
  /** From here on it may be allowed again: the identity comes back. */
  stop(): void;
  seconds(): number;
  /** What was allowed, once each. */
  readonly seen: ReadonlySet<string>;
}

export function uncutMeter(): UncutMeter {
  let cut = false;
  let since: number | undefined;
  let ms = 0;
  let over = false;
  const seen = new Set<string>();
  return {
    seen,
    sample(at, allowed) {
      if (over) return;
      if (since !== undefined) ms += at - since;
      since = cut && allowed.length > 0 ? at : undefined;
      if (allowed.length === 0) cut = true;
      else if (cut) for (const action of allowed) seen.add(action);
    },
    stop() {
      over = true;
    },
    // One sample that nothing followed has still been seen.
    seconds: () => (ms === 0 && seen.size > 0 ? 0.1 : ms / 1000),
  };
}
