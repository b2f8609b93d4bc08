import type { Lane } from "../lane/lane.ts";
import { startLane } from "../lane/lane.ts";
import type { World } from "../lane/world.ts";
import type { Fault } from "./faults.ts";
import type { KillPoint } from "./kill-points.ts";
import { armKill, killPointsOf } from "./kill-points.ts";
import { findLeaks, plantLeaks, readFolder } from "./leaks.ts";
import type { Output } from "./leaks.ts";
import { randomFrom } from "./random.ts";
import type { Entry, Phase, Results } from "./results.ts";
import { referenceOf } from "./results.ts";
import { performRun } from "./run.ts";
import type { RunOptions, RunResult } from "./run.ts";

const mostTries = 3;

/** Something to be run once, and where its result goes. */
export interface Job {
  readonly phase: Phase;
  readonly options: RunOptions;
}

/** The runs of a campaign on one stack, a few lanes at once. */
export interface Campaign {
  readonly results: Results;
  /** The undisturbed run whose trace gives the kill points and whose end state the others are held against. */
  reference(): Promise<{ killPoints: KillPoint[] }>;
  /** Runs what has no result yet. */
  perform(jobs: readonly Job[], lanes: number): Promise<void>;
  killJob(point: KillPoint): Job;
  faultJob(phase: Phase, fault: Fault): Job;
  /** Looks for every value of this session in the logs of the servers, and for planted ones in copies of what was gathered. */
  scan(): Promise<Entry>;
}

const defaults = { probeIntervalMs: 500 } as const;

export function startCampaign(world: World, results: Results, say: (line: string) => void): Campaign {
  const lanes: Promise<Lane>[] = [];
  const values = new Set<string>();
  let samples: { outputs: readonly Output[]; values: readonly string[] } | undefined;

  const lane = (index: number): Promise<Lane> => (lanes[index] ??= startLane(world));
  const one = async (on: Lane, job: Job): Promise<Entry> => {
    for (let tries = 1; ; tries += 1) {
      const result = await performRun(on, {
        ...job.options,
        reference: job.options.reference ?? referenceOf(results)?.endState,
      });
      for (const value of result.values) values.add(value);
      if (result.outputs.length > 0) samples = { outputs: result.outputs, values: result.values };
      // A request that never came is no verdict: the order of things differs a little from run to run.
      if (result.hit || result.violations.length > 0 || tries === mostTries) return entryOf(job.phase, result, tries);
    }
  };
  const keep = async (entry: Entry): Promise<void> => {
    await results.add(entry);
    for (const { invariant, what, evidence } of entry.violations)
      say(`  ${entry.id}: ${invariant}: ${what}\n      ${evidence.slice(0, 600)}`);
    if (!entry.hit) say(`  ${entry.id}: not hit in ${entry.tries} tries`);
  };

  return {
    results,
    async reference() {
      if (referenceOf(results) === undefined) {
        // Two undisturbed runs: the shorter trace has what happens every time, and the end states must agree.
        const options: RunOptions = { id: "reference", site: defaults, quietMs: 3000, keepOutputs: true };
        const first = await performRun(await lane(0), options);
        const second = await performRun(await lane(0), { ...options, reference: first.endState });
        for (const value of [...first.values, ...second.values]) values.add(value);
        samples = { outputs: second.outputs, values: second.values };
        const writes = ({ calls }: RunResult): number => calls.filter(({ mutating }) => mutating).length;
        const chosen = writes(first) <= writes(second) ? first : second;
        const entry = entryOf("reference", { ...chosen, violations: [...first.violations, ...second.violations] }, 1);
        await keep({ ...entry, trace: chosen.calls, outsideCalls: outsideCalls(chosen) });
        say(
          `reference: ${writes(chosen)} mutating requests (${writes(first)}, ${writes(second)}), ${first.seconds.toFixed(1)} s and ${second.seconds.toFixed(1)} s`,
        );
      }
      const reference = referenceOf(results);
      if (reference === undefined)
        throw new Error("The undisturbed run did not reach its end state; nothing can be held against it.");
      return { killPoints: killPointsOf(reference.trace) };
    },
    async perform(jobs, count) {
      const open = jobs.filter(({ options }) => results.get(options.id) === undefined);
      const queue = [...open];
      const began = performance.now();
      let done = 0;
      const work = async (index: number): Promise<void> => {
        const mine = await lane(index);
        for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
          const entry = await one(mine, job);
          await keep(entry);
          done += 1;
          const left = ((performance.now() - began) / done) * (open.length - done);
          const verdict = entry.violations.length > 0 ? "VIOLATED" : entry.hit ? "ok" : "NOT HIT";
          const took =
            entry.convergedSeconds === undefined ? "" : `, converged in ${entry.convergedSeconds.toFixed(1)} s`;
          say(`[${done}/${open.length}, ${(left / 60_000).toFixed(1)} min left] ${job.options.id}: ${verdict}${took}`);
        }
      };
      await Promise.all(Array.from({ length: Math.min(count, open.length) }, (_, index) => work(index)));
    },
    killJob: (point) => ({
      phase: "kill",
      options: { id: point.id, site: defaults, arrange: (run) => armKill(run, point) },
    }),
    faultJob: (phase, fault) => ({
      phase,
      options: {
        id: `${phase}/${fault.name}`,
        site: { ...defaults, ...fault.site },
        deadlineMs: 120_000,
        arrange: (run) => fault.arrange(run),
      },
    }),
    async scan() {
      const logs = await readFolder(world.stack.logs);
      const leaks = findLeaks(logs, values);
      const { planted, found } =
        samples === undefined
          ? { planted: 0, found: 0 }
          : plantLeaks([...samples.outputs, ...logs], samples.values, randomFrom(1));
      const entry: Entry = {
        phase: "scan",
        id: "scan",
        hit: true,
        violations: leaks.map(({ output, form, at }) => ({
          invariant: "LEAK",
          what: `A credential value stands in the log ${output}.`,
          evidence: `${form} at ${at}`,
        })),
        leaks: leaks.length,
        planted,
        plantedFound: found,
        tries: 1,
        convergedSeconds: undefined,
        rotations: 0,
        orphans: 0,
        logins: { logins: 0, refused: 0, errors: 0, maxGapMs: 0, spanMs: 0, firstRefusal: undefined },
        kills: 0,
        seconds: 0,
        endState: undefined,
      };
      await keep(entry);
      say(`scan: ${values.size} values looked for; ${found} of ${planted} planted ones found`);
      return entry;
    },
  };
}

/** Everything that the operator asked of AWS and Vault. */
function outsideCalls({ calls }: Pick<RunResult, "calls">): number {
  return calls.filter(({ server }) => server !== "kubernetes").length;
}

function entryOf(phase: Phase, result: RunResult, tries: number): Entry {
  const { id, hit, violations, convergedSeconds, rotations, orphans, logins, kills, seconds, endState, leaks } = result;
  const kept = phase === "reference" ? endState : undefined;
  return {
    phase,
    id,
    hit,
    violations,
    leaks: leaks.length,
    convergedSeconds,
    rotations,
    orphans,
    logins,
    kills,
    seconds,
    endState: kept,
    tries,
    outsideCalls: outsideCalls(result),
  };
}
