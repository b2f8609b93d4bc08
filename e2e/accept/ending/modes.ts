import type { LifecycleCampaign } from "../lifecycle/campaign.ts";
import { killCycles, killedStory } from "../lifecycle/kills.ts";
import { lifecycleVerdict } from "../lifecycle/modes.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import type { Story } from "../lifecycle/story.ts";
import { pick } from "../random.ts";
import { changeScenarios } from "./changes.ts";
import { clusterCases } from "./cases-cluster.ts";
import { iamCases } from "./cases-iam.ts";
import { leaverBatch } from "./play.ts";
import type { Chosen } from "./play.ts";
import { titleOf } from "./play.ts";
import type { PartName } from "./parts.ts";
import { fewOfRecord, recordScenarios } from "./record.ts";
import { plantedFaults } from "./prove.ts";
import { storiesWith } from "./story.ts";
import type { EndingEntry } from "./summary.ts";
import { casesOfStay, fewOfStay, stayScenarios } from "./stay-cases.ts";
import { missedEndingTargets, summariseEnding } from "./summary.ts";
import { bothEndings, emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

export interface EndingVoice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
  readonly lanes: number;
}

/** Where scenarios leave what they count, for the entry that is kept of them. */
export type Tallies = Map<string, EndingTally>;

/** Cases on one site at once. */
const atOnce = 4;

/** Every case with every way to end that it names. */
export function chosenCases(): readonly Chosen[] {
  return [...iamCases, ...clusterCases].flatMap((it) => it.ends.map((end) => ({ it, end })));
}

/** Cases of different kinds together, so that no server has all the work at once. */
function batches(chosen: readonly Chosen[], tallies: Tallies): readonly Scenario[] {
  const count = Math.ceil(chosen.length / atOnce);
  return Array.from({ length: count }, (_, i) => {
    const id = `leavers/${i + 1}`;
    const mine = chosen.filter((_, place) => place % count === i);
    return leaverBatch(id, mine, (tally) => tallies.set(id, tally));
  });
}

function storiesInto(tallies: Tallies): ReturnType<typeof storiesWith> {
  return storiesWith((id, uncutSeconds) => {
    tallies.set(id, bothEndings(tallies.get(id) ?? emptyEnding(), { ...emptyEnding(), uncutSeconds }));
  });
}

type Campaign = LifecycleCampaign<EndingEntry>;

/** All parts, or one, and the line of JSON. */
export async function wholeEnding(
  all: Campaign,
  tallies: Tallies,
  part: PartName | undefined,
  voice: EndingVoice,
): Promise<number> {
  const { say, print, lanes } = voice;
  if (all.results.entries.length > 0)
    say(`${all.results.entries.length} results of this commit are there already (--fresh starts over)`);
  let code = 0;
  if (part === undefined || part === "ground") code = Math.max(code, await ground(all, voice));
  if (part === "ground") return code;
  if (part === "record") return record(all, tallies, voice);
  const keep = (id: string, tally: EndingTally): void => void tallies.set(id, tally);
  if (part !== "cut") await all.perform(stayScenarios(casesOfStay, keep), lanes);
  if (part === "stay") return stayed(all, voice);
  const scenarios = [...batches(chosenCases(), tallies), ...changeScenarios(keep)];
  if (part === undefined) scenarios.push(...recordScenarios(keep));
  await all.perform(scenarios, lanes);
  const kills: string[] = [];
  for (const [name, story] of Object.entries(storiesInto(tallies))) {
    const told = await all.reference([`${name}-story`, `${name}-story-again`], story);
    kills.push(...told.kills.map(({ id }) => id));
    // A killed story waits for restarts more than it asks.
    await all.kill(told.kills, told.trace, lanes + 1, [], story);
  }
  await all.scan();
  const summary = summariseEnding(all.results, kills);
  // What another part brings is asked of the whole line alone.
  const missed = missedEndingTargets(summary).filter(
    (target) => part === undefined || !/^(tamper|readOnly|editor|hold)/.test(target),
  );
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify(summary));
  return missed.length === 0 ? code : 1;
}

/** That part by itself; its members of the line, and what they must reach. */
async function record(all: Campaign, tallies: Tallies, { say, print, lanes }: EndingVoice): Promise<number> {
  const scenarios = recordScenarios((id, tally) => tallies.set(id, tally));
  await all.perform(scenarios, lanes);
  await all.scan();
  const mine = all.results.entries.filter(({ id }) => scenarios.some((one) => one.id === id));
  const summary = summariseEnding({ ...all.results, entries: mine }, []);
  const { tamperCases, tampersMissed, readOnlyWaiting, readOnlyMutations, violations, minutes } = summary;
  const missed = missedEndingTargets(summary).filter((target) => /^(tamper|readOnly|violations)/.test(target));
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify({ tamperCases, tampersMissed, readOnlyWaiting, readOnlyMutations, violations, minutes }));
  return missed.length === 0 ? 0 : 1;
}

/** What editors and evaders came to; the rest of the line is the other parts'. */
async function stayed(all: Campaign, { say, print }: EndingVoice): Promise<number> {
  await all.scan();
  const summary = summariseEnding(all.results, []);
  const mine = ["editorAttempts", "editorWins", "holdEvasions", "holdWins", "falseProofs", "violations"] as const;
  const missed = missedEndingTargets(summary).filter((target) => mine.some((name) => target.startsWith(`${name} `)));
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify(Object.fromEntries([...mine, "minutes" as const].map((name) => [name, summary[name]]))));
  return missed.length === 0 ? 0 : 1;
}

/** The observer, shown by faults that are planted beneath it. */
async function ground(all: Campaign, { say, print }: EndingVoice): Promise<number> {
  const missing = { planted: 0, found: 0, falseAlarms: 0 };
  await all.perform([plantedFaults((line) => Object.assign(missing, line))], 1);
  const violated = (all.results.get("observer")?.violations ?? []).length;
  if (missing.planted === 0) say("the observer was shown in an earlier session");
  else print(JSON.stringify(missing));
  return violated === 0 && missing.found === missing.planted && missing.falseAlarms === 0 ? 0 : 1;
}

/** Cases, batches or kill points by (a part of) their names, or their list. */
export async function oneEnding(
  all: Campaign,
  tallies: Tallies,
  name: string,
  { say, print, lanes }: EndingVoice,
): Promise<number> {
  const stories = storiesInto(tallies);
  const keep = (id: string, tally: EndingTally): void => void tallies.set(id, tally);
  const changes = [...changeScenarios(keep), ...recordScenarios(keep)];
  if (name === "list") {
    for (const one of chosenCases()) print(titleOf(one));
    for (const { id } of changes) print(id);
    for (const { it } of casesOfStay) print(it.id);
    for (const story of Object.keys(stories)) print(`${story}-story (undisturbed), kill/PHASE/… (any part of it)`);
    return 0;
  }
  if (name.includes("kill/") || name.endsWith("-story")) {
    for (const [of, story] of Object.entries(stories)) {
      const part = name.endsWith("-story") ? story : livesOf(name, story);
      if (part.phases.length === 0 || (name.endsWith("-story") && name !== `${of}-story`)) continue;
      const told = await all.reference([`${of}-story`, `${of}-story-again`], part);
      const chosen = told.kills.filter(({ id }) => id.includes(name));
      await all.kill(chosen, told.trace, lanes, [], part);
    }
    return lifecycleVerdict(all.results.entries, print);
  }
  const names = name.split(",");
  const fits = (id: string): boolean => names.some((one) => id.includes(one));
  const scenarios = [
    ...batches(
      chosenCases().filter((one) => fits(titleOf(one))),
      tallies,
    ),
    ...changes.filter(({ id }) => fits(id)),
    ...stayScenarios(
      casesOfStay.filter(({ it }) => fits(it.id)),
      keep,
    ),
  ];
  if (scenarios.length === 0) {
    say(`There is no case ${name}; --scenario list names them all.`);
    return 2;
  }
  await all.perform(scenarios, lanes);
  print(JSON.stringify(summariseEnding(all.results, [])));
  return lifecycleVerdict(all.results.entries, print);
}

/** The part of a story in which kill points may have this name, or begin with it. */
function livesOf(name: string, story: Story): Story {
  const isMeant = (phase: string): boolean => `kill/${phase}/`.startsWith(name) || name.startsWith(`kill/${phase}/`);
  const lives = new Set(story.phases.filter((phase) => isMeant(phase.name)).map(({ life }) => life));
  return { ...story, phases: story.phases.filter(({ life }) => lives.has(life)) };
}

/** A few cases, and kills in one life of the stories, drawn by a seed, for every build. */
export async function sampleEnding(
  all: Campaign,
  tallies: Tallies,
  random: () => number,
  { print }: Pick<EndingVoice, "print">,
): Promise<number> {
  const few = pick(
    chosenCases().filter(({ end }) => end !== "ledger"),
    atOnce,
    random,
  );
  const { iam, cluster, holds } = storiesInto(tallies);
  const [whole = iam] = pick([iam, cluster, holds], 1, random);
  const [{ life } = {}] = pick(whole.phases, 1, random);
  const story = { ...whole, phases: whole.phases.filter((phase) => phase.life === life) };
  const killed = async (): Promise<void> => {
    const told = await all.reference(["ending-story"], story);
    const [cycle] = killCycles(pick(told.kills, 6, random), 1);
    if (cycle !== undefined) await all.perform([killedStory(cycle.id, cycle.kills, told.trace, story)], 1);
  };
  const keep = (id: string, tally: EndingTally): void => void tallies.set(id, tally);
  const others = [fewOfRecord(random, keep), fewOfStay(random, keep)];
  await Promise.all([killed(), all.perform([...batches(few, tallies), ...others], 2, 1)]);
  return lifecycleVerdict(all.results.entries, print);
}
