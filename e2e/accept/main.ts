import { parseArgs } from "node:util";
import { partsOf } from "../install/parts.ts";
import { acceptInstall } from "../install/run.ts";
import { startWorld } from "../lane/world.ts";
import type { World } from "../lane/world.ts";
import { startCampaign } from "./campaign.ts";
import type { Campaign, Job } from "./campaign.ts";
import { oneCrowd, sampleCrowd, wholeCrowd } from "./crowd/modes.ts";
import type { CrowdTallies } from "./crowd/modes.ts";
import { tryRoles } from "./crowd/roles.ts";
import type { CrowdEntry } from "./crowd/summary.ts";
import { faults } from "./faults.ts";
import { pausedRuns } from "./paused.ts";
import { pick, randomFrom } from "./random.ts";
import type { Entry } from "./results.ts";
import type { LifecycleCampaign, LifecycleEntry } from "./lifecycle/campaign.ts";
import { startLifecycleCampaign } from "./lifecycle/campaign.ts";
import { oneLifecycle, sampleLifecycle, wholeLifecycle } from "./lifecycle/modes.ts";
import { oneEnding, sampleEnding, wholeEnding } from "./ending/modes.ts";
import type { Tallies } from "./ending/modes.ts";
import type { PartName } from "./ending/parts.ts";
import { endingPart } from "./ending/parts.ts";
import type { EndingEntry } from "./ending/summary.ts";
import { openResults } from "./results.ts";
import { sourcesCampaign, type SourceEntry } from "./sources/campaign.ts";
import { loginRatio, missedTargets, summarise } from "./summary.ts";

// `npm run accept -- rotation | lifecycle | ending | sources | main-job | sample`: the fault campaigns (docs/architecture.md), one undisturbed run, or a sample;
// `install`: the operator as it is installed, run and watched, with the real tools.

const usage = `accept rotation [--fresh] [--scenario NAME] [--seed N] [--lanes N] [--operator FILE]
accept sources [--fresh] [--scenario NAME] [--lanes N]
accept lifecycle [--fresh] [--scenario NAME] [--lanes N] [--operator FILE]
accept ending [--part ground|cut|stay|record] [--fresh] [--scenario NAME] [--lanes N] [--operator FILE]
accept crowd [--fresh] [--scenario NAME] [--operator FILE]
accept install [--part NAME]
accept main-job
accept sample [--seed N] [--lanes N]

  --scenario  one run: rotations, fault/NAME, paused/NAME or kill/SERVER/REQUEST/OCCURRENCE/POINT; "list" names them all.
              Of lifecycle: a scenario, or kill/PHASE and more of a kill point's name. Of sources: one of them.
              Of ending and crowd: cases, batches, floods by any part of their names
  --operator  a bundle of the operator to run instead of this checkout's
`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fresh: { type: "boolean", default: false },
    scenario: { type: "string" },
    seed: { type: "string" },
    lanes: { type: "string" },
    operator: { type: "string" },
    part: { type: "string" },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const seed = flags.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(flags.seed);
const [command = ""] = positionals;
// Most of what sources do is to wait; an observer of leavers asks all the time.
const lanes = Number(flags.lanes ?? { sources: 5, ending: 2 }[command] ?? 3);

const modes: Readonly<Record<string, (world: World) => Promise<number>>> = {
  rotation: flags.scenario === undefined ? wholeCampaign : oneScenario,
  lifecycle,
  ending,
  crowd,
  sources,
  "main-job": mainJob,
  sample,
};
if (command === "install") {
  process.exit(await acceptInstall(partsOf(flags.part), { say, print }));
}
const part = command === "ending" ? partOfEnding() : undefined;
const mode = modes[command];
if (mode === undefined || !(lanes >= 1) || !Number.isInteger(seed)) {
  process.stderr.write(usage);
  process.exit(2);
}
let running: Pick<Campaign, "abandon"> | undefined;
let stopping: Promise<void> | undefined;
const world = await startWorld({ say, bundle: flags.operator });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => {
    say("stopping …");
    stopping = (running?.abandon() ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => world.stop())
      .finally(() => process.exit(130));
  });
let code = 1;
try {
  code = await mode(world);
} catch (error) {
  if (stopping === undefined) say(String((error as Error).stack ?? error));
}
// After Ctrl-C the end is that of the handler.
await stopping;
await world.stop();
process.exit(code);

async function campaign(world: World, keep: boolean): Promise<Campaign> {
  const started = startCampaign(world, await openResults({ fresh: flags.fresh, keep }), say);
  running = started;
  return started;
}

async function lifecycleCampaign(world: World, keep: boolean): Promise<LifecycleCampaign> {
  const results = await openResults<LifecycleEntry>({ fresh: flags.fresh, keep, campaign: "-lifecycle" });
  const started = startLifecycleCampaign(world, results, say);
  running = started;
  return started;
}

/** Joiners, movers and leavers. */
async function lifecycle(world: World): Promise<number> {
  const voice = { say, print, lanes };
  if (flags.scenario !== undefined) return oneLifecycle(await lifecycleCampaign(world, false), flags.scenario, voice);
  return wholeLifecycle(await lifecycleCampaign(world, flags.operator === undefined), voice);
}

/** Leavers, whoever is in the way. */
async function ending(world: World): Promise<number> {
  const voice = { say, print, lanes };
  if (flags.scenario !== undefined) return oneEnding(...(await endingCampaign(world, false)), flags.scenario, voice);
  return wholeEnding(...(await endingCampaign(world, flags.operator === undefined)), part, voice);
}

async function endingCampaign(world: World, keep: boolean): Promise<[LifecycleCampaign<EndingEntry>, Tallies]> {
  const results = await openResults<EndingEntry>({ fresh: flags.fresh, keep, campaign: "-ending" });
  const tallies: Tallies = new Map();
  const started = startLifecycleCampaign<EndingEntry>(world, results, say, (id) => {
    const counted = tallies.get(id);
    return counted === undefined ? undefined : { ending: counted };
  });
  running = started;
  return [started, tallies];
}

/** One tenant floods, and nobody else may notice. */
async function crowd(world: World): Promise<number> {
  const voice = { say, print };
  if (flags.scenario !== undefined)
    return oneCrowd(...(await crowdCampaign(world, false)), tryRoles, flags.scenario, voice);
  return wholeCrowd(...(await crowdCampaign(world, flags.operator === undefined)), tryRoles, voice);
}

async function crowdCampaign(world: World, keep: boolean): Promise<[LifecycleCampaign<CrowdEntry>, CrowdTallies]> {
  const results = await openResults<CrowdEntry>({ fresh: flags.fresh, keep, campaign: "-crowd" });
  const tallies: CrowdTallies = new Map();
  const started = startLifecycleCampaign<CrowdEntry>(world, results, say, (id) => {
    const counted = tallies.get(id);
    return counted === undefined ? undefined : { crowd: counted };
  });
  running = started;
  return [started, tallies];
}

/** A part that is not there ends the program before anything is started. */
function partOfEnding(): PartName | undefined {
  try {
    return endingPart(flags.part);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
}

/** Sources beside AWS, each on its real server. */
async function sources(world: World): Promise<number> {
  const results = await openResults<SourceEntry>({
    fresh: flags.fresh,
    keep: flags.operator === undefined,
    campaign: "-sources",
  });
  return sourcesCampaign(world, results, { say, print, lanes }, { kind: flags.scenario });
}

/** (a) to (e), and the line of JSON. */
async function wholeCampaign(world: World): Promise<number> {
  const all = await campaign(world, flags.operator === undefined);
  const { results } = all;
  if (results.entries.length > 0)
    say(`${results.entries.length} results of this commit are there already (--fresh starts over)`);
  const { killPoints } = await all.reference();
  say("(a) five rotations under a login every 50 ms, alone");
  await all.perform([rotationsJob(5)], 1);
  say(
    `(b) ${killPoints.length} kill points, (c) ${pausedRuns.length} paused leaders, (d) ${faults.length} fault runs, in ${lanes} lanes`,
  );
  await all.perform(
    [
      ...pausedRuns.map((fault) => all.faultJob("paused", fault)),
      ...faults.filter(({ alone }) => alone !== true).map((fault) => all.faultJob("fault", fault)),
      ...killPoints.map((point) => all.killJob(point)),
    ],
    lanes,
  );
  say("(d) fault runs that take a server away from everybody, one after the other");
  await all.perform(
    faults.filter(({ alone }) => alone === true).map((fault) => all.faultJob("fault", fault)),
    1,
  );
  say("(e) search for credential values");
  await all.scan();
  const summary = summarise(results, killPoints, results.minutes());
  const missed = missedTargets(summary);
  if (missed.length > 0) say(`missed: ${missed.join("; ")}`);
  print(JSON.stringify(summary));
  return missed.length === 0 ? 0 : 1;
}

/** One run by its name, held against an undisturbed one. */
async function oneScenario(world: World): Promise<number> {
  const name = flags.scenario ?? "";
  const all = await campaign(world, false);
  const { killPoints } = await all.reference(1);
  const jobs: Job[] = [
    rotationsJob(5),
    ...pausedRuns.map((fault) => all.faultJob("paused", fault)),
    ...faults.map((fault) => all.faultJob("fault", fault)),
    ...killPoints.map((point) => all.killJob(point)),
  ];
  if (name === "list") {
    for (const { options } of jobs) print(options.id);
    return 0;
  }
  const chosen = jobs.filter(({ options }) => options.id === name || options.id.endsWith(`/${name}`));
  if (chosen.length === 0) {
    say(`There is no scenario ${name}; --scenario list names them all.`);
    return 2;
  }
  await all.perform(chosen, 1);
  return verdict(all.results.entries);
}

/** One undisturbed rotation under a login every 50 ms. */
async function mainJob(world: World): Promise<number> {
  const all = await campaign(world, false);
  await all.perform([rotationsJob(1)], 1);
  const entry = all.results.get("rotations");
  if (entry === undefined) return 1;
  const { logins } = entry;
  const broken = (invariant: string): string =>
    entry.violations
      .filter((violation) => violation.invariant === invariant)
      .map(({ what }) => what)
      .join(" ");
  const checks: readonly (readonly [string, boolean, string])[] = [
    [
      "a key is issued, verified, published, rotated, retired and proven dead",
      broken("L1") + broken("RUN") === "",
      broken("L1") + broken("RUN"),
    ],
    ...(["S1", "S2", "S3", "S4", "S5", "S11", "S14", "S15", "LEAK"] as const).map(
      (invariant) => [`${invariant} holds`, broken(invariant) === "", broken(invariant)] as const,
    ),
    ["no login is refused", logins.refused === 0 && logins.logins > 0, `${logins.refused} of ${logins.logins}`],
    ["two replicas log in as often as they should", loginRatio(entry, 50) >= 0.8, loginRatio(entry, 50).toFixed(2)],
    ["no gap between logins is over 2 s", logins.maxGapMs <= 2000, `${logins.maxGapMs} ms`],
    ["no key is left behind", entry.orphans === 0, String(entry.orphans)],
  ];
  for (const [what, passed, detail] of checks)
    print(`${passed ? "pass" : "FAIL"}  ${what}${detail === "" ? "" : ` (${detail})`}`);
  const failed = checks.filter(([, passed]) => !passed).length;
  print(`accept: ${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** A few kill points and fault runs of every campaign, drawn by a seed. */
async function sample(world: World): Promise<number> {
  print(`seed ${seed}   (npm run accept -- sample --seed ${seed})`);
  const random = randomFrom(seed);
  const all = await campaign(world, false);
  const { killPoints } = await all.reference(1);
  const shared = faults.filter(({ alone }) => alone !== true);
  await all.perform(
    [
      ...pick(shared, 2, random).map((fault) => all.faultJob("fault", fault)),
      ...pick(killPoints, 8, random).map((point) => all.killJob(point)),
    ],
    lanes,
  );
  await all.scan();
  const rotations = verdict(all.results.entries);
  const identities = await sampleLifecycle(await lifecycleCampaign(world, false), random, { say, print, lanes });
  const kept = await openResults<SourceEntry>({ fresh: true, keep: false, campaign: "-sources" });
  // Most of what sources do is to wait.
  const [others, leavers] = await Promise.all([
    sourcesCampaign(world, kept, { say, print, lanes }, { sample: { seed, points: 1 } }),
    sampleEnding(...(await endingCampaign(world, false)), random, { print }),
  ]);
  // By itself: it measures for how long others wait.
  const flooded = await sampleCrowd(...(await crowdCampaign(world, false)), random, { print });
  return Math.max(rotations, identities, others, leavers, flooded);
}

function rotationsJob(rotations: number): Job {
  const site = { probeIntervalMs: 50, resync: "5s" };
  return {
    phase: "rotations",
    options: {
      id: "rotations",
      site,
      rotations,
      quietMs: rotations > 1 ? 15_000 : 6000,
      deadlineMs: 180_000,
      keepOutputs: true,
    },
  };
}

function verdict(entries: readonly Entry[]): number {
  for (const { id, violations, hit } of entries) {
    const passed = violations.length === 0 && hit;
    print(
      `${passed ? "pass" : "FAIL"}  ${id}${violations.map(({ invariant, what }) => `\n        ${invariant}: ${what}`).join("")}`,
    );
  }
  const failed = entries.filter(({ violations, hit }) => violations.length > 0 || !hit).length;
  print(`accept: ${entries.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
