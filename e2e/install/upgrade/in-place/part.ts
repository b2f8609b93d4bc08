import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { countLogins } from "../../../lane/logins.ts";
import { sleep, waitFor } from "../../../stack/wait.ts";
import { parseProbeLog } from "../../../stack/workload/manifest.ts";
import { CHART, imageOf, startInstallation } from "../../installation.ts";
import type { Installation } from "../../installation.ts";
import type { InstallPart } from "../../part.ts";
import { monitoringReader, scrapedAsShipped, scrapedAtProbes } from "../../shipped-monitor.ts";
import { bundleOf, sourceOf } from "../baseline.ts";
import { bringAll, notStanding } from "./bring.ts";
import { edits, isEdited, isOpened, spotOf } from "./edits.ts";
import { layGround } from "./ground.ts";
import { askThemBack, isHeld, leftAlone, putOnHold } from "./held.ts";
import { watchLogins } from "./logins.ts";
import type { LoginWatch } from "./logins.ts";
import { missingRights } from "./missing-rights.ts";
import { learnFromSecrets, namespaces, placeIn } from "./place.ts";
import type { Place } from "./place.ts";
import { plantFaults } from "./planted.ts";
import { goBack, install, lowerLimit, upgradeInPlace } from "./release.ts";
import { probeLogOf } from "./rotation-states.ts";
import { states } from "./states.ts";
import { isConflict, isInvalidSpec, linesOf, newlySaid, readWords, refusedManifests, resourcesIn } from "./verdicts.ts";
import { changesBetween, readView, viewAtRest } from "./view.ts";
import type { Changes, View } from "./view.ts";

/** The commit whose chart, policies and operator the upgrade begins with. */
const BASELINE = "b745cd6";
/** The operator looks at everything once in this time, and a tenth more. */
const RESYNC_SECONDS = 30;

/**
 * A release of the baseline with resources in every state, upgraded in place to this checkout and taken back as ADR 0024 says, while
 * every login goes on. What is counted is read from IAM, Vault and kube-apiserver; at the end faults are made on purpose, and the same
 * observer has to see each of them.
 */
export const upgradeInPlacePart: InstallPart = {
  name: "upgrade/in-place",
  targets: {
    upgradeResources: { atLeast: 60 },
    upgradeStates: { atLeast: 15 },
    upgradeRestarts: { is: 0 },
    upgradeConflicts: { is: 0 },
    upgradeRevocations: { is: 0 },
    upgradeReissues: { is: 0 },
    upgradeRefusedLogins: { is: 0 },
    upgradeInvalidSpecs: { is: 0 },
    upgradeLogins: { atLeast: 1000 },
    upgradeMissingRightsReported: { same: "upgradeMissingRights" },
    upgradeBackTouched: { is: 0 },
    upgradeHeld: { atLeast: 2 },
    upgradeHeldAlive: { is: 0 },
    upgradeFaultsUnseen: { is: 0 },
  },
  async run({ say }) {
    let baseline = "";
    const installation = await startInstallation(say, async (folder) => {
      baseline = await sourceOf(BASELINE, join(folder, "source"));
      const bundle = await bundleOf(baseline, join(folder, "keyturn.mjs"));
      const dockerfile = await readFile(join(baseline, "Dockerfile"), "utf8");
      return { [`keyturn-${BASELINE}`]: imageOf(bundle, dockerfile) };
    });
    const logins = watchLogins({ atOnce: 3, pauseMs: 60 });
    try {
      return await upgraded(installation, placeIn(installation.stack, logins), { baseline, say });
    } finally {
      await logins.stop();
      await installation.stop();
    }
  },
};

interface Story {
  /** The baseline's files. */
  readonly baseline: string;
  readonly say: (line: string) => void;
}

const upgraded = async (installation: Installation, place: Place, { baseline, say }: Story) => {
  const { stack } = installation;
  const { logins } = place;
  const problems: string[] = [];
  const look = (): Promise<View> => readView(stack, namespaces);
  const image = `keyturn-${BASELINE}`;
  const old = { chart: join(baseline, "charts/keyturn"), image };

  await install(installation, old, { resync: `${RESYNC_SECONDS}s`, ground: () => layGround(stack, baseline) });
  say(`  ${BASELINE} is installed; ${states.length} states are brought about in ${namespaces.length} namespaces`);
  const unbrought = await bringAll(place, say, () => lowerLimit(installation, old));
  problems.push(...[...unbrought].map(([what, why]) => `${what} could not be brought about: ${why}`));
  await sleep(wholeResync);
  const before = await viewAtRest(look);
  const wordsBefore = await readWords(place);
  problems.push(
    ...(await notStanding(place, (key) => unbrought.has(key))).map(
      (what) => `before the upgrade ${what} does not stand`,
    ),
  );
  const learned = await learnAll(place);
  const from = Date.now();
  say(
    `  ${resourcesIn(wordsBefore)} resources; ${learned.accepted} logins are accepted, ${learned.refused} are refused`,
  );

  const token = await monitoringReader(installation);
  await upgradeInPlace(installation, { chart: CHART, image: "keyturn" });
  await sleep(wholeResync);
  problems.push(...(await scrapedAfterwards(installation, token)));
  const after = await viewAtRest(look);
  const wordsAfter = await readWords(place);
  const ups = changesBetween(before, after);
  problems.push(...reported("the upgrade", ups));
  problems.push(
    ...(await notStanding(place, (key) => unbrought.has(key))).map(
      (what) => `after the upgrade ${what} does not stand`,
    ),
  );
  const refusedSpecs = await refusedManifests(place, place.declared);
  const rights = await missingRights(installation, baseline, linesOf(wordsAfter));
  problems.push(
    ...rights.unreported.map((right) => `${right} is lacking, and no condition or line of doctor names it`),
  );
  say(`  upgraded: ${ups.changed.length} changes outside; ${rights.lacking.length} rights are lacking`);

  logins.excuse(isOpened);
  for (const edit of edits) {
    await edit.make(spotOf(place, edit));
    await waitFor(`the edit of ${edit.of} is seen`, async () => edit.seen(spotOf(place, edit), await look()), {
      timeout: 90_000,
      every: 1000,
    });
  }
  const edited = await viewAtRest(look);
  await learnAll(place);
  const byEdits = changesBetween(after, edited, isEdited);
  problems.push(...reported("an edit", byEdits));
  const wordsEdited = await readWords(place);
  say(`  ${edits.length} specs are edited: ${byEdits.changed.length} changes elsewhere`);

  logins.excuse(isHeld);
  const held = await putOnHold(place);
  const cut = await viewAtRest(look);
  const byHolds = changesBetween(edited, cut, isHeld);
  problems.push(...reported("a hold", byHolds));
  const relearned = await logins.relearn(isHeld);
  if (relearned.refused === 0) problems.push("no login of what is held is known");
  say(`  ${held} are held: ${relearned.refused} of their logins are refused, ${relearned.accepted} accepted`);

  await goBack(installation, old);
  await askThemBack(place);
  await sleep(wholeResync);
  const back = await viewAtRest(look);
  const wordsBack = await readWords(place);
  const backs = changesBetween(cut, back);
  problems.push(...reported("the way back", backs));
  const alone = await leftAlone(place);
  problems.push(...alone.problems);
  problems.push(
    ...(await notStanding(place, (key) => isEdited(key) || isHeld(key) || unbrought.has(key))).map(
      (what) => `after the way back ${what} does not stand`,
    ),
  );
  say(`  back at ${BASELINE}: ${backs.changed.length} changes outside`);

  const seen = logins.seen();
  const workloads = countLogins(
    parseProbeLog(await readFile(probeLogOf(stack.dir), "utf8")).filter(({ at }) => at >= from),
  );
  problems.push(...seen.refused, ...seen.opened);
  if (workloads.refused > 0) problems.push(`${workloads.refused} logins of workloads were refused`);
  if (seen.longestPauseMs > LONGEST_PAUSE_MS)
    problems.push(
      `a login was not tried for ${Math.round(seen.longestPauseMs)} ms, so it could have been refused unseen`,
    );
  const conflicts = unique([
    ...newlySaid(wordsBefore, wordsAfter, isConflict),
    ...newlySaid(wordsAfter, wordsEdited, isConflict),
    ...newlySaid(wordsEdited, wordsBack, isConflict),
  ]);
  const invalid = unique([...refusedSpecs, ...newlySaid(wordsBefore, wordsAfter, isInvalidSpec)]);
  problems.push(...conflicts, ...invalid);

  const unseen = await plantFaults(installation, place, look);
  problems.push(...unseen.map((fault) => `the observer does not see it: ${fault}`));
  const heldAlive = relearned.accepted + seen.opened.filter(isHeld).length;
  if (relearned.accepted > 0) problems.push(`${relearned.accepted} logins of what is held are accepted`);
  const all = [ups, byEdits, byHolds, backs];
  const sum = (kind: Exclude<keyof Changes, "changed">): number => all.reduce((n, one) => n + one[kind].length, 0);
  return {
    figures: {
      upgradeResources: resourcesIn(wordsBefore),
      upgradeStates: states.filter(({ name }) => namespaces.every((one) => !unbrought.has(`${one}/${name}`))).length,
      upgradeRestarts: sum("restarts"),
      upgradeConflicts: conflicts.length,
      upgradeRevocations: sum("revocations"),
      upgradeReissues: sum("reissues"),
      upgradeRefusedLogins: seen.refused.length + workloads.refused,
      upgradeInvalidSpecs: invalid.length,
      upgradeLogins: seen.accepted + workloads.logins,
      upgradeMissingRights: rights.lacking.length,
      upgradeMissingRightsReported: rights.lacking.length - rights.unreported.length,
      upgradeBackTouched: backs.changed.length,
      upgradeHeld: alone.alone,
      upgradeHeldAlive: heldAlive,
      upgradeFaultsUnseen: unseen.length,
    },
    problems,
  };
};

/** With untouched values both go on: the shipped ServiceMonitor of each release, and who scrapes the port of before. */
const scrapedAfterwards = async (installation: Installation, token: string): Promise<readonly string[]> => {
  const scrapes = {
    "the shipped ServiceMonitor": await scrapedAsShipped(installation, CHART, token),
    "a scrape of the port of before": await scrapedAtProbes(installation),
  };
  return Object.entries(scrapes)
    .filter(([, { status, body }]) => status !== 200 || !body.includes("\nkeyturn_metrics_unreviewed 1\n"))
    .map(([who, { status, body }]) => `after the upgrade ${who} gets ${status}: ${body.slice(0, 200)}`);
};

/** Everything that stands in Secrets now is a login too, from now on. */
const learnAll = async (place: Place): ReturnType<LoginWatch["learn"]> => {
  for (const namespace of namespaces) await learnFromSecrets({ place, namespace });
  return place.logins.learn();
};

const wholeResync = RESYNC_SECONDS * 1300;
const LONGEST_PAUSE_MS = 60_000;

const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

const reported = (by: string, { changed }: Changes): readonly string[] =>
  changed.map((line) => `${by} has changed something outside: ${line}`);
