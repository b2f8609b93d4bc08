/** What the planner needs to know of a source; a part of the provider's declared capabilities. */
export interface ProviderFacts {
  readonly slots: number;
  readonly canDisable: boolean;
  readonly reportsLastUse: boolean;
  readonly leavesNothing: boolean;
  readonly marks: boolean;
  readonly lockout: boolean;
  readonly controlCounts: boolean;
  readonly lingersMs?: number;
  readonly overwrites?: true;
}
