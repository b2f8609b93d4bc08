/** How much each flood does; every number is said, none is left to a default. */
export interface Scale {
  readonly fat: readonly number[];
  readonly fatBindings: readonly number[];
  readonly fatClaims: readonly number[];
  readonly touched: { readonly rotations: number; readonly identities: number };
  readonly flipped: number;
  readonly retried: number;
  readonly dead: number;
  readonly hanging: number;
  readonly sockets: number;
  readonly probes: number;
  readonly scrapes: number;
  readonly tenant: { readonly namespaces: number; readonly each: number };
  /** Calls of others that must have been made while a breaker could have opened, in each flood of that kind. */
  readonly callsOfOthers: number;
  /** Rotations elsewhere that are measured, quiet and busy. */
  readonly healthy: number;
  /** A rotation elsewhere that takes less is fast, whatever it took before: two times of half a second say little of each other. */
  readonly fastSeconds: number;
  /** True: the operator watches the namespaces of the scenario alone, for others play beside it. */
  readonly besideOthers: boolean;
}

/** Of the whole line. */
export const full: Scale = {
  fat: [65, 2000],
  fatBindings: [65],
  fatClaims: [500],
  touched: { rotations: 4400, identities: 600 },
  flipped: 20,
  retried: 60,
  dead: 60,
  hanging: 40,
  sockets: 120,
  probes: 220,
  scrapes: 64,
  tenant: { namespaces: 10, each: 60 },
  callsOfOthers: 300,
  healthy: 3,
  fastSeconds: 0,
  besideOthers: false,
};

/** Of one cheap flood in every build; no figure of it goes into a line. */
export const sampled: Scale = {
  fat: [],
  fatBindings: [],
  fatClaims: [],
  touched: { rotations: 60, identities: 20 },
  flipped: 4,
  retried: 10,
  dead: 4,
  hanging: 8,
  sockets: 20,
  probes: 30,
  scrapes: 8,
  tenant: { namespaces: 3, each: 8 },
  callsOfOthers: 10,
  healthy: 1,
  fastSeconds: 5,
  besideOthers: true,
};
