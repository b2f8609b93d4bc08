import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { adoptedKeys } from "../accept/lifecycle/brownfield.ts";
import { mixedChanges } from "../accept/lifecycle/failures.ts";
import { joinerMoverLeaver } from "../accept/lifecycle/story.ts";
import type { Scenario } from "../accept/lifecycle/stage.ts";
import { perform } from "../accept/lifecycle/stage.ts";
import { prunedAndApplied } from "../accept/lifecycle/undo.ts";
import { startLane } from "../lane/lane.ts";
import { metricsReader } from "../lane/metrics-reader.ts";
import { oneRequest } from "../lane/one-request.ts";
import type { Lane, Site } from "../lane/lane.ts";
import { root } from "../lane/paths.ts";
import { askForRotation, conditionOf } from "../lane/rotation.ts";
import type { Rotation } from "../lane/rotation.ts";
import { startWorld } from "../lane/world.ts";
import type { KubeObject } from "../stack/kube.ts";
import { freePort } from "../stack/ports.ts";
import { auditLogOf } from "../stack/servers.ts";
import { waitFor } from "../stack/wait.ts";
import type { InstallPart } from "./part.ts";
import { compareRights, rightsIn } from "./permissions.ts";
import type { AuditLine, Manifest } from "./permissions.ts";

/** What kube-apiserver itself has logged of the operator, against the rights that config/rbac gives: no more and no less. */
export const rbac: InstallPart = {
  name: "rbac",
  targets: { rbacRules: { atLeast: 30 }, rbacUnused: { is: 0 }, rbacMissing: { is: 0 } },
  async run({ say }) {
    const world = await startWorld({ say, audit: true });
    const problems: string[] = [];
    try {
      const lanes = [await startLane(world), await startLane(world)] as const;
      const play = async (lane: Lane, scenario: Scenario): Promise<void> => {
        const { violations, id } = await perform(lane, scenario, say);
        problems.push(...violations.map(({ what, evidence }) => `${id}: ${what} ${evidence.slice(0, 300)}`));
        say(`  ${id} has been played`);
      };
      await Promise.all([
        (async () => {
          await rotationOfEveryKind(lanes[0]);
          await inOneNamespace(lanes[0], problems);
          await play(lanes[0], prunedAndApplied);
        })(),
        (async () => {
          for (const scenario of [wholeStory, rewritten, adoptedKeys, bindingsDrift, held])
            await play(lanes[1], scenario);
        })(),
      ]);
      const text = await readFile(auditLogOf(world.stack.dir), "utf8");
      const lines = text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as AuditLine);
      const given = rightsIn(await manifests());
      const { unused, missing } = compareRights(given, lines);
      for (const right of unused) problems.push(`given and never used: ${right}`);
      for (const right of missing) problems.push(`used and not given: ${right}`);
      const figures = { rbacRules: given.length, rbacUnused: unused.length, rbacMissing: missing.length };
      return { figures, problems };
    } finally {
      await world.stop();
    }
  },
};

const manifests = async (): Promise<readonly Manifest[]> =>
  parseAllDocuments(await readFile(join(root, "config/rbac/operator.yaml"), "utf8")).map(
    (document) => document.toJS() as Manifest,
  );

/** The story of the lifecycle campaign, without its kills. */
const wholeStory: Scenario = {
  id: "story",
  async play(stage) {
    for (const phase of joinerMoverLeaver.phases) {
      await phase.act(stage);
      await phase.rest(stage);
      await phase.then?.(stage);
    }
  },
};

const rewritten: Scenario = mixedChanges.find(({ id }) => id === "rewrite/as-asked") ?? wholeStory;

/** Somebody takes the subjects out of a binding of each kind; they are put back. */
const bindingsDrift: Scenario = {
  id: "bindings-drift",
  site: { resync: "2s" },
  async play({ site }) {
    const kube = site.lane.world.stack.kubernetes.client;
    await site.apply(site.identity("drifts", [site.kubernetesAccount({ roles: ["reader", "viewer"] })]));
    await site.until("drifts", "Good");
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    for (const path of [`${rbac}/namespaces/${site.namespace}/rolebindings`, `${rbac}/clusterrolebindings`]) {
      const { items } = await kube.list(path);
      const ours = items.find((one) => isAbout(one, site.namespace, "drifts"));
      if (ours === undefined) throw new Error(`there is no binding of the identity at ${path}`);
      const { name } = ours.metadata;
      await kube.mergePatch(`${path}/${name}`, { subjects: [] });
      await waitFor(
        "its subjects are put back",
        async () => isAbout(await kube.get(`${path}/${name}`), site.namespace, "drifts"),
        { timeout: 60_000 },
      );
    }
  },
};

/** A hold says what it has matched, and goes again. */
const held: Scenario = {
  id: "held",
  async play({ site }) {
    const kube = site.lane.world.stack.kubernetes.client;
    await site.apply(site.identity("suspect", [site.kubernetesAccount()]));
    await site.until("suspect", "Good");
    const holds = "/apis/keyturn.dev/v1alpha1/identityholds";
    const name = `${site.namespace}-suspect`;
    const spec = { namespace: site.namespace, name: "suspect", reason: "seen where it should not be" };
    const hold = { apiVersion: "keyturn.dev/v1alpha1", kind: "IdentityHold", metadata: { name }, spec };
    await kube.create(holds, hold);
    const isProven = async (): Promise<boolean> => {
      const { status } = (await kube.get(`${holds}/${name}`)) as { readonly status?: HoldStatus };
      return status?.matched?.some(({ state }) => state === "Proven") === true;
    };
    await waitFor("the hold says that it is proven", isProven, { timeout: 60_000 });
    await kube.delete(`${holds}/${name}`);
    await site.until("suspect", "Good");
  },
};

interface HoldStatus {
  readonly matched?: readonly { readonly state: string }[];
}

const isAbout = (binding: KubeObject, namespace: string, name: string): boolean =>
  ((binding["subjects"] ?? []) as readonly { readonly namespace?: string; readonly name: string }[]).some(
    (subject) => subject.namespace === namespace && subject.name === name,
  );

/** A first issue, a rotation, a spec that is written back, and a deletion, with a workload of each kind. */
const rotationOfEveryKind = async (lane: Lane): Promise<void> => {
  const address = `127.0.0.1:${await freePort()}`;
  const flags = { "metrics-address": address, "metrics-auth": "Reviewed" };
  const site = await lane.open({ name: "every-kind", resync: "2s", flags });
  const kube = lane.world.stack.kubernetes.client;
  await site.startOperator();
  const token = await metricsReader(kube, { namespace: site.namespace, name: "prometheus", role: true });
  await waitFor(
    "a reader with the role is answered",
    async () => (await oneRequest(`https://${address}/metrics`, { token })).status === 200,
    { timeout: 60_000 },
  );
  const spec = (site.workload() as { spec: { selector: object; template: object } }).spec;
  const others = ["StatefulSet", "DaemonSet"].map((kind) => ({ kind, name: `app-${kind.toLowerCase()}` }));
  for (const { kind, name } of others) {
    const labels = { app: name };
    const template = structuredClone(spec.template) as { metadata: { labels: object } };
    template.metadata.labels = labels;
    await kube.apply(
      `/apis/apps/v1/namespaces/${site.namespace}/${kind.toLowerCase()}s/${name}`,
      {
        apiVersion: "apps/v1",
        kind,
        metadata: { name, namespace: site.namespace },
        spec: { selector: { matchLabels: labels }, template, ...(kind === "StatefulSet" ? { serviceName: name } : {}) },
      },
      "team",
    );
  }
  await site.applyWorkload();
  const cronJob = await cronJobWithARun(site, spec.template);
  const object = site.rotation();
  object.spec["dependents"] = [
    ...(object.spec["dependents"] as object[]),
    ...[...others, cronJob].map((workload) => ({ name: workload.name, workload, timeout: "60s" })),
  ];
  await kube.apply(site.rotationPath, object, "team");
  await issuedAndRotated(site);
  await writtenBack(site, object);
  await kube.delete(site.rotationPath);
  await waitFor("the rotation is gone", async () => (await kube.find(site.rotationPath)) === undefined, {
    timeout: 60_000,
  });
  for (const { process } of site.replicas()) await process.term();
};

/** A CronJob, and a run of it that has begun: it is suspended, so it holds nobody up. */
const cronJobWithARun = async (site: Site, template: object): Promise<{ kind: string; name: string }> => {
  const { namespace } = site;
  const kube = site.lane.world.stack.kubernetes.client;
  const batch = `/apis/batch/v1/namespaces/${namespace}`;
  const { metadata, spec } = structuredClone(template) as { metadata: object; spec: object };
  const pod = { metadata, spec: { ...spec, restartPolicy: "Never" } };
  const name = "app-cronjob";
  const made = await kube.create(`${batch}/cronjobs`, {
    metadata: { name },
    spec: { schedule: "0 0 1 1 *", suspend: true, jobTemplate: { spec: { template: pod } } },
  });
  const { uid = "" } = made.metadata;
  const owner = { apiVersion: "batch/v1", kind: "CronJob", name, uid, controller: true };
  const run = await kube.create(`${batch}/jobs`, {
    metadata: { name: `${name}-1`, ownerReferences: [owner] },
    spec: { suspend: true, template: pod },
  });
  const active = [{ apiVersion: "batch/v1", kind: "Job", namespace, name: run.metadata.name, uid: run.metadata.uid }];
  await kube.mergePatch(`${batch}/cronjobs/${name}/status`, { status: { active } });
  return { kind: "CronJob", name };
};

/** Waits until all have the first key, asks for a rotation, and waits until all have the second. */
const issuedAndRotated = async (site: Site): Promise<void> => {
  const kube = site.lane.world.stack.kubernetes.client;
  const haveKey = (number: string): Promise<boolean> =>
    waitFor(
      `every dependent of ${site.namespace} has key ${number}`,
      async () => {
        const { status } = await kube.get<Rotation>(site.rotationPath);
        const rests =
          conditionOf(status, "Ready")?.status === "True" && conditionOf(status, "Reconciling") === undefined;
        return rests && status?.current?.version.startsWith(`${number}-`) === true;
      },
      { timeout: 120_000 },
    );
  await haveKey("1");
  await askForRotation(kube, site.rotationPath);
  await haveKey("2");
};

/** With rights in one namespace a key is issued and rotated there, and no Secret elsewhere can be read. */
const inOneNamespace = async (lane: Lane, problems: string[]): Promise<void> => {
  const site = await lane.open({ name: "one-namespace", resync: "2s", rights: "Namespaces" });
  const kube = lane.world.stack.kubernetes.client;
  await site.startOperator();
  await site.applyWorkload();
  await site.applyRotation();
  await issuedAndRotated(site);
  const may = async (verb: string, namespace: string): Promise<boolean> => {
    const review = await kube.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      metadata: {},
      spec: {
        user: `system:serviceaccount:${site.operatorNamespace}:keyturn`,
        resourceAttributes: { verb, resource: "secrets", namespace },
      },
    });
    return (review["status"] as { readonly allowed: boolean }).allowed;
  };
  const [here, elsewhere, everywhere] = await Promise.all([
    may("get", site.namespace),
    may("get", "default"),
    may("list", ""),
  ]);
  if (!here || elsewhere || everywhere)
    problems.push(`with rights in one namespace: ${JSON.stringify({ here, elsewhere, everywhere })}`);
  for (const { process } of site.replicas()) await process.term();
};

/** A delivery to a path of somebody else's, with rollback.mode RewriteSpec. */
const writtenBack = async (site: Site, object: KubeObject & { spec: Record<string, unknown> }): Promise<void> => {
  const kube = site.lane.world.stack.kubernetes.client;
  const spec: Record<string, unknown> = { ...object.spec, rollback: { mode: "RewriteSpec" } };
  const good = await kube.apply<Rotation>(site.rotationPath, { ...object, spec }, "team");
  await waitFor(
    "the spec is good",
    async () =>
      (await kube.get<Rotation>(site.rotationPath)).status?.lastKnownGood?.generation === good.metadata.generation,
    { timeout: 60_000 },
  );
  const foreign = {
    name: "taken",
    vaultKV: { connectionRef: { name: site.connections.vault }, path: "foreign" },
  };
  const deliver = [...(spec["deliver"] as object[]), foreign];
  await kube.apply(site.rotationPath, { ...object, spec: { ...spec, deliver } }, "team");
  await waitFor(
    "the good spec is written back",
    async () => JSON.stringify((await kube.get(site.rotationPath))["spec"]) === JSON.stringify(good["spec"]),
    { timeout: 60_000 },
  );
};
