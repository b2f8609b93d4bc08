import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { jobRunner } from "../../src/cluster/job-runner.ts";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { hookJobCalls } from "../../src/providers/hook/job.ts";
import { hookSource } from "../../src/providers/hook/source.ts";
import { root } from "../lane/paths.ts";
import { applyHookJobs, applyOperatorRbac } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { startProcessKubelet } from "./process-kubelet.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const ROTATOR = join(root, "config/samples/rotator/rotator.mjs");

/** The example rotator as Jobs of a real cluster, with the rights that config/hook-jobs/role.yaml adds and no more. */
describe("hooks as Jobs", function () {
  this.timeout(90_000);
  let stack: Stack;
  let client: KubernetesClient;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    await kube.create("/api/v1/namespaces", { metadata: { name: "ops" } });
    await applyOperatorRbac(kube, "ops");
    await applyHookJobs(kube, "ops");
    await startProcessKubelet(stack);
    client = await clusterLogin(stack);
  });
  after(async () => {
    await client.close();
    await stack.stop();
  });

  const sourceOf = (script = `exec ${process.execPath} ${ROTATOR}`, timeoutMs = 60_000): CredentialSource => {
    const state = `STATE=${join(stack.dir, "keys.json")} PLACES=${join(stack.dir, "places.json")}`;
    const command = ["sh", "-c", `export ${state}; ${script}`];
    const job = { image: "rotator", command, serviceAccountName: undefined, timeoutMs };
    return hookSource(
      hookJobCalls(job, jobRunner(client, "ops", systemClock)),
      {
        cluster: "test",
        owner: { namespace: "payments", name: "crm", uid: "u-1" },
        target: "crm",
        request: { fields: ["apiKey"], slots: 2, refusalsCount: false },
      },
      { clock: systemClock },
    );
  };
  const left = async (): Promise<readonly string[]> => {
    const kube = stack.kubernetes.client;
    const [jobs, secrets] = await Promise.all([
      kube.list("/apis/batch/v1/namespaces/ops/jobs"),
      kube.list("/api/v1/namespaces/ops/secrets"),
    ]);
    return [...jobs.items, ...secrets.items].map(({ metadata }) => metadata.name);
  };

  it("make, try and end a credential; what they answer stands sealed in the pod's status, and nothing of them is left", async () => {
    const source = sourceOf();
    const messages: string[] = [];
    const stop = new AbortController();
    const watch = (async () => {
      const { metadata } = await stack.kubernetes.client.list("/api/v1/namespaces/ops/pods");
      const events = stack.kubernetes.client.watch(
        "/api/v1/namespaces/ops/pods",
        metadata.resourceVersion,
        stop.signal,
      );
      for await (const { object } of events) messages.push(JSON.stringify(object));
    })().catch(() => undefined);
    const { id, material, issuedAt } = await source.issue(context, "r-1");
    equal((await source.verify(material, issuedAt, context)).kind, "usable");
    equal((await source.negativeControl(material, context)).kind, "refused");
    deepEqual(
      (await source.list(context)).credentials.map(({ id: listed, mark }) => [listed, mark]),
      [[id, "r-1"]],
    );
    equal(await source.revoke(id, context), "removed");
    equal((await source.proveRefused(material, context)).kind, "refused");
    await waitFor("everything is taken away", async () => (await left()).length === 0, { timeout: 20_000 });
    stop.abort();
    await watch;
    ok(messages.some((text) => text.includes('"message":"')));
    const { apiKey = "-" } = material.reveal();
    ok(!messages.some((text) => text.includes(apiKey)));
  });

  it("say that a run has left no answer, or one that is not for this request, or has not ended in time", async () => {
    const failed = (code: string, words: RegExp) => (error: unknown) =>
      error instanceof OperatorError && error.code === code && words.test(error.publicMessage) && error.ambiguous;
    await rejects(sourceOf("exit 3").list(context), failed("Unavailable", /without an answer/));
    await rejects(
      sourceOf('echo "200 {}" > "$KEYTURN_ANSWER_FILE"').list(context),
      failed("Unavailable", /not sealed/),
    );
    await rejects(sourceOf("exec sleep 60", 3000).list(context), failed("Timeout", /in time/));
    await waitFor("everything is taken away", async () => (await left()).length === 0, { timeout: 20_000 });
  });
});
