import type { Lane } from "../../lane/lane.ts";
import { startLane } from "../../lane/lane.ts";
import type { World } from "../../lane/world.ts";
import type { KillPoint } from "../kill-points.ts";
import { killPointsOf } from "../kill-points.ts";
import { plantLeaks } from "../leaks.ts";
import { pick, randomFrom } from "../random.ts";
import type { Results } from "../results.ts";
import { sourceKinds, type SourceKind } from "./kinds.ts";
import { performSourceRun, type SourceRun } from "./run.ts";

/** What is kept of a run. */
export interface SourceEntry extends Pick<
  SourceRun,
  "id" | "hit" | "violations" | "rotations" | "logins" | "refused" | "leaks" | "lockouts" | "seconds"
> {
  readonly kind: string;
  readonly phase: "reference" | "kill";
  /** Of the reference: its mutating requests. */
  readonly trace?: SourceRun["trace"];
  readonly planted?: number;
  readonly plantedFound?: number;
}

export interface SourceVoice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
  readonly lanes: number;
}

const ROTATIONS = 1;

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
  const queue = jobs.filter(({ kind, point }) => results.get(`${kind.name}/${point.id}`)?.hit !== true);
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
  const { sources, leaks, lockouts } = summary;
  const whole = Object.values(sources).every(
    ({ refusedLogins, killPoints, killPointsHit, violations }) =>
      refusedLogins === 0 && violations === 0 && killPoints === killPointsHit,
  );
  return whole && leaks === 0 && lockouts === 0 ? 0 : 1;
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
    lockouts: Math.max(0, ...all.map(({ lockouts }) => lockouts)),
    plantedLeaks: sum(all, ({ planted = 0 }) => planted),
    plantedLeaksFound: sum(all, ({ plantedFound = 0 }) => plantedFound),
    leaks: sum(all, ({ leaks }) => leaks),
    minutes: Number(results.minutes().toFixed(1)),
  };
}
