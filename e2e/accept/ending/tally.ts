/** What the cases of the campaign count, as the issue names it; sums, also `uncutSeconds`. */
export interface EndingTally {
  /** Identities that have left, each in a way of its own, and those of which something worked on or was said that is not so. */
  leaverCases: number;
  leaverWrong: number;
  /** Kinds of requests, each of one case, that were refused while somebody left. */
  stepsRefused: number;
  /** Logins and actions that were tried with what a leaver ever had, and those that still worked when they must not. */
  accessTried: number;
  accessLeft: number;
  /** Rounds in which something worked while a proof was claimed before and after. */
  falseProofs: number;
  uncutSeconds: number;
  /** What an editor without `bind` tried, so that an ended access goes on, and the cases in which it did. */
  editorAttempts: number;
  editorWins: number;
  /** Ways round an IdentityHold that were tried, and those that led past it. */
  holdEvasions: number;
  holdWins: number;
  removals: number;
  removalsHeldUp: number;
  denials: number;
  denialsRemoved: number;
  exchanges: number;
  /** Ends and rotations that were due while read-only was on, and requests that changed something meanwhile. */
  readOnlyWaiting: number;
  readOnlyMutations: number;
  /** Forged copies of a real audit trail, and those that were taken for whole. */
  tamperCases: number;
  tampersMissed: number;
}

export function emptyEnding(): EndingTally {
  return {
    leaverCases: 0,
    leaverWrong: 0,
    stepsRefused: 0,
    accessTried: 0,
    accessLeft: 0,
    falseProofs: 0,
    uncutSeconds: 0,
    editorAttempts: 0,
    editorWins: 0,
    holdEvasions: 0,
    holdWins: 0,
    removals: 0,
    removalsHeldUp: 0,
    denials: 0,
    denialsRemoved: 0,
    exchanges: 0,
    tamperCases: 0,
    tampersMissed: 0,
    readOnlyWaiting: 0,
    readOnlyMutations: 0,
  };
}

/** Both together. */
export function bothEndings(a: EndingTally, b: EndingTally): EndingTally {
  const sum = { ...a };
  for (const name of Object.keys(sum) as (keyof EndingTally)[]) sum[name] += b[name];
  return sum;
}
