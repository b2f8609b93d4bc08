/** Ends have a lane of their own, so that nothing else is in their way: "end" for revocations, leavers, leaks, holds and ledger entries. */
export type Lane = "end" | "rest";

/** In which lane a piece of work goes, and with whom it shares a turn. */
export interface Turn {
  readonly lane: Lane;
  /** A namespace, or the value of the label that namespaces of one tenant have in common. "" is the cluster's own. */
  readonly share: string;
}
