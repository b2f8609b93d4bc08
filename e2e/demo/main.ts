import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { AwsKey, ListedKey } from "../stack/aws.ts";
import { AwsError } from "../stack/aws.ts";
import type { KubeObject } from "../stack/kube.ts";
import { parseProbeLog } from "../stack/workload/manifest.ts";
import type { Attempt } from "../stack/workload/manifest.ts";
import { startLane } from "../lane/lane.ts";
import type { Site } from "../lane/lane.ts";
import { countLogins, lastKeys } from "../lane/logins.ts";
import { writeEnvFile } from "../playground/look-around.ts";
import { askForRotation, conditionOf } from "../lane/rotation.ts";
import type { Rotation } from "../lane/rotation.ts";
import { startWorld } from "../lane/world.ts";
import type { World } from "../lane/world.ts";
import { tellIdentity } from "./identity.ts";
import { NotSeen, timeline } from "./timeline.ts";

// `make demo`: one key, rotated from end to end, and one identity from its first day to its last. Every line with ✓ is what a server showed at that moment: the API server,
// Vault and IAM are asked directly, the operator is not believed.

const inCi = process.env["CI"] === "true";
const started = performance.now();
const lines = timeline(started);
const print = (text = ""): void => void process.stdout.write(`${text}\n`);
const interrupted = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
});
const tail = (id: string): string => `…${id.slice(-4)}`;

print("Keyturn demo: an AWS access key is rotated while a workload of two replicas logs in with it every 50 ms;");
print("then an identity joins, moves and leaves.");
print("✓ was read from kube-apiserver, Vault or IAM at that second.   › is what we do.");

let world: World | undefined;
let code = 0;
try {
  world = await startWorld();
  await Promise.race([tell(world), interrupted.then(() => Promise.reject(new Error("interrupted")))]);
} catch (error) {
  code = 1;
  print(`\n${error instanceof NotSeen ? `The demo has failed: ${error.message}.` : String(error)}`);
  if (error instanceof NotSeen && error.cause instanceof Error && error.cause.cause instanceof Error)
    print(error.cause.cause.message);
  if (world !== undefined) print(await lastWords(world));
}
if (world !== undefined) {
  if (!inCi && !(await isInterrupted())) {
    print("\nThe stack stays up. Ctrl-C ends everything and leaves nothing behind.");
    await interrupted;
    print("\nstopping …");
  }
  await world.stop();
}
process.exit(code);

async function tell(world: World): Promise<void> {
  const { stack } = world;
  const kube = stack.kubernetes.client;
  const aws = stack.aws.client;
  const lane = await startLane(world);

  lines.chapter("A control plane of our own");
  await lines.see("local stack is up", async () => {
    const version = (await kube.get("/version")) as unknown as { gitVersion: string };
    const vault = await stack.vault.client.call("GET", "sys/health");
    return `kube-apiserver ${version.gitVersion}, Vault ${String(vault?.["version"])}, IAM and STS`;
  });
  await lines.see("CRDs are served", async () => {
    const { resources } = (await kube.get("/apis/keyturn.dev/v1alpha1")) as unknown as {
      resources: { name: string }[];
    };
    const names = resources.map(({ name }) => name).filter((name) => !name.includes("/"));
    return names.length >= 3 ? names.join(", ") : undefined;
  });
  const site = await lane.open({
    name: "payments",
    waits: { soak: 2, overlap: 3, deleteAfter: 3 },
    probeIntervalMs: 50,
    resync: "5s",
  });
  lines.did(
    "platform: IAM user, connections",
    `user ${site.userName}, tagged for ${site.namespace}/${site.rotationName}`,
  );
  await site.startOperator();
  await lines.see("operator leads", async () => {
    const lease = await kube.find(`/apis/coordination.k8s.io/v1/namespaces/${site.operatorNamespace}/leases/keyturn`);
    const holder = (lease?.["spec"] as { holderIdentity?: string } | undefined)?.holderIdentity;
    return holder === undefined || holder === "" ? undefined : `Lease held by ${holder}`;
  });
  await lines.see("both connections are ready", async () => {
    for (const name of Object.values(site.connections)) {
      const object: Rotation = await kube.get(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`);
      if (conditionOf(object.status, "Ready")?.status !== "True") return undefined;
    }
    return "the operator has logged in to AWS and, by its ServiceAccount, to Vault";
  });

  const rotation = (): Promise<Rotation> => kube.get<Rotation>(site.rotationPath);
  const keys = (): Promise<ListedKey[]> => aws.listAccessKeys(site.userName);
  const isActive = (list: ListedKey[], id: string): boolean =>
    list.some(({ accessKeyId, status }) => accessKeyId === id && status === "Active");
  const inSecret = async (): Promise<AwsKey | undefined> => keyOf(decoded(await kube.find(site.secretPath)));
  const inVault = async (): Promise<AwsKey | undefined> => {
    const found = await stack.vault.client.readSecret(site.kvPath);
    return keyOf((found?.data ?? {}) as Record<string, string>, "accessKeyId", "secretAccessKey");
  };
  const logins = (): Promise<Attempt[]> => attempts(site);
  const podsOnKey = async (id: string): Promise<string | undefined> => {
    const list = await kube.list(`/api/v1/namespaces/${site.namespace}/pods?labelSelector=app=${site.workloadName}`);
    const ready = list.items.filter(isReady).map(({ metadata }) => metadata.name);
    const used = lastKeys(await logins());
    const moved = ready.length === 2 && list.items.length === 2 && ready.every((pod) => used.get(pod) === id.slice(-4));
    return moved ? `2 of 2 pods log in with ${tail(id)}` : undefined;
  };

  lines.chapter("The first key");
  const again = [site.workload(), site.rotation()].map((object) => stringify(object)).join("---\n");
  await writeFile(join(stack.dir, "again.yaml"), again);
  await site.applyWorkload();
  await site.applyRotation();
  lines.did("SecretRotation applied", "deliver to a Secret and to Vault; the Deployment depends on it");
  let first = "";
  await lines.see("first key issued", async () => {
    first = (await keys()).find(({ status }) => status === "Active")?.accessKeyId ?? "";
    return first === "" ? undefined : `IAM lists ${tail(first)}, Active`;
  });
  await lines.see("verified", async () => {
    const { status } = await rotation();
    const verification = status?.rotation?.verification;
    if (verification?.verifiedAt === undefined && status?.current?.verifiedAt === undefined) return undefined;
    return verification === undefined
      ? "logged in; a wrong key was refused"
      : `${verification.successes} logins over ${site.waits.soak} s; a wrong key was refused`;
  });
  await lines.see("published", async () => {
    const [secret, vault] = [await inSecret(), await inVault()];
    const same = secret?.accessKeyId === first && vault?.accessKeyId === first;
    if (!same || secret.secretAccessKey !== vault.secretAccessKey) return undefined;
    return `Secret ${site.secretName} and kv/${site.kvPath} hold the same key`;
  });
  await lines.see("workload rolled, logging in", () => podsOnKey(first));
  const old = await inSecret();
  await lines.see("at rest", async () => settled(await rotation()));

  lines.chapter("A rotation");
  const askedAt = await askForRotation(kube, site.rotationPath);
  lines.did("rotate-at", askedAt);
  let second = "";
  await lines.see("new key issued", async () => {
    const list = await keys();
    second = list.find(({ accessKeyId }) => accessKeyId !== first)?.accessKeyId ?? "";
    return second !== "" && isActive(list, first) ? `${tail(second)} is Active, and so is ${tail(first)}` : undefined;
  });
  await lines.see("new key verified, published", async () => {
    const [secret, vault] = [await inSecret(), await inVault()];
    return secret?.accessKeyId === second && vault?.accessKeyId === second
      ? `Secret and Vault carry ${tail(second)}`
      : undefined;
  });
  await lines.see("workload moved", () => podsOnKey(second));
  await lines.see("old key disabled", async () => {
    const entry = (await keys()).find(({ accessKeyId }) => accessKeyId === first);
    return entry?.status === "Inactive"
      ? `${tail(first)} is Inactive, ${site.waits.overlap} s of overlap have passed`
      : undefined;
  });
  await lines.see("old key deleted", async () => {
    const list = await keys();
    return list.length === 1 && isActive(list, second) ? `IAM lists ${tail(second)} alone` : undefined;
  });
  await lines.see("old key refused", async () => {
    if (old === undefined) return undefined;
    const answer = await aws.getCallerIdentity(old).then(
      () => "let in",
      (error: unknown) => (error instanceof AwsError ? error.code : "error"),
    );
    const proof = conditionOf((await rotation()).status, "OldCredentialRevoked");
    if (answer !== "InvalidClientTokenId" || proof?.status !== "True") return undefined;
    return `we tried it: ${answer}; the operator says ${proof.reason}`;
  });
  await lines.see("at rest", async () => settled(await rotation()));

  lines.chapter("A spec that cannot work");
  const mine = site.rotation();
  const taken = { name: "taken", vaultKV: { connectionRef: { name: site.connections.vault }, path: "foreign" } };
  const before = JSON.stringify(await stack.vault.client.readSecret(site.foreign.kvPath));
  await kube.apply(
    site.rotationPath,
    { ...mine, spec: { ...mine.spec, deliver: [...mine.spec.deliver, taken] } },
    "team",
  );
  lines.did("spec changed", "one more delivery, to a Vault path that belongs to somebody else");
  await lines.see("refused for 5 s, then reverted", async () => {
    const reverted = conditionOf((await rotation()).status, "Reverted");
    return reverted?.status === "True" ? `Reverted=True, reason ${reverted.reason}` : undefined;
  });
  await lines.see("last known good stays in force", async () => {
    const { status } = await rotation();
    const [secret, vault] = [await inSecret(), await inVault()];
    const good = status?.lastKnownGood?.generation;
    const since = (await logins()).filter(({ at, result }) => at > Date.now() - 1000 && result === "ok").length;
    const held = secret?.accessKeyId === second && vault?.accessKeyId === second && isActive(await keys(), second);
    if (!held || since === 0 || conditionOf(status, "Ready")?.status !== "True") return undefined;
    return `generation ${good ?? "?"}: ${tail(second)} delivered, ${since} logins in the last second`;
  });
  await lines.see("the foreign path is untouched", async () =>
    JSON.stringify(await stack.vault.client.readSecret(site.foreign.kvPath)) === before
      ? "same content, same version"
      : undefined,
  );

  lines.chapter("The end of the need");
  const allLogins = countLogins(await logins());
  await kube.delete(site.workloadPath, { propagationPolicy: "Background" });
  lines.did("workload taken down", `after ${allLogins.logins} logins`);
  await lines.see("no pod is left", async () => {
    const list = await kube.list(`/api/v1/namespaces/${site.namespace}/pods?labelSelector=app=${site.workloadName}`);
    return list.items.length === 0 ? "nobody uses the key any more" : undefined;
  });
  const counted = countLogins(await logins());
  await kube.delete(site.rotationPath);
  lines.did("SecretRotation deleted", "holdFor: 2s");
  await lines.see("key disabled at once", async () => {
    const list = await keys();
    return isActive(list, second) ? undefined : `${tail(second)} is ${list.length === 0 ? "gone already" : "Inactive"}`;
  });
  await lines.see("resource is gone", async () =>
    (await kube.find(site.rotationPath)) === undefined
      ? "its finalizer has let it go; the ledger has the rest"
      : undefined,
  );
  let left = -1;
  await lines.see("no key is left at the provider", async () => {
    left = (await keys()).length;
    return left === 0 ? "IAM lists none" : undefined;
  });
  await lines.see("nor a copy of its value", async () => {
    const gone = (await inSecret()) === undefined && (await inVault()) === undefined;
    const { items } = await kube.list(
      `/api/v1/namespaces/${site.operatorNamespace}/secrets?labelSelector=keyturn.dev/role=staging`,
    );
    return gone && items.length === 0 ? "Secret, Vault path and staging are empty" : undefined;
  });
  await lines.see("ledger is empty", async () => {
    const { items } = await kube.list("/apis/keyturn.dev/v1alpha1/orphanedcredentials");
    return items.length === 0 ? "no OrphanedCredential is left" : undefined;
  });

  const callsOut = [lane.proxies.aws.counts().total, lane.proxies.vault.counts().total];
  const identity = await tellIdentity(lane, lines);

  const refused = counted.refused;
  lines.chapter("In numbers");
  table([
    ["logins of the workload", counted.logins],
    ["refused", refused],
    ["longest gap between two logins", `${counted.maxGapMs} ms`],
    ["rotations", 2],
    ["keys left at the provider", left],
    ["calls to AWS / Vault, of the rotations", callsOut.join(" / ")],
    ["credentials of the leaver refused", identity.credentialsTried],
    ["seconds until the last was refused", identity.secondsToRefusal.toFixed(1)],
    ["steps seen", lines.seen()],
    ["seconds", lines.elapsed().toFixed(0)],
  ]);
  if (refused > 0) {
    code = 1;
    print(`A login was refused: ${JSON.stringify(counted.firstRefusal)}`);
  }
  await lookAround(world, site);
}

async function lookAround(world: World, site: Site): Promise<void> {
  const { stack } = world;
  const env = await writeEnvFile(stack);
  print(`
Look around${inCi ? " (on your machine the stack stays up until Ctrl-C)" : ", in another terminal"}

  . ${env}
  kubectl get pconn
  kubectl get events.events.k8s.io -n ${site.namespace} --sort-by=.metadata.creationTimestamp
  kubectl apply -f ${join(stack.dir, "again.yaml")}    # once more
  kubectl get srot -n ${site.namespace} -w
  vault kv get kv/${site.kvPath}

  audit trail  ${site.auditDir}
  logs         ${site.operatorLogs()[0] ?? ""}`);
}

async function lastWords(world: World): Promise<string> {
  const found = await world.stack.kubernetes.client
    .find("/apis/keyturn.dev/v1alpha1/namespaces/payments/secretrotations/app")
    .catch(() => undefined);
  return found === undefined ? "" : `The SecretRotation says:\n${stringify(found["status"] ?? {})}`;
}

function settled({ status }: Rotation): string | undefined {
  const resting =
    status?.rotation === undefined &&
    (status?.pendingRevocations ?? []).length === 0 &&
    conditionOf(status, "Reconciling") === undefined;
  const ready = conditionOf(status, "Ready");
  return resting && ready?.status === "True" ? `Ready=True, credential ${status?.current?.version ?? ""}` : undefined;
}

function decoded(secret: KubeObject | undefined): Record<string, string> {
  const data = (secret?.["data"] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}

function keyOf(
  values: Readonly<Record<string, string>>,
  id = "AWS_ACCESS_KEY_ID",
  secret = "AWS_SECRET_ACCESS_KEY",
): AwsKey | undefined {
  const [accessKeyId, secretAccessKey] = [values[id], values[secret]];
  return accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey };
}

async function attempts(site: Site): Promise<Attempt[]> {
  return parseProbeLog(await readFile(site.probeLog, "utf8").catch(() => ""));
}

function isReady(pod: KubeObject): boolean {
  const { conditions = [] } = (pod["status"] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

function table(rows: readonly (readonly [string, string | number])[]): void {
  const value = Math.max(...rows.map(([, cell]) => String(cell).length));
  for (const [name, cell] of rows) print(`  ${name.padEnd(40, " ")} ${String(cell).padStart(value)}`);
}

async function isInterrupted(): Promise<boolean> {
  return Promise.race([interrupted.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}
