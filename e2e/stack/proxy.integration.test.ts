import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startFaultProxy } from "./fault-proxy.ts";
import type { FaultProxy, ServerKind } from "./fault-proxy.ts";
import { kubeClient } from "./kube.ts";
import { startOperator } from "./operator-process.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { vaultClient } from "./vault.ts";
import { sleep, waitFor } from "./wait.ts";

describe("fault proxies in front of the real servers", () => {
  let stack: Stack;
  const proxies: FaultProxy[] = [];
  const proxyFor = async (server: ServerKind, url: string): Promise<FaultProxy> => {
    const proxy = await startFaultProxy({
      server,
      upstream: { url, ca: stack.ca.pem },
      authority: stack.ca.authority,
    });
    proxies.push(proxy);
    return proxy;
  };

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
  });
  after(async () => {
    for (const proxy of proxies) await proxy.stop();
    await stack.stop();
  });

  it("kube-apiserver: calls, watches, their end", async () => {
    const proxy = await proxyFor("kubernetes", stack.kubernetes.url);
    const kube = kubeClient({ url: proxy.url, ca: stack.ca.pem, token: stack.kubernetes.adminToken });
    const path = "/api/v1/namespaces/default/configmaps";
    const { metadata } = await kube.list(path);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { type, object } of kube.watch(path, metadata.resourceVersion, new AbortController().signal))
        if (type !== "BOOKMARK") seen.push(`${type} ${object.metadata.name}`);
    })();
    await waitFor("the watch", () => proxy.counts().byKind.watch === 1, { every: 5 });
    await kube.create(path, { metadata: { name: "one" } });
    await waitFor("its event", () => seen.length === 1, { every: 5 });
    deepEqual(seen, ["ADDED one"]);
    proxy.add({ name: "c", match: { verb: "PATCH" }, action: { do: "answer", status: 409 } });
    await rejects(kube.mergePatch(`${path}/one`, { data: { a: "1" } }), { status: 409, reason: "Conflict" });
    equal((await kube.mergePatch(`${path}/one`, { data: { a: "1" } })).metadata.name, "one");
    equal(proxy.closeWatches(), 1);
    await rejects(watching);
    kube.close();
  });

  it("Vault: a login whose answer is lost has happened all the same", async () => {
    const proxy = await proxyFor("vault", stack.vault.url);
    const vault = vaultClient({ url: proxy.url, ca: stack.ca.pem, token: () => stack.vault.rootToken });
    let killed = 0;
    proxy.add({
      name: "k",
      match: { mutating: true },
      action: { do: "kill", point: "answerLost", kill: () => (killed += 1) },
    });
    await rejects(vault.call("POST", "kv/data/lost", { data: { a: "1" } }));
    equal(killed, 1);
    deepEqual((await stack.vault.client.readSecret("lost"))?.data, { a: "1" });
    vault.close();
  });

  it("AWS: signatures hold, and a new key is refused for a while", async () => {
    const proxy = await proxyFor("aws", stack.aws.url);
    const aws = stack.aws.clientFor(stack.aws.admin, proxy.url);
    proxy.refuseNewKeysFor(1000);
    await aws.createUser("slow");
    const key = await aws.createAccessKey("slow");
    await rejects(aws.getCallerIdentity(key), { code: "InvalidClientTokenId" });
    const workload = stack.aws.clientFor(key, proxy.workloadUrl);
    await rejects(workload.getCallerIdentity(), { code: "InvalidClientTokenId" });
    await sleep(1000);
    ok(await aws.getCallerIdentity(key));
    ok(await workload.getCallerIdentity());
    deepEqual(
      proxy.calls().map(({ verb }) => verb),
      ["CreateUser", "CreateAccessKey", "GetCallerIdentity", "GetCallerIdentity"],
    );
    aws.close();
    workload.close();
  });

  it("an operator is killed at a request, and started again with the same flags", async () => {
    const proxy = await proxyFor("aws", stack.aws.url);
    const entry = join(stack.dir, "operator.mjs");
    // It counts as an operator here: it makes one request after the other.
    const program = `
      import { request } from "node:https";
      import { readFileSync } from "node:fs";
      const [url, ca] = process.argv.slice(2);
      const call = () => new Promise((resolve) => {
        const sent = request(url, { method: "POST", ca: readFileSync(ca) }, (answer) => answer.resume().on("end", resolve));
        sent.on("error", resolve);
        sent.end("Action=CreateUser");
      });
      console.log("started");
      for (;;) await call();`;
    await writeFile(entry, program);
    const operator = await startOperator({
      supervisor: stack.supervisor,
      entry,
      args: [proxy.url, stack.ca.file],
      log: join(stack.logs, "operator.log"),
    });
    const rule = proxy.add({
      name: "k",
      match: { ordinal: 3 },
      action: { do: "kill", point: "beforeSend", kill: () => operator.kill9() },
    });
    equal((await rule.firstHit).ordinal, 3);
    deepEqual(await operator.exited(), { code: null, signal: "SIGKILL" });
    equal(proxy.counts().mutating, 3);
    equal(operator.running(), false);
    await operator.start();
    await waitFor("it goes on", () => proxy.counts().mutating > 5, { every: 5 });
    operator.pause();
    await sleep(50);
    const paused = proxy.counts().total;
    await sleep(100);
    equal(proxy.counts().total, paused);
    operator.resume();
    await waitFor("it goes on", () => proxy.counts().total > paused, { every: 5 });
    deepEqual(await operator.term(), { code: null, signal: "SIGTERM" });
    equal((await operator.output()).match(/started/g)?.length, 2);
  });
});

describe("`make stack`, however it ends", () => {
  const run = promisify(execFile);
  const processesOf = async (folder: string): Promise<string[]> => {
    const { stdout } = await run("ps", ["-eo", "pid,args"]);
    return stdout.split("\n").filter((line) => line.includes(folder));
  };
  for (const signal of ["SIGINT", "SIGKILL"] as const)
    it(`${signal} leaves no process and no folder`, async () => {
      const main = spawn(process.execPath, [join(import.meta.dirname, "../playground/main.ts")], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      main.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const folder = await waitFor("it is up", () => /deletes (\S+)\./.exec(output)?.[1], { timeout: 100_000 });
      ok((await processesOf(folder)).length >= 5);
      main.kill(signal);
      await waitFor("all is gone", async () => (await processesOf(folder)).length === 0 && !existsSync(folder));
    });
});
