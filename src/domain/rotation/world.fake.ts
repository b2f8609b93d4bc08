import { isRefusalCode } from "../../kernel/errors.ts";
import { touched } from "./open-rotation.ts";
import { replacementNoted } from "./replacements.ts";
import type { DeliveryView, DependentView, PlanInput, RotationAction, WaitFor } from "./action.ts";
import { hasEnded, type IdentityState } from "./identity.ts";
import { planRotation } from "./plan.ts";
import type { Failures, OpenRotation, RotationStatus } from "./record.ts";
import type { DeliverySetting, DependentSetting, RotationSettings } from "./settings.ts";
import {
  abandoned,
  closed,
  deliveryWithdrawn,
  dependentDone,
  dependentHeld,
  dependentStarted,
  issued,
  loggedIn,
  opened,
  previousKept,
  published,
  renewed,
  stragglerMoved,
  turnedBack,
} from "./transitions.ts";
import { deliveryRecorded } from "./record-parts.ts";
import { cameBack, comebackRefused, comingBack, markedGood, suspended } from "./standing.ts";
import { cleared, failed } from "./failures.ts";
import { deleted, disabled, provenDead, strayRecorded, surrendered } from "./ending.ts";

/**
 * The world around the planner as a small model: one IAM user with two slots, staging, deliveries, dependents whose pods really
 * hold a credential, kube-apiserver's clock and one stored status. A pass is a generator that stops before and after every
 * outside call, so that a test can interleave two processes, let one sleep anywhere, or kill it anywhere. What the acts of
 * src/reconcilers do is repeated here in a few lines each.
 */
export interface ModelKey {
  readonly id: string;
  readonly maker: "us" | "foreign";
  /** The rotation that made it, where credentials say so. */
  readonly mark: string | undefined;
  readonly createdAtMs: number;
  /** Eventual consistency: not in listings before, and refused before. */
  readonly listedFromMs: number;
  readonly acceptedFromMs: number;
  readonly refusedForGood: boolean;
  enabled: boolean;
  lastUsedMs: number | undefined;
}

export interface ModelUse {
  readonly id: string;
  /** A pod that is terminating uses it until then. */
  untilMs: number | undefined;
}

export interface ModelWorkload {
  readonly name: string;
  readonly graceSeconds: number;
  /** The delivery whose content its pods read when they start. */
  readonly reads: string;
  annotation: string | undefined;
  rolling: boolean;
  sick: boolean;
  uses: ModelUse[];
  /** When its pods were all on a version for the first time. */
  readonly onVersionSinceMs: Map<string, number>;
}

export interface ModelDelivery {
  id: string;
  version: string;
  resourceVersion: number;
}

export type ProcessName = "A" | "B";

interface Process {
  self: string;
  pass: Generator<string, PassResult> | undefined;
  startedMs: number;
}

export type PassResult =
  | { readonly kind: "acted"; readonly action: RotationAction }
  | { readonly kind: "waiting"; readonly for: WaitFor; readonly recheckAtMs: number | undefined }
  | { readonly kind: "stalled"; readonly reason: string; readonly about: string }
  | { readonly kind: "failed"; readonly code: string; readonly recheckAtMs: number }
  | { readonly kind: "raced" };

/** What happened outside; invariants are judged on these and on the state right after each. */
export type Happening =
  | {
      readonly type: "created";
      readonly id: string;
      readonly rotation: OpenRotation;
      readonly stored: RotationStatus;
      /** Of the identity, as the pass had read it. */
      readonly identity: IdentityState | undefined;
    }
  | {
      readonly type: "disabled" | "deleted";
      readonly id: string;
      readonly wasEnabled: boolean;
      /** Given up, because the identity has ended. */
      readonly surrendered: boolean;
    }
  | { readonly type: "surrendered"; readonly id: string | undefined; readonly identity: IdentityState | undefined }
  | { readonly type: "published"; readonly place: string; readonly id: string }
  | { readonly type: "wroteStatus"; readonly before: RotationStatus; readonly after: RotationStatus }
  | { readonly type: "goneBack"; readonly id: string | undefined };

/**
 * Whose the credentials are. `account`: keys of an account of the identity, which the identity's own reconciler switches off and on. `user`: keys
 * of a user that the rotation names itself. `marked`: what has no switch and says who made it (a secret id).
 */
export type ModelSource = "account" | "user" | "marked";

export interface ModelSpec {
  readonly dependents: readonly ("web" | "batch" | "ci")[];
  readonly deliveries: readonly ("app" | "kv")[];
  readonly overlapSeconds: number;
  readonly requireUnusedForSeconds: number | undefined;
  readonly exclusive: boolean;
}

/** An outside call that the model refuses; the pass books it as a failure. */
class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export const SLOTS = 2;
export const ATTRIBUTION_MS = 600_000;
export const SETTLE_MS = 90_000;
const START_MS = Date.parse("2026-01-01T00:00:00Z");
const REVOCATIONS: readonly RotationAction["type"][] = ["disable", "revoke", "prove"];

export class World {
  nowMs = START_MS;
  timeTrusted = true;
  rotateAt: string | undefined;
  spec: ModelSpec;
  store: { readonly resourceVersion: number; readonly status: RotationStatus } = { resourceVersion: 1, status: {} };
  readonly keys = new Map<string, ModelKey>();
  readonly staging = new Map<string, { readonly id: string; readonly issuedAt: Date }>();
  readonly deliveries = new Map<string, ModelDelivery>();
  readonly workloads: ReadonlyMap<string, ModelWorkload>;
  readonly external: { uses: string | undefined; confirmed: string | undefined; confirmedAtMs: number } = {
    uses: undefined,
    confirmed: undefined,
    confirmedAtMs: 0,
  };
  readonly happenings: Happening[] = [];
  /** Ids that logged in while a wrong one was refused. */
  readonly proven = new Set<string>();
  /** Ids that were ever in a delivery. */
  readonly handedOut = new Set<string>();
  /** Ids that a person (not the operator) took away. */
  readonly takenByHand = new Set<string>();
  /** Keys that somebody else made, also after they are gone. */
  readonly foreign = new Map<string, ModelKey>();
  /** Every intent that was ever stored, with the end of its window. */
  readonly intents = new Map<
    string,
    { readonly fromMs: number; readonly knownIds: readonly string[]; untilMs: number }
  >();
  /** Wishes for the next keys and calls. */
  nextKey = { listedAfterMs: 0, acceptedAfterMs: 0, refused: false };
  nextCall: "fine" | "fails" | "answerLost" = "fine";
  /** Outside calls that fail for as long as they stand here, by what they are called. */
  readonly broken = new Set<string>();
  paused = false;
  readonly source: ModelSource;
  /** Ids that were given up, because the identity had ended. */
  readonly surrendered = new Set<string>();
  /** Undefined: the credential belongs to no identity. */
  identity: IdentityState | undefined;
  /** Keys that the identity's own reconciler has switched off, and will switch on again: exactly these. */
  readonly cut = new Set<string>();
  readonly #specs = new Map<string, ModelSpec>();
  readonly #processes: Readonly<Record<ProcessName, Process>> = {
    A: { self: "A-1", pass: undefined, startedMs: 0 },
    B: { self: "B-1", pass: undefined, startedMs: 0 },
  };
  #count = 0;

  constructor(spec: ModelSpec, source: ModelSource = "account") {
    this.spec = spec;
    this.source = source;
    const workload = (name: string, reads: string, graceSeconds: number): [string, ModelWorkload] => [
      name,
      {
        name,
        reads,
        graceSeconds,
        annotation: undefined,
        rolling: false,
        sick: false,
        uses: [],
        onVersionSinceMs: new Map(),
      },
    ];
    this.workloads = new Map([workload("web", "app", 30), workload("batch", "app", 5)]);
  }

  // What the world does by itself, or people do.

  advance(seconds: number): void {
    for (const step of seconds > 1 ? [1, seconds - 1] : [seconds]) {
      this.nowMs += step * 1000;
      this.#cutKeys();
      this.#useKeys();
      for (const workload of this.workloads.values()) this.#roll(workload);
    }
  }

  changeSpec(spec: ModelSpec): void {
    const added = spec.dependents.filter((name) => !this.spec.dependents.includes(name));
    const removed = this.spec.dependents.filter((name) => !spec.dependents.includes(name));
    this.spec = spec;
    // Who is no longer registered may hold what it likes; who comes new starts with what is delivered.
    for (const name of [...added, ...removed]) {
      const workload = this.workloads.get(name);
      if (workload !== undefined) {
        workload.uses = [];
        workload.onVersionSinceMs.clear();
        if (added.includes(name)) this.#startPods(workload);
      } else {
        this.external.uses = added.includes(name) ? this.deliveries.get("app")?.id : undefined;
      }
    }
  }

  /** Scaled up, or a node died: one more pod, with what is delivered at this moment. */
  startPod(name: string): void {
    const workload = this.workloads.get(name);
    if (workload === undefined || !this.#registered(name)) return;
    const id = this.deliveries.get(workload.reads)?.id;
    if (id !== undefined && !workload.uses.some((use) => use.id === id && use.untilMs === undefined)) {
      workload.uses.push({ id, untilMs: undefined });
    }
  }

  confirmExternal(): void {
    const app = this.deliveries.get("app");
    const current = this.store.status.current;
    if (!this.#registered("ci") || app === undefined || current === undefined || app.version !== current.version)
      return;
    if (this.external.confirmed === current.version) return;
    this.external.uses = app.id;
    this.external.confirmed = current.version;
    this.external.confirmedAtMs = this.nowMs;
  }

  /** The identity's reconciler, which is another one: it switches off whatever it finds, and on again what it had found at first. */
  setIdentity(identity: IdentityState | undefined): void {
    const ended = hasEnded(this.identity);
    this.identity = identity;
    if (this.source !== "account") return;
    if (hasEnded(identity) && !ended) {
      for (const key of this.keys.values()) if (key.enabled) this.cut.add(key.id);
      this.#cutKeys();
    }
    if (hasEnded(identity) || !ended) return;
    for (const id of this.cut) {
      const key = this.keys.get(id);
      if (key !== undefined) key.enabled = true;
    }
    this.cut.clear();
  }

  #cutKeys(): void {
    if (!hasEnded(this.identity) || this.source !== "account") return;
    for (const key of this.keys.values()) key.enabled = false;
  }

  /** Something that has to do with no end was refused just now. */
  backOff(seconds: number): void {
    const at = (ms: number): string => new Date(ms).toISOString();
    const failures = {
      count: 12,
      reason: "Conflict",
      message: "The place is somebody else's.",
      since: at(this.nowMs),
      nextAttemptTime: at(this.nowMs + seconds * 1000),
    };
    this.store = { resourceVersion: this.store.resourceVersion + 1, status: { ...this.store.status, failures } };
  }

  addForeignKey(): void {
    if (this.keys.size < SLOTS) this.#addKey("foreign");
  }

  useForeignKeys(): void {
    for (const key of this.keys.values()) if (key.maker === "foreign") key.lastUsedMs = this.nowMs;
  }

  takeAway(id: string): void {
    if (this.keys.delete(id)) this.takenByHand.add(id);
  }

  // Processes.

  running(name: ProcessName): boolean {
    return this.#processes[name].pass !== undefined;
  }

  /** One move of a process up to its next outside call or back from it; the result when that ended the pass. */
  step(name: ProcessName): PassResult | undefined {
    const process = this.#processes[name];
    // A process that slept through the attribution window has long lost its Lease and its deadlines; it does not wake (rotation.md 1).
    if (process.pass !== undefined && this.nowMs - process.startedMs > ATTRIBUTION_MS / 2) this.crash(name);
    if (process.pass === undefined) {
      process.startedMs = this.nowMs;
      process.pass = this.#pass(process.self);
    }
    const step = process.pass.next();
    if (step.done !== true) return undefined;
    process.pass = undefined;
    return step.value;
  }

  crash(name: ProcessName): void {
    const process = this.#processes[name];
    process.pass = undefined;
    this.#count += 1;
    process.self = `${name}-${this.#count}`;
  }

  // The pass.

  *#pass(self: string): Generator<string, PassResult> {
    const base = this.store;
    const nowMs = this.nowMs;
    const { spec, specHash, status } = this.#inForce(base.status);
    const settings = settingsOf(spec, this.source);
    let input: PlanInput = {
      now: new Date(nowMs),
      timeTrusted: this.timeTrusted,
      self,
      settings,
      specHash,
      facts: {
        slots: SLOTS,
        canDisable: this.source !== "marked",
        reportsLastUse: true,
        leavesNothing: false,
        marks: this.source === "marked",
        lockout: false,
        controlCounts: false,
      },
      seed: "uid",
      spentRefusals: new Set(),
      status,
      attributionWindowMs: ATTRIBUTION_MS,
      paused: this.paused,
      identity: this.identity,
      holder: "exporter",
      rotateAt:
        this.rotateAt === undefined || this.rotateAt === base.status.lastHandledRotateAt
          ? undefined
          : new Date(this.rotateAt),
    };
    let action = planRotation(input);
    while (action.type === "observe") {
      yield `before reading ${action.what}`;
      input = { ...input, ...this.#observe(action.what, settings) };
      action = planRotation(input);
    }
    yield `decided on ${action.type}`;
    if (action.type === "wait") return { kind: "waiting", for: action.for, recheckAtMs: action.recheckAt?.getTime() };
    if (action.type === "stall") return { kind: "stalled", reason: action.reason, about: action.about };

    const revoking = REVOCATIONS.includes(action.type);
    let next: RotationStatus;
    let result: PassResult = { kind: "acted", action };
    try {
      const after = yield* this.#act(action, input);
      const rejected = !revoking && after.failures?.reason === "Rejected";
      next = rejected ? after : cleared(after, revoking ? "revocationFailures" : "failures");
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      const about = revoking && "id" in action ? action.id : undefined;
      const failures = this.#failure(status[revoking ? "revocationFailures" : "failures"], thrown.code, about);
      next = { ...status, [revoking ? "revocationFailures" : "failures"]: failures };
      result = { kind: "failed", code: thrown.code, recheckAtMs: Date.parse(failures.nextAttemptTime) };
    }
    yield "before the status write";
    if (this.store.resourceVersion !== base.resourceVersion) return { kind: "raced" };
    this.#write(next);
    yield "status written";
    return result;
  }

  #failure(before: Failures | undefined, code: string, about?: string): Failures {
    const capMs = isRefusalCode(code) || code === "StillInUse" ? 3_600_000 : 60_000;
    return failed(before, { reason: code, message: `${code}.`, about, now: new Date(this.nowMs), capMs });
  }

  #write(status: RotationStatus): void {
    const before = this.store.status;
    this.store = { resourceVersion: this.store.resourceVersion + 1, status };
    if (status.rotation !== undefined) {
      this.intents.set(status.rotation.id, {
        fromMs: Date.parse(status.rotation.providerTime),
        knownIds: status.rotation.knownIds,
        untilMs: Infinity,
      });
    }
    for (const { id, closedAt } of status.closedIntents ?? []) {
      const intent = this.intents.get(id);
      if (intent !== undefined) intent.untilMs = Date.parse(closedAt) + ATTRIBUTION_MS;
    }
    this.happenings.push({ type: "wroteStatus", before, after: status });
  }

  /** What choose-spec does: a rotation that has switched a place is finished by the spec it works for, less who was taken out. */
  #inForce(status: RotationStatus): {
    readonly spec: ModelSpec;
    readonly specHash: string;
    readonly status: RotationStatus;
  } {
    const specHash = JSON.stringify(this.spec);
    this.#specs.set(specHash, this.spec);
    const own = { spec: this.spec, specHash, status };
    const good = this.#specs.get(status.lastKnownGood?.specHash ?? "");
    const { rotation } = status;
    if (good === undefined || status.lastKnownGood?.specHash === specHash || rotation === undefined) return own;
    if (!touched(status, rotation) || rotation.specHash === specHash)
      return { ...own, status: { ...status, rotation: { ...rotation, specHash } } };
    const started = (rotation.dependents ?? []).map(({ name }) => name);
    const dependents = this.spec.dependents.filter((name) => good.dependents.includes(name) || started.includes(name));
    return { spec: { ...good, dependents }, specHash: status.lastKnownGood?.specHash ?? "", status };
  }

  #observe(what: "listing" | "staging" | "deliveries" | "dependents", settings: RotationSettings): Partial<PlanInput> {
    switch (what) {
      case "listing":
        return { listing: this.#listing() };
      case "staging":
        return { staging: [...this.staging].map(([version, entry]) => ({ version, ...entry })) };
      case "deliveries":
        return {
          staging: [...this.staging].map(([version, entry]) => ({ version, ...entry })),
          deliveries: Object.fromEntries(
            settings.deliveries.map(({ name }): [string, DeliveryView] => {
              const found = this.deliveries.get(name);
              if (found === undefined) return [name, { kind: "absent" as const }];
              const carries = [...this.staging].filter(([, { id }]) => id === found.id).map(([version]) => version);
              return [name, { kind: "ours" as const, version: found.version, carries }];
            }),
          ),
        };
      case "dependents":
        return {
          dependents: Object.fromEntries(settings.dependents.map(({ name }) => [name, this.#view(name)])),
        };
    }
  }

  #view(name: string): DependentView {
    const workload = this.workloads.get(name);
    if (workload === undefined) {
      const { confirmed } = this.external;
      return { kind: "external", ...(confirmed === undefined ? {} : { confirmed }) };
    }
    return {
      kind: "workload",
      state: workload.rolling || workload.sick ? "Progressing" : "Healthy",
      ...(workload.annotation === undefined ? {} : { version: workload.annotation }),
      graceSeconds: workload.graceSeconds,
    };
  }

  #listing(): NonNullable<PlanInput["listing"]> {
    return [...this.keys.values()]
      .filter(({ listedFromMs }) => listedFromMs <= this.nowMs)
      .map(({ id, createdAtMs, enabled, mark }) => ({ id, createdAt: new Date(createdAtMs), enabled, mark }));
  }

  /** An outside call: may be refused before it is done, or have its answer lost. */
  *#call<T>(what: string, run: () => T): Generator<string, T> {
    yield `before ${what}`;
    const fate = this.nextCall;
    this.nextCall = "fine";
    if (this.broken.has(what.split(" ")[0] ?? what)) throw new Refused("Conflict");
    if (fate === "fails") throw new Refused("Unavailable");
    const answer = run();
    yield `after ${what}`;
    if (fate === "answerLost") throw new Refused("Timeout");
    return answer;
  }

  *#act(
    action: Exclude<RotationAction, { type: "observe" | "wait" | "stall" }>,
    input: PlanInput,
  ): Generator<string, RotationStatus> {
    const { status, settings, now } = input;
    const at = { now, settings };
    switch (action.type) {
      case "sign":
      case "recordSigned":
      case "recordLeak":
      case "reserveRefusal":
      case "recordExpired":
        throw new Error(`${action.type} is not for this source.`);
      case "openIntent": {
        this.#count += 1;
        const facts = {
          rotationId: `r${this.#count}`,
          word: `w${this.#count}`,
          issuer: input.self,
          now,
          providerTime: now,
          knownIds: (input.listing ?? []).map(({ id }) => id),
        };
        return opened(status, action.trigger, facts, this.rotateAt);
      }
      case "renewIntent":
        return renewed(status, open(status), { issuer: input.self });
      case "issueAndStage": {
        const rotation = open(status);
        const key = yield* this.#call("CreateAccessKey", () => this.#create(rotation, input.identity));
        try {
          yield* this.#call("staging", () => {
            const present = this.staging.get(rotation.version);
            if (present !== undefined && present.id !== key.id) throw new Refused("Conflict");
            this.staging.set(rotation.version, { id: key.id, issuedAt: new Date(key.createdAtMs) });
          });
        } catch (thrown) {
          yield* this.#call("DeleteAccessKey", () => this.#remove(key.id));
          throw thrown;
        }
        return issued(replacementNoted(status, rotation.trigger, now), rotation, {
          id: key.id,
          issuedAt: new Date(key.createdAtMs),
        });
      }
      case "recordStaged":
        return issued(replacementNoted(status, open(status).trigger, now), open(status), action);
      case "recordStray":
        return strayRecorded(status, action.id, now);
      case "discardPending":
        return abandoned(status, open(status), at);
      case "keepPrevious":
        return this.#keepPrevious(status);
      case "restage":
        yield* this.#call("staging", () =>
          this.staging.set(action.version, { id: action.id, issuedAt: new Date(action.issuedAt) }),
        );
        return status;
      case "verify":
        return yield* this.#verify(action, input);
      case "declare": {
        const setting = settings.deliveries.find(({ name }) => name === action.delivery);
        if (setting === undefined) return status;
        const { name, place, digest } = setting;
        return deliveryRecorded(status, { name, target: `secret/n/${name}`, place, digest, version: "0-unwritten" });
      }
      case "publish":
        return yield* this.#publish(action, input);
      case "recordPublished":
        return published(cleared(status, "failures"), open(status), now);
      case "moveDependent": {
        const workload = this.workloads.get(action.name);
        if (workload !== undefined) {
          yield* this.#call("rolling", () => {
            if (workload.annotation === action.version) return;
            workload.annotation = action.version;
            workload.rolling = true;
          });
        }
        if (status.rotation === undefined) return stragglerMoved(status, workload?.graceSeconds ?? 0, now);
        return dependentStarted(status, status.rotation, action.name, now);
      }
      case "recordDependent":
        return dependentDone(status, open(status), { name: action.name, graceSeconds: action.graceSeconds, now });
      case "recordHold":
        return dependentHeld(status, open(status), { name: action.name, held: action.held, now });
      case "goBack": {
        const rotation = open(status);
        this.happenings.push({ type: "goneBack", id: rotation.previous?.id ?? status.current?.id });
        return turnedBack(status, rotation, action.because);
      }
      case "closeRotation":
        return closed(status, open(status), action.result, at);
      case "disable":
        return yield* this.#disable(action, input);
      case "revoke": {
        if (action.onlyIfNeverUsed && this.keys.get(action.id)?.lastUsedMs !== undefined)
          throw new Refused("StillInUse");
        yield* this.#call("DeleteAccessKey", () => this.#remove(action.id, this.#givenUp(status)));
        return cleared(deleted(status, action.id, now), "revocationFailures");
      }
      case "prove": {
        const staged = this.staging.get(action.version)?.id === action.id;
        const accepted = yield* this.#call("a login with the dead key", () => this.keys.get(action.id)?.enabled);
        if (staged && accepted === true) throw new Refused("Unavailable");
        return provenDead(status, action.id, staged ? "ProvenByLogin" : "ProvenByListing", now);
      }
      case "withdraw": {
        const record = status.deliveries?.find(({ target }) => target === action.target);
        yield* this.#call("withdrawal", () => record && this.deliveries.delete(record.name));
        return deliveryWithdrawn(status, action.target);
      }
      case "pruneStaging":
        yield* this.#call("pruning", () => {
          for (const version of [...this.staging.keys()])
            if (!action.keep.includes(version)) this.staging.delete(version);
        });
        return status;
      case "recordGood":
        return markedGood(status, { generation: 1, specHash: input.specHash, spec: input.specHash });
      case "surrender":
        this.happenings.push({ type: "surrendered", id: status.current?.id, identity: input.identity });
        if (status.current !== undefined) this.surrendered.add(status.current.id);
        return surrendered(status, now);
      case "recordSuspension":
        return suspended(status, action.reason, now);
      case "comeBack":
        if (action.step === "Begin") return comingBack(status, now);
        return action.step === "End" ? cameBack(status) : yield* this.#comeBack(input);
      case "resume":
      case "adopt":
      case "giveBack":
        throw new Error("Undo and adoption are not part of this model.");
    }
  }

  *#comeBack({ status, now }: PlanInput): Generator<string, RotationStatus> {
    const key = this.keys.get(status.current?.id ?? "");
    const usable = yield* this.#call("a login", () => key?.enabled === true && !key.refusedForGood);
    if (usable) return cameBack(status, now);
    if (now.getTime() - Date.parse(status.suspension?.resumedAt ?? "") >= 120_000) return comebackRefused(status);
    throw new Refused("Unavailable");
  }

  #keepPrevious(status: RotationStatus): RotationStatus {
    const rotation = open(status);
    const replaced = rotation.previous ?? status.current;
    if (replaced === undefined) throw new Error("Nothing to keep.");
    if (this.staging.has(replaced.version)) return previousKept(status, rotation, "Kept");
    const carried = [...this.deliveries.values()].find(
      ({ id, version }) => id === replaced.id && version === replaced.version,
    );
    if (carried === undefined) return previousKept(status, rotation, "Unavailable");
    this.staging.set(replaced.version, { id: replaced.id, issuedAt: new Date(replaced.issuedAt) });
    return previousKept(status, rotation, "Kept");
  }

  *#verify(
    { id, version, issuedAt }: Extract<RotationAction, { type: "verify" }>,
    { status, settings, now }: PlanInput,
  ): Generator<string, RotationStatus> {
    const rotation = open(status);
    if (this.staging.get(version)?.id !== id) throw new Refused("NotFound");
    const key = this.keys.get(id);
    const usable = yield* this.#call(
      "a login",
      () => key?.enabled === true && this.keys.has(id) && !key.refusedForGood && key.acceptedFromMs <= this.nowMs,
    );
    if (!usable && this.nowMs - issuedAt.getTime() < SETTLE_MS)
      return loggedIn(status, rotation, { login: "notYet", wrongRefused: false }, { now, settings });
    if (!usable) {
      const given = abandoned(status, rotation, { now, settings });
      return { ...given, failures: this.#failure(status.failures, "Rejected") };
    }
    if (key !== undefined) key.lastUsedMs = this.nowMs;
    this.proven.add(id);
    return loggedIn(status, rotation, { login: "usable", wrongRefused: true }, { now, settings });
  }

  *#publish(
    { delivery, version }: Extract<RotationAction, { type: "publish" }>,
    { status, settings }: PlanInput,
  ): Generator<string, RotationStatus> {
    const setting = settings.deliveries.find(({ name }) => name === delivery);
    const staged = this.staging.get(version);
    if (setting === undefined) return status;
    const record = { name: delivery, target: `secret/n/${delivery}`, place: setting.place, digest: setting.digest };
    if (staged === undefined) throw new Refused("NotFound");
    const seen = this.deliveries.get(delivery)?.resourceVersion;
    const before = this.deliveries.get(delivery);
    if (before?.version !== version || before.id !== staged.id) {
      yield* this.#call(`publishing to ${delivery}`, () => {
        if (this.deliveries.get(delivery)?.resourceVersion !== seen) throw new Refused("Conflict");
        this.#count += 1;
        this.deliveries.set(delivery, { id: staged.id, version, resourceVersion: this.#count });
        this.handedOut.add(staged.id);
        this.happenings.push({ type: "published", place: delivery, id: staged.id });
      });
    }
    return deliveryRecorded(status, { ...record, version });
  }

  *#disable(
    { id, requireUnusedForMs }: Extract<RotationAction, { type: "disable" }>,
    { status, now }: PlanInput,
  ): Generator<string, RotationStatus> {
    const lastUsedMs = this.keys.get(id)?.lastUsedMs;
    if (requireUnusedForMs !== undefined && lastUsedMs !== undefined && now.getTime() - lastUsedMs < requireUnusedForMs)
      throw new Refused("StillInUse");
    yield* this.#call("UpdateAccessKey", () => {
      const key = this.keys.get(id);
      if (key === undefined) return;
      this.#dies("disabled", key, this.#givenUp(status));
      this.cut.delete(id);
      key.enabled = false;
    });
    return cleared(disabled(status, id, now), "revocationFailures");
  }

  #create(rotation: OpenRotation, identity: IdentityState | undefined): ModelKey {
    if (this.keys.size >= SLOTS) throw new Refused("QuotaExceeded");
    const key = this.#addKey("us", rotation.id);
    this.happenings.push({ type: "created", id: key.id, rotation, stored: this.store.status, identity });
    return key;
  }

  #addKey(maker: ModelKey["maker"], mark?: string): ModelKey {
    this.#count += 1;
    const wish = maker === "us" ? this.nextKey : { listedAfterMs: 0, acceptedAfterMs: 0, refused: false };
    if (maker === "us") this.nextKey = { listedAfterMs: 0, acceptedAfterMs: 0, refused: false };
    const key: ModelKey = {
      id: `K${this.#count}`,
      maker,
      mark,
      createdAtMs: this.nowMs,
      listedFromMs: this.nowMs + wish.listedAfterMs,
      acceptedFromMs: this.nowMs + wish.acceptedAfterMs,
      refusedForGood: wish.refused,
      enabled: true,
      lastUsedMs: undefined,
    };
    this.keys.set(key.id, key);
    if (maker === "foreign") this.foreign.set(key.id, key);
    return key;
  }

  #remove(id: string, givenUp = false): void {
    const key = this.keys.get(id);
    if (key === undefined) return;
    this.keys.delete(id);
    this.#dies("deleted", key, givenUp);
  }

  #dies(type: "disabled" | "deleted", { id, enabled }: ModelKey, givenUp: boolean): void {
    if (givenUp) this.surrendered.add(id);
    this.happenings.push({
      type,
      id,
      wasEnabled: enabled || this.cut.has(id),
      surrendered: this.surrendered.has(id),
    });
  }

  /** The record says that all of it was given up with the identity. */
  #givenUp({ current, suspension }: RotationStatus): boolean {
    return this.source !== "account" && current === undefined && suspension !== undefined;
  }

  #registered(name: string): boolean {
    return (this.spec.dependents as readonly string[]).includes(name);
  }

  #useKeys(): void {
    for (const workload of this.workloads.values()) {
      workload.uses = workload.uses.filter(({ untilMs }) => untilMs === undefined || untilMs > this.nowMs);
      for (const { id } of workload.uses) this.#use(id);
    }
    if (this.external.uses !== undefined) this.#use(this.external.uses);
  }

  #use(id: string): void {
    const key = this.keys.get(id);
    if (key?.enabled === true) key.lastUsedMs = this.nowMs;
  }

  /** New pods become ready only if they can log in with what they were given. */
  #roll(workload: ModelWorkload): void {
    if (!workload.rolling || workload.sick) return;
    this.#startPods(workload);
  }

  #startPods(workload: ModelWorkload): void {
    const given = this.deliveries.get(workload.reads);
    if (given === undefined || this.keys.get(given.id)?.enabled !== true) return;
    for (const use of workload.uses) use.untilMs ??= this.nowMs + workload.graceSeconds * 1000;
    workload.uses.push({ id: given.id, untilMs: undefined });
    workload.rolling = false;
    if (!workload.onVersionSinceMs.has(given.version)) workload.onVersionSinceMs.set(given.version, this.nowMs);
  }
}

const open = (status: RotationStatus): OpenRotation => {
  if (status.rotation === undefined) throw new Error("The plan names a step of a rotation that is not open.");
  return status.rotation;
};

const deliverySetting = (name: string): DeliverySetting => ({
  name,
  place: { kubernetesSecret: { name } },
  digest: `digest-of-${name}`,
});

const dependentSetting = (name: string): DependentSetting =>
  name === "ci"
    ? { kind: "external", name, order: 2, timeoutMs: 3_600_000 }
    : {
        kind: "workload",
        name,
        order: name === "web" ? 0 : 1,
        timeoutMs: 120_000,
        workload: { kind: "Deployment", name },
        restart: true,
      };

const sourceSetting = ({ exclusive }: ModelSpec, source: ModelSource): RotationSettings["source"] => {
  switch (source) {
    case "account":
      return { of: "awsAccessKey", kind: "account", account: "lake", exclusive };
    case "user": {
      const target = { kind: "awsAccessKey", connection: "aws", userName: "exporter" } as const;
      return { of: "awsAccessKey", kind: "target", target, exclusive };
    }
    case "marked": {
      const target = { kind: "vaultAppRole", connection: "vault", role: "exporter" } as const;
      return { of: "vaultAppRole", kind: "target", target, exclusive: true };
    }
  }
};

export const settingsOf = (spec: ModelSpec, source: ModelSource = "account"): RotationSettings => ({
  source: sourceSetting(spec, source),
  deliveries: spec.deliveries.map(deliverySetting),
  dependents: spec.dependents.map(dependentSetting).sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1)),
  renewal: { kind: "share", remaining: 1 / 3 },
  revokes: true,
  onLeak: "RotateFirst",
  verify: { login: true, successes: 2, soakMs: 2000 },
  retire: {
    overlapMs: spec.overlapSeconds * 1000,
    disableAfterMs: 0,
    deleteAfterMs: 5000,
    ...(spec.requireUnusedForSeconds === undefined ? {} : { requireUnusedForMs: spec.requireUnusedForSeconds * 1000 }),
  },
  progressDeadlineMs: 600_000,
  deletion: { policy: "Delete", holdMs: 0, timeoutMs: 3_600_000, onTimeout: "HandOver" },
  adopt: false,
  rollback: "Effective",
});
