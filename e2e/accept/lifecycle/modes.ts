import { pick } from "../random.ts";
import type { LifecycleCampaign, LifecycleEntry } from "./campaign.ts";
import { adoptedIdentities, adoptedKeys, namesTaken } from "./brownfield.ts";
import { namespaceDeletion, selfHeal } from "./deletion.ts";
import { failedGenerations, mixedChanges } from "./failures.ts";
import { everybodyLeaves } from "./fifty.ts";
import { fieldPaths, fieldsAllTheWay, leavesAgainstServerAndPlanner, someFields } from "./fields.ts";
import { killCycles, killedStory } from "./kills.ts";
import type { Scenario } from "./stage.ts";
import { missedLifecycleTargets, summariseLifecycle } from "./summary.ts";
import { tenants } from "./tenants.ts";
import { prunedAndApplied } from "./undo.ts";

/** Who says and prints, and in how many lanes. */
export interface Voice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
  readonly lanes: number;
}

/** Everything but the kill points, longest first. */
const scenarios: readonly Scenario[] = [
  everybodyLeaves(50),
  ...fieldsAllTheWay,
  ...failedGenerations,
  namespaceDeletion,
  selfHeal,
  prunedAndApplied,
  leavesAgainstServerAndPlanner,
  ...mixedChanges,
  adoptedIdentities,
  adoptedKeys,
  namesTaken,
  tenants,
];

/** The whole campaign, and its line of JSON. */
export async function wholeLifecycle(all: LifecycleCampaign, { say, print, lanes }: Voice): Promise<number> {
  if (all.results.entries.length > 0)
    say(`${all.results.entries.length} results of this commit are there already (--fresh starts over)`);
  const { trace, kills, mutatingCalls } = await all.reference();
  await all.kill(kills, trace, lanes, scenarios);
  await all.scan();
  const summary = summariseLifecycle(
    all.results,
    kills.map(({ id }) => id),
    mutatingCalls,
  );
  const missed = missedLifecycleTargets(summary);
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify(summary));
  return missed.length === 0 ? 0 : 1;
}

/** Scenarios by their names (with commas between them), all that begin so, or their list. */
export async function oneLifecycle(
  all: LifecycleCampaign,
  name: string,
  { say, print, lanes }: Voice,
): Promise<number> {
  if (name === "list") {
    for (const { id } of scenarios) print(id);
    print("reference");
    print("kill/PHASE/SERVER/REQUEST/OCCURRENCE/POINT (any part of it)");
    return 0;
  }
  if (name === "reference" || name.startsWith("kill/")) {
    const { trace, kills } = await all.reference();
    const chosen = kills.filter(({ id }) => id.includes(name));
    await all.perform(
      killCycles(chosen, 1).map((cycle) => killedStory(cycle.id, cycle.kills, trace)),
      lanes,
    );
    const hit = new Set(all.results.entries.flatMap(({ hits }) => hits));
    for (const { id } of chosen) if (!hit.has(id)) say(`not hit: ${id}`);
    return lifecycleVerdict(all.results.entries, print);
  }
  const names = name.split(",");
  const chosen = scenarios.filter(({ id }) =>
    names.some((one) => id === one || id.startsWith(`${one}/`) || id.endsWith(`/${one}`)),
  );
  if (chosen.length === 0) {
    say(`There is no scenario ${name}; --scenario list names them all.`);
    return 2;
  }
  await all.perform(chosen, Math.min(lanes, chosen.length));
  return lifecycleVerdict(all.results.entries, print);
}

/** A few scenarios, drawn by a seed, for every build. */
export async function sampleLifecycle(
  all: LifecycleCampaign,
  random: () => number,
  { print, lanes }: Voice,
): Promise<number> {
  const few = [
    everybodyLeaves(5),
    someFields(pick(fieldPaths(), 3, random)),
    ...pick([...failedGenerations, namesTaken, adoptedKeys, prunedAndApplied], 1, random),
  ];
  const [{ trace, kills }] = await Promise.all([
    all.reference(["reference"]),
    all.perform(few, Math.max(1, lanes - 1), 1),
  ]);
  const [cycle] = killCycles(pick(kills, 40, random), 1);
  if (cycle !== undefined) await all.perform([killedStory(cycle.id, cycle.kills, trace)], 1);
  await all.scan();
  return lifecycleVerdict(all.results.entries, print);
}

/** One line for each entry, and how many passed; 1 where one has violations. */
export function lifecycleVerdict(entries: readonly LifecycleEntry[], print: (line: string) => void): number {
  for (const { id, violations, seconds, hits } of entries)
    print(
      `${violations.length === 0 ? "pass" : "FAIL"}  ${id} (${seconds.toFixed(0)} s${hits.length > 0 ? `, ${hits.length} kills` : ""})${violations.map(({ invariant, what }) => `\n        ${invariant}: ${what}`).join("")}`,
    );
  const failed = entries.filter(({ violations }) => violations.length > 0).length;
  print(`accept: ${entries.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
