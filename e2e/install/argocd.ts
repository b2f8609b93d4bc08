import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import type { Application, ArgoCd } from "../gitops/argocd.ts";
import { startArgoCd } from "../gitops/argocd.ts";
import { outOfSyncFields } from "../gitops/sample-defaults.ts";
import type { SpecWriters } from "../gitops/spec-writers.ts";
import { watchSpecs } from "../gitops/spec-writers.ts";
import type { Repository } from "../gitops/repository.ts";
import { openRepository } from "../gitops/repository.ts";
import type { Account } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { Identity } from "../lane/identity.ts";
import { rests } from "../lane/identity.ts";
import type { IdentitySite } from "../lane/identity-site.ts";
import { openIdentitySite } from "../lane/identity-site.ts";
import { startLane } from "../lane/lane.ts";
import { root } from "../lane/paths.ts";
import type { Rotation } from "../lane/rotation.ts";
import { rotationPath } from "../lane/rotation.ts";
import type { World } from "../lane/world.ts";
import type { KubeObject } from "../stack/kube.ts";
import { applyManifests } from "../stack/manifests.ts";
import { sleep, waitFor } from "../stack/wait.ts";
import { startInstallation } from "./installation.ts";
import type { InstallPart, PartContext, PartResult } from "./part.ts";

/** The real Argo CD over Git repositories, by the example of config/argocd: what a team does from Git, and what it then sees. */
export const argocd: InstallPart = {
  name: "argocd",
  targets: {
    argocdScenarios: { atLeast: 6 },
    argocdWrong: { is: 0 },
    gitopsSpecWrites: { is: 0 },
    outOfSyncFields: { is: 0 },
  },
  async run(context) {
    const installation = await startInstallation(context.say);
    const { stack, kubelet } = installation;
    try {
      const { refused } = await applyManifests(stack.kubernetes.client, join(root, "crds"));
      if (refused.length > 0) throw new Error(`the API server refused CRDs:\n${refused.join("\n")}`);
      const bundle = join(stack.dir, "operator", "keyturn.mjs");
      return await fromGit({ stack, kubelet, bundle, stop: () => stack.stop() }, context);
    } finally {
      await installation.stop();
    }
  },
};

const TEAM = "payments";
const APP = `identities-${TEAM}`;
const IDENTITY = "billing";
const ROTATION = "billing-aws";
const QUIET_MS = 6000;

/** What stands while the scenarios follow each other. */
interface Stage {
  readonly argo: ArgoCd;
  readonly site: IdentitySite;
  readonly git: Repository;
  readonly specs: SpecWriters;
  readonly platform: string;
}

async function fromGit(world: World, { say }: PartContext): Promise<PartResult> {
  const { stack } = world;
  const kube = stack.kubernetes.client;
  const fields = await outOfSyncFields(kube);
  const argo = await startArgoCd(stack, say);
  const site = await openIdentitySite(await startLane(world), { name: TEAM, resync: "5s" });
  await site.startOperator();
  const repositories = join(stack.dir, "git");
  const git = await openRepository(join(repositories, "identities"));
  const platform = join(repositories, "platform");
  const stage: Stage = { argo, site, git, platform, specs: watchSpecs(kube, TEAM) };
  const problems = fields.map((field) => `out of sync after a dry run: ${field}`);
  let wrong = 0;
  let unsynced = 0;
  for (const [name, scenario] of SCENARIOS) {
    const began = performance.now();
    try {
      unsynced += (await scenario(stage)).length;
      say(`  seen: ${name} (${Math.round((performance.now() - began) / 1000)} s)`);
    } catch (error) {
      wrong += 1;
      problems.push(
        `${name}: ${error instanceof Error ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}` : String(error)}`,
      );
      say(`  NOT SEEN: ${name}`);
    }
  }
  const foreign = await stage.specs.stop();
  problems.push(...foreign.map((line) => `spec written: ${line}`));
  return {
    figures: {
      argocdScenarios: SCENARIOS.length,
      argocdWrong: wrong,
      gitopsSpecWrites: foreign.length,
      outOfSyncFields: fields.length + unsynced,
    },
    problems,
  };
}

/** Each leaves the team's resources as the next one finds them. Gives what Argo CD calls out of sync at its end. */
const SCENARIOS: readonly (readonly [name: string, run: (stage: Stage) => Promise<readonly string[]>])[] = [
  [
    "an ApplicationSet finds the team's folder; its identity and key become Healthy",
    async (stage) => {
      await stage.git.commit("Join", manifests(stage.site));
      for (const object of await example(stage)) if (object.kind === "ApplicationSet") await stage.argo.apply(object);
      const app = await settled(stage, "Healthy");
      const rotation = await theRotation(stage);
      expect("a key is in use", rotation.status?.current?.version.startsWith("1-") === true);
      return outOfSync(app);
    },
  ],
  [
    "a change from Git is applied: one more role, and nothing else",
    async (stage) => {
      await stage.git.commit("One more role", manifests(stage.site, { roles: ["reader", "writer"] }));
      const app = await settled(stage, "Healthy");
      const bindings = await stage.site.lane.world.stack.kubernetes.client.list(
        `/apis/rbac.authorization.k8s.io/v1/namespaces/${TEAM}/rolebindings`,
      );
      const bound = bindings.items.map((one) => (one["roleRef"] as { name: string }).name);
      expect("both roles are bound", bound.includes("reader") && bound.includes("writer"));
      return outOfSync(app);
    },
  ],
  [
    "a change that fails is Degraded with its reason; the world goes back, and nobody fights over the spec",
    async (stage) => {
      await stage.git.commit(
        "A policy that is not there",
        manifests(stage.site, { roles: ["reader", "writer"], policies: ["read", "missing"] }),
      );
      await settled(stage, "Degraded");
      const identity = await stage.site.until(IDENTITY, "Reverted");
      const app = await theApp(stage);
      const told = app.status?.resources?.find(({ kind }) => kind === "ServiceAccountLifecycle")?.health?.message;
      expect(`Argo CD shows why (${told ?? "nothing"})`, /missing/.test(told ?? ""));
      const { generation } = identity.metadata;
      await sleep(QUIET_MS);
      const later = await theIdentity(stage);
      expect("the spec stays as Git has it", later.metadata.generation === generation);
      expect("it asks for the policy still", JSON.stringify(later.spec).includes("missing"));
      expect("it stays Reverted", rests(later, "Reverted"));
      return outOfSync(await theApp(stage));
    },
  ],
  [
    "corrected in Git it is Healthy again",
    async (stage) => {
      await stage.git.commit("Without it", manifests(stage.site, { roles: ["reader", "writer"] }));
      const app = await settled(stage, "Healthy");
      expect("nothing is reverted any more", rests(await theIdentity(stage), "Good"));
      return outOfSync(app);
    },
  ],
  [
    "a spec that admission refuses fails its sync with the field's name; what is in force stays in force",
    async (stage) => {
      const before = await theRotation(stage);
      await stage.git.commit("Too often", manifests(stage.site, { roles: ["reader", "writer"], every: "1s" }));
      await stage.argo.refresh(APP);
      const failed = await waitFor(
        "the sync fails",
        async () => {
          const app = await theApp(stage);
          const state = app.status?.operationState;
          // Refused, and perhaps about to be tried again.
          const refused = ["Failed", "Running"].includes(state?.phase ?? "");
          return refused && /schedule\.every/.test(JSON.stringify(state)) ? app : undefined;
        },
        { timeout: 90_000 },
      );
      expect("the resource is as healthy as before", failed.status?.health?.status === "Healthy");
      const after = await theRotation(stage);
      expect("its spec is as before", isDeepStrictEqual(after["spec"], before["spec"]));
      await stage.git.revertLast();
      return outOfSync(await settled(stage, "Healthy"));
    },
  ],
  [
    "a hand edit is put back by self-heal, and nothing more happens to it",
    async (stage) => {
      const { team } = stage.site;
      const before = await theIdentity(stage);
      await team.mergePatch(stage.site.path(IDENTITY), { spec: { purpose: "Edited by hand" } });
      await waitFor(
        "the spec is Git's again",
        async () => (await theIdentity(stage)).spec.purpose === before.spec.purpose,
        {
          timeout: 60_000,
        },
      );
      const app = await settled(stage, "Healthy");
      const { generation } = (await theIdentity(stage)).metadata;
      await sleep(QUIET_MS);
      expect("it is at rest", (await theIdentity(stage)).metadata.generation === generation);
      expect("there were two writes", generation === (before.metadata.generation ?? 0) + 2);
      return outOfSync(app);
    },
  ],
  [
    "a rotation asked for from Git is Progressing, then Healthy with another key",
    async (stage) => {
      const at = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace(".000", "");
      await stage.git.commit("Rotate", manifests(stage.site, { roles: ["reader", "writer"], rotateAt: at }));
      await stage.argo.refresh(APP);
      await waitFor("it is Progressing", async () => (await theApp(stage)).status?.health?.status === "Progressing", {
        timeout: 60_000,
        every: 50,
      });
      const app = await settled(stage, "Healthy");
      const { status } = await theRotation(stage);
      expect("another key is in use", status?.current?.version.startsWith("2-") === true);
      expect("it was acted on once", status?.lastHandledRotateAt === at);
      return outOfSync(app);
    },
  ],
  [
    "suspended and resumed from Git: Suspended, its key refused; then Healthy, with the same key",
    async (stage) => {
      const id = (await theRotation(stage)).status?.current?.id;
      const more = { roles: ["reader", "writer"] as const };
      await stage.git.commit("Suspend", manifests(stage.site, { ...more, state: "Suspended" }));
      await settled(stage, "Suspended", { identityOnly: true });
      expect("its key is inactive", (await keyStatus(stage, id)) === "Inactive");
      await stage.git.commit("Resume", manifests(stage.site, more));
      const app = await settled(stage, "Healthy");
      expect("its key is active", (await keyStatus(stage, id)) === "Active");
      return outOfSync(app);
    },
  ],
  [
    "pruned by mistake: gone from the cluster, disabled and in the ledger; undone within the hold with the same key",
    async (stage) => {
      const id = (await theRotation(stage)).status?.current?.id;
      const kube = stage.site.lane.world.stack.kubernetes.client;
      await stage.git.commit("Prune", { [`teams/${TEAM}/team.yaml`]: note });
      await stage.argo.refresh(APP);
      await waitFor(
        "both are gone",
        async () =>
          (await kube.find(rotationPath(TEAM, ROTATION))) === undefined &&
          (await stage.site.find(IDENTITY)) === undefined,
        { timeout: 90_000 },
      );
      const ledger = await kube.list("/apis/keyturn.dev/v1alpha1/orphanedcredentials");
      expect("the ledger holds them", ledger.items.length >= 2);
      expect("its key is inactive", (await keyStatus(stage, id)) === "Inactive");
      await settled(stage, "Healthy");
      await stage.git.revertLast();
      const app = await settled(stage, "Healthy");
      expect("the same key is in use", (await theRotation(stage)).status?.current?.id === id);
      expect("its key is active", (await keyStatus(stage, id)) === "Active");
      return outOfSync(app);
    },
  ],
  [
    "the operator itself from its chart, by the example Application: Synced and Healthy, with nothing out of sync",
    async (stage) => {
      const { site, argo, platform } = stage;
      for (const { process } of site.replicas()) await process.kill9();
      await chartRepository(platform);
      for (const object of await example(stage)) if (object.kind === "Application") await argo.apply(object);
      const app = await waitFor(
        "the operator's Application is Synced and Healthy",
        async () => {
          const found = await argo.find("keyturn");
          const is = found?.status?.sync?.status === "Synced" && found.status.health?.status === "Healthy";
          if (is) return found;
          throw new Error(briefly(found));
        },
        { timeout: 180_000, every: 500 },
      );
      expect(
        "the CRDs are its own",
        (app.status?.resources ?? []).some(({ kind }) => kind === "CustomResourceDefinition"),
      );
      await sleep(QUIET_MS);
      const later = await argo.find("keyturn");
      expect(`it stays so: ${briefly(later)}`, later?.status?.sync?.status === "Synced");
      return outOfSync(later);
    },
  ],
];

interface Wish {
  readonly roles?: readonly ("reader" | "writer")[];
  readonly policies?: readonly ("read" | "missing")[];
  readonly every?: string;
  readonly rotateAt?: string;
  readonly state?: "Suspended";
}

const note = stringify({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "team" },
  data: { contact: "payments@example.com" },
});

/** What the team has in Git: no namespaces, which the Application says, and no order, which the operator finds itself. */
function manifests(site: IdentitySite, wish: Wish = {}): Readonly<Record<string, string>> {
  const { roles = ["reader"], policies = ["read"], every = "720h", rotateAt, state } = wish;
  const identity = site.identity(IDENTITY, [site.kubernetesAccount({ roles }), lake(site, policies)], {
    deletion: { holdFor: "15m", timeout: "30s" },
    ...(state === undefined ? {} : { state }),
  });
  const rotation = {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "SecretRotation",
    metadata: {
      name: ROTATION,
      ...(rotateAt === undefined ? {} : { annotations: { "keyturn.dev/rotate-at": rotateAt } }),
    },
    spec: {
      identityRef: { name: IDENTITY },
      source: { awsAccessKey: { accountRef: { name: "lake" } } },
      deliver: [{ name: "app", kubernetesSecret: { name: "billing-aws" } }],
      dependents: [],
      schedule: { every },
      verify: { successes: 2, soak: "1s" },
      retire: { overlap: "1s", deleteAfter: "1s" },
      deletion: { holdFor: "15m" },
    },
  };
  return {
    [`teams/${TEAM}/team.yaml`]: note,
    [`teams/${TEAM}/identity.yaml`]: stringify({ ...identity, metadata: { name: IDENTITY } }),
    [`teams/${TEAM}/key.yaml`]: stringify(rotation),
  };
}

/** An account with policies of which one need not exist. */
function lake(site: IdentitySite, policies: NonNullable<Wish["policies"]>): Account {
  const account = site.awsUser({ policies: ["read"] });
  const user = { ...account.aws?.user, policies: policies.map((name) => site.policyArn(name)) };
  return { ...account, aws: { ...account.aws, user } } as Account;
}

/** config/argocd/application.yaml with addresses that are real here; the operator of the chart keeps away from the team's. */
async function example({ git, platform }: Pick<Stage, "git" | "platform">): Promise<readonly KubeObject[]> {
  const text = (await readFile(join(root, "config/argocd/application.yaml"), "utf8"))
    .replaceAll("https://git.example.com/platform/keyturn.git", `file://${platform}`)
    .replaceAll("https://git.example.com/platform/identities.git", git.url)
    .replaceAll("registry.example.com/keyturn", "keyturn")
    .replace("clusterName: production", "clusterName: production\n        watchNamespaces: [keyturn-system]");
  if (text.includes("example.com"))
    throw new Error("config/argocd/application.yaml names addresses that are not known here");
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

/** A repository that holds the chart where the example looks for it. */
async function chartRepository(folder: string): Promise<void> {
  const git = await openRepository(folder);
  await cp(join(root, "charts/keyturn"), join(folder, "charts/keyturn"), { recursive: true });
  await git.commitAll("The chart");
}

async function theApp({ argo }: Pick<Stage, "argo">): Promise<Application> {
  const app = await argo.find(APP);
  if (app === undefined) throw new Error("the Application is not there");
  return app;
}

async function theIdentity({ site }: Pick<Stage, "site">): Promise<Identity> {
  const identity = await site.find(IDENTITY);
  if (identity === undefined) throw new Error("the identity is not there");
  return identity;
}

async function theRotation({ site }: Pick<Stage, "site">): Promise<Rotation> {
  return site.lane.world.stack.kubernetes.client.get<Rotation>(rotationPath(TEAM, ROTATION));
}

async function keyStatus({ site }: Pick<Stage, "site">, id: string | undefined): Promise<string> {
  const keys = await site.lane.world.stack.aws.client.listAccessKeys(site.awsName(IDENTITY, "lake"));
  return keys.find(({ accessKeyId }) => accessKeyId === id)?.status ?? "absent";
}

/** Waits until Argo CD has synced the newest commit and calls the whole of it so. */
async function settled(
  stage: Stage,
  health: string,
  options: { readonly identityOnly?: boolean } = {},
): Promise<Application> {
  const { argo, git } = stage;
  const revision = await git.head();
  await waitFor("the Application is there", async () => argo.find(APP), { timeout: 60_000 });
  await argo.refresh(APP);
  return waitFor(
    `Argo CD calls it Synced and ${health}`,
    async () => {
      const app = await argo.find(APP);
      const is =
        options.identityOnly === true
          ? app?.status?.resources?.find(({ kind }) => kind === "ServiceAccountLifecycle")?.health?.status
          : app?.status?.health?.status;
      if (app?.status?.sync?.revision === revision && app.status.sync.status === "Synced" && is === health) return app;
      throw new Error(briefly(app));
    },
    { timeout: 120_000, every: 250 },
  );
}

const outOfSync = (app: Application | undefined): readonly string[] =>
  (app?.status?.resources ?? []).filter(({ status }) => status !== "Synced").map(({ kind, name }) => `${kind}/${name}`);

const briefly = (app: Application | undefined): string =>
  JSON.stringify({
    sync: app?.status?.sync,
    health: app?.status?.health,
    operation: app?.status?.operationState?.phase,
    message: app?.status?.operationState?.message,
    conditions: app?.status?.conditions,
    resources: app?.status?.resources?.map(({ kind, name, status, health }) => [kind, name, status, health]),
  }).slice(0, 3000);

function expect(what: string, is: boolean): void {
  if (!is) throw new Error(`not so: ${what}`);
}
