import { freePort } from "../../stack/ports.ts";
import type { LifecycleCampaign } from "../lifecycle/campaign.ts";
import { lifecycleVerdict } from "../lifecycle/modes.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { pick } from "../random.ts";
import { floodScenario } from "./flood.ts";
import type { Flood, Keep } from "./flood.ts";
import { permits } from "./floods-limits.ts";
import { fatClaims } from "./floods-claims.ts";
import { fatBindings, fatObjects, retries, tenNamespaces, touches } from "./floods-objects.ts";
import { heldSockets, scrapes } from "./floods-ports.ts";
import { deadDatabase, hangingHook } from "./floods-targets.ts";
import { pruned } from "./prunes.ts";
import { roleCells } from "./role-cells.ts";
import type { TryRoles } from "./role-cells.ts";
import { full, sampled } from "./scale.ts";
import type { Scale } from "./scale.ts";
import type { CrowdEntry } from "./summary.ts";
import { crowdOf, missedCrowdTargets, summariseCrowd } from "./summary.ts";
import type { CrowdTally } from "./tally.ts";

export interface CrowdVoice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
}

export type CrowdTallies = Map<string, CrowdTally>;
type Campaign = LifecycleCampaign<CrowdEntry>;

/** One after the other: each measures how long others wait, and the operator watches the whole cluster. */
const lanes = 1;

async function floodsAt(scale: Scale): Promise<readonly Flood[]> {
  const floods = [
    ...scale.fat.map(fatObjects),
    ...scale.fatBindings.map(fatBindings),
    ...scale.fatClaims.map(fatClaims),
    touches(scale),
    permits(scale),
    retries(scale),
    ...(["refuses", "hangs"] as const).map((how) => deadDatabase(scale, how)),
    hangingHook(scale),
    heldSockets(scale),
    scrapes(scale, await freePort()),
    tenNamespaces(scale),
  ];
  return floods.map((flood) => ({
    ...flood,
    healthy: scale.healthy,
    fastSeconds: scale.fastSeconds,
    ...(scale.besideOthers ? { onlyHere: true as const } : {}),
  }));
}

async function scenariosAt(scale: Scale, keep: Keep, tryRoles: TryRoles): Promise<readonly Scenario[]> {
  return [
    ...(await floodsAt(scale)).map((flood) => floodScenario(flood, keep)),
    ...(["end", "keep"] as const).map((decision) => pruned(decision, keep)),
    roleCells(tryRoles, keep),
  ];
}

const into =
  (tallies: CrowdTallies): Keep =>
  (id, tally) =>
    void tallies.set(id, tally);

/** All floods at their full counts, both prunes, the roles, and the line of JSON. */
export async function wholeCrowd(
  all: Campaign,
  tallies: CrowdTallies,
  tryRoles: TryRoles,
  { say, print }: CrowdVoice,
): Promise<number> {
  if (all.results.entries.length > 0)
    say(`${all.results.entries.length} results of this commit are there already (--fresh starts over)`);
  await all.perform(await scenariosAt(full, into(tallies), tryRoles), lanes);
  await all.scan();
  const summary = summariseCrowd(all.results);
  const missed = missedCrowdTargets(summary, crowdOf(all.results));
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify(summary));
  return missed.length === 0 ? 0 : 1;
}

/** Scenarios by (a part of) their names, at their full counts, or their list. */
export async function oneCrowd(
  all: Campaign,
  tallies: CrowdTallies,
  tryRoles: TryRoles,
  name: string,
  { say, print }: CrowdVoice,
): Promise<number> {
  const scenarios = await scenariosAt(full, into(tallies), tryRoles);
  if (name === "list") {
    for (const { id } of scenarios) print(id);
    return 0;
  }
  const names = name.split(",");
  const chosen = scenarios.filter(({ id }) => names.some((one) => id.includes(one)));
  if (chosen.length === 0) {
    say(`There is no scenario ${name}; --scenario list names them all.`);
    return 2;
  }
  await all.perform(chosen, lanes);
  print(JSON.stringify(summariseCrowd(all.results)));
  return lifecycleVerdict(all.results.entries, print);
}

/** Dead databases need a PostgreSQL to be started; permits wait for an end. */
const notCheap = ["flood/database-refuses", "flood/database-hangs", "flood/permits", "flood/hanging-hook"];

/** One cheap flood, drawn by a seed, for every build. */
export async function sampleCrowd(
  all: Campaign,
  tallies: CrowdTallies,
  random: () => number,
  { print }: Pick<CrowdVoice, "print">,
): Promise<number> {
  const cheap = (await floodsAt(sampled)).filter(({ id }) => !notCheap.includes(id));
  const chosen = pick(cheap, 1, random).map((flood) => floodScenario(flood, into(tallies)));
  await all.perform(chosen, lanes);
  return lifecycleVerdict(all.results.entries, print);
}
