import type { Lane } from "../../lane/lane.ts";
import { startLane } from "../../lane/lane.ts";
import type { World } from "../../lane/world.ts";
import type { KillPoint } from "../kill-points.ts";
import { killPointsOf } from "../kill-points.ts";
import { plantLeaks } from "../leaks.ts";
import { pick, randomFrom } from "../random.ts";
import type { Results } from "../results.ts";
import { sourceKinds, type SourceKind } from "./kinds.ts";
import { performRestarts, type RestartsRun } from "./restarts.ts";
import { performSourceRun, type SourceRun } from "./run.ts";

/** What is kept of a run. */
export interface SourceEntry extends Pick<
  SourceRun,
  "id" | "hit" | "violations" | "rotations" | "logins" | "refused" | "leaks" | "lockouts" | "seconds"
> {
  readonly kind: string;
  readonly phase: "reference" | "kill" | "restarts";
  /** Of the reference: its mutating requests. */
  readonly trace?: SourceRun["trace"];
  readonly planted?: number;
  readonly plantedFound?: number;
  readonly restarts?: Pick<RestartsRun, "coalescedRestarts" | "needlessRestarts" | "lateRotations">;
}

export interface SourceVoice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
  readonly lanes: number;
}

const ROTATIONS = 1;
const RESTARTS = "restarts";

/** Every kind of source: an undisturbed run, then one killed at each mutating request, before it, with its answer lost, and after it. */
export async function sourcesCampaign(
  world: World,
  results: Results<SourceEntry>,
  voice: SourceVoice,
  only: {
    readonly sample?: { readonly seed: number; readonly points: number };
    readonly kind?: string | undefined;
  } = {},
): Promise<number> {
  const { say, print, lanes } = voice;
  const kinds = sourceKinds.filter(({ name }) => only.kind === undefined || name === only.kind);
  const lanesOf = laneUser(world, lanes);
  const points = new Map<SourceKind, readonly KillPoint[]>();
  await lanesOf([
    ...(only.kind === undefined ? [(lane: Lane) => restarts(lane, results, say)] : []),
    ...kinds.map((kind) => async (lane: Lane) => void points.set(kind, await reference(kind, lane, results, say))),
  ]);
  const jobs = kinds.flatMap((kind): readonly KillJob[] => {
    const { sample } = only;
    const all = points.get(kind) ?? [];
    const chosen = sample === undefined ? all : pick(all, sample.points, randomFrom(sample.seed));
    say(`${kind.name}: ${all.length / 3} mutating requests, ${chosen.length} kill points`);
    return chosen.map((point) => ({ kind, point }));
  });
  const queue = interleaved(jobs).filter((job) => results.get(idOf(job))?.hit !== true);
  let done = 0;
  await lanesOf(
    queue.map((job) => async (lane: Lane) => {
      const run = await killed(lane, job);
      await results.add(entryOf("kill", job.kind, run));
      done += 1;
      const verdict = run.violations.length > 0 ? "VIOLATED" : run.hit ? "ok" : "NOT HIT";
      say(`[${done}/${queue.length}] ${run.id}: ${verdict} in ${run.seconds.toFixed(1)} s`);
      for (const { invariant, what, evidence } of run.violations)
        say(`  ${invariant}: ${what} ${evidence.slice(0, 500)}`);
    }),
  );
  const summary = summarise(results, kinds, jobs);
  print(JSON.stringify(summary));
  const { sources, leaks, lockouts, coalescedRestarts, needlessRestarts, lateRotations, restartViolations } = summary;
  const polite =
    only.kind !== undefined ||
    (coalescedRestarts > 0 && needlessRestarts === 0 && lateRotations === 0 && restartViolations === 0);
  const whole = Object.values(sources).every(
    ({ refusedLogins, killPoints, killPointsHit, violations }) =>
      refusedLogins === 0 && violations === 0 && killPoints === killPointsHit,
  );
  return whole && polite && leaks === 0 && lockouts === 0 ? 0 : 1;
}

interface KillJob {
  readonly kind: SourceKind;
  readonly point: KillPoint;
}

const idOf = ({ kind, point }: KillJob): string => `${kind.name}/${point.id}`;

/** Requests differ a little from run to run; a point that does not come is tried again. */
async function killed(lane: Lane, job: KillJob): Promise<SourceRun> {
  const options = { id: idOf(job), kind: job.kind, rotations: ROTATIONS, kill: job.point };
  let run = await performSourceRun(lane, options);
  for (let tries = 1; tries < 3 && !run.hit; tries += 1) run = await performSourceRun(lane, options);
  return run;
}

/** Does tasks in so many lanes, which are opened when they are first needed and kept. */
function laneUser(world: World, lanes: number) {
  const open: Promise<Lane>[] = [];
  return async (tasks: readonly ((lane: Lane) => Promise<void>)[]): Promise<void> => {
    const queue = [...tasks];
    const work = async (index: number): Promise<void> => {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        open[index] ??= startLane(world);
        await task(await open[index]);
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, index) => work(index)));
  };
}

/** Kinds take turns, so that those that mostly wait run beside those that work. */
const interleaved = <Job extends { readonly kind: SourceKind }>(jobs: readonly Job[]): readonly Job[] => {
  const places = new Map<SourceKind, number>();
  const placed = jobs.map((job) => {
    const place = places.get(job.kind) ?? 0;
    places.set(job.kind, place + 1);
    return { job, place };
  });
  // Those of which there are fewer are spread over the whole.
  const share = ({ job, place }: { job: Job; place: number }): number => place / (places.get(job.kind) ?? 1);
  return placed.sort((a, b) => share(a) - share(b)).map(({ job }) => job);
};

async function restarts(lane: Lane, results: Results<SourceEntry>, say: (line: string) => void): Promise<void> {
  if (results.get(RESTARTS) !== undefined) return;
  const run = await performRestarts(lane);
  const { violations, coalescedRestarts, needlessRestarts, lateRotations, seconds } = run;
  await results.add({
    id: RESTARTS,
    kind: RESTARTS,
    phase: "restarts",
    hit: true,
    violations,
    rotations: 0,
    logins: 0,
    refused: 0,
    leaks: 0,
    lockouts: 0,
    seconds,
    restarts: { coalescedRestarts, needlessRestarts, lateRotations },
  });
  say(
    `${RESTARTS}: ${coalescedRestarts} coalesced, ${needlessRestarts} needless, ${lateRotations} late in ${seconds.toFixed(1)} s`,
  );
  for (const { invariant, what } of violations) say(`  ${invariant}: ${what}`);
}

async function reference(
  kind: SourceKind,
  lane: Lane,
  results: Results<SourceEntry>,
  say: (line: string) => void,
): Promise<readonly KillPoint[]> {
  const id = `${kind.name}/reference`;
  if (results.get(id)?.trace === undefined) {
    const run = await performSourceRun(lane, { id, kind, rotations: ROTATIONS });
    const { planted, found } = await plantLeaks(run.outputs, run.values, randomFrom(1));
    await results.add({ ...entryOf("reference", kind, run), trace: run.trace, planted, plantedFound: found });
    say(
      `${id}: ${run.trace.length} mutating requests in ${run.seconds.toFixed(1)} s; ${run.logins} logins, ${run.refused} refused`,
    );
    for (const { invariant, what, evidence } of run.violations)
      say(`  ${invariant}: ${what} ${evidence.slice(0, 1500)}`);
  }
  return killPointsOf(results.get(id)?.trace ?? []);
}

const entryOf = (phase: SourceEntry["phase"], kind: SourceKind, run: SourceRun): SourceEntry => {
  const { id, hit, violations, rotations, logins, refused, leaks, lockouts, seconds } = run;
  return { id, kind: kind.name, phase, hit, violations, rotations, logins, refused, leaks, lockouts, seconds };
};

function summarise(
  results: Results<SourceEntry>,
  kinds: readonly SourceKind[],
  jobs: readonly { readonly kind: SourceKind; readonly point: KillPoint }[],
) {
  const sum = (entries: readonly SourceEntry[], of: (entry: SourceEntry) => number): number =>
    entries.reduce((total, entry) => total + of(entry), 0);
  const all = results.entries;
  const politeness = results.get(RESTARTS)?.restarts;
  const sources = Object.fromEntries(
    kinds.map(({ name }) => {
      const mine = all.filter(({ kind }) => kind === name);
      const points = jobs.filter(({ kind }) => kind.name === name);
      return [
        name,
        {
          rotations: sum(mine, ({ rotations }) => rotations),
          logins: sum(mine, ({ logins }) => logins),
          refusedLogins: sum(mine, ({ refused }) => refused),
          mutatingCalls: mine.find(({ phase }) => phase === "reference")?.trace?.length ?? 0,
          killPoints: points.length,
          killPointsHit: points.filter(({ point }) => results.get(`${name}/${point.id}`)?.hit === true).length,
          violations: sum(mine, ({ violations }) => violations.length),
        },
      ] as const;
    }),
  );
  return {
    sources,
    coalescedRestarts: politeness?.coalescedRestarts ?? 0,
    needlessRestarts: politeness?.needlessRestarts ?? 0,
    lateRotations: politeness?.lateRotations ?? 0,
    restartViolations: results.get(RESTARTS)?.violations.length ?? 0,
    lockouts: Math.max(0, ...all.map(({ lockouts }) => lockouts)),
    plantedLeaks: sum(all, ({ planted = 0 }) => planted),
    plantedLeaksFound: sum(all, ({ plantedFound = 0 }) => plantedFound),
    leaks: sum(all, ({ leaks }) => leaks),
    minutes: Number(results.minutes().toFixed(1)),
  };
}
