import { sleep } from "../../stack/wait.ts";
import { guarded } from "../ending/place.ts";
import type { Scenario, Stage } from "../lifecycle/stage.ts";
import { closeCrowd, knownFlags, mobOf, openCrowd, tallyFor } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { joinHealthy, joinVictim, revoke, secondsToReady, watchMemory } from "./measures.ts";
import type { CrowdTally, FloodKind } from "./tally.ts";

/** Where a scenario leaves what it counts, by its id. */
export type Keep = (id: string, tally: CrowdTally) => void;

/** An activity that goes on until it is stopped; `done` says how often. */
export interface UnderWay {
  readonly done: () => number;
  stop(): Promise<void>;
}

/** A flood says what is prepared, what is done, and what is expected besides what every flood must leave others. */
export interface Flood {
  readonly id: string;
  readonly kind: FloodKind;
  readonly namespaces: number;
  readonly labels?: object;
  readonly flags?: Readonly<Record<string, string>>;
  /** Absent: the operator watches the whole cluster, as it is shipped. */
  readonly onlyHere?: true;
  /** Rotations elsewhere that are measured before and under the flood. */
  readonly healthy?: number;
  /** One that takes less is fast; absent: none is. */
  readonly fastSeconds?: number;
  prepare?(crowd: Crowd): Promise<void>;
  begin(crowd: Crowd): Promise<UnderWay>;
  /** Beside the revocation and the rotations elsewhere. */
  meanwhile?(crowd: Crowd): Promise<void>;
  /** When the flood is over; the operator runs on. */
  after?(crowd: Crowd): Promise<void>;
}

/** The line's bound; by how much a rotation elsewhere may be slower. */
const mostSlowdown = 3;

export function floodScenario(flood: Flood, keep: Keep): Scenario {
  const { id, namespaces, flags = {}, onlyHere } = flood;
  return {
    id,
    site: (name) => {
      const mobs = Array.from({ length: namespaces }, (_, i) => mobOf(name, i + 1));
      const watched = onlyHere === true ? [name, ...mobs].join(",") : "";
      return {
        ...{ leavers: true, resync: "30s", asImage: true },
        flags: { "watch-namespace": watched, ...knownFlags(flags) },
      };
    },
    play: (stage) => play(stage, flood, keep),
  };
}

async function play(stage: Stage, flood: Flood, keep: Keep): Promise<void> {
  const { namespaces, labels = {}, healthy = 3, fastSeconds = 0 } = flood;
  const count = tallyFor((tally) => keep(flood.id, tally));
  const crowd = await openCrowd(stage, { namespaces, labels, count });
  const memory = watchMemory(crowd);
  try {
    const victim = await joinVictim(crowd, "victim");
    const names = (what: string): string[] => Array.from({ length: healthy }, (_, i) => `${what}-${i + 1}`);
    await joinHealthy(crowd, [...names("quiet"), ...names("busy")]);
    const quiet = await secondsToReady(crowd, names("quiet"));
    await flood.prepare?.(crowd);
    const under = await flood.begin(crowd);
    await guarded(stage, flood.id, async () => {
      // The flood is under way before anything is measured.
      await sleep(1000);
      await Promise.all([
        revoke(crowd, victim),
        secondsToReady(crowd, names("busy")).then((busy) => slowdown(crowd, quiet, busy, fastSeconds)),
        flood.meanwhile?.(crowd),
      ]);
    });
    await under.stop();
    stage.say(`${under.done()} acts of ${flood.kind}`);
    count({ floods: under.done() > 0 ? [flood.kind] : [] });
    await flood.after?.(crowd);
  } finally {
    await memory.stop();
    await closeCrowd(crowd).catch((error: unknown) =>
      stage.broken("RUN", "A flood could not be cleared.", String(error)),
    );
  }
}

function slowdown({ stage, count }: Crowd, quiet: number, busy: number, fastSeconds: number): void {
  const ratio = busy / quiet;
  count({ healthySlowdownMax: ratio });
  stage.say(`a healthy rotation elsewhere: ${quiet.toFixed(2)} s quiet, ${busy.toFixed(2)} s under the flood`);
  if (ratio > mostSlowdown && busy > fastSeconds)
    stage.broken("L1", `A healthy rotation elsewhere is ${ratio.toFixed(1)} times slower under ${stage.id}.`, {
      quiet,
      busy,
    });
}

/** Acts again and again, a few at a time, until it is stopped; what fails is no act. `everyMs` between two acts of one of them. */
export function againAndAgain(
  act: (number: number) => Promise<unknown>,
  { workers = 4, everyMs = 0 }: { readonly workers?: number; readonly everyMs?: number } = {},
): UnderWay {
  let over = false;
  let done = 0;
  let number = 0;
  const work = async (): Promise<void> => {
    while (!over) {
      number += 1;
      await act(number).then(
        () => (done += 1),
        () => sleep(100),
      );
      if (everyMs > 0) await sleep(everyMs);
    }
  };
  const running = Array.from({ length: workers }, work);
  return {
    done: () => done,
    async stop() {
      over = true;
      await Promise.all(running);
    },
  };
}

/** Acts once for each; it may go on after what is measured, and `stop` waits for the rest. */
export function onceForEach<T>(
  all: readonly T[],
  act: (one: T) => Promise<unknown>,
  failed: (error: unknown) => void,
  workers = 8,
): UnderWay {
  const queue = [...all];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await act(next).then(() => (done += 1), failed);
  };
  const running = Array.from({ length: workers }, work);
  return {
    done: () => done,
    async stop() {
      await Promise.all(running);
    },
  };
}
