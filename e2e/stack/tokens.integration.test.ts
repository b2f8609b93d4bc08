import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { identityCalls } from "../../src/cluster/identity-calls.ts";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { describeCredentialSource } from "../../src/providers/conformance.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { tokenSource } from "../../src/providers/kubernetes/token/source.ts";
import { applyOperatorRbac, applyTokenIssuer } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { kubeClient } from "./kube.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { sleep, waitFor } from "./wait.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
/** kube-apiserver remembers for so long that a token was good. */
const FORGETS_MS = 11_000;

/** Tokens of ServiceAccounts of a real kube-apiserver, with the rights that config/rbac/token-issuer.yaml gives in one namespace and no more. */
describe("tokens of a real kube-apiserver", function () {
  this.timeout(60_000);
  let stack: Stack;
  let client: KubernetesClient;
  let accounts = 0;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    for (const name of ["ops", "team", "elsewhere"]) await kube.create("/api/v1/namespaces", { metadata: { name } });
    await applyOperatorRbac(kube, "ops");
    await applyTokenIssuer(kube, "ops", "team");
    client = await clusterLogin(stack);
  });
  after(async () => {
    await client.close();
    await stack.stop();
  });

  const sourceOf = async (audiences: readonly string[] = [], namespace = "team"): Promise<CredentialSource> => {
    accounts += 1;
    const serviceAccountName = `ci-${accounts}`;
    await stack.kubernetes.client.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: { name: serviceAccountName },
    });
    return tokenSource(
      { calls: identityCalls(client), tokens: client, clock: systemClock },
      { namespace, serviceAccountName, request: { audiences, ttlSeconds: 3600 } },
    );
  };

  describeCredentialSource("kubernetesToken", async () => ({
    source: forgetful(await sourceOf()),
  }));

  it("gives a token with which kube-apiserver lets its bearer in until its anchor is gone", async () => {
    const source = await sourceOf();
    const { id, material } = await source.issue(context, "r-1");
    const user = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token: material.reveal()["token"] ?? "" });
    equal((await user.raw("GET", "/api")).status, 200);
    await source.revoke(id, context);
    await waitFor("it is refused", async () => (await user.raw("GET", "/api")).status === 401, { every: 500 });
    user.close();
  });

  it("knows the end that the server gives it, and lists it", async () => {
    const source = await sourceOf();
    const { id, expiresAt } = await source.issue(context, "r-1");
    ok(Math.abs((expiresAt?.getTime() ?? 0) - Date.now() - 3_600_000) < 10_000, expiresAt?.toISOString());
    const [listed] = (await source.list(context)).credentials;
    deepEqual([listed?.id, listed?.mark, listed?.expiresAt], [id, "r-1", expiresAt]);
  });

  it("tries a token for other audiences as what it is for", async () => {
    const source = await sourceOf(["ci.example"]);
    const { material, issuedAt } = await source.issue(context, "r-1");
    equal((await source.verify(material, issuedAt, context)).kind, "usable");
    equal((await source.negativeControl(material, context)).kind, "refused");
    const user = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token: material.reveal()["token"] ?? "" });
    equal((await user.raw("GET", "/api")).status, 401, "it is for ci.example alone");
    user.close();
  });

  it("lists a token Secret of old, which never ends, without a mark", async () => {
    const source = await sourceOf();
    await stack.kubernetes.client.create("/api/v1/namespaces/team/secrets", {
      metadata: { name: "forever", annotations: { "kubernetes.io/service-account.name": `ci-${accounts}` } },
      type: "kubernetes.io/service-account-token",
    });
    deepEqual(
      (await source.list(context)).credentials.map(({ id, mark }) => [id, mark]),
      [["secret/forever", undefined]],
    );
  });

  it("may do nothing of this in a namespace where nobody gave it the right", async () => {
    const source = await sourceOf([], "elsewhere");
    const denied = (error: unknown): boolean => error instanceof OperatorError && error.code === "PermissionDenied";
    await rejects(source.list(context), denied);
    await rejects(source.issue(context, "r-1"), denied);
    const left = await stack.kubernetes.client.list("/api/v1/namespaces/elsewhere/secrets");
    equal(left.items.length, 0, "no anchor is left behind");
  });
});

/** Tried when nobody remembers it any more, as the planner does (capability lingersMs). */
const forgetful = (source: CredentialSource): CredentialSource => {
  let revoked = false;
  return {
    ...source,
    async revoke(id, at) {
      revoked = true;
      return source.revoke(id, at);
    },
    async proveRefused(material, at) {
      if (revoked) await sleep(FORGETS_MS);
      return source.proveRefused(material, at);
    },
  };
};
