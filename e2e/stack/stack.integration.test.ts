import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AwsKey } from "./aws.ts";
import { AwsError } from "./aws.ts";
import type { KubeObject } from "./kube.ts";
import type { Pod } from "./kubelet/types.ts";
import { startProcessKubelet } from "./process-kubelet.ts";
import type { ProcessKubelet } from "./process-kubelet.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { sleep, waitFor } from "./wait.ts";
import { loginProbe, parseProbeLog } from "./workload/manifest.ts";
import type { Attempt } from "./workload/manifest.ts";

describe("the local stack", () => {
  let stack: Stack;
  let kubelet: ProcessKubelet;
  const namespace = "team-a";
  const secretPath = `/api/v1/namespaces/${namespace}/secrets`;
  const seenPids: number[] = [];

  before(async function () {
    // The first run on a machine builds the programs of the stack.
    this.timeout(3_600_000);
    stack = await startStack();
    kubelet = await startProcessKubelet(stack);
    const kube = stack.kubernetes.client;
    await kube.create("/api/v1/namespaces", { metadata: { name: namespace } });
  });
  after(async () => {
    await stack.stop();
  });

  const probeLog = (name: string): string => join(stack.dir, `${name}.log`);
  const attempts = async (name: string): Promise<Attempt[]> =>
    parseProbeLog(await readFile(probeLog(name), "utf8").catch(() => ""));
  const putSecret = async (name: string, key: AwsKey): Promise<void> => {
    const data = { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
    const object = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData: data };
    await stack.kubernetes.client.apply(`${secretPath}/${name}`, object);
  };
  const probe = (name: string, kind: "Deployment" | "StatefulSet" | "DaemonSet" = "Deployment", replicas = 2) =>
    loginProbe({
      namespace,
      name,
      kind,
      replicas,
      secretName: name,
      endpoint: stack.aws.url,
      caFile: stack.ca.file,
      intervalMs: 100,
      probeLog: probeLog(name),
    });
  const podsOf = async (name: string): Promise<Pod[]> => {
    const list = await stack.kubernetes.client.list<Pod>(
      `/api/v1/namespaces/${namespace}/pods?labelSelector=app=${name}`,
    );
    return list.items;
  };
  const statusOf = (object: KubeObject): Record<string, unknown> => (object["status"] ?? {}) as Record<string, unknown>;

  it("rolls a Deployment whose pods really log in, and refuses the key that was taken from them", async () => {
    const { client: kube } = stack.kubernetes;
    const { client: aws } = stack.aws;
    await aws.createUser("roller", { path: "/keyturn/" });
    const first = await aws.createAccessKey("roller");
    await putSecret("roller", first);
    const { path, object } = probe("roller");
    await kube.apply(path, object);
    const available = (generation: number): Promise<KubeObject> =>
      waitFor("the Deployment is available", async () => {
        const now = await kube.get(path);
        const { observedGeneration, updatedReplicas, availableReplicas, replicas } = statusOf(now);
        const all = updatedReplicas === 2 && availableReplicas === 2 && replicas === 2;
        return observedGeneration === generation && all ? now : undefined;
      });
    await available(1);

    const second = await aws.createAccessKey("roller");
    await putSecret("roller", second);
    const annotations = { "keyturn.dev/restarted-for": "2" };
    const rolled = await kube.mergePatch(path, { spec: { template: { metadata: { annotations } } } });
    await available(rolled.metadata.generation ?? 0);
    await waitFor("old pods are gone", async () => (await podsOf("roller")).length === 2);
    const [firstEnd, secondEnd] = [first.accessKeyId.slice(-4), second.accessKeyId.slice(-4)];
    await sleep(500);
    const before = await attempts("roller");
    deepEqual(
      before.filter(({ result }) => result !== "ok"),
      [],
    );
    deepEqual(new Set(before.map(({ key }) => key)), new Set([firstEnd, secondEnd]));
    deepEqual(new Set(before.slice(-4).map(({ key }) => key)), new Set([secondEnd]));
    for (const pod of await podsOf("roller"))
      seenPids.push(...Object.values(kubelet.pids(namespace, pod.metadata.name)));
    equal(seenPids.length, 2);

    await aws.updateAccessKey("roller", second.accessKeyId, "Inactive");
    await waitFor("logins are refused", async () =>
      (await attempts("roller")).some(({ result }) => result === "refused"),
    );
    await aws.updateAccessKey("roller", second.accessKeyId, "Active");
    await waitFor("logins succeed again", async () => (await attempts("roller")).at(-1)?.result === "ok");
  });

  it("leaves a pod pending while its Secret is missing, and starts it when it comes", async () => {
    const { client: kube } = stack.kubernetes;
    const { path, object } = probe("early", "Deployment", 1);
    await kube.apply(path, object);
    await waitFor("the container waits", async () => {
      const text = JSON.stringify((await podsOf("early"))[0]?.status ?? {});
      return text.includes("CreateContainerConfigError") && text.includes('secret \\"early\\" not found');
    });
    await stack.aws.client.createUser("early");
    await putSecret("early", await stack.aws.client.createAccessKey("early"));
    await waitFor("it is ready", async () => statusOf(await kube.get(path))["readyReplicas"] === 1);
    equal(await kube.delete(path), true);
    await waitFor("its pod is gone", async () => (await podsOf("early")).length === 0);
  });

  it("runs the pods of a StatefulSet and a DaemonSet", async () => {
    const { client: kube } = stack.kubernetes;
    for (const [name, kind] of [
      ["set", "StatefulSet"],
      ["daemon", "DaemonSet"],
    ] as const) {
      await stack.aws.client.createUser(name);
      await putSecret(name, await stack.aws.client.createAccessKey(name));
      const { path, object } = probe(name, kind);
      await kube.apply(path, object);
      await waitFor(`${kind} is ready`, async () => {
        const status = statusOf(await kube.get(path));
        return kind === "StatefulSet" ? status["readyReplicas"] === 2 : status["numberReady"] === 1;
      });
      await kube.delete(path);
    }
  });

  it("restarts a container that crashes, and says so", async () => {
    const { client: kube } = stack.kubernetes;
    const containers = [{ name: "main", image: "x", command: ["sh", "-c", "exit 3"] }];
    const pod = { metadata: { name: "crasher" }, spec: { containers, terminationGracePeriodSeconds: 1 } };
    await kube.create(`/api/v1/namespaces/${namespace}/pods`, pod);
    await waitFor("it is in CrashLoopBackOff", async () => {
      const text = JSON.stringify((await kube.get(`/api/v1/namespaces/${namespace}/pods/crasher`))["status"]);
      return text.includes("CrashLoopBackOff") && text.includes('"exitCode":3') && /"restartCount":[1-9]/.test(text);
    });
    await kube.delete(`/api/v1/namespaces/${namespace}/pods/crasher`);
  });

  it("keeps its data and ports over restarts of etcd, API server and Vault", async () => {
    const { client: kube } = stack.kubernetes;
    await stack.vault.client.call("POST", "kv/data/kept", { data: { a: "1" } });
    await stack.kubernetes.etcdRestart();
    await stack.kubernetes.restart({ kill: true });
    await stack.vault.restart({ kill: true });
    equal((await kube.get(`/api/v1/namespaces/${namespace}`)).metadata.name, namespace);
    deepEqual((await stack.vault.client.readSecret("kept"))?.data, { a: "1" });
    await stack.vault.seal();
    await rejects(stack.vault.client.readSecret("kept"), /503/);
    await stack.vault.unseal();
    notEqual(await stack.vault.client.readSecret("kept"), undefined);
  });

  it("lets a ServiceAccount log in to Vault by its role, with the right audience only", async () => {
    const { client: kube } = stack.kubernetes;
    await kube.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "operator" } });
    const policy = 'path "kv/data/team-a/*" { capabilities = ["read", "create", "update"] }';
    const { client: vault } = stack.vault;
    await vault.putRole({ name: "lane-a", policy, serviceAccount: { namespace, name: "operator" } });
    const login = async (audience: string | undefined): Promise<unknown> => {
      const jwt = await kube.serviceAccountToken(namespace, "operator", audience);
      return vault.call("POST", "auth/jwt/login", { role: "lane-a", jwt });
    };
    ok(await login("vault"));
    await rejects(login(undefined), /audience/);
  });

  it("refuses what AWS refuses", async () => {
    const { client: aws } = stack.aws;
    await aws.createUser("strict", { path: "/keyturn/", tags: { "keyturn.dev/owner": "local/team-a/strict" } });
    deepEqual(await aws.listUserTags("strict"), { "keyturn.dev/owner": "local/team-a/strict" });
    const [one, two] = [await aws.createAccessKey("strict"), await aws.createAccessKey("strict")];
    await rejects(aws.createAccessKey("strict"), { code: "LimitExceeded" });
    const code = (key: AwsKey): Promise<string> =>
      aws.getCallerIdentity(key).then(
        () => "ok",
        (error: unknown) => (error instanceof AwsError ? error.code : String(error)),
      );
    equal(await aws.accessKeyLastUsed(one.accessKeyId), undefined);
    equal(await code({ ...one, secretAccessKey: "x".repeat(40) }), "SignatureDoesNotMatch");
    equal(await aws.accessKeyLastUsed(one.accessKeyId), undefined, "a refused login is no use of the key");
    equal(await code(one), "ok");
    notEqual(await aws.accessKeyLastUsed(one.accessKeyId), undefined);
    await aws.updateAccessKey("strict", one.accessKeyId, "Inactive");
    equal(await code(one), "InvalidClientTokenId");
    await aws.deleteAccessKey("strict", two.accessKeyId);
    equal(await code(two), "InvalidClientTokenId");
    const denied = stack.aws.clientFor(one);
    await aws.updateAccessKey("strict", one.accessKeyId, "Active");
    await rejects(denied.listAccessKeys("strict"), { code: "AccessDenied" });
    denied.close();
  });

  it("leaves nothing behind: no process, no folder", async () => {
    const pids = [...stack.pids(), ...seenPids];
    await stack.stop();
    const alive = pids.filter((pid) => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    });
    deepEqual(alive, []);
    equal(existsSync(stack.dir), false);
  });
});
