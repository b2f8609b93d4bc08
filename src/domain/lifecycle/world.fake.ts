import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import type { AccountView, DesiredAccount, LifecycleAction, LifecycleInput, Permission } from "./action.ts";
import { cutAsKnown, ledgerWith, mayHandOver, planDeparture, planIdentityDeletion } from "./deletion.ts";
import { isDeleted, type Leaver } from "./leaving.ts";
import { specInForce, type SpecInForce } from "./last-known-good.ts";
import { desiredAccount, type ConnectionFacts } from "./pieces/index.ts";
import { leaversOf, planLifecycle } from "./plan.ts";
import { accountIn, stepOf, stepsIn, stepsText } from "./step-names.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import { report, type Situation } from "./report.ts";
import { readLeniently } from "./settings.ts";
import * as change from "./transitions.ts";
import { Place, Refused } from "./world-place.fake.ts";

/**
 * The world around the planner as a small model: one place per account at each provider, kube-apiserver's clock and one stored
 * status. A pass is a generator that stops before and after every outside call and every status write, so that a test can kill it
 * anywhere. What src/reconcilers/service-account-lifecycle does is repeated here in a few lines each.
 */
export type PassResult =
  | { readonly kind: "waiting"; readonly for: string; readonly recheckAtMs: number | undefined }
  | { readonly kind: "failed"; readonly recheckAtMs: number }
  | { readonly kind: "stalled"; readonly message: string }
  | { readonly kind: "gone" };

type Outside = Extract<LifecycleAction, { readonly account: string }>;

/** What happened outside; invariants are judged on these, with the state right before. */
export interface Happening {
  readonly action: Outside;
  readonly stored: LifecycleStatus;
  readonly own: boolean;
  readonly place: Place;
  readonly atMs: number;
  readonly desired: DesiredAccount | undefined;
}

interface Failure {
  readonly code: string;
  readonly about: string;
  readonly leaving: boolean;
}

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const IDENTITY = { cluster: "c1", namespace: "payments", name: "billing" };
const MOST_ACTS = 120;
const RECORDS: readonly LifecycleAction["type"][] = [
  "recordPlan",
  "declare",
  "beginNarrowing",
  "recordGood",
  "recordDrift",
  "beginLeaving",
  "recordFormer",
  "voidProof",
  "forget",
  "beginReturning",
  "recordResumed",
];

export class World {
  nowMs = START_MS;
  timeTrusted = true;
  spec: ServiceAccountLifecycleSpec;
  generation = 1;
  connectionGeneration = 1;
  paused = false;
  dryRun = false;
  deletedAtMs: number | undefined;
  /** The resource is gone; the ledger has what is left. */
  finalized = false;
  ledger: readonly AccountRecord[] | undefined;
  status: LifecycleStatus = {};
  readonly places = new Map<string, Place>();
  /** Accounts whose provider is down. */
  readonly down = new Set<string>();
  /** `<account>/<key>` that the provider refuses (NotFound), or that may not be given (PermissionDenied). */
  readonly refused = new Set<string>();
  readonly forbidden = new Set<string>();
  /** Ids of credentials that no SecretRotation has on record; every other one is. */
  readonly strangers = new Set<string>();
  /** Every line that a plan has told. */
  readonly told = new Set<string>();
  nextCall: "fine" | "fails" | "answerLost" = "fine";
  /** Told right before every outside act takes effect. */
  watch: (happening: Happening) => void = () => undefined;
  readonly trail: string[] = [];
  #pass: Generator<string, PassResult> | undefined;
  #ids = 0;
  #generation = 1;
  #passMs = START_MS;

  constructor(spec: ServiceAccountLifecycleSpec) {
    this.spec = spec;
  }

  /** As a pass sees it: the time at which it began. */
  get now(): Date {
    return new Date(this.#pass === undefined ? this.nowMs : this.#passMs);
  }

  changeSpec(spec: ServiceAccountLifecycleSpec): void {
    if (JSON.stringify(spec) === JSON.stringify(this.spec)) return;
    this.spec = spec;
    this.generation += 1;
  }

  place(target: string): Place {
    const known = this.places.get(target);
    if (known !== undefined) return known;
    const made = new Place(target);
    this.places.set(target, made);
    return made;
  }

  addCredential(target: string, enabled = true): string {
    const id = this.newId("AKIA");
    this.place(target).credentials.set(id, { id, createdAt: this.now, enabled, switchable: true });
    return id;
  }

  newId(prefix = "ID"): string {
    this.#ids += 1;
    return `${prefix}${this.#ids}`;
  }

  desiredOf(spec: ServiceAccountLifecycleSpec): Readonly<Record<string, DesiredAccount>> {
    const settings = readLeniently(spec);
    const desired: Record<string, DesiredAccount> = {};
    for (const account of settings.accounts) {
      const facts = account.aws !== undefined ? AWS : account.vault !== undefined ? VAULT : KUBERNETES;
      desired[account.name] = desiredAccount(account, settings, IDENTITY, { facts });
    }
    return desired;
  }

  // Processes.

  /** One move up to the next stop; the result when that ended the pass. */
  step(): PassResult | undefined {
    if (this.#pass === undefined) this.#passMs = this.nowMs;
    this.#pass ??= this.deletedAtMs === undefined ? this.#reconcile() : this.#delete();
    const step = this.#pass.next();
    if (step.done !== true) return undefined;
    this.#pass = undefined;
    return step.value;
  }

  /** All that was in memory is lost. */
  crash(): void {
    this.#pass = undefined;
  }

  pass(): PassResult {
    for (;;) {
      const result = this.step();
      if (result !== undefined) return result;
    }
  }

  /** Passes, each when its time has come, until one waits for nothing that is near. */
  settle(most = 60): PassResult {
    let last: PassResult | undefined;
    for (let pass = 0; pass < most; pass += 1) {
      const result = this.pass();
      last = result;
      const until = "recheckAtMs" in result ? result.recheckAtMs : undefined;
      if (result.kind === "gone" || result.kind === "stalled") return result;
      if (until === undefined) return result;
      if (result.kind === "waiting" && result.for !== "BackingOff") return result;
      this.nowMs = Math.max(this.nowMs + 1000, until);
    }
    throw new Error(`no rest: ${JSON.stringify(last)}; ${this.trail.slice(-12).join(" · ")}`);
  }

  *#reconcile(): Generator<string, PassResult> {
    // The object as it was read; who changes it meanwhile is seen by the next pass.
    const { generation } = this;
    this.#generation = generation;
    const before =
      this.status.observedGeneration === generation ? this.status : change.cleared(this.status, "failures");
    const chosen = specInForce({
      spec: this.spec,
      status: before,
      generation,
      connectionGeneration: this.connectionGeneration,
      now: this.now,
    });
    let status = chosen.status;
    const desired = this.desiredOf(chosen.spec);
    const observed: Record<string, AccountView> = {};
    const permissions: Record<string, Permission> = {};
    const failures: Failure[] = [];
    let known: LifecycleInput["known"];
    const input = (): LifecycleInput => ({
      now: this.now,
      timeTrusted: this.timeTrusted,
      status,
      settings: chosen.settings,
      specHash: chosen.specHash,
      generation,
      own: chosen.own,
      desired,
      leaving: Object.fromEntries((status.accounts ?? []).map((record) => [record.name, capabilities(record.target)])),
      observed,
      failed: failures.map(({ about }) => about),
      permissions,
      known,
      dryRun: this.dryRun,
      paused: this.paused,
      ...(chosen.refusal === undefined ? {} : { refusal: chosen.refusal }),
    });
    for (let act = 0; act < MOST_ACTS; act += 1) {
      const given = input();
      const action = planLifecycle(given);
      this.trail.push(
        `${action.type}${"account" in action ? ` ${action.account}` : ""}${"key" in action ? ` ${action.key}` : ""}${"piece" in action ? ` ${action.piece.key}` : ""}${action.type === "wait" ? ` ${action.for}` : ""}`,
      );
      yield `decided on ${action.type}`;
      if (action.type === "wait" || action.type === "refuse") {
        if (action.type === "refuse" && action.final !== true)
          failures.push({ code: action.code, about: action.about, leaving: false });
        status = this.#booked(status, failures);
        return this.#ended(status, situationOf(action), chosen);
      }
      if (action.type === "observe" && action.what === "permissions") {
        for (const { account, piece } of action.privileges) {
          const key = `${account}/${piece.key}`;
          permissions[key] = this.forbidden.has(key)
            ? { kind: "refused", code: "PermissionDenied", message: `No grant names ${piece.title}.` }
            : { kind: "allowed" };
        }
        continue;
      }
      if (action.type === "observe" && action.what === "credentials") {
        const ids = [...this.places.values()].flatMap(({ credentials }) => [...credentials.keys()]);
        known = { onRecord: ids.filter((id) => !this.strangers.has(id)), leaked: [] };
        continue;
      }
      if (RECORDS.includes(action.type)) {
        status = this.#recorded(status, action, chosen, desired);
        this.status = status;
        for (const line of status.plan?.lines ?? []) this.told.add(line);
        yield "status written";
        continue;
      }
      const leaver = leaversOf(given).find(({ record }) => "account" in action && record.name === action.account);
      const leaving = leaver !== undefined;
      try {
        if (action.type === "observe") {
          const record = (status.accounts ?? []).find(({ name }) => name === action.account);
          const target = desired[action.account]?.target ?? record?.target ?? "";
          if (this.down.has(action.account)) throw new Refused("Unavailable");
          const view = this.place(target).view(record?.externalId);
          observed[action.account] = view;
          if (view.principal === "ours") status = change.identified(status, action.account, view.externalId);
          continue;
        }
        if (!("account" in action)) throw new Error(`unknown action ${action.type}`);
        Reflect.deleteProperty(observed, action.account);
        status = yield* this.#outside(action, status, {
          chosen,
          desired: desired[action.account],
          wanted: leaver?.wanted,
        });
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        if (action.type === "cut" && thrown.code === "PermissionDenied")
          status = change.wayRefused(status, action.account, action.way);
        failures.push({ code: thrown.code, about: "account" in action ? stepOf(action) : "", leaving });
      }
    }
    throw new Error(`a pass without end: ${this.trail.slice(-12).join(" · ")}`);
  }

  *#outside(
    action: Outside,
    status: LifecycleStatus,
    given: {
      readonly chosen: SpecInForce;
      readonly desired: DesiredAccount | undefined;
      /** Of one that must not work, as the planner has it. */
      readonly wanted: Leaver["wanted"] | undefined;
    },
  ): Generator<string, LifecycleStatus> {
    const { account } = action;
    const { chosen, desired, wanted = "Gone" } = given;
    const record = (status.accounts ?? []).find(({ name }) => name === account);
    const place = this.place(record?.target ?? desired?.target ?? "");
    yield `before ${action.type}`;
    this.#strike(account, action, "fails", place);
    this.watch({ action, stored: this.status, own: chosen.own, place, atMs: this.now.getTime(), desired });
    const proven = this.#carryOut(action, place, desired);
    this.#strike(account, action, "answerLost", place);
    yield `after ${action.type}`;
    if (proven) {
      const deleted = isDeleted({ wanted }, { deletion: chosen.settings.deletion });
      return change.proven(status, account, {
        proof: "ProvenByListing",
        now: this.now,
        holdMs: deleted ? chosen.settings.deletion.holdMs : undefined,
      });
    }
    return change.afterOutside(status, action, this.now);
  }

  #strike(account: string, action: Outside, fate: "fails" | "answerLost", place: Place): void {
    if (fate === "fails") {
      if (this.down.has(account)) throw new Refused("Unavailable");
      const step = stepOf(action).slice(account.length + 1);
      if ([...place.refuses].some((refused) => step === refused || step.startsWith(`${refused}/`)))
        throw new Refused("PermissionDenied");
      if (action.type === "apply" && this.refused.has(`${account}/${action.piece.key}`)) throw new Refused("NotFound");
    }
    if (this.nextCall !== fate) return;
    this.nextCall = "fine";
    throw new Refused("Timeout");
  }

  /** True for a proof. */
  #carryOut(action: Outside, place: Place, desired: DesiredAccount | undefined): boolean {
    switch (action.type) {
      case "apply":
        if (desired === undefined) throw new Error(`apply for ${action.account}, which is not desired`);
        place.apply(action.piece, desired, () => this.newId());
        return false;
      case "remove":
        place.remove(action.key);
        return false;
      case "cut":
        place.deny(action.way);
        return false;
      case "uncut":
        place.lift(action.ways, action.boundary);
        return false;
      case "closeLogin":
      case "openLogin":
        place.loginClosed = action.type === "closeLogin";
        // A disabled entity is one thing: no rights and no login.
        if (place.isVault && place.loginClosed) place.deny("Disable");
        return false;
      case "disableCredential":
      case "enableCredential": {
        const credential = place.credentials.get(action.id);
        if (credential === undefined) throw new Refused("NotFound");
        credential.enabled = action.type === "enableCredential";
        return false;
      }
      case "removeCredential":
        place.credentials.delete(action.id);
        return false;
      case "giveBack":
        place.giveBack();
        return false;
      case "prove":
        if (place.lets()) throw new Refused("StillInUse");
        return true;
      default:
        throw new Error(`no outside act: ${action.type}`);
    }
  }

  #recorded(
    status: LifecycleStatus,
    action: LifecycleAction,
    chosen: SpecInForce,
    desired: Readonly<Record<string, DesiredAccount>>,
  ): LifecycleStatus {
    const generation = this.#generation;
    switch (action.type) {
      case "recordPlan":
        return change.planned(status, generation, action.lines, this.now);
      case "declare":
        return change.declared(status, action.records);
      case "beginNarrowing":
        return change.narrowingBegun(status, chosen.specHash, action.accounts);
      case "recordGood":
        return change.markedGood(status, {
          own: chosen.own,
          generation,
          specHash: chosen.specHash,
          spec: JSON.stringify(chosen.spec),
          settings: chosen.settings,
          desired,
          now: this.now,
        });
      case "recordDrift":
        return change.driftRecorded(status, action.lines);
      case "beginLeaving":
        return change.leavingBegun(status, { ...action, specHash: chosen.specHash });
      case "recordFormer":
        return change.formerRecorded(status, action);
      case "voidProof":
        return change.proofVoided(status, action.account);
      case "forget":
        return change.forgotten(status, action.account);
      case "beginReturning":
        return change.returningBegun(status, action.account);
      case "recordResumed":
        return change.resumed(status, action.account);
      default:
        throw new Error(`no record: ${action.type}`);
    }
  }

  #booked(status: LifecycleStatus, failures: readonly Failure[]): LifecycleStatus {
    const book = (key: "failures" | "leaveFailures", of: readonly Failure[]): LifecycleStatus => {
      const worst = of.find(({ code }) => isRefusalCode(code)) ?? of[0];
      if (worst === undefined) {
        const before = status[key];
        const lasts = before !== undefined && Date.parse(before.nextAttemptTime) > this.nowMs;
        const recorded = (status.accounts ?? []).map(({ name }) => name);
        const about = key === "failures" || stepsIn(before?.about).some((step) => recorded.includes(accountIn(step)));
        return lasts && about ? status : without(status, key);
      }
      const about =
        key === "failures"
          ? worst.about
          : stepsText(
              of.map((each) => each.about),
              768,
            );
      const capMs = isRefusalCode(worst.code) ? 3_600_000 : 60_000;
      const next = change.failed(status[key], {
        reason: worst.code,
        message: `${worst.code}.`,
        about,
        now: this.now,
        capMs,
      });
      return { ...status, [key]: next };
    };
    status = book(
      "failures",
      failures.filter(({ leaving }) => !leaving),
    );
    return book(
      "leaveFailures",
      failures.filter(({ leaving }) => leaving),
    );
  }

  #ended(status: LifecycleStatus, situation: Situation, chosen: SpecInForce): PassResult {
    this.status = report({
      status,
      situation,
      settings: chosen.settings,
      specHash: chosen.specHash,
      own: chosen.own,
      generation: this.#generation,
      now: this.now,
      paused: this.paused,
      dryRun: this.dryRun,
      observed: {},
    });
    if (situation.kind === "stalled") return { kind: "stalled", message: situation.message };
    const ends = [status.failures, status.leaveFailures].flatMap((each) => {
      if (each === undefined) return [];
      const deadline = Date.parse(each.since) + chosen.settings.progressDeadlineMs;
      return [Date.parse(each.nextAttemptTime), deadline].filter((at) => at > this.nowMs);
    });
    if (ends.length > 0) return { kind: "failed", recheckAtMs: Math.min(...ends) };
    if (situation.kind !== "waiting") return { kind: "failed", recheckAtMs: this.nowMs + 1000 };
    return { kind: "waiting", for: situation.wait.for, recheckAtMs: situation.wait.recheckAt?.getTime() };
  }

  // Deletion, and the ledger after it.

  *#delete(): Generator<string, PassResult> {
    const settings = readLeniently(this.spec);
    const deletedAtMs = this.deletedAtMs ?? this.nowMs;
    let records: readonly AccountRecord[] = (this.finalized ? this.ledger : this.status.accounts) ?? [];
    if (!this.finalized && this.ledger !== undefined)
      records = cutAsKnown({ accounts: records }, this.ledger).accounts ?? [];
    const observed: Record<string, AccountView> = {};
    const failed: string[] = [];
    const store = (next: readonly AccountRecord[]): void => {
      records = next;
      if (this.finalized) this.ledger = next;
      else this.status = { ...this.status, accounts: next };
    };
    for (let act = 0; act < MOST_ACTS; act += 1) {
      const input = {
        now: this.now,
        timeTrusted: this.timeTrusted,
        records,
        capabilities: Object.fromEntries(records.map((record) => [record.name, capabilities(record.target)])),
        observed,
        failed,
        deletion: settings.deletion,
        deletedAt: new Date(deletedAtMs),
        ...(this.ledger === undefined ? {} : { ledger: this.ledger }),
      };
      const answer = this.finalized
        ? planDeparture(input)
        : { kind: "act" as const, action: planIdentityDeletion(input) };
      if (answer.kind !== "act") {
        if (answer.kind === "done" || records.length === 0) return { kind: "gone" };
        const recheckAtMs = answer.recheckAt?.getTime() ?? this.nowMs + 60_000;
        return { kind: "waiting", for: answer.for, recheckAtMs };
      }
      const { action } = answer;
      this.trail.push(
        `${this.finalized ? "ledger" : "deletion"} ${action.type}${"account" in action ? ` ${action.account}` : ""}`,
      );
      yield `decided on ${action.type}`;
      if (action.type === "releaseAll") return { kind: "gone" };
      if (action.type === "writeLedger") {
        this.ledger = ledgerWith(this.ledger ?? [], action.records);
        continue;
      }
      if (action.type === "removeFinalizer" || (action.type === "wait" && mayHandOver(input))) {
        this.finalized = true;
        return { kind: "waiting", for: "BackingOff", recheckAtMs: this.nowMs + 1000 };
      }
      if (action.type === "wait") return { kind: "waiting", for: "BackingOff", recheckAtMs: this.nowMs + 5000 };
      if (!("account" in action)) throw new Error(`deletion cannot ${action.type}`);
      const { account } = action;
      const status: LifecycleStatus = { accounts: records };
      try {
        if (action.type === "observe") {
          const record = records.find(({ name }) => name === account);
          if (this.down.has(account)) throw new Refused("Unavailable");
          observed[account] = this.place(record?.target ?? "").view(record?.externalId);
        } else if (action.type === "beginLeaving") {
          store(change.leavingBegun(status, { ...action, specHash: "" }).accounts ?? []);
        } else if (action.type === "recordFormer") {
          store(change.formerRecorded(status, action).accounts ?? []);
        } else if (action.type === "voidProof") {
          store(change.proofVoided(status, account).accounts ?? []);
        } else if (action.type === "forget") {
          store(change.forgotten(status, account).accounts ?? []);
        } else {
          Reflect.deleteProperty(observed, account);
          const record = records.find(({ name }) => name === account);
          const place = this.place(record?.target ?? "");
          yield `before ${action.type}`;
          this.#strike(account, action, "fails", place);
          this.watch({
            action,
            stored: { accounts: records },
            own: true,
            place,
            atMs: this.now.getTime(),
            desired: undefined,
          });
          const proven = this.#carryOut(action, place, undefined);
          this.#strike(account, action, "answerLost", place);
          yield `after ${action.type}`;
          const holdMs = settings.deletion.policy === "Delete" ? settings.deletion.holdMs : undefined;
          if (proven)
            store(change.proven(status, account, { proof: "ProvenByListing", now: this.now, holdMs }).accounts ?? []);
          else store(change.afterOutside(status, action, this.now).accounts ?? []);
        }
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        if (action.type === "cut" && thrown.code === "PermissionDenied")
          store(change.wayRefused({ accounts: records }, action.account, action.way).accounts ?? []);
        failed.push(stepOf(action));
      }
    }
    throw new Error(`a deletion without end: ${this.trail.slice(-12).join(" · ")}`);
  }
}

const situationOf = (action: Extract<LifecycleAction, { type: "wait" | "refuse" }>): Situation => {
  if (action.type === "wait") return { kind: "waiting", wait: action };
  return action.final === true ? { kind: "stalled", reason: action.code, message: action.message } : { kind: "failed" };
};

const capabilities = (
  target: string,
): { readonly cutsByRemoval: boolean; readonly canDisableCredentials: boolean } => ({
  cutsByRemoval: target.startsWith("kubernetes-"),
  canDisableCredentials: target.startsWith("aws-user/"),
});

const AWS: ConnectionFacts = {
  kind: "aws",
  accountId: "123456789012",
  pathPrefix: "/keyturn/",
  issuer: "https://issuer.example.com",
};
const VAULT: ConnectionFacts = {
  kind: "vault",
  namePrefix: "keyturn",
  appRoleMount: "approle",
  jwtMount: "jwt",
  host: "vault:8200",
};
const KUBERNETES: ConnectionFacts = { kind: "kubernetes" };
