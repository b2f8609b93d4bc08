import { sleep } from "../../stack/wait.ts";
import type { Stage } from "../lifecycle/stage.ts";
import { claimAnywhere } from "./ends.ts";
import { isFalseProof, leftIn, look } from "./observer.ts";
import type { Access, Round } from "./observer.ts";

/** Looks at what a leaver ever had, again and again, while the operator is killed and started. */
export interface AliveWatch {
  /** Resolves when nothing works; it is a violation where something does for longer than that. */
  allRefused(): Promise<void>;
  /** Looks no more: what works from here on is by right. */
  stop(): Promise<void>;
}

/** Something may work for so long while an operator is there to end it. */
const mostSeconds = 30;
const everyMs = 1000;
/** Of a play that has broken off. */
const longestSeconds = 600;

/**
 * Tries every access about once a second. Works one on for over 30 s of the operator's life, or while a proof is claimed before and
 * after, it is a violation of the stage.
 */
export function watchAlive(stage: Stage, name: string, accesses: readonly Access[]): AliveWatch {
  const { site } = stage;
  let running = true;
  let aliveSeconds = 0;
  let last: Round | undefined;
  const told = new Set<string>();
  const broken = (what: string, round: Round): void => {
    if (told.has(what)) return;
    told.add(what);
    stage.broken("S10", `${name}: ${what}`, [leftIn(round).map((one) => one.what), round.before, round.after]);
  };
  const once = async (): Promise<Round> => {
    const began = performance.now();
    const isThere = await stage.operator().ready();
    const round = await look(accesses, () => claimAnywhere({ site, name }));
    const left = leftIn(round);
    if (isFalseProof(round)) broken("a proof is claimed while something works.", round);
    await sleep(everyMs);
    if (left.length === 0) aliveSeconds = 0;
    else if (isThere) aliveSeconds += (performance.now() - began) / 1000;
    if (aliveSeconds > mostSeconds) broken(`something works ${mostSeconds} s after it could have been ended.`, round);
    return (last = round);
  };
  const end = performance.now() + longestSeconds * 1000;
  const work = async (): Promise<void> => {
    while (running && performance.now() < end) await once();
  };
  const done = work().catch((error: unknown) => {
    if (running) stage.broken("RUN", `${name} could not be looked at.`, String(error));
  });
  return {
    async allRefused() {
      const before = last;
      const until = performance.now() + mostSeconds * 1000;
      // A look that began after this was asked.
      while (last === before || last === undefined || leftIn(last).length > 0) {
        if (performance.now() > until) {
          stage.broken(
            "S10",
            `${name}: something works ${mostSeconds} s after the end.`,
            last && leftIn(last).map(({ what }) => what),
          );
          return;
        }
        await sleep(100);
      }
    },
    async stop() {
      running = false;
      await done;
    },
  };
}
