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
  const open: Lane[] = [];
  const lane = async (index: number): Promise<Lane> => (open[index] ??= await startLane(world));
  const jobs: { readonly kind: SourceKind; readonly point: KillPoint }[] = [];
  const kinds = sourceKinds.filter(({ name }) => only.kind === undefined || name === only.kind);
  for (const kind of kinds) {
    const points = await reference(kind, await lane(0), results, say);
    const { sample } = only;
    const chosen = sample === undefined ? points : pick(points, sample.points, randomFrom(sample.seed));
    jobs.push(...chosen.map((point) => ({ kind, point })));
    say(`${kind.name}: ${points.length / 3} mutating requests, ${chosen.length} kill points`);
  }
  if (only.kind === undefined) await restarts(await lane(0), results, say);
  const queue = interleaved(jobs).filter(({ kind, point }) => results.get(`${kind.name}/${point.id}`)?.hit !== true);
  const { length } = queue;
  let done = 0;
  const work = async (index: number): Promise<void> => {
    const mine = await lane(index);
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { kind, point } = job;
      const id = `${kind.name}/${point.id}`;
      let run = await performSourceRun(mine, { id, kind, rotations: ROTATIONS, kill: point });
      // Requests differ a little from run to run; the point comes in another one.
      for (let tries = 1; tries < 3 && !run.hit; tries += 1)
        run = await performSourceRun(mine, { id, kind, rotations: ROTATIONS, kill: point });
      await results.add(entryOf("kill", kind, run));
      done += 1;
      const verdict = run.violations.length > 0 ? "VIOLATED" : run.hit ? "ok" : "NOT HIT";
      say(`[${done}/${length}] ${id}: ${verdict} in ${run.seconds.toFixed(1)} s`);
      for (const { invariant, what, evidence } of run.violations)
        say(`  ${invariant}: ${what} ${evidence.slice(0, 500)}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, Math.max(length, 1)) }, (_, index) => work(index)));
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
