import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { differences } from "../../accept/end-state.ts";
import type { Run, RunResult } from "../../accept/run.ts";
import { startLane } from "../../lane/lane.ts";
import type { Lane } from "../../lane/lane.ts";
import { root } from "../../lane/paths.ts";
import { conditionOf } from "../../lane/rotation.ts";
import type { Rotation } from "../../lane/rotation.ts";
import { startWorld } from "../../lane/world.ts";
import type { World } from "../../lane/world.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { applyManifests } from "../../stack/manifests.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { InstallPart } from "../part.ts";
import { bundleFirstLanded, firstCrds, firstLanded } from "./first-landed.ts";
import { firstActAfter, gateFor, killAt, perform, problemsOf, steps } from "./runs.ts";
import type { Step } from "./runs.ts";

/**
 * The first landed operator under the first landed CRDs, killed at several steps of a rotation; then today's CRDs and today's operator.
 * After that, leaders that go in the middle of a rotation while another replica waits, and an operator that is older than its CRDs.
 */
export const upgrade: InstallPart = {
  name: "upgrade",
  targets: {
    upgradeViolations: { is: 0 },
    upgradedInFlight: { atLeast: 5 },
    failovers: { atLeast: 5 },
    failoverSecondsMax: { atMost: 45 },
    skewViolations: { is: 0 },
  },
  async run({ say }) {
    const base = await startWorld({ say, crds: firstCrds });
    try {
      const [first, today] = await Promise.all([
        bundleFirstLanded(join(base.stack.dir, "first-landed")),
        Promise.resolve(base.bundle),
      ]);
      // Operators ask for their program at every start, so that a later one is another version's.
      const version = { bundle: first };
      const world: World = {
        ...base,
        get bundle() {
          return version.bundle;
        },
      };
      const upgraded = await upgradeInFlight(world, say, async () => {
        const { refused } = await applyManifests(base.stack.kubernetes.client, join(root, "crds"));
        if (refused.length > 0)
          throw new Error(`today's CRDs are refused over the first landed ones: ${refused.join("; ")}`);
        version.bundle = today;
      });
      const lanes = await Promise.all([1, 2, 3].map(() => startLane(world)));
      const reference = await perform(lanes[0]!, { id: "upgrade/undisturbed" });
      const changes = await leaderChanges(lanes, say);
      const skew = await newerSchema(lanes[0]!, say);
      const compared = [...upgraded, ...changes.results];
      const wrong = [
        ...problemsOf(reference),
        ...compared.flatMap((result) => [...problemsOf(result), ...differencesFrom(reference, result)]),
      ];
      return {
        figures: {
          upgradeViolations: wrong.length,
          upgradedInFlight: upgraded.filter(({ hit }) => hit).length,
          failovers: changes.seconds.length,
          failoverSecondsMax: Number(Math.max(...changes.seconds).toFixed(1)),
          skewViolations: skew.length,
        },
        problems: [...wrong, ...skew],
      };
    } finally {
      await base.stop();
    }
  },
};

const differencesFrom = (reference: RunResult, { id, endState }: RunResult): readonly string[] => {
  if (reference.endState === undefined || endState === undefined) return [`${id}: it has not come to an end state`];
  return differences(reference.endState, endState).map(({ what, evidence }) => `${id}: ${what} ${evidence}`);
};

/** Every site has got to its step and its old operator is gone; then, once for all, `upgrade`, and new operators go on. */
const upgradeInFlight = async (
  world: World,
  say: (line: string) => void,
  upgrade: () => Promise<void>,
): Promise<readonly RunResult[]> => {
  const interrupted: readonly Step[] = Object.values(steps);
  const pass = gateFor(interrupted.length + 1, async () => {
    say(
      `${interrupted.length + 1} resources of ${firstLanded} stand still; CRDs and operators of this checkout take over`,
    );
    await upgrade();
  });
  const goOn = async (run: Run): Promise<void> => {
    await pass();
    await run.operator().process.start();
    await waitFor("the operator of this checkout runs", () => isToday(run), { timeout: 60_000 });
  };
  const atRest = async (run: Run): Promise<void> => {
    await run.settled();
    if (await isToday(run)) throw new Error("it is not the first landed operator that has come to rest");
    run.hit();
    await run.operator().process.term();
    await goOn(run);
    // It tells what it knows and the first landed one did not, once; only after that is it at rest.
    await waitFor("the operator of this checkout has looked at the resource", () => hasLooked(run), {
      timeout: 60_000,
    });
  };
  const runs = [
    async (lane: Lane) =>
      perform(lane, {
        id: "upgrade/at rest",
        arrange: (run) => {
          run.story(() => atRest(run));
        },
      }),
    ...interrupted.map(
      (step) => async (lane: Lane) =>
        perform(lane, {
          id: `upgrade/${step.name}`,
          rotations: step.rotations ?? 1,
          arrange: (run) => {
            killAt(run, step, () => goOn(run));
          },
        }),
    ),
  ];
  const results = await Promise.all(runs.map(async (begin) => begin(await startLane(world))));
  for (const { id, seconds, violations } of results)
    say(`${id}: ${seconds.toFixed(0)} s, ${violations.length} violation(s)`);
  return results;
};

/** The first landed operator has no such metric. */
const isToday = async (run: Run): Promise<boolean> =>
  (await run.operator().metrics())?.includes("keyturn_unowned_marks") === true;

const hasLooked = async (run: Run): Promise<boolean> =>
  /^keyturn_reconcile_duration_seconds_count\{[^}]*"secretrotation"[^}]*\} [1-9]/m.test(
    (await run.operator().metrics()) ?? "",
  );

/** Leaders that are killed, or end as asked, in the middle of a rotation, while a second replica waits for the Lease. */
const leaderChanges = async (
  lanes: readonly Lane[],
  say: (line: string) => void,
): Promise<{ readonly results: readonly RunResult[]; readonly seconds: readonly number[] }> => {
  const seconds: number[] = [];
  const standBy = (run: Run): void => {
    run.story(async () => {
      await waitFor("the first operator leads", async () => run.operator().ready(), { timeout: 60_000 });
      await run.site.startOperator(1);
    });
  };
  const measured = async (run: Run, toldAt: number): Promise<void> => {
    if (run.site.replicas().length < 2) throw new Error("there is no second replica yet");
    seconds.push((await firstActAfter(run, toldAt)) / 1000);
  };
  const kills = [steps.issueLost, steps.halfPublished, steps.moving, steps.revoking].map(
    (step) => (lane: Lane) =>
      perform(lane, {
        id: `leader killed/${step.name}`,
        arrange: (run) => {
          standBy(run);
          killAt(run, step, (at) => measured(run, at));
        },
      }),
  );
  const ended = (lane: Lane): Promise<RunResult> =>
    perform(lane, {
      id: "leader ended/one of two places is written",
      arrange: (run) => {
        standBy(run);
        const { server, match, name } = steps.halfPublished;
        const rule = run.site.lane.proxies[server].add({ name, match, action: { do: "delay", ms: 0 } });
        run.story(async () => {
          await rule.firstHit;
          run.hit();
          const toldAt = Date.now();
          await run.operator().process.term();
          await measured(run, toldAt);
        });
      },
    });
  const waiting = [...kills, ended];
  const results: RunResult[] = [];
  const work = async (lane: Lane): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await next(lane);
      say(`${result.id}: ${result.seconds.toFixed(0)} s, ${result.violations.length} violation(s)`);
      results.push(result);
    }
  };
  await Promise.all(lanes.map(work));
  say(`another replica acted after ${seconds.map((each) => each.toFixed(1)).join(", ")} s`);
  return { results, seconds };
};

/** A field that only newer CRDs have, in one resource: it is left alone, by whatever is asked, until the field is gone. */
const newerSchema = async (lane: Lane, say: (line: string) => void): Promise<readonly string[]> => {
  const problems: string[] = [];
  const kube = lane.world.stack.kubernetes.client;
  const result = await perform(lane, {
    id: "skew/a field of a newer version",
    arrange: (run) => {
      run.story(async () => {
        const path = run.site.rotationPath;
        const rotation = (): Promise<Rotation> => kube.get<Rotation>(path);
        await run.settled();
        run.hit();
        await applyNewerCrd(lane);
        const stored = async (): Promise<boolean> => {
          await kube.mergePatch(path, { spec: { newerThanYou: "x" } });
          return "newerThanYou" in ((await rotation())["spec"] as object);
        };
        await waitFor("the API server keeps the new field", stored, { timeout: 30_000 });
        const refused = async (): Promise<boolean> =>
          conditionOf((await rotation()).status, "Ready")?.reason === "VersionSkew";
        await waitFor("the operator refuses", refused, { timeout: 30_000 });
        const { current } = (await rotation()).status ?? {};
        const from = Date.now();
        await kube.mergePatch(path, {
          metadata: { annotations: { "keyturn.dev/rotate-at": new Date().toISOString() } },
        });
        await sleep(5000);
        const acts = (["aws", "vault"] as const).flatMap((server) =>
          lane.proxies[server].calls().filter(({ at, mutating, verb }) => at > from && mutating && verb !== "POST"),
        );
        if (acts.length > 0)
          problems.push(`skew: ${acts.map(({ verb, template }) => `${verb} ${template}`).join(", ")} was sent`);
        const after = (await rotation()).status;
        if (JSON.stringify(after?.current) !== JSON.stringify(current) || after?.rotation !== undefined)
          problems.push("skew: the record has changed although the resource was refused");
        if (conditionOf(after, "Stalled")?.reason !== "VersionSkew")
          problems.push("skew: it does not say that it is stalled");
        await kube.mergePatch(path, {
          metadata: { annotations: { "keyturn.dev/rotate-at": null } },
          spec: { newerThanYou: null },
        });
        await waitFor("it goes on", async () => !(await refused()), { timeout: 30_000 });
      });
    },
  });
  say(`${result.id}: ${result.seconds.toFixed(0)} s`);
  return [...problems, ...problemsOf(result)];
};

/** Today's CRD with one more field in its spec, as a later version may have. */
const applyNewerCrd = async (lane: Lane): Promise<void> => {
  const crd = parse(await readFile(join(root, "crds/secretrotations.yaml"), "utf8")) as KubeObject & {
    readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
  };
  const spec = crd.spec.versions[0]?.schema.openAPIV3Schema.properties["spec"];
  if (spec === undefined) throw new Error("the CRD has no spec");
  spec.properties["newerThanYou"] = { type: "string", maxLength: 64 };
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`;
  await lane.world.stack.kubernetes.client.apply(path, crd, "keyturn-manifests");
};

interface Schema {
  readonly properties: Record<string, { properties: Record<string, object> }>;
}
