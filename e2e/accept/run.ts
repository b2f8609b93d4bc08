import type { Call } from "../stack/fault-proxy.ts";
import { sleep } from "../stack/wait.ts";
import type { Lane, Replica, Site, SiteOptions } from "../lane/lane.ts";
import { countLogins, lastKeys } from "../lane/logins.ts";
import type { Logins } from "../lane/logins.ts";
import { askForRotation, isAtRest } from "../lane/rotation.ts";
import type { Rotation } from "../lane/rotation.ts";
import { checkAudit } from "./audit-check.ts";
import { differences, readEndState } from "./end-state.ts";
import type { EndState } from "./end-state.ts";
import { keepEvidence } from "./evidence.ts";
import { findLeaks, gatherOutputs } from "./leaks.ts";
import type { Leak, Output } from "./leaks.ts";
import { startObserver } from "./observer.ts";
import type { Observer } from "./observer.ts";
import type { Violation } from "./violation.ts";
import { isActive, readWorld } from "./world-view.ts";
import type { WorldView } from "./world-view.ts";

/** What a fault may do in a run. */
export interface Run {
  readonly site: Site;
  readonly observer: Observer;
  /** The operator with the lease identity that is kept over restarts. */
  operator(): Replica;
  /** SIGKILL and a restart; the promise is that of the kill, the restart follows by itself. */
  killAndRestart(): Promise<void>;
  /** Counts a kill whose restart is the story's affair. */
  countKill(): void;
  /** From here on the time to the end state counts, less `lessMs` (the take-over of a Lease). */
  countFrom(lessMs?: number): void;
  /** Something that goes on beside the run; the end state is waited for only when it is over. */
  story(tell: () => Promise<void>): void;
  /** The fault that the run is about has happened. */
  hit(): void;
  /** Resolves when the resource is at rest with the rotation that was asked for done. */
  settled(): Promise<void>;
}

export interface RunOptions {
  readonly id: string;
  readonly site: Omit<SiteOptions, "name">;
  /** Rotations asked for after the first issue. */
  readonly rotations?: number;
  readonly quietMs?: number;
  readonly deadlineMs?: number;
  /** Puts the fault in place; called before the operator starts. Nothing to do: an undisturbed run. */
  readonly arrange?: (run: Run) => void | Promise<void>;
  /** The end state of an undisturbed run. */
  readonly reference?: EndState | undefined;
  readonly keepOutputs?: boolean;
}

export interface RunResult {
  readonly id: string;
  readonly hit: boolean;
  readonly violations: readonly Violation[];
  readonly leaks: readonly Leak[];
  readonly convergedSeconds: number | undefined;
  readonly rotations: number;
  readonly orphans: number;
  readonly logins: Logins;
  readonly kills: number;
  readonly seconds: number;
  readonly calls: readonly Call[];
  readonly endState: EndState | undefined;
  readonly outputs: readonly Output[];
  readonly values: readonly string[];
}

let siteNumber = 0;

/** From a fresh site to the end state, watched all the while. */
export async function performRun(lane: Lane, options: RunOptions): Promise<RunResult> {
  const { rotations = 1, quietMs = 1200, deadlineMs = 90_000 } = options;
  const began = performance.now();
  siteNumber += 1;
  const site = await lane.open({ ...options.site, name: `lane-${process.pid % 1000}-${siteNumber}` });
  const kube = lane.world.stack.kubernetes.client;
  const observer = await startObserver(site);
  const extra: Violation[] = [];
  const stories: Promise<void>[] = [];
  const counted = { kills: 0, done: 0, hit: options.arrange === undefined };
  let restarted: { at: number; lessMs: number; waits: number } | undefined;
  let asked: string | undefined;
  let main: Replica | undefined;
  let lastStart = 0;

  const operator = (): Replica => {
    if (main === undefined) throw new Error("the operator has not been started yet");
    return main;
  };
  const rotation = (): Promise<Rotation | undefined> => kube.find<Rotation>(site.rotationPath).catch(() => undefined);
  const until = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
    while (!(await ask().catch(() => false))) {
      if (performance.now() - began > deadlineMs)
        throw new Stuck(`${what}: not within ${deadlineMs / 1000} s`, JSON.stringify((await rotation())?.status ?? {}));
      await sleep(75);
    }
  };
  const atRest = async (): Promise<boolean> =>
    isAtRest(await rotation(), asked) &&
    (asked === undefined || counted.done < rotations ? true : isDone(await readWorld(site), observer));
  const run: Run = {
    site,
    observer,
    operator,
    async killAndRestart() {
      counted.kills += 1;
      const gone = operator().process.kill9();
      run.story(async () => {
        await gone;
        run.countFrom();
        await operator().process.start();
      });
      await gone;
    },
    countKill() {
      counted.kills += 1;
    },
    countFrom(lessMs = 0) {
      lastStart = Date.now();
      restarted = { at: Date.now(), lessMs, waits: declaredWaits(site, observer.latest(), asked !== undefined) };
    },
    story(tell) {
      stories.push(
        tell().catch((error: unknown) => {
          extra.push({ invariant: "RUN", what: "The fault could not be carried out.", evidence: String(error) });
        }),
      );
    },
    hit() {
      counted.hit = true;
    },
    settled: () =>
      until("the resource is at rest", async () => asked !== undefined && isAtRest(await rotation(), asked)),
  };

  let convergedSeconds: number | undefined;
  let endState: EndState | undefined;
  let outputs: Output[] = [];
  let calls: Call[] = [];
  let metrics = "";
  try {
    await options.arrange?.(run);
    await until("the workload is applied", () => site.applyWorkload().then(() => true));
    await until("the resource is applied", () => site.applyRotation().then(() => true));
    main = await site.startOperator(0);
    await until("the first key is in use", atRest);
    for (let i = 0; i < rotations; i += 1) {
      const before = asked;
      const replaced = (await rotation())?.status?.current?.id;
      await until("the annotation is set", async () => {
        asked = await askForRotation(kube, site.rotationPath);
        return asked !== before;
      });
      counted.done = i;
      await until(`rotation ${i + 1} is done`, async () => isAtRest(await rotation(), asked));
      counted.done = i + 1;
      if ((await rotation())?.status?.current?.id === replaced)
        extra.push({
          invariant: "END",
          what: "The rotation that was asked for has not replaced the key.",
          evidence: JSON.stringify((await rotation())?.status?.history ?? []),
        });
    }
    // Stories may end in a restart or a late answer, so the end state is that after all of them.
    await Promise.all(stories);
    await until("the end state", async () => (await someoneIsReady(site)) && (await atRest()));
    const convergedAt = Date.now();
    if (restarted !== undefined)
      convergedSeconds = Math.max(0, (convergedAt - restarted.at - restarted.lessMs) / 1000 - restarted.waits);
    await until("no more writes", async () => {
      const lastWrite = allCalls(lane).findLast(({ mutating }) => mutating)?.at ?? 0;
      // An operator that was started last of all logs in to its connections before it rests.
      return Date.now() - lastWrite > 600 && Date.now() - lastStart > 2000;
    });
    calls = allCalls(lane);
    await quiet(lane, quietMs, extra);
    await observer.look();
    endState = await readEndState(site);
    if (options.reference !== undefined) extra.push(...differences(options.reference, endState));
    metrics = (await operator().metrics()) ?? "";
  } catch (error) {
    if (error instanceof Stuck)
      extra.push({ invariant: "L1", what: error.message, evidence: error.evidence.slice(0, 4000) });
    else
      extra.push({ invariant: "RUN", what: "The run has failed.", evidence: String((error as Error).stack ?? error) });
    calls = allCalls(lane);
  }
  for (const one of Object.values(lane.proxies)) one.clearRules();
  extra.push(...(await endOperators(site)));
  await observer.stop().catch(() => undefined);
  extra.push(...(await checkAudit(site, allCalls(lane), counted.kills)));
  const values = new Set([...lane.issued, ...observer.values(), ...site.ownSecrets]);
  outputs = await gatherOutputs(site, metrics).catch(() => []);
  const leaks = await findLeaks(outputs, values);
  for (const leak of leaks)
    extra.push({
      invariant: "LEAK",
      what: `A credential value stands in ${leak.output}.`,
      evidence: `${leak.form} at ${leak.at}`,
    });
  const violations = [...observer.violations, ...extra];
  if (violations.length > 0 || (convergedSeconds ?? 0) > 30)
    await keepEvidence(options.id, site, { violations, calls: allCalls(lane), story: observer.story() });
  const orphans = await countOrphans(site).catch(() => 0);
  await site.close().catch((error: unknown) => {
    process.stderr.write(`${options.id}: the site could not be closed: ${String(error)}\n`);
  });
  return {
    id: options.id,
    hit: counted.hit,
    violations,
    leaks,
    convergedSeconds,
    rotations: counted.done,
    orphans,
    logins: countLogins(observer.attempts()),
    kills: counted.kills,
    seconds: (performance.now() - began) / 1000,
    calls,
    endState,
    outputs: options.keepOutputs === true ? outputs : [],
    values: [...values],
  };
}

class Stuck extends Error {
  readonly evidence: string;

  constructor(what: string, evidence: string) {
    super(what);
    this.evidence = evidence;
  }
}

/** The world agrees: one key, delivered everywhere, and both pods log in with it. */
function isDone(view: WorldView, observer: Observer): boolean {
  const id = view.rotation?.status?.current?.id;
  if (id === undefined || view.keys.length !== 1 || !isActive(view.keys, id)) return false;
  const used = lastKeys(observer.attempts());
  const pods = view.pods.filter(({ ready, ending }) => ready && !ending);
  return (
    view.secret?.key.accessKeyId === id &&
    view.kv?.key.accessKeyId === id &&
    view.pods.length === 2 &&
    pods.length === 2 &&
    pods.every(({ name }) => used.get(name) === id.slice(-4))
  );
}

/** Seconds of waiting that the spec still asks for, as the record stood when it was last seen. */
function declaredWaits(site: Site, view: WorldView | undefined, asked: boolean): number {
  const { soak, overlap, deleteAfter } = site.waits;
  const grace = 1;
  const status = view?.rotation?.status;
  if (!asked) return (status?.current === undefined ? 2 : 1) * soak + overlap + grace + deleteAfter;
  const open = status?.rotation;
  const old = status?.pendingRevocations?.[0];
  if (open !== undefined)
    return (open.verification?.verifiedAt === undefined ? soak : 0) + overlap + grace + deleteAfter;
  if (old === undefined) return status?.lastHandledRotateAt === undefined ? soak + overlap + grace + deleteAfter : 0;
  return (old.disabledAt === undefined ? overlap + grace : 0) + (old.deletedAt === undefined ? deleteAfter : 0);
}

export function allCalls(lane: Lane): Call[] {
  return Object.values(lane.proxies)
    .flatMap((proxy) => proxy.calls())
    .sort((a, b) => a.at - b.at);
}

/** Vault tokens end, also of an operator that only looks: its own login changes nothing that anybody declared. */
const isOwnLogin = ({ server, template }: Call): boolean =>
  server === "vault" && /^\/v1\/auth\/[^/]+\/login$/.test(template);

/** S15: whoever is done writes nothing. */
async function quiet(lane: Lane, ms: number, violations: Violation[]): Promise<void> {
  const from = Date.now();
  await sleep(ms);
  const writes = allCalls(lane).filter((call) => call.mutating && call.at >= from && !isOwnLogin(call));
  if (writes.length > 0)
    violations.push({
      invariant: "S15",
      what: `The operator wrote ${writes.length} time(s) after it had converged.`,
      evidence: writes
        .map(({ server, verb, template }) => `${server} ${verb} ${template}`)
        .join("; ")
        .slice(0, 1000),
    });
}

/** Asks every running operator to end: it must do so within ten seconds, with code 0. */
async function endOperators(site: Site): Promise<Violation[]> {
  const found = await Promise.all(
    site.replicas().map(async ({ process: operator }): Promise<Violation | undefined> => {
      operator.resume();
      if (!operator.running()) return undefined;
      const began = performance.now();
      const { code, signal } = await operator.term(12_000);
      const seconds = (performance.now() - began) / 1000;
      if (code === 0 && seconds <= 10) return undefined;
      const evidence = `code ${String(code)}, signal ${String(signal)} after ${seconds.toFixed(1)} s`;
      return { invariant: "RUN", what: "The operator did not end as asked within ten seconds.", evidence };
    }),
  );
  return found.filter((violation) => violation !== undefined);
}

/** An operator has read everything; one that was restarted in the end may still be on its way. */
async function someoneIsReady(site: Site): Promise<boolean> {
  const ready = await Promise.all(
    site.replicas().map(async (replica) => replica.process.running() && (await replica.ready())),
  );
  return ready.includes(true);
}

/** Keys that nobody will remove: what the provider has besides the current one. */
async function countOrphans(site: Site): Promise<number> {
  const { keys, rotation } = await readWorld(site);
  return keys.filter(({ accessKeyId }) => accessKeyId !== rotation?.status?.current?.id).length;
}
