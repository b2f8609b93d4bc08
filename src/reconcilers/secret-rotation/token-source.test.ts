import assert from "node:assert/strict";
import { OWNER, OWNER_UID, ROTATION, TOKEN_FOR } from "../../api/v1alpha1/annotations.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { identityCalls } from "../../cluster/identity-calls.ts";
import { secrets, serviceAccounts } from "../../cluster/resources.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { describeCredentialSource } from "../../providers/conformance.ts";
import type { CallContext, CredentialSource } from "../../providers/contract.ts";
import { tokenSource } from "../../providers/kubernetes/token/source.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const ACCOUNT = { kind: serviceAccounts, namespace: "payments", name: "ci" };

const sourceOn = (cluster: FakeCluster, clock: FakeClock, audiences: readonly string[] = []): CredentialSource =>
  tokenSource(
    { calls: identityCalls(cluster), tokens: cluster, clock },
    { namespace: "payments", serviceAccountName: "ci", request: { audiences, ttlSeconds: 3600 } },
  );

const prepared = (clock: FakeClock): FakeCluster => {
  const cluster = new FakeCluster(clock);
  cluster.seed(ACCOUNT, {
    metadata: { annotations: { [OWNER]: "test/payments/ci-token", [TOKEN_FOR]: "ci-token, backup" } },
  });
  return cluster;
};

describeCredentialSource("kubernetesToken in memory", () => {
  const clock = new FakeClock();
  const cluster = prepared(clock);
  return Promise.resolve({ source: sourceOn(cluster, clock), mutations: () => cluster.mutations().length });
});

describe("token source", () => {
  let clock: FakeClock;
  let cluster: FakeCluster;
  let source: CredentialSource;

  beforeEach(() => {
    clock = new FakeClock();
    cluster = prepared(clock);
    source = sourceOn(cluster, clock);
  });

  const anchors = () => cluster.all(secrets).map(({ metadata }) => metadata);

  it("binds each token to an empty Secret of its own, which says whose it is and what made it", async () => {
    const { id, material, expiresAt } = await source.issue(context, "rotation-1");
    const [anchor] = anchors();
    assert.equal(anchor?.name, id);
    assert.match(id, /^ci-token-[a-z0-9]+$/);
    assert.equal(anchor.annotations?.[ROTATION], "rotation-1");
    assert.equal(expiresAt?.getTime(), clock.now().getTime() + 3_600_000);
    assert.equal((await source.list(context)).credentials[0]?.expiresAt?.getTime(), expiresAt.getTime());
    assert.equal(JSON.stringify(cluster.all(secrets)).includes(material.reveal()["token"] ?? "-"), false);
  });

  it("ends a token with its anchor", async () => {
    const { id, material } = await source.issue(context, "r");
    assert.equal((await source.proveRefused(material, context)).kind, "accepted");
    assert.equal(await source.revoke(id, context), "removed");
    assert.equal((await source.proveRefused(material, context)).kind, "refused");
  });

  it("does not list a token whose ServiceAccount has given its name to another one, and lets go of its anchor at the next issue", async () => {
    const { id, material } = await source.issue(context, "r-1");
    const listed = async () => (await source.list(context)).credentials.map((credential) => credential.id);
    cluster.drop(ACCOUNT);
    // Nobody has the name: it is ended as any other is.
    assert.deepEqual(await listed(), [id]);
    assert.equal((await source.proveRefused(material, context)).kind, "refused");
    cluster.seed(ACCOUNT, { metadata: { annotations: { [OWNER]: "test/payments/ci-token" } } });
    assert.deepEqual(await listed(), []);
    assert.equal((await source.proveRefused(material, context)).kind, "refused");
    const next = await source.issue(context, "r-2");
    assert.deepEqual(await listed(), [next.id]);
    assert.deepEqual(
      anchors().map(({ name }) => name),
      [next.id],
    );
  });

  it("lists an anchor of before, which does not say of which ServiceAccount it is", async () => {
    const { id } = await source.issue(context, "r-1");
    await cluster.mergePatch(
      { kind: secrets, namespace: "payments", name: id },
      { metadata: { annotations: { "keyturn.dev/service-account-uid": null } } },
    );
    cluster.drop(ACCOUNT);
    cluster.seed(ACCOUNT, {});
    assert.deepEqual(
      (await source.list(context)).credentials.map((credential) => credential.id),
      [id],
    );
  });

  it("gives its token although an anchor of before cannot be let go", async () => {
    await source.issue(context, "r-1");
    cluster.drop(ACCOUNT);
    cluster.seed(ACCOUNT, {});
    cluster.failNext((call) => call.verb === "delete", new OperatorError("Unavailable", { publicMessage: "down" }));
    const { id } = await source.issue(context, "r-2");
    assert.equal(anchors().length, 2);
    assert.deepEqual(
      (await source.list(context)).credentials.map((credential) => credential.id),
      [id],
    );
  });

  it("asks for the audiences that the token is for", async () => {
    const outside = sourceOn(cluster, clock, ["ci.example"]);
    const { material, issuedAt } = await outside.issue(context, "r");
    assert.equal((await outside.verify(material, issuedAt, context)).kind, "usable");
    assert.equal((await source.verify(material, issuedAt, context)).kind, "rejected");
  });

  it("takes the anchor away when no token was given for it", async () => {
    cluster.failNext(
      (call) => call.verb === "requestToken",
      new OperatorError("PermissionDenied", { publicMessage: "no" }),
    );
    await assert.rejects(source.issue(context, "r"), (error) => (error as OperatorError).code === "PermissionDenied");
    assert.deepEqual(anchors(), []);
  });

  it("lists token Secrets of old, unmarked, and never another ServiceAccount's", async () => {
    for (const [name, of] of [
      ["old", "ci"],
      ["other", "web"],
    ] as const)
      cluster.seed(
        { kind: secrets, namespace: "payments", name },
        {
          type: "kubernetes.io/service-account-token",
          metadata: { annotations: { "kubernetes.io/service-account.name": of } },
        },
      );
    const { credentials } = await source.list(context);
    assert.deepEqual(
      credentials.map(({ id, mark }) => [id, mark]),
      [["secret/old", undefined]],
    );
  });

  it("deletes nothing that is no anchor of its ServiceAccount", async () => {
    cluster.seed({ kind: secrets, namespace: "payments", name: "somebodys" }, {});
    await assert.rejects(source.revoke("somebodys", context), (error) => (error as OperatorError).code === "Conflict");
    assert.equal(anchors().length, 1);
  });

  it("says whose the ServiceAccount is and whom it gives tokens, and marks it", async () => {
    assert.equal((await source.observeTarget(context)).owner, "test/payments/ci-token");
    assert.equal((await source.observeTarget(context)).tokenFor, "ci-token, backup");
    await source.markOwner({ uid: "u-1" }, context);
    assert.equal(cluster.peek(ACCOUNT)?.metadata.annotations?.[OWNER_UID], "u-1");
    cluster.drop(ACCOUNT);
    assert.equal((await source.observeTarget(context)).exists, false);
    await assert.rejects(
      source.markOwner({ uid: "u-1" }, context),
      (error) => (error as OperatorError).code === "NotFound",
    );
  });
});
