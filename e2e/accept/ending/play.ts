import { atProviders, readOutside } from "../../lane/outside.ts";
import { briefly } from "../../lane/identity.ts";
import { sleep } from "../../stack/wait.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { candidateActions, everythingOf } from "./access.ts";
import { comesBack } from "./back.ts";
import { ends } from "./ends.ts";
import type { EndName } from "./ends.ts";
import { iamReader, isAllowed, sharedIamReader } from "./iam-view.ts";
import type { IamView } from "./iam-view.ts";
import type { Leaver, LeaverCase } from "./leaver.ts";
import { leaverOf } from "./leaver.ts";
import type { Round } from "./observer.ts";
import { countRound, isFalseProof, leftIn, look, uncutMeter } from "./observer.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

/** Nothing of a leaver may work this long after a way was open. */
const mostSeconds = 30;
/** For what is said of it: a list of bindings, for instance, is made once a minute. */
const mostSecondsToSay = 100;
/** Not more often: with many leavers at once the looks would be most of what the servers have to do. */
const lookEveryMs = 4000;

export interface Chosen {
  readonly it: LeaverCase;
  readonly end: EndName;
}

/** A few cases at once on one site, each with an identity of its own; `done` is given what they count together. */
export function leaverBatch(id: string, cases: readonly Chosen[], done: (tally: EndingTally) => void): Scenario {
  return {
    id,
    site: (name) => ({
      ...{ resync: "6s", leavers: true },
      // Somebody else's bindings stand in both.
      flags: { "watch-namespace": `${name},${name}-people` },
    }),
    async play(stage) {
      const tally = emptyEnding();
      const leavers = cases.map(({ it, end }, i) =>
        leaverOf(stage, { it, end, name: `l${i + 1}` }, { meter: uncutMeter(), tally }),
      );
      const { client } = stage.site.lane.world.stack.aws;
      const readIam = iamReader(client);
      const watched = watchIam(sharedIamReader(client));
      try {
        await Promise.all(leavers.map((leaver) => playOne(leaver, watched, readIam)));
      } finally {
        await watched.stop();
        for (const leaver of leavers) {
          await leaver.lift().catch((error: unknown) => stage.broken("RUN", "A refusal could not be lifted.", error));
          for (const one of leaver.accesses) one.close();
        }
        done(tally);
      }
    },
  };
}

/** Whom to look for at IAM, and what measures. */
export type Followed = Pick<Leaver, "user" | "role" | "meter">;

export interface IamWatch {
  /** From now on this leaver's former actions are looked for. */
  follow(leaver: Followed): Promise<void>;
  stop(): Promise<void>;
}

/** Reads IAM again and again, all principals at one moment, for everybody who is followed. */
export function watchIam(read: () => Promise<IamView>): IamWatch {
  const followed: { readonly leaver: Followed; readonly principal: string; readonly former: readonly string[] }[] = [];
  let over = false;
  const run = async (): Promise<void> => {
    while (!over) {
      const began = Date.now();
      const view = followed.length === 0 ? undefined : await read().catch(() => undefined);
      if (view !== undefined)
        for (const { leaver, principal, former } of followed) {
          const held = view.get(principal);
          leaver.meter.sample(began, held === undefined ? [] : former.filter((action) => isAllowed(held, action)));
        }
      await sleep(400);
    }
  };
  const running = run();
  return {
    async follow(leaver) {
      const view = await read();
      for (const principal of [`user/${leaver.user}`, `role/${leaver.role}`]) {
        const held = view.get(principal);
        if (held === undefined) continue;
        followed.push({ leaver, principal, former: candidateActions.filter((action) => isAllowed(held, action)) });
      }
    },
    async stop() {
      over = true;
      await running;
    },
  };
}

/** Joins, gathers, ends, looks, and says what is wrong. */
async function playOne(leaver: Leaver, watch: IamWatch, readIam: () => Promise<IamView>): Promise<void> {
  const { stage, site, it, name, tally } = leaver;
  const title = titleOf(leaver);
  const faults: string[] = [];
  const isWrong = (what: string, evidence: unknown): void => {
    faults.push(what);
    stage.broken("S10", `${title}: ${what}`, evidence);
  };
  try {
    await join(leaver);
    await it.load?.(leaver);
    if (it.unproven !== true) leaver.accesses.push(...(await everythingOf(site, name, leavingOf(leaver), readIam)));
    const stood = await look(leaver.accesses, () => Promise.resolve({ proven: false, reason: "", message: "" }));
    for (const one of leaver.accesses.filter((access) => !stood.worked.includes(access)))
      stage.broken("RUN", `${title}: does not work before the end, so its refusal proves nothing.`, one.what);
    const whole = atProviders(await readOutside(site));
    await watch.follow(leaver);
    await it.refuse?.(leaver);
    await ends[leaver.end].act(leaver);
    tally.leaverCases += 1;
    await refusedMeanwhile(leaver, isWrong);
    if (it.unproven !== true) await provenAtLast(leaver, isWrong);
    const uncut = leaver.meter.seconds();
    tally.uncutSeconds += uncut;
    if (uncut > 0) isWrong(`${uncut} s without a cut`, [...leaver.meter.seen]);
    leaver.meter.stop();
    tally.stepsRefused += leaver.refused();
    if (leaver.end === "suspended" && it.unproven !== true && it.staysAway !== true && faults.length === 0)
      for (const line of await comesBack(leaver, whole))
        stage.broken("S12", `${title}: has not come back as it must.`, line);
  } catch (error) {
    const { message, cause, stack } = error as Error;
    faults.push(message);
    stage.broken(
      "L1",
      `${title}: ${message.slice(0, 300)}`,
      `${cause instanceof Error ? cause.message : ""}\n${stack}`,
    );
  }
  if (faults.length > 0) tally.leaverWrong += 1;
  stage.say(`${title}: ${faults.length > 0 ? "WRONG" : "ok"}`);
}

async function join(leaver: Leaver): Promise<void> {
  const { site, it, name, accounts } = leaver;
  if (it.join !== undefined) return it.join(leaver);
  await site.apply(declared(leaver, accounts));
  await site.until(name, "Good", 90_000);
}

/** With an account more where the others are left out: a spec without any is not valid. */
export function declared(
  { site, it, end, name }: Leaver,
  accounts: Leaver["accounts"],
): ReturnType<Leaver["site"]["identity"]> {
  const all = end === "left-out" ? [...accounts, site.vaultAccount({ name: "spare", policies: ["read"] })] : accounts;
  return site.identity(name, all, { drift: { mode: "Report" }, deletion: ends[end].deletion, ...it.spec });
}

function leavingOf({ it, end, accounts }: Leaver): Leaver["accounts"] {
  const { leaving } = it;
  return end === "left-out" && leaving !== undefined
    ? accounts.filter((account) => leaving.includes(account.name))
    : accounts;
}

type Wrong = (what: string, evidence: unknown) => void;

/** While something is in the way: what need not wait for it is refused, what must be said is said; then it goes out of the way. */
async function refusedMeanwhile(leaver: Leaver, isWrong: Wrong): Promise<void> {
  const { it, stage } = leaver;
  if (it.lifted !== true && it.says === undefined) return;
  const own = leaver.accesses.filter(({ what, from }) => from === "own" && it.meanwhile?.test(what) === true);
  const began = Date.now();
  let last: Round | undefined;
  const isDone = (round: Round): boolean =>
    !round.worked.some((one) => own.includes(one)) && (it.says === undefined || says(round, it.says));
  const most = (it.says === undefined ? mostSeconds : mostSecondsToSay) * 1000;
  const tooLong = (): boolean => Date.now() - began > most;
  do {
    last = await oneLook(leaver, isWrong);
    if (isDone(last) && leaver.refused() > 0) break;
    // A step that is never tried is not refused; the rest must be as it has to be all the same.
    if (isDone(last) && Date.now() - began > 20_000) break;
    await sleep(lookEveryMs);
  } while (!tooLong());
  const still = last.worked.filter((one) => own.includes(one));
  if (still.length > 0) {
    leaver.tally.accessLeft += still.length;
    isWrong("works on, though only another step is refused", [still.map(({ what }) => what), last.after]);
  }
  if (it.says !== undefined && !says(last, it.says)) isWrong(`does not say ${it.says.reason}`, await standing(leaver));
  if (it.unproven === true) return;
  // Some seconds more in which nothing may be claimed.
  for (let i = 0; i < 2; i += 1) {
    await sleep(lookEveryMs);
    await oneLook(leaver, isWrong);
  }
  if (it.lifted !== true) return;
  if (leaver.refused() === 0 && it.says === undefined)
    stage.say(`${titleOf(leaver)}: nothing was refused, so it shows less than it should`);
  await leaver.lift();
}

/** From the moment that a way is open: nothing works after 30 s, and it is said. */
async function provenAtLast(leaver: Leaver, isWrong: Wrong): Promise<void> {
  const { it, tally } = leaver;
  const open = Date.now();
  const after = (seconds: number): boolean => Date.now() - open > seconds * 1000;
  const isSaid = ({ after: claim }: Round): boolean => claim.proven && it.names?.test(claim.message) !== false;
  let round = await oneLook(leaver, isWrong);
  while (leftIn(round).length > 0 || !isSaid(round)) {
    const left = leftIn(round);
    if (left.length > 0 && after(mostSeconds)) {
      tally.accessLeft += left.length;
      isWrong(`works ${mostSeconds} s after a way was open`, [left.map(({ what }) => what), await standing(leaver)]);
      return;
    }
    if (after(mostSecondsToSay)) {
      const { after: claim } = round;
      isWrong(
        claim.proven ? "its message does not name what it should" : "nothing works any more, and it is not said",
        [claim, await standing(leaver)],
      );
      return;
    }
    await sleep(lookEveryMs);
    round = await oneLook(leaver, isWrong);
  }
  // It stays so.
  for (let i = 0; i < 2; i += 1) {
    await sleep(lookEveryMs);
    const left = leftIn(await oneLook(leaver, isWrong));
    if (left.length === 0) continue;
    tally.accessLeft += left.length;
    isWrong("works again after it was proven", [left.map(({ what }) => what), await standing(leaver)]);
    return;
  }
}

async function oneLook(leaver: Leaver, isWrong: Wrong): Promise<Round> {
  const round = await look(leaver.accesses, () => ends[leaver.end].claim(leaver));
  countRound(leaver.tally, round);
  if (isFalseProof(round))
    isWrong("a proof is claimed while something works", [round.worked.map(({ what }) => what), round.after]);
  return round;
}

function says({ after }: Round, expected: NonNullable<LeaverCase["says"]>): boolean {
  return !after.proven && after.reason === expected.reason && expected.names?.test(after.message) !== false;
}

async function standing({ site, name, end }: Leaver): Promise<string> {
  const identity = await site.find(name).catch(() => undefined);
  return identity === undefined ? `the resource is gone (${end})` : briefly(identity).slice(0, 2500);
}

export function titleOf({ it, end }: { readonly it: LeaverCase; readonly end: EndName }): string {
  return `${it.id}/${end}`;
}
