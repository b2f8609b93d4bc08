import type { Lane } from "../../lane/lane.ts";
import { startLane } from "../../lane/lane.ts";
import type { World } from "../../lane/world.ts";
import { findLeaks, plantLeaks, readFolder } from "../leaks.ts";
import type { Output } from "../leaks.ts";
import { randomFrom } from "../random.ts";
import type { Results } from "../results.ts";
import type { Violation } from "../violation.ts";
import type { StoryTrace } from "./kills.ts";
import { commonTrace, killCycles, killedStory, phaseKills, referenceStory } from "./kills.ts";
import type { PhaseKill } from "./kills.ts";
import type { Scenario, ScenarioResult } from "./stage.ts";
import { perform } from "./stage.ts";
import { emptyTally } from "./tally.ts";
import type { Story } from "./story.ts";
import { joinerMoverLeaver } from "./story.ts";
import type { Tally } from "./tally.ts";

/** What is kept of a scenario. */
export interface LifecycleEntry {
  readonly id: string;
  readonly tally: Tally;
  readonly violations: readonly Violation[];
  /** Kill points that it has hit. */
  readonly hits: readonly string[];
  readonly leaks: number;
  readonly seconds: number;
  readonly planted?: number;
  readonly plantedFound?: number;
  /** Of the undisturbed story. */
  readonly trace?: StoryTrace;
}

export interface LifecycleCampaign<E extends LifecycleEntry = LifecycleEntry> {
  readonly results: Results<E>;
  /** The undisturbed story, told twice; the mutating requests that both have, by phase, are the kill points. */
  reference(
    tellings?: readonly string[],
    story?: Story,
  ): Promise<{ trace: StoryTrace; kills: readonly PhaseKill[]; mutatingCalls: number }>;
  /** Runs what has no result yet, a few lanes at once; those of a lower number than `from` are somebody else's. */
  perform(scenarios: readonly Scenario[], lanes: number, from?: number): Promise<void>;
  /** Kills at every point, a few in each story; points that were missed come again. */
  kill(
    kills: readonly PhaseKill[],
    trace: StoryTrace,
    lanes: number,
    beside?: readonly Scenario[],
    story?: Story,
  ): Promise<void>;
  scan(): Promise<void>;
  abandon(): Promise<void>;
}

/** Rounds of stories until a kill point that never comes is given up. */
const mostRounds = 4;

/** `more`: what is kept of a scenario besides, by its id. */
export function startLifecycleCampaign<E extends LifecycleEntry = LifecycleEntry>(
  world: World,
  results: Results<E>,
  say: (line: string) => void,
  more: (id: string) => Omit<E, keyof LifecycleEntry> | undefined = () => undefined,
): LifecycleCampaign<E> {
  const lanes: Promise<Lane>[] = [];
  const values = new Set<string>();
  let samples: { outputs: readonly Output[]; values: readonly string[] } | undefined;
  let abandoned = false;
  const stories = new Map<string, StoryTrace>();

  const lane = (index: number): Promise<Lane> => (lanes[index] ??= startLane(world));
  const keep = async (entry: LifecycleEntry): Promise<void> => {
    if (abandoned) return;
    await results.add({ ...entry, ...more(entry.id) } as E);
    for (const { invariant, what, evidence } of entry.violations)
      say(`  ${entry.id}: ${invariant}: ${what}\n      ${evidence.slice(0, 900)}`);
  };
  const play = async (on: Lane, scenario: Scenario): Promise<void> => {
    const result = await perform(on, scenario, say);
    for (const value of result.values) values.add(value);
    if (result.outputs.length > 0 && result.values.length > 0) samples ??= result;
    await keep(entryOf(result, stories.get(scenario.id)));
  };
  const runAll = async (scenarios: readonly Scenario[], count: number, from = 0): Promise<void> => {
    const queue = scenarios.filter(({ id }) => results.get(id) === undefined);
    const all = queue.length;
    const began = performance.now();
    let done = 0;
    const work = async (index: number): Promise<void> => {
      const mine = await lane(index);
      for (let next = queue.shift(); next !== undefined && !abandoned; next = queue.shift()) {
        await play(mine, next);
        done += 1;
        const entry = results.get(next.id);
        const left = ((performance.now() - began) / done) * (all - done);
        const verdict = (entry?.violations.length ?? 0) > 0 ? "VIOLATED" : "ok";
        say(
          `[${done}/${all}, ${(left / 60_000).toFixed(1)} min left] ${next.id}: ${verdict}, ${(entry?.seconds ?? 0).toFixed(0)} s`,
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(count, all) }, (_, index) => work(from + index)));
  };

  return {
    results,
    async reference(tellings = ["reference", "reference-again"], story = joinerMoverLeaver) {
      const open = tellings.filter((id) => results.get(id)?.trace === undefined);
      await runAll(
        open.map((id) => referenceStory(id, (trace) => stories.set(id, trace), story)),
        2,
      );
      const traces = tellings.flatMap((id) => results.get(id)?.trace ?? []);
      const [first, second = first] = traces;
      if (first === undefined || second === undefined || traces.length < tellings.length)
        throw new Error("An undisturbed story did not come to its end; nothing can be held against it.");
      const trace = commonTrace(first, second);
      const mutatingCalls = trace.phases.reduce((sum, { writes }) => sum + writes.length, 0);
      say(
        `reference: ${mutatingCalls} mutating requests (${trace.phases.map(({ name, writes }) => `${name} ${writes.length}`).join(", ")})`,
      );
      return { trace, kills: phaseKills(trace), mutatingCalls };
    },
    perform: runAll,
    async kill(kills, trace, count, beside = [], story = joinerMoverLeaver) {
      for (let round = 1; round <= mostRounds && !abandoned; round += 1) {
        const hit = new Set(results.entries.flatMap(({ hits }) => hits));
        const open = kills.filter(({ id }) => !hit.has(id));
        // Rounds of an earlier session have used their names.
        const used = results.entries.filter(({ id }) => id.startsWith("cycle/")).length;
        const rounds = killCycles(open, used + round).map((cycle) => killedStory(cycle.id, cycle.kills, trace, story));
        if (open.length > 0) say(`kill points: ${open.length} to be hit in ${rounds.length} stories (round ${round})`);
        await runAll(round === 1 ? [...beside, ...rounds] : rounds, count);
        if (rounds.length === 0) return;
      }
      const hit = new Set(results.entries.flatMap(({ hits }) => hits));
      for (const { id } of kills) if (!hit.has(id)) say(`not hit in ${mostRounds} rounds: ${id}`);
    },
    async scan() {
      const logs = await readFolder(world.stack.logs);
      const leaks = await findLeaks(logs, values);
      const { planted, found } =
        samples === undefined
          ? { planted: 0, found: 0 }
          : await plantLeaks([...samples.outputs, ...logs], samples.values, randomFrom(1));
      say(`scan: ${values.size} values looked for; ${found} of ${planted} planted ones found`);
      await keep({
        id: "scan",
        tally: emptyTally(),
        violations: leaks.map(({ output, form, at }) => ({
          invariant: "LEAK",
          what: `A credential value stands in the log ${output}.`,
          evidence: `${form} at ${at}`,
        })),
        hits: [],
        leaks: leaks.length,
        seconds: 0,
        planted,
        plantedFound: found,
      });
    },
    abandon() {
      abandoned = true;
      return Promise.resolve();
    },
  };
}

function entryOf(result: ScenarioResult, trace: StoryTrace | undefined): LifecycleEntry {
  const { id, tally, violations, hits, leaks, seconds } = result;
  return {
    id,
    tally,
    violations,
    hits,
    leaks,
    seconds,
    ...(trace === undefined ? {} : { trace }),
  };
}
