import type { ClusterClient } from "../cluster/contract.ts";
import { adds, type Would } from "../domain/would.ts";
import type { AccountClient } from "../providers/account.ts";
import type { CredentialSource } from "../providers/contract.ts";
import type { ClaimStore } from "../stores/claims.ts";
import type { DeliveryStore, StagingStore } from "../stores/contract.ts";
import type { Limits } from "../stores/limits.ts";
import type { ReadOnly } from "../stores/read-only.ts";
import { Halted, isHalted } from "./halted.ts";
import type { Outside } from "./outside.ts";
import type { Ports } from "./ports.ts";

/**
 * How a method is treated while read-only is on. `login`: with a credential that is not the operator's own. `status`: open, unless
 * the pass has been halted already: then its record says what was not done.
 */
type Treatment = "read" | "write" | "login" | "status";

/** Names of methods; each of them needs an entry, or nothing compiles. */
type MethodOf<T> = {
  [K in keyof T]-?: NonNullable<T[K]> extends (...given: never[]) => unknown ? K : never;
}[keyof T];
type Table<T> = Readonly<Record<MethodOf<T>, Treatment>>;

const CLUSTER = {
  get: "read",
  list: "read",
  create: "write",
  dryRunCreate: "read",
  replace: "write",
  replaceStatus: "status",
  mergePatch: "write",
  delete: "write",
  requestToken: "write",
  reviewToken: "read",
  review: "read",
  serverTime: "read",
} as const satisfies Table<ClusterClient>;

const SOURCE = {
  observeTarget: "read",
  markOwner: "write",
  list: "read",
  lastUse: "read",
  issue: "write",
  recognise: "read",
  caution: "read",
  verify: "login",
  negativeControl: "login",
  proveRefused: "login",
  setEnabled: "write",
  revoke: "write",
} as const satisfies Table<CredentialSource>;

const ACCOUNT = {
  observe: "read",
  apply: "write",
  check: "read",
  remove: "write",
  cut: "write",
  uncut: "write",
  closeLogin: "write",
  openLogin: "write",
  setCredentialEnabled: "write",
  removeCredential: "write",
  proveRefused: "login",
  giveBack: "write",
} as const satisfies Table<AccountClient>;

const DELIVERY = {
  observe: "read",
  publish: "write",
  withdraw: "write",
  giveBack: "write",
} as const satisfies Table<DeliveryStore>;

const STAGING = {
  read: "read",
  put: "write",
  keepOnly: "write",
  handOver: "write",
  listOwners: "read",
} as const satisfies Table<StagingStore>;

const CLAIMS = {
  read: "read",
  make: "write",
  update: "write",
  takeOver: "write",
  release: "write",
  list: "read",
} as const satisfies Table<ClaimStore>;

const LIMITS = { take: "write" } as const satisfies Table<Limits>;

/**
 * It stands before the audit trail, so that nothing is put on record that never began. What was seen and what was refused goes on record all the
 * same: the trail is the operator's own and changes nothing.
 */
const OUTSIDE = {
  mutate: "write",
  note: "read",
  refused: "read",
  demandShare: "read",
} as const satisfies Table<Outside>;

/** Every door by name, for the tests. */
export const DOORS = { CLUSTER, SOURCE, ACCOUNT, DELIVERY, STAGING, CLAIMS, LIMITS, OUTSIDE } as const;

/** Where no planner has said what comes next. */
const SOMETHING = adds("make a change outside");

/** What one pass has been kept from; the gate's answer is asked for anew before each change. */
export class Gate {
  readonly #readOnly: Pick<ReadOnly, "state">;
  #halted: Halted | undefined;

  constructor(readOnly: Pick<ReadOnly, "state">) {
    this.#readOnly = readOnly;
  }

  /** The step that it was kept from: an end goes before everything else. */
  get halted(): Halted | undefined {
    return this.#halted;
  }

  /** Throws Halted while read-only is on, or is not known yet. */
  async pass(would: Would): Promise<void> {
    if ((await this.#readOnly.state()) === "off") return;
    throw this.note(new Halted(would));
  }

  note(halted: Halted): Halted {
    if (this.#halted === undefined || (halted.would.ends && !this.#halted.would.ends)) this.#halted = halted;
    return halted;
  }
}

type Method = (...given: readonly unknown[]) => unknown;

/** The same object, with each method behind the gate as the table says. */
export const guarded = <T extends object>(door: T, table: Table<T>, gate: Gate): T =>
  new Proxy(door, {
    get(target, key): unknown {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method: Method = (value as Method).bind(target);
      // What no table knows is closed.
      const treatment = (table as Readonly<Record<PropertyKey, Treatment | undefined>>)[key] ?? "write";
      if (treatment === "read") return (...given: readonly unknown[]) => noting(method(...given), gate);
      if (treatment === "status") {
        return async (...given: readonly unknown[]) => {
          if (gate.halted !== undefined) throw gate.halted;
          return method(...given);
        };
      }
      return async (...given: readonly unknown[]) => {
        await gate.pass(SOMETHING);
        return noting(method(...given), gate);
      };
    },
  });

/** A read that needs a change deeper down (a hook that runs as a Job) is kept from it there. */
const noting = (answer: unknown, gate: Gate): unknown =>
  answer instanceof Promise
    ? answer.catch((thrown: unknown) => {
        throw isHalted(thrown) ? gate.note(thrown) : thrown;
      })
    : answer;

export const guardedCluster = (cluster: ClusterClient, gate: Gate): ClusterClient => guarded(cluster, CLUSTER, gate);

/**
 * Each port of a pass: behind the gate, or open because nothing outside is changed by it. `memory`: this process's own; `report`: it
 * tells and counts. A new port needs a word here.
 */
export const PORTS = {
  clock: "memory",
  log: "report",
  cluster: "guarded",
  events: "report",
  metrics: "report",
  outside: "guarded",
  sources: "guarded",
  accounts: "guarded",
  stores: "guarded",
  staging: "guarded",
  claims: "guarded",
  limits: "guarded",
  // It asks by dry runs.
  admission: "read",
  rotationsIn: "memory",
  identitiesIn: "memory",
  freshness: "memory",
  rollouts: "memory",
  revived: "memory",
  seen: "memory",
  spentRefusals: "memory",
  clusterName: "memory",
  operatorNamespace: "memory",
  self: "memory",
  attributionWindowMs: "memory",
  resyncMs: "memory",
  retainKubernetes: "memory",
  readOnly: "read",
  holds: "read",
  demand: "guarded",
} as const satisfies Record<keyof Ports, "guarded" | "read" | "report" | "memory">;

type GuardedPort = { [K in keyof typeof PORTS]: (typeof PORTS)[K] extends "guarded" ? K : never }[keyof typeof PORTS];

/** The ports as one pass sees them. */
export const behindDoors = (ports: Ports, gate: Gate): Ports => {
  const { sources, accounts, stores } = ports;
  const closed: Pick<Ports, GuardedPort> = {
    cluster: guarded(ports.cluster, CLUSTER, gate),
    outside: guarded(ports.outside, OUTSIDE, gate),
    staging: guarded(ports.staging, STAGING, gate),
    claims: guarded(ports.claims, CLAIMS, gate),
    limits: guarded(ports.limits, LIMITS, gate),
    sources: {
      open: (connection, target, owner) => guarded(sources.open(connection, target, owner), SOURCE, gate),
      capabilities: (kind) => sources.capabilities(kind),
      // The operator's own login.
      check: (connection, context) => sources.check(connection, context),
      // Reads, under the same login.
      missingRights: (connection, context) => sources.missingRights(connection, context),
      retire: (name) => {
        sources.retire(name);
      },
    },
    accounts: {
      open: (connection, owner, account, identity) =>
        guarded(accounts.open(connection, owner, account, identity), ACCOUNT, gate),
    },
    stores: {
      kubernetesSecret: (owner, place, form) => guarded(stores.kubernetesSecret(owner, place, form), DELIVERY, gate),
      vaultKV: (connection, owner, place, form) =>
        guarded(stores.vaultKV(connection, owner, place, form), DELIVERY, gate),
      hook: (connection, owner, place, form) => guarded(stores.hook(connection, owner, place, form), DELIVERY, gate),
    },
    demand: async (would) => {
      if (would !== undefined) await gate.pass(would);
    },
  };
  return { ...ports, ...closed };
};
