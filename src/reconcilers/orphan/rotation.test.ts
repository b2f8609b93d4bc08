import assert from "node:assert/strict";
import { RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { Bench, connectionRef, ROTATION } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const left = async (): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply();
  await bench.toRest();
  await bench.deleteRotation();
  for (let pass = 0; pass < 10 && bench.cluster.peek(ROTATION) !== undefined; pass += 1) await bench.pass();
  assert.equal(bench.orphans().length, 1);
  return bench;
};

const notFound = new OperatorError("NotFound", { publicMessage: "The IAM user does not exist.", status: 404 });

describe("the ledger's entry of a SecretRotation", () => {
  it("is done when the user went with its identity: without a user there is no key", async () => {
    const bench = await left();
    bench.source.keys.clear();
    bench.source.failNext("list", notFound, "before", 1000);
    await bench.ledgerToRest();
    assert.deepEqual(bench.orphans(), []);
    assert.deepEqual(wholeOf("claims", await bench.ports.claims.list()), []);
  });

  it("is not done when the connection leads to another account now, where there is no such user", async () => {
    const bench = await left();
    const connection = bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"));
    bench.cluster.seed(connectionRef("aws"), {
      ...connection,
      spec: {
        ...connection?.spec,
        aws: { region: "eu-central-1", accountId: "999999999999", login: { defaultChain: {} } },
      },
    });
    bench.source.failNext("list", notFound, "before", 1000);
    for (let pass = 0; pass < 5; pass += 1) {
      const outcome = await bench.ledgerPass();
      await bench.clock.advance(outcome.recheckAfterMs ?? 0);
    }
    assert.equal(bench.orphans().length, 1);
    assert.equal(bench.orphans()[0]?.status?.failures?.reason, "NotFound");
  });

  it("is not done while its connection is missing: the user may be there", async () => {
    const bench = await left();
    const connection = bench.cluster.peek(connectionRef("aws"));
    bench.cluster.drop(connectionRef("aws"));
    for (let pass = 0; pass < 3; pass += 1) {
      const outcome = await bench.ledgerPass();
      await bench.clock.advance(outcome.recheckAfterMs ?? 0);
    }
    assert.match(
      bench.orphans()[0]?.status?.failures?.message ?? "",
      /make it again so that what it issued can be revoked/,
    );
    bench.cluster.seed(connectionRef("aws"), { ...connection });
    await bench.ledgerToRest();
    assert.deepEqual(bench.orphans(), []);
  });

  it("takes the next credential in the same pass when one is refused, and tells of that one", async () => {
    const bench = await left();
    const entry = bench.orphans()[0];
    const [first] = bench.source.keys.values();
    assert.ok(entry !== undefined && first !== undefined);
    for (const id of [first.id, "AKIASECOND", "AKIATHIRD"]) bench.source.keys.set(id, { ...first, id, enabled: true });
    const ref = { kind: ORPHANED_CREDENTIAL, name: entry.metadata.name };
    const credentials = [...bench.source.keys.keys()].map((id) => ({ version: `1-${id}`, id }));
    bench.cluster.seed(ref, { ...entry, status: {}, spec: { ...entry.spec, credentials } });
    const refused = new OperatorError("PermissionDenied", { publicMessage: "Forbidden.", status: 403 });
    bench.source.failNext("setEnabled", refused, "before", 1);
    await bench.ledgerPass();
    const enabled = [...bench.source.keys.values()].filter((key) => key.enabled).map(({ id }) => id);
    assert.deepEqual(enabled, [first.id]);
    assert.equal(bench.orphans()[0]?.status?.failures?.reason, "PermissionDenied");
    await bench.ledgerToRest();
    assert.equal(bench.source.keys.size, 0);
    assert.deepEqual(bench.orphans(), []);
  });

  it("that a limit holds back touches nothing until somebody releases it", async () => {
    const bench = await left();
    const entry = bench.orphans()[0];
    assert.ok(entry !== undefined);
    const ref = { kind: ORPHANED_CREDENTIAL, name: entry.metadata.name };
    for (const key of bench.source.keys.values()) bench.source.keys.set(key.id, { ...key, enabled: true });
    bench.cluster.seed(ref, { ...entry, spec: { ...entry.spec, held: "LimitReached" } });
    assert.equal((await bench.ledgerPass()).kind, "settled");
    assert.ok([...bench.source.keys.values()].every(({ enabled }) => enabled));
    assert.deepEqual(
      bench.orphans()[0]?.status?.conditions?.map(({ type, reason }) => [type, reason]),
      [
        ["Ready", "LimitReached"],
        ["Stalled", "LimitReached"],
      ],
    );
    const held = bench.orphans()[0];
    bench.cluster.seed(ref, { ...held, metadata: { ...held?.metadata, annotations: { [RELEASE]: "true" } } });
    await bench.ledgerToRest();
    assert.deepEqual(bench.orphans(), []);
    assert.equal(bench.source.keys.size, 0);
  });
});
