import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { output } from "../install/commands.ts";
import { accountId, connectionObject } from "../lane/ground.ts";
import { deliveryPolicy } from "../lane/lane.ts";
import { openMetrics } from "../lane/open-metrics.ts";
import { root } from "../lane/paths.ts";
import { bundleOperator } from "../lane/world.ts";
import type { KubeObject } from "../stack/kube.ts";
import { kubeconfig } from "../stack/kube.ts";
import { applyManifests, pathOf } from "../stack/manifests.ts";
import { startOperator } from "../stack/operator-process.ts";
import { freePort } from "../stack/ports.ts";
import { startProcessKubelet } from "../stack/process-kubelet.ts";
import type { Stack } from "../stack/stack.ts";
import { identityPolicy } from "../stack/vault.ts";
import { waitFor } from "../stack/wait.ts";
import { loginProbe } from "../stack/workload/manifest.ts";

const OPERATOR = "keyturn-system";
const TEAM = "payments";

/** What a newcomer finds. */
export interface Playground {
  /** A folder for a PATH: keyturn, kubectl-keyturn. */
  readonly programs: string;
  /** A folder with the workload of docs/getting-started.md. */
  readonly examples: string;
  readonly auditDir: string;
  readonly metricsUrl: string;
  /** A line for each login of the workload. */
  readonly logins: string;
}

/**
 * Everything that a platform team has set up before the first team comes: config/default applied (the operator itself runs as a
 * process here), an operator that leads, one connection each to this cluster, AWS and Vault, and a namespace for the team.
 */
export async function openPlayground(stack: Stack): Promise<Playground> {
  const kube = stack.kubernetes.client;
  const dir = join(stack.dir, "playground");
  const [programs, examples, auditDir] = ["bin", "examples", "audit"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [programs, examples, auditDir]) await mkdir(folder, { recursive: true });
  await startProcessKubelet(stack);
  await applyManifests(kube, join(root, "crds"));
  await applyDefault(stack);
  await kube.create("/api/v1/namespaces", { metadata: { name: TEAM } });
  const token = await Promise.all([
    kube.serviceAccountToken(OPERATOR, "keyturn", undefined, 8 * 3600),
    bundleOperator(join(dir, "keyturn.mjs")),
    awsGround(stack),
    vaultGround(stack),
    teamGround(stack),
  ]).then(([first]) => first);
  await writeFile(join(dir, "kubeconfig"), kubeconfig({ url: stack.kubernetes.url, ca: stack.ca.pem, token }), {
    mode: 0o600,
  });
  for (const [name, file] of [
    ["keyturn", "keyturn.mjs"],
    ["kubectl-keyturn", "kubectl-keyturn"],
  ] as const)
    await writeFile(join(programs, name), `#!/bin/sh\nexec '${process.execPath}' '${join(dir, file)}' "$@"\n`, {
      mode: 0o755,
    });
  await writeFile(join(examples, "workload.yaml"), workload(stack, dir));
  const metricsUrl = await operator(stack, { dir, auditDir });
  await connections(stack);
  return { programs, examples, auditDir, metricsUrl, logins: loginsIn(dir) };
}

const loginsIn = (dir: string): string => join(dir, "logins.log");

/** config/default, but for what runs the operator in a Pod. */
async function applyDefault(stack: Stack): Promise<void> {
  const kube = stack.kubernetes.client;
  const text = await output(stack.tools.kubectl, ["kustomize", join(root, "config/default")]);
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as KubeObject;
    if (["CustomResourceDefinition", "StatefulSet", "Service", "NetworkPolicy"].includes(object.kind ?? "")) continue;
    await kube.apply(await pathOf(kube, object), object, "keyturn-manifests");
  }
}

/** The operator's own login, and a policy that may be given. */
async function awsGround(stack: Stack): Promise<void> {
  const { client } = stack.aws;
  const Statement = [{ Effect: "Allow", Action: ["iam:*", "sts:GetCallerIdentity"], Resource: "*" }];
  await client.createUser("keyturn");
  await client.putUserPolicy("keyturn", "keyturn", { Version: "2012-10-17", Statement });
  const login = await client.createAccessKey("keyturn");
  await stack.kubernetes.client.create(`/api/v1/namespaces/${OPERATOR}/secrets`, {
    metadata: { name: "aws-login" },
    stringData: { accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey },
  });
  const reads = { Effect: "Allow", Action: ["s3:GetObject"], Resource: "*" };
  await client.action("iam", "CreatePolicy", {
    PolicyName: "invoices-read",
    PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [reads] }),
  });
}

async function vaultGround(stack: Stack): Promise<void> {
  const { client } = stack.vault;
  await client.call("POST", "sys/auth/approle", { type: "approle" });
  await client.putRole({
    name: "keyturn",
    policy: `${deliveryPolicy(`keyturn/${TEAM}`)}\n${identityPolicy({ prefix: `keyturn.${TEAM}.` })}`,
    serviceAccount: { namespace: OPERATOR, name: "keyturn" },
  });
}

/** A role that the team's identities may be given. */
async function teamGround(stack: Stack): Promise<void> {
  await stack.kubernetes.client.create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${TEAM}/roles`, {
    metadata: { name: "invoice-reader" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] }],
  });
}

async function connections(stack: Stack): Promise<void> {
  const caBundle = stack.ca.pem;
  const specs: Readonly<Record<string, object>> = {
    "in-cluster": { kubernetes: {}, grants: [{ name: TEAM, roles: [{ kind: "Role", name: "invoice-reader" }] }] },
    aws: {
      aws: {
        region: stack.aws.region,
        accountId,
        endpoint: stack.aws.url,
        caBundle,
        login: { secretRef: { name: "aws-login" } },
      },
      grants: [
        {
          name: TEAM,
          policies: ["invoices-read", "not-there"].map((name) => `arn:aws:iam::${accountId}:policy/${name}`),
        },
      ],
    },
    vault: { vault: { address: stack.vault.url, caBundle, login: { jwt: { role: "keyturn" } } } },
  };
  for (const [name, spec] of Object.entries(specs))
    await stack.kubernetes.client.create(
      "/apis/keyturn.dev/v1alpha1/providerconnections",
      connectionObject(name, TEAM, spec),
    );
}

/** Pods that log in to AWS all the while, with the key that they were started with. */
function workload(stack: Stack, dir: string): string {
  const { object } = loginProbe({
    namespace: TEAM,
    name: "exporter",
    secretName: "exporter-aws",
    endpoint: stack.aws.url,
    caFile: stack.ca.file,
    intervalMs: 500,
    probeLog: loginsIn(dir),
  });
  return stringify(object);
}

/** Gives the address of its metrics. */
async function operator(stack: Stack, { dir, auditDir }: { dir: string; auditDir: string }): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const flags = {
    kubeconfig: join(dir, "kubeconfig"),
    "cluster-name": "local",
    "operator-namespace": OPERATOR,
    "lease-identity": "local",
    "probe-address": address,
    "audit-dir": auditDir,
    resync: "10s",
    "attribution-window": "5s",
  };
  await startOperator({
    supervisor: stack.supervisor,
    entry: join(dir, "keyturn.mjs"),
    args: Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
    log: join(stack.logs, "operator.log"),
    env: { NODE_ENV: "production", ...openMetrics },
  });
  await waitFor("the operator leads", async () => (await fetch(`http://${address}/readyz`)).ok, { timeout: 60_000 });
  return `http://${address}/metrics`;
}
