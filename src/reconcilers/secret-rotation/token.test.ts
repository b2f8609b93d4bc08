import assert from "node:assert/strict";
import { OWNER, OWNER_UID, ROTATION, TOKEN_FOR } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { secrets, serviceAccounts } from "../../cluster/resources.ts";
import { fromBase64 } from "../../stores/kinds.ts";
import { Bench, connectionRef, atEveryTrap } from "../ports.fake.ts";

const ACCOUNT = { kind: serviceAccounts, namespace: "payments", name: "ci" };
const SPEC: Partial<SecretRotationSpec> = {
  source: { kubernetesToken: { connectionRef: { name: "in-cluster" }, serviceAccountName: "ci", ttl: "24h" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  verify: { successes: 2, soak: "2s" },
  retire: { overlap: "2s" },
};

const setUp = (annotations: Readonly<Record<string, string>> = { [TOKEN_FOR]: "billing" }): Bench => {
  const bench = new Bench();
  bench.cluster.seed(connectionRef("in-cluster"), { spec: { allowedNamespaces: { mode: "All" }, kubernetes: {} } });
  bench.cluster.seed(ACCOUNT, { metadata: { annotations } });
  bench.apply(SPEC);
  return bench;
};

const anchors = (bench: Bench): readonly string[] =>
  bench.cluster
    .all(secrets)
    .filter(({ metadata }) => metadata.annotations?.[ROTATION] !== undefined)
    .map(({ metadata }) => metadata.name);

const accepted = async (bench: Bench): Promise<boolean> => {
  const token = fromBase64(bench.secret()?.data?.["token"] ?? "");
  return (await bench.cluster.reviewToken(token, [])).authenticated;
};

const wholeLife = async (bench: Bench): Promise<void> => {
  await bench.toRest(400);
  bench.rotate();
  await bench.toRest(400);
};

describe("a token of a ServiceAccount", function () {
  this.timeout(60_000);

  it("is made, tried, delivered and replaced; the one before ends with its anchor and is tried once nobody remembers it", async () => {
    const bench = setUp();
    await bench.toRest(400);
    const first = bench.status().current!;
    assert.equal(await accepted(bench), true);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.status().nextRotationReason, "Expiry");
    bench.rotate();
    await bench.toRest(400);
    const { current, history } = bench.status();
    assert.notEqual(current?.id, first.id);
    assert.deepEqual(anchors(bench), [current?.id]);
    assert.equal(history?.[0]?.proof, "ProvenByLogin");
    assert.equal(await accepted(bench), true);
  });

  it("is not made of a ServiceAccount that is not dedicated to it", async () => {
    const bench = setUp({ [OWNER]: "test/payments/other" });
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    assert.deepEqual(anchors(bench), []);
    assert.match(
      bench.condition("Ready")?.message ?? "",
      /annotation keyturn\.dev\/owner must be test\/payments\/billing\. If .* keyturn\.dev\/token-for name billing\.$/,
    );
  });

  it("is made where the annotation names it among others, and the ServiceAccount stays as its team wrote it", async () => {
    const bench = setUp({ [TOKEN_FOR]: " other , billing " });
    await wholeLife(bench);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.deepEqual(bench.cluster.peek(ACCOUNT)?.metadata.annotations, { [TOKEN_FOR]: " other , billing " });
  });

  const refusals: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ["that says nothing", {}, /gives this resource no tokens; let its annotation keyturn\.dev\/token-for name billing/],
    ["that names others", { [TOKEN_FOR]: "billing-2,bill" }, /token-for name billing \(of namespace payments\)/],
    ["whose list is none", { [TOKEN_FOR]: "billing," }, /token-for of .*ci is no list .* set it to billing, or/],
    ["of another namespace's", { [TOKEN_FOR]: "payments/billing" }, /token-for of .* is no list of names/],
    [
      "of an identity, whatever it names",
      { [OWNER]: "test/payments/exporter", [TOKEN_FOR]: "billing" },
      /keyturn\.dev\/owner must be .* name that in spec\.identityRef/,
    ],
  ];
  for (const [title, annotations, message] of refusals)
    it(`is a Conflict for a ServiceAccount ${title}, and nothing is touched`, async () => {
      const bench = setUp(annotations);
      for (let pass = 0; pass < 5; pass += 1) await bench.pass();
      assert.deepEqual(anchors(bench), []);
      assert.equal(bench.condition("Conflict")?.status, "True");
      assert.match(bench.condition("Ready")?.message ?? "", message);
      assert.deepEqual(bench.cluster.peek(ACCOUNT)?.metadata.annotations, annotations);
    });

  it("goes on with the owner's mark of before, and when that is replaced by the annotation", async () => {
    const bench = setUp({ [OWNER]: "test/payments/billing", [TOKEN_FOR]: "no list," });
    await bench.toRest(400);
    const { uid } = bench.object().metadata;
    const first = bench.status().current?.id;
    const marked = bench.cluster.peek(ACCOUNT);
    assert.equal(marked?.metadata.annotations?.[OWNER_UID], uid);
    bench.cluster.seed(ACCOUNT, { ...marked, metadata: { annotations: { [OWNER_UID]: uid, [TOKEN_FOR]: "billing" } } });
    bench.rotate();
    await bench.toRest(400);
    assert.notEqual(bench.status().current?.id, first);
    assert.deepEqual(anchors(bench), [bench.status().current?.id]);
  });

  it("stays with the SecretRotation that has it while another that is named waits", async () => {
    const bench = setUp({ [TOKEN_FOR]: "billing,other" });
    const claim = "kubernetes-token/in-cluster/payments.ci";
    const owner = { kind: "SecretRotation", namespace: "payments", name: "other", uid: "u-other" };
    await bench.ports.claims.make(claim, { owner, snapshot: "{}", sequence: 1 });
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    assert.match(bench.condition("Ready")?.message ?? "", /is claimed by another resource; one target has one owner/);
    assert.deepEqual(anchors(bench), []);
  });

  it("reports token Secrets of old and leaves them alone", async () => {
    const bench = setUp();
    const old = { kind: secrets, namespace: "payments", name: "ci-token-abcde" };
    bench.cluster.seed(old, {
      type: "kubernetes.io/service-account-token",
      metadata: { annotations: { "kubernetes.io/service-account.name": "ci" } },
    });
    await wholeLife(bench);
    assert.equal(bench.condition("Unmanaged")?.status, "True");
    assert.match(bench.condition("Unmanaged")?.message ?? "", /secret\/ci-token-abcde/);
    assert.notEqual(bench.cluster.peek(old), undefined);
  });

  it("is issued anew when another ServiceAccount has the name: one of before is dead with its own", async () => {
    const bench = setUp();
    await bench.toRest(400);
    const first = bench.status().current!;
    bench.cluster.drop(ACCOUNT);
    bench.cluster.seed(ACCOUNT, { metadata: { annotations: { [OWNER]: "test/payments/billing" } } });
    assert.equal(await accepted(bench), false);
    await bench.clock.advance(120_000);
    await bench.toRest(400);
    assert.notEqual(bench.status().current?.id, first.id);
    assert.equal(await accepted(bench), true);
    assert.deepEqual(anchors(bench), [bench.status().current?.id]);
  });

  it("ends when its resource goes", async () => {
    const bench = setUp();
    await bench.toRest(400);
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    await bench.ledgerToRest();
    assert.deepEqual(anchors(bench), []);
    assert.equal(bench.orphans().length, 0);
  });

  it("comes to the same end whatever is lost on the way", () =>
    atEveryTrap({
      setUp: () => setUp(),
      life: wholeLife,
      holds: async (bench, about) => {
        assert.deepEqual(anchors(bench), [bench.status().current?.id], about);
        assert.equal(await accepted(bench), true, about);
      },
    }));
});
