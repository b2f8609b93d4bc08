import type { Account, ServiceAccountLifecycleSpec } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { sleep } from "../../stack/wait.ts";
import type { Scenario, Stage } from "../lifecycle/stage.ts";
import { everythingOf } from "./access.ts";
import { editorOf, giveEditors } from "./editor.ts";
import type { Answer, Editor } from "./editor.ts";
import { claimAnywhere } from "./ends.ts";
import { iamReader } from "./iam-view.ts";
import type { Access, Round } from "./observer.ts";
import { countRound, isFalseProof, leftIn, look } from "./observer.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

// What has ended stays ended (A7): an editor tries, then everything is tried that the identity ever had.

/** A case that is being played. */
export interface StayPlay {
  readonly stage: Stage;
  readonly site: IdentitySite;
  readonly name: string;
  readonly editor: Editor;
  readonly accesses: Access[];
  readonly tally: EndingTally;
  /** Done when the case is over. */
  readonly onEnd: (undo: () => Promise<unknown>) => void;
  /** When it expires, for cases that say so while they prepare. */
  expiresAt: Date | undefined;
}

export interface Attempt {
  readonly what: string;
  /** Resolves with the API server's word; throws where the attempt was none. */
  readonly run: (play: StayPlay) => Promise<Answer>;
}

/** One kind of attempts at one identity. */
export interface StayCase {
  readonly id: string;
  accounts(site: IdentitySite): readonly Account[];
  readonly spec?: Partial<ServiceAccountLifecycleSpec>;
  /** What stands beside what was declared, while it lives; what works because of it. */
  load?(play: StayPlay): Promise<readonly Access[]>;
  /** Tried while it lives, so that the end does not come or does not count. */
  readonly before?: readonly Attempt[];
  /** Ends it; resolves when the end has come. */
  end(play: StayPlay): Promise<unknown>;
  /** Tried after everything was refused. */
  readonly after?: readonly Attempt[];
  /** What must stay refused where the rest may come back by right; absent: everything. */
  only?(what: string, play: StayPlay): boolean;
  /** What must come of it besides; told as what is wrong. */
  finally?(play: StayPlay): Promise<string | undefined>;
}

/** Who tries, and the names of the tally's members that a case counts in. */
export interface Counted {
  readonly who: "intern" | "team";
  readonly attempts: "editorAttempts" | "holdEvasions";
  readonly wins: "editorWins" | "holdWins";
  /** Everything must be refused for so long after the last attempt, in seconds; absent: `mostSeconds`. */
  readonly watched?: number;
}

/** A case, and how it counts. */
export interface Counting {
  readonly it: StayCase;
  readonly counted: Counted;
}

/** Everything must be refused this long after the end, and still this long after the last attempt. */
const mostSeconds = 30;
const lookEveryMs = 3000;

/** Cases at once on one site, each with an identity of its own; `done` is given what they count together. */
export function stayBatch(id: string, cases: readonly Counting[], done: (tally: EndingTally) => void): Scenario {
  return {
    id,
    site: (name) => ({
      ...{ resync: "6s", leavers: true },
      flags: { "watch-namespace": `${name},${name}-people` },
    }),
    async play(stage) {
      const tally = emptyEnding();
      await giveEditors(stage.site);
      try {
        await Promise.all(cases.map((one, i) => playOne(stage, one, `e${i + 1}`, tally)));
      } finally {
        done(tally);
      }
    },
  };
}

async function playOne(stage: Stage, { it, counted }: Counting, name: string, tally: EndingTally): Promise<void> {
  const { site } = stage;
  const undo: (() => Promise<unknown>)[] = [];
  const play: StayPlay = {
    ...{ stage, site, name, tally, accesses: [], expiresAt: undefined },
    editor: editorOf(site, site[counted.who]),
    onEnd: (one) => void undo.push(one),
  };
  const answers: string[] = [];
  const wins: string[] = [];
  try {
    await prepare(play, it);
    await tryAll(play, it.before ?? [], counted, answers);
    await it.end(play);
    const late = await untilRefused(play, it);
    // Without an attempt before it, an end that takes long is nobody's win; part `cut` measures it.
    if (it.before !== undefined && late.length > 0)
      wins.push(`works ${mostSeconds} s after the end: ${late.join(", ")}`);
    await tryAll(play, it.after ?? [], counted, answers);
    wins.push(...(await staysRefused(play, it, counted.watched ?? mostSeconds)));
    const wrong = await it.finally?.(play);
    if (wrong !== undefined) stage.broken("S10", `${it.id}: ${wrong}`, (await claimAnywhere(play)).message);
  } catch (error) {
    const { message, cause, stack } = error as Error;
    stage.broken(
      "L1",
      `${it.id}: ${message.slice(0, 300)}`,
      `${cause instanceof Error ? cause.message : ""}\n${stack}`,
    );
  }
  if (wins.length > 0) {
    tally[counted.wins] += 1;
    stage.broken("S10", `${it.id}: ${wins.join("; ")}`.slice(0, 900), [
      answers,
      await claimAnywhere(play).catch(String),
    ]);
  }
  for (const one of undo.reverse())
    await one().catch((error: unknown) => stage.broken("RUN", `${it.id}: could not be put away.`, String(error)));
  for (const one of play.accesses) one.close();
  stage.say(`${it.id}: ${answers.join(", ")}: ${wins.length > 0 ? "WON" : "ok"}`);
}

/** Joins and gathers everything; what does not work now proves nothing later. */
async function prepare(play: StayPlay, it: StayCase): Promise<void> {
  const { site, name, stage, accesses } = play;
  const accounts = it.accounts(site);
  const declared = site.identity(name, accounts, { deletion: { holdFor: "1h", timeout: "60s" }, ...it.spec });
  await site.apply({ ...declared, spec: { ...declared.spec, drift: { mode: "Report" } } });
  await site.until(name, "Good", 120_000);
  const loaded = (await it.load?.(play)) ?? [];
  const read = iamReader(site.lane.world.stack.aws.client);
  accesses.push(...loaded, ...(await everythingOf(site, name, accounts, read)));
  const { worked } = await look(accesses, nothingSaid);
  for (const one of accesses.filter((access) => !worked.includes(access)))
    stage.broken("RUN", `${it.id}: does not work before the end, so its refusal proves nothing.`, one.what);
}

const nothingSaid = () => Promise.resolve({ proven: false, reason: "", message: "" });

async function tryAll(
  play: StayPlay,
  attempts: readonly Attempt[],
  counted: Counted,
  answers: string[],
): Promise<void> {
  for (const { what, run } of attempts) {
    const answer = await run(play);
    play.tally[counted.attempts] += 1;
    answers.push(`${what} ${answer}`);
  }
}

/** Waits until the end is real, and says what still worked 30 s after it had come. */
async function untilRefused(play: StayPlay, it: StayCase): Promise<readonly string[]> {
  const began = Date.now();
  let late: readonly string[] = [];
  for (;;) {
    const left = leftOf(await oneLook(play, it, true));
    const seconds = (Date.now() - began) / 1000;
    if (seconds > mostSeconds && late.length === 0) late = left;
    if (left.length === 0 || (it.before !== undefined && seconds > mostSeconds)) return late;
    if (seconds > 4 * mostSeconds) throw new Error(`it has not ended, so nothing can be tried: ${left.join(", ")}`);
    await sleep(1000);
  }
}

/** What is wrong so many seconds after the last attempt, and proofs that were false meanwhile. */
async function staysRefused(play: StayPlay, it: StayCase, seconds: number): Promise<readonly string[]> {
  const began = Date.now();
  const wins = new Set<string>();
  for (;;) {
    const isLast = Date.now() - began > seconds * 1000;
    const round = await oneLook(play, it, !isLast);
    if (isFalseProof(round)) wins.add(`a proof is claimed while this works: ${leftOf(round).join(", ")}`);
    const left = leftOf(round);
    if (isLast) {
      if (left.length > 0) wins.add(`works ${seconds} s after the last attempt: ${left.join(", ")}`);
      return [...wins];
    }
    await sleep(lookEveryMs);
  }
}

/** `early`: what others have bound since the last list of bindings need not be told of yet. */
async function oneLook(play: StayPlay, it: StayCase, early: boolean): Promise<Round> {
  const all = await look(play.accesses, () => claimAnywhere(play));
  const counts = ({ what, from }: Access): boolean => it.only?.(what, play) !== false && !(early && from === "others");
  const round = { ...all, worked: all.worked.filter(counts) };
  countRound(play.tally, round);
  return round;
}

function leftOf(round: Round): readonly string[] {
  return leftIn(round).map(({ what }) => what);
}
