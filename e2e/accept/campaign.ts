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
  /** The undisturbed run whose trace gives the kill points and whose end state the others are held against; of one or two. */
  reference(runs?: 1 | 2): Promise<{ killPoints: KillPoint[] }>;
  /** Runs what has no result yet. */
  perform(jobs: readonly Job[], lanes: number): Promise<void>;
  killJob(point: KillPoint): Job;
  faultJob(phase: Phase, fault: Fault): Job;
  /** Looks for every value of this session in the logs of the servers, and for planted ones in copies of what was gathered. */
  scan(): Promise<Entry>;
  /** For an end by Ctrl-C: the logs of this session are searched now, and no further result is kept. */
  abandon(): Promise<void>;
}

const defaults = { probeIntervalMs: 500 } as const;

export function startCampaign(world: World, results: Results, say: (line: string) => void): Campaign {
  const lanes: Promise<Lane>[] = [];
  const values = new Set<string>();
  let abandoned = false;
  let samples: { outputs: readonly Output[]; values: readonly string[] } | undefined;

  const lane = (index: number): Promise<Lane> => (lanes[index] ??= startLane(world));
  const one = async (on: Lane, job: Job): Promise<Entry> => {
    for (let tries = 1; ; tries += 1) {
      const result = await performRun(on, {
        ...job.options,
        reference: job.options.reference ?? referenceOf(results)?.endState,
      });
      remember(result);
      // A request that never came is no verdict: the order of things differs a little from run to run.
      if (result.hit || result.violations.length > 0 || tries === mostTries) return entryOf(job.phase, result, tries);
    }
  };
  const remember = (result: RunResult): void => {
    for (const value of result.values) values.add(value);
    if (result.outputs.length > 0) samples = { outputs: result.outputs, values: result.values };
  };
  const keep = async (entry: Entry): Promise<void> => {
    // What goes wrong while the stack is being stopped is nobody's fault.
    if (abandoned) return;
    await results.add(entry);
    for (const { invariant, what, evidence } of entry.violations)
      say(`  ${entry.id}: ${invariant}: ${what}\n      ${evidence.slice(0, 600)}`);
    if (!entry.hit) say(`  ${entry.id}: not hit in ${entry.tries} tries`);
  };

  const search = async (id: string): Promise<Entry> => {
    const logs = await readFolder(world.stack.logs);
    const leaks = await findLeaks(logs, values);
    const { planted, found } =
      samples === undefined
        ? { planted: 0, found: 0 }
        : await plantLeaks([...samples.outputs, ...logs], samples.values, randomFrom(1));
    const entry: Entry = {
      phase: "scan",
      id,
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
  };

  return {
    results,
    async reference(runs = 2) {
      if (referenceOf(results) === undefined) {
        const options: RunOptions = { id: "reference", site: defaults, quietMs: 3000, keepOutputs: true };
        const made = [await performRun(await lane(0), options)];
        // The shorter of two traces has what happens every time, and the end states must agree.
        if (runs === 2) made.push(await performRun(await lane(0), { ...options, reference: made[0]?.endState }));
        const writes = ({ calls }: RunResult): number => calls.filter(({ mutating }) => mutating).length;
        const chosen = made.reduce((a, b) => (writes(a) <= writes(b) ? a : b));
        made.forEach(remember);
        const violations = made.flatMap((result) => result.violations);
        const entry = entryOf("reference", { ...chosen, violations }, 1);
        await keep({ ...entry, trace: chosen.calls, outsideCalls: outsideCalls(chosen) });
        const figures = made.map((result) => `${writes(result)} in ${result.seconds.toFixed(1)} s`).join(", ");
        say(`reference: ${writes(chosen)} mutating requests (${figures})`);
      }
      const reference = referenceOf(results);
      if (reference === undefined)
        throw new Error("The undisturbed run did not reach its end state; nothing can be held against it.");
      return { killPoints: killPointsOf(reference.trace) };
    },
    async perform(jobs, count) {
      const open = jobs.filter(({ options }) => results.get(options.id)?.hit !== true);
      const queue = [...open];
      const began = performance.now();
      let done = 0;
      const work = async (index: number): Promise<void> => {
        const mine = await lane(index);
        for (let job = queue.shift(); job !== undefined && !abandoned; job = queue.shift()) {
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
    async abandon() {
      if (values.size > 0 && !abandoned) await search(`scan/${new Date().toISOString()}`);
      abandoned = true;
    },
    async scan() {
      if (samples === undefined)
        remember(await performRun(await lane(0), { id: "samples", site: defaults, keepOutputs: true }));
      return search("scan");
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
