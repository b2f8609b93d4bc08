import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lane/paths.ts";
import { ensureProgram, ensureToolchain } from "../stack/toolchain.ts";
import { waitFor } from "../stack/wait.ts";
import { ended, output } from "./commands.ts";
import type { Installation } from "./installation.ts";
import { CHART, NAMESPACE, rolledOut, startInstallation } from "./installation.ts";
import { differences, objectsIn } from "./manifest-diff.ts";
import type { InstallPart } from "./part.ts";
import { monitoringReader, READER_VALUES, scrapedAsShipped, scrapedAtProbes } from "./shipped-monitor.ts";

/** The chart against config/default, and a release from its first installation to its removal. */
export const chart: InstallPart = {
  name: "chart",
  targets: { chartObjects: { atLeast: 25 }, chartVsKustomizeDiff: { is: 0 }, badValuesRefused: { atLeast: 10 } },
  async run({ say }) {
    const helm = await ensureProgram("helm", say);
    const { kubectl } = await ensureToolchain(say);
    const problems: string[] = [];
    let objects = 0;
    let diff = 0;
    for (const { set, folders } of VARIANTS) {
      const values = set.flatMap((one) => ["--set", one]);
      const charted = objectsIn(await output(helm, ["template", "keyturn", CHART, ...RENDER, ...values]));
      const texts = await Promise.all(folders.map((one) => output(kubectl, ["kustomize", join(root, "config", one)])));
      const kustomized = new Map(texts.flatMap((text) => [...objectsIn(text)]));
      // Helm makes the namespace of a release itself (--create-namespace).
      kustomized.delete(`Namespace/${NAMESPACE}`);
      const found = differences(charted, kustomized);
      problems.push(...found.map((line) => `${folders.join(" and ")}: ${line}`));
      say(
        `  ${charted.size} objects of the chart, and config/${folders.join(", config/")}: ${found.length} differences`,
      );
      objects = Math.max(objects, charted.size);
      diff += found.length;
    }
    await output(helm, ["lint", "--strict", CHART, "--set", IMAGE]);
    const unrefused = await unrefusedValues(helm);
    problems.push(...unrefused);
    const installation = await startInstallation(say);
    try {
      await wholeLife(installation, say, problems);
    } finally {
      await installation.stop();
    }
    return {
      figures: {
        chartObjects: objects,
        chartVsKustomizeDiff: diff,
        badValuesRefused: BAD_VALUES.length - unrefused.length,
      },
      problems,
    };
  },
};

const IMAGE = "image.repository=keyturn";
const STAMPING = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
const RENDER = ["--namespace", NAMESPACE, "--set", IMAGE, "--kube-version", "1.36.3", "--api-versions", STAMPING];

/** Values, and the folders of config/ that are the same. */
const VARIANTS: readonly { readonly set: readonly string[]; readonly folders: readonly string[] }[] = [
  { set: [], folders: ["default"] },
  { set: ["rbac.mode=Namespaces,watchNamespaces={team-a}"], folders: ["namespaces"] },
  {
    set: ["serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true"],
    folders: ["default", "monitoring"],
  },
];

/** A value, and what the refusal must name. */
const BAD_VALUES: readonly (readonly [set: string, named: string])[] = [
  ["replica=2", "replica"],
  ["replicas=-1", "replicas"],
  ["replicas=two", "replicas"],
  ["logLevel=loud", "logLevel"],
  ["resync=10", "resync"],
  ["clusterName=Not A Name", "clusterName"],
  ["watchNamespaces={Team_A}", "watchNamespaces"],
  ["rbac.mode=Namespaces", "watchNamespaces"],
  ["rbac.mode=Some", "mode"],
  ["limits.grants=-1", "grants"],
  ["limits.issues=5001", "issues"],
  ["image.digest=sha256:abc", "digest"],
  ["image.pullPolicy=Sometimes", "pullPolicy"],
  ["audit.storage=much", "storage"],
  ["networkPolicy.egressPorts={0}", "egressPorts"],
  ["extraArgs={workers=3}", "extraArgs"],
  ["grantableRoles.clusterRoles={*}", "grantableRoles"],
  ["serviceMonitor.interval=often", "interval"],
  ["metrics.auth=Perhaps", "auth"],
  ["metrics.readers[0].name=prometheus", "namespace"],
  ["image.repository=", "image.repository"],
];

const unrefusedValues = async (helm: string): Promise<readonly string[]> => {
  const results = await Promise.all(
    BAD_VALUES.map(async ([set, named]): Promise<readonly string[]> => {
      const { code, stderr } = await ended(helm, ["template", "keyturn", CHART, ...RENDER, "--set", set]);
      return code !== 0 && stderr.includes(named) ? [] : [`--set ${set} ended with ${code}: ${stderr.slice(0, 300)}`];
    }),
  );
  return results.flat();
};

const EVERY_SWITCH = [
  "replicas=2,logLevel=debug,watchNamespaces={team-a},podLabels.team=platform,podAnnotations.note=x,priorityClassName=high",
  "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true",
  "metrics.auth=Reviewed,metrics.tlsSecret=metrics-tls,metrics.readers[0].name=prometheus,metrics.readers[0].namespace=monitoring",
  "extraArgs={--workers=4},extraEnv[0].name=A,extraEnv[0].value=b",
  "extraVolumes[0].name=tmp,extraVolumes[0].emptyDir.medium=Memory",
  "extraVolumeMounts[0].name=tmp,extraVolumeMounts[0].mountPath=/tmp",
  "networkPolicy.egressPorts={443,6443},networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
  "grantableRoles.clusterRoles={view},grantableRoles.roles={reader},serviceAccount.annotations.role=arn",
  "nodeSelector.disk=ssd,tolerations[0].operator=Exists,audit.storageClassName=fast,imagePullSecrets[0].name=pull",
];

const wholeLife = async (
  installation: Installation,
  say: (line: string) => void,
  problems: string[],
): Promise<void> => {
  const { helm, kubectl, apply, tryKubectl } = installation;
  const expect = (what: string, is: boolean): void => {
    say(`  ${is ? "seen" : "NOT SEEN"}: ${what}`);
    if (!is) problems.push(`not seen: ${what}`);
  };
  // With its label, so that pod security is enforced from the first pod on.
  await apply(await readFile(join(root, "config/manager/namespace.yaml"), "utf8"));
  const token = await monitoringReader(installation);
  await helm(
    "install",
    "keyturn",
    CHART,
    "-n",
    NAMESPACE,
    "--set",
    `${IMAGE},resync=5s,grantableRoles.clusterRoles={view},${READER_VALUES}`,
  );
  await rolledOut(installation);
  expect("the operator is ready in a sandbox as its pod says, under restricted pod security", true);
  await untilServed(apply, await readmeSample());
  await identityReady(installation);
  expect("the README's identity is Ready with the rights that the chart gives", true);

  const scraped = await waitFor("the metrics are served", () => scrapedAsShipped(installation, CHART, token), {
    timeout: 30_000,
  });
  expect(
    "the shipped ServiceMonitor scrapes a fresh installation, which reviews its readers",
    scraped.status === 200 && scraped.body.includes("\nkeyturn_metrics_unreviewed 0\n"),
  );
  const strangers = [await scrapedAsShipped(installation, CHART, `${token}x`), await scrapedAtProbes(installation)];
  expect(
    "nobody else does, and not at the port of the probes",
    strangers.map(({ status }) => status).join() === "401,404",
  );

  const switches = EVERY_SWITCH.flatMap((set) => ["--set", set]);
  const all = await helm("template", "keyturn", CHART, ...RENDER, ...switches);
  const known = all
    .split(/^---$/m)
    .filter((text) => !/^kind: (ServiceMonitor|PrometheusRule|CustomResourceDefinition)$/m.test(text));
  const dryRun = await tryKubectl(
    ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"],
    known.join("---\n"),
  );
  // A claim template cannot be changed in place; that alone is refused, as for every StatefulSet.
  const refusals = dryRun.stderr
    .split("\n")
    .filter((line) => /error|invalid/i.test(line) && !line.includes("updates to statefulset spec"));
  problems.push(...refusals);
  expect("the API server takes everything that the switches can add", refusals.length === 0);

  await helm(
    "upgrade",
    "keyturn",
    CHART,
    "-n",
    NAMESPACE,
    "--reset-then-reuse-values",
    "--set",
    "replicas=2,logLevel=debug",
  );
  await rolledOut(installation);
  const lease = await kubectl("-n", NAMESPACE, "get", "lease", "keyturn", "-o", "jsonpath={.spec.holderIdentity}");
  expect("after an upgrade two replicas are ready, and one of them leads", /^keyturn-[01]$/.test(lease));
  const budget = await kubectl("-n", NAMESPACE, "get", "pdb", "keyturn", "-o", "jsonpath={.spec.maxUnavailable}");
  expect("two replicas have a PodDisruptionBudget", budget === "1");

  await helm("uninstall", "keyturn", "-n", NAMESPACE, "--wait");
  const crds = await kubectl("get", "crd", "-o", "name");
  const left = await kubectl("-n", "default", "get", "sal", "report", "-o", "name");
  const claims = await kubectl("-n", NAMESPACE, "get", "pvc", "-o", "name");
  expect(
    "removing the release keeps the CRDs and what is in them",
    crds.includes("secretrotations.keyturn.dev") && left !== "",
  );
  expect("removing the release keeps the audit volumes", claims.includes("audit-keyturn-0"));
  // And now with rights in two namespaces alone.
  await kubectl("create", "namespace", "team-a");
  const narrow = "rbac.mode=Namespaces,watchNamespaces={team-a,default}";
  await helm(
    "install",
    "keyturn",
    CHART,
    "-n",
    NAMESPACE,
    "--set",
    `${IMAGE},resync=5s,grantableRoles.clusterRoles={view},${narrow}`,
  );
  await rolledOut(installation);
  await kubectl("-n", "default", "delete", "sal", "report", "--timeout=60s");
  const bindings = (await kubectl("-n", "default", "get", "rolebinding", "-o", "name"))
    .split("\n")
    // The operator's own stand there in this mode.
    .filter((name) => name !== "" && !name.includes("/keyturn-operator-"));
  const ledger = await kubectl("get", "orphan", "-o", "jsonpath={.items[*].spec.origin.name}");
  expect("installed again it takes up what was there, and offboards it", bindings.length === 0 && ledger === "report");
  const may = async (...what: readonly string[]): Promise<boolean> =>
    (await tryKubectl(["auth", "can-i", ...what, `--as=system:serviceaccount:${NAMESPACE}:keyturn`])).stdout.trim() ===
    "yes";
  const [there, elsewhere] = [
    await may("get", "secrets", "-n", "team-a"),
    await may("get", "secrets", "-n", "kube-system"),
  ];
  expect("this time with no right on Secrets but in its namespaces", there && !elsewhere);
  const second = (await readmeSample()).replaceAll("namespace: default", "namespace: team-a");
  await apply(second);
  await waitFor(
    "the identity of the other namespace is ready",
    async () =>
      /"status":"True","type":"Ready"/.test(
        await kubectl("-n", "team-a", "get", "sal", "report", "-o", "jsonpath={.status.conditions}"),
      ),
    { timeout: 60_000 },
  );
  expect("an identity in the second namespace that it watches is Ready", true);
};

/** A CRD that has just been made is served a moment later. */
const untilServed = (apply: Installation["apply"], text: string): Promise<string> =>
  waitFor("the new kinds are served", () => apply(text), { timeout: 30_000 });

const identityReady = async ({ kubectl }: Installation): Promise<void> => {
  await waitFor(
    "the identity is ready",
    async () => {
      const status = await kubectl("-n", "default", "get", "sal", "report", "-o", "jsonpath={.status.conditions}");
      if (/"status":"True","type":"Ready"/.test(status)) return true;
      throw new Error(status);
    },
    { timeout: 60_000 },
  );
};

/** The objects that README shows under Install. */
const readmeSample = async (): Promise<string> => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const sample = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1];
  if (sample === undefined) throw new Error("README.md shows no sample");
  return sample;
};
