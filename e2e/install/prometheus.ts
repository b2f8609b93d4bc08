import { openIdentitySite } from "../lane/identity-site.ts";
import { startLane } from "../lane/lane.ts";
import { metricsReader } from "../lane/metrics-reader.ts";
import { askForRotation, conditionOf } from "../lane/rotation.ts";
import type { Rotation } from "../lane/rotation.ts";
import type { World } from "../lane/world.ts";
import { startWorld } from "../lane/world.ts";
import { dashboardQueries, substituted } from "../monitoring/dashboard.ts";
import { startPrometheus } from "../monitoring/prometheus.ts";
import type { Prometheus } from "../monitoring/prometheus.ts";
import { testLives, testRules } from "../monitoring/promtool.ts";
import { freePort } from "../stack/ports.ts";
import { sleep, waitFor } from "../stack/wait.ts";
import type { InstallPart } from "./part.ts";

/** The rules by promtool, and then a real Prometheus over operators that work: an alert that fires, every query of the dashboard. */
export const prometheus: InstallPart = {
  name: "prometheus",
  targets: {
    alertRules: { atLeast: 15 },
    alertRulesTested: { same: "alertRules" },
    alertsFired: { atLeast: 1 },
    dashboardQueries: { atLeast: 15 },
    dashboardQueriesEmpty: { is: 0 },
  },
  async run({ say }) {
    const rules = await testRules();
    say(`  ${rules.tested} of ${rules.alerts} alerts fire when they must, and only then`);
    const lives = await testLives();
    say(`  ${lives.lives} lives of a rotation fire what they must, of all alerts`);
    const world = await startWorld({ say });
    try {
      const seen = await watched(world, say);
      return {
        figures: { alertRules: rules.alerts, alertRulesTested: rules.tested, ...seen.figures },
        problems: [...rules.problems, ...lives.problems, ...seen.problems],
      };
    } finally {
      await world.stop();
    }
  },
};

const STUCK = "KeyturnRotationStuck";

const watched = async (world: World, say: (line: string) => void) => {
  const kube = world.stack.kubernetes.client;
  const targets = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] as const;
  const reviewedAt = (address: string) => ({ "metrics-address": address, "metrics-auth": "Reviewed" });
  const [rotations, identities] = await Promise.all([
    startLane(world).then((lane) => lane.open({ name: "payments", resync: "2s", flags: reviewedAt(targets[0]) })),
    startLane(world).then((lane) =>
      openIdentitySite(lane, { name: "staff", resync: "2s", flags: reviewedAt(targets[1]) }),
    ),
  ]);
  await Promise.all([rotations, identities].map((site) => site.startOperator()));
  await kube.create("/api/v1/namespaces", { metadata: { name: "monitoring" } });
  const token = await metricsReader(kube, { namespace: "monitoring", name: "prometheus", role: true });
  const observer = await startPrometheus(world.stack, targets, token);
  const ready = async (): Promise<Rotation | undefined> => {
    const found = await kube.get<Rotation>(rotations.rotationPath);
    return conditionOf(found.status, "Ready")?.status === "True" && found.status?.["activity"] === "Idle"
      ? found
      : undefined;
  };
  const object = rotations.rotation();
  object.spec["schedule"] = { every: "720h" };
  const applyRotation = (): Promise<object> => kube.apply(rotations.rotationPath, object, "team");
  await Promise.all([rotations.applyWorkload(), applyRotation(), peopleComeAndGo(identities)]);
  await waitFor("the first key is in use", ready, { timeout: 90_000 });
  await askForRotation(kube, rotations.rotationPath);
  await waitFor(
    "a second one is",
    async () => /^2-/.test(String(((await ready())?.status?.["current"] as { version?: string } | undefined)?.version)),
    { timeout: 90_000 },
  );

  const early = await observer.firing();
  // The rotation goes back when nobody confirms, and waits for that as well: its deadline passes a minute after it is published.
  const external = { name: "ci", external: { confirm: "Annotation" }, timeout: "10s" };
  object.spec["dependents"] = [...(object.spec["dependents"] as object[]), external];
  await applyRotation();
  await askForRotation(kube, rotations.rotationPath);
  const problems = early.some(({ alert }) => alert === STUCK) ? [`${STUCK} fires although no rotation is open`] : [];
  const fired = await waitFor(
    "the alert of a stuck rotation fires",
    async () => {
      const firing = await observer.firing();
      return firing.some(({ alert, name }) => alert === STUCK && name === "payments/app") ? firing : undefined;
    },
    { timeout: 240_000 },
  );
  say(`  fires: ${fired.map(({ alert, name }) => `${alert} ${name}`).join(", ")}`);
  const queries = await dashboardQueries();
  const empty = await emptyQueries(observer, queries);
  for (const { panel, expr } of empty) problems.push(`the panel "${panel}" is empty: ${expr}`);
  return {
    figures: {
      alertsFired: new Set(fired.map(({ alert }) => alert)).size,
      dashboardQueries: queries.length,
      dashboardQueriesEmpty: empty.length,
    },
    problems,
  };
};

type Identities = Awaited<ReturnType<typeof openIdentitySite>>;

/** One stays, with an end and a key; one leaves. */
const peopleComeAndGo = async (site: Identities): Promise<void> => {
  const accounts = [site.kubernetesAccount({ roles: ["reader"] }), site.awsUser({ policies: ["read"] })];
  await site.apply(site.identity("stays", accounts, { expiresAt: "2099-01-01T00:00:00Z" }));
  await site.apply(site.identity("leaves", [site.kubernetesAccount({ roles: ["reader"] })]));
  await Promise.all(["stays", "leaves"].map((name) => site.until(name, "Good", 90_000)));
  await site.createKey(site.awsName("stays", "lake"));
  await site.team.mergePatch(site.path("leaves"), { spec: { state: "Decommissioned" } });
  await site.until("leaves", "Offboarded", 90_000);
};

const emptyQueries = async (
  observer: Prometheus,
  queries: readonly { readonly panel: string; readonly expr: string }[],
): Promise<readonly { readonly panel: string; readonly expr: string }[]> => {
  let empty = queries;
  // The key that a provider lists comes into the inventory at a resync.
  for (let tries = 0; tries < 10 && empty.length > 0; tries += 1) {
    const counts = await Promise.all(empty.map(({ expr }) => observer.count(substituted(expr))));
    empty = empty.filter((_, i) => counts[i] === 0);
    if (empty.length > 0) await sleep(2000);
  }
  return empty;
};
