import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loginProbe, parseProbeLog } from "../../stack/workload/manifest.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { countLogins } from "../../lane/logins.ts";
import { atProviders, compareOutside, readOutside } from "../../lane/outside.ts";
import type { Outside } from "../../lane/outside.ts";
import { inParallel, issued, rotationOf } from "./fifty.ts";
import type { Scenario } from "./stage.ts";
import { stillness } from "./stage.ts";

/** Ten resources are pruned and applied again within the hold: the same identities and the same keys are in use again. */
export const prunedAndApplied: Scenario = {
  id: "pruned-and-applied-again",
  async play(stage) {
    const { site } = stage;
    const { stack } = site.lane.world;
    const kube = stack.kubernetes.client;
    const names = ["one", "two", "three", "four", "five"];
    const identity = (name: string) =>
      site.identity(
        name,
        [
          site.kubernetesAccount({ roles: ["reader"] }),
          site.awsUser({ policies: ["read"] }),
          site.vaultAccount({ policies: ["read"] }),
        ],
        { deletion: { holdFor: "1h", timeout: "30s" } },
      );
    const applyAll = async (): Promise<void> => {
      await inParallel(names, 5, async (name) => {
        await site.apply(identity(name));
        await site.team.apply(...rotationOf(site, name));
      });
      await inParallel(names, 5, async (name) => {
        await site.until(name, "Good", 120_000);
        await issued(site, name);
      });
    };
    await applyAll();
    stage.count("joined", names.length);
    const probeLog = join(site.dir, "probe.log");
    const probe = loginProbe({
      namespace: site.namespace,
      name: "app",
      secretName: "one-aws",
      endpoint: stack.aws.url,
      caFile: stack.ca.file,
      intervalMs: 250,
      probeLog,
    });
    await kube.apply(probe.path, probe.object, "team");
    const attempts = async () => parseProbeLog(await readFile(probeLog, "utf8").catch(() => ""));
    const pods = async (): Promise<string[]> =>
      (await kube.list(`/api/v1/namespaces/${site.namespace}/pods?labelSelector=app=app`)).items
        .map(({ metadata }) => metadata.uid ?? "")
        .sort();
    await waitFor(
      "the dependent logs in",
      async () => (await attempts()).filter(({ result }) => result === "ok").length > 4,
    );
    await stillness(stage, 1500);
    const before = atProviders(await readOutside(site));
    const podsBefore = await pods();
    await inParallel(names, 5, async (name) => {
      await site.team.delete(site.path(name));
      await site.team.delete(rotationOf(site, name)[0]);
    });
    const pruned = Date.now();
    await inParallel(names, 5, async (name) => {
      await site.gone(name);
      await waitFor(
        `the rotation of ${name} is gone`,
        async () => (await kube.find(rotationOf(site, name)[0])) === undefined,
      );
    });
    const cut = atProviders(await readOutside(site));
    if (compareOutside(before, cut).length === 0)
      stage.broken("RUN", "The prune changed nothing, so its undoing shows nothing.");
    await applyAll();
    const back = Date.now();
    await stillness(stage, 1500);
    const after = atProviders(await readOutside(site));
    // Resources made again have other UIDs, and so have their marks; the ids are those of the providers.
    const differences = compareOutside(withoutBindingIds(before), withoutBindingIds(after), {
      ids: true,
      names: (text) =>
        text
          .replace(/"(uid|keyturn-owner-uid|keyturn\.dev\/owner-uid)":"[^"]*"/g, '"$1":"UID"')
          .replace(/"keyturn\.dev\/version":"[^"]*"/g, ""),
    }).filter((line) => !line.startsWith("kubernetes/Secret/"));
    if (differences.length > 0)
      stage.broken("S12", "After the undoing the providers differ from before.", differences.join("\n"));
    else stage.count("undone", 2 * names.length);
    const late = Date.now();
    await waitFor(
      "the dependent logs in again",
      async () => (await attempts()).filter(({ at, result }) => at > late && result === "ok").length > 4,
      { timeout: 30_000 },
    );
    if (JSON.stringify(await pods()) !== JSON.stringify(podsBefore))
      stage.broken("S1", "A dependent was restarted although its key is the same.", await pods());
    const all = await attempts();
    const refusedBetween = all.filter(
      ({ at, result }) => result === "refused" && at >= pruned - 1000 && at <= back + 1000,
    );
    const { refused, logins } = countLogins(all);
    if (refused > refusedBetween.length)
      stage.broken("S1", "A dependent was refused although its key was in use.", {
        refused,
        between: refusedBetween.length,
      });
    stage.say(
      `undone: the same keys and ids; the dependent kept its pods and its key, ${logins} logins, ${refusedBetween.length} refused while the resources were away (${((back - pruned) / 1000).toFixed(1)} s)`,
    );
    await kube.delete(probe.path, { propagationPolicy: "Background" });
    await sleep(0);
  },
};

/** Rights in Kubernetes are cut by taking the binding away, so it is another one afterwards. */
function withoutBindingIds(state: Outside): Outside {
  return new Map([...state].map(([key, thing]) => [key, key.includes("Binding/") ? { ...thing, id: "" } : thing]));
}
