import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { OperatorError } from "../kernel/errors.ts";
import { claimName, claimStore, type ClaimOwner } from "./claims.ts";
import { CONFIG_MAPS } from "./kinds.ts";
import { leftOutOf, readableOf } from "../kernel/listed.ts";

const target = "awsAccessKey/123456789012/billing";
const me: ClaimOwner = { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" };
const other: ClaimOwner = { ...me, namespace: "other", uid: "u2" };
const ref = { kind: CONFIG_MAPS, namespace: "keyturn-system", name: claimName(target) };
const setUp = () => {
  const cluster = new FakeCluster();
  return { cluster, claims: claimStore(cluster, "keyturn-system") };
};
const made = async (claims: ReturnType<typeof claimStore>) => {
  const outcome = await claims.make(target, { owner: me, snapshot: "{}" });
  return outcome.kind === "made" ? outcome.claim : assert.fail(outcome.kind);
};
const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

describe("claims", () => {
  it("go to the first who asks; the same owner finds its own; another learns who holds it", async () => {
    const { claims } = setUp();
    const claim = await made(claims);
    assert.deepEqual([claim.target, claim.owner, claim.snapshot, claim.sequence], [target, me, "{}", undefined]);
    assert.equal((await claims.make(target, { owner: me, snapshot: "{1}" })).kind, "ours");
    assert.deepEqual(await claims.make(target, { owner: other, snapshot: "{}" }), { kind: "held", by: me });
    assert.deepEqual(await claims.read(target), claim);
    assert.equal(await claims.read("awsAccessKey/1/nobody"), undefined);
  });

  it("are one, whoever races", async () => {
    const { cluster, claims } = setUp();
    const rival = async (): Promise<void> => {
      await claimStore(cluster, "keyturn-system").make(target, { owner: other, snapshot: "{}" });
    };
    cluster.interject((call) => call.verb === "create", rival);
    assert.deepEqual(await claims.make(target, { owner: me, snapshot: "{}" }), { kind: "held", by: other });
  });

  it("change under the resourceVersion that was seen, and the sequence only grows", async () => {
    const { claims } = setUp();
    const first = await made(claims);
    const second = await claims.update(first, { snapshot: '{"a":1}', sequence: 7 });
    assert.deepEqual([second.snapshot, second.sequence], ['{"a":1}', 7]);
    const third = await claims.update(second, { sequence: 3 });
    assert.deepEqual([third.snapshot, third.sequence], ['{"a":1}', 7]);
    await assert.rejects(claims.update(first, { snapshot: "{}" }), isConflict);
  });

  it("can be taken over once, keeping sequence and snapshot", async () => {
    const { claims } = setUp();
    const claim = await claims.update(await made(claims), { snapshot: "{5}", sequence: 5 });
    const taken = await claims.takeOver(claim, other);
    assert.deepEqual([taken.owner, taken.sequence, taken.snapshot], [other, 5, "{5}"]);
    await assert.rejects(claims.takeOver(claim, { ...me, uid: "u3" }), isConflict);
  });

  it("are released by their owner alone, under preconditions", async () => {
    const { cluster, claims } = setUp();
    await made(claims);
    assert.equal(await claims.release(target, "u2"), "foreign");
    cluster.interject(
      (call) => call.verb === "delete",
      async () => {
        const claim = await claims.read(target);
        if (claim !== undefined) await claims.takeOver(claim, other);
      },
    );
    await assert.rejects(claims.release(target, "u1"), isConflict);
    assert.equal(await claims.release(target, "u2"), "released");
    assert.equal(await claims.release(target, "u2"), "alreadyAbsent");
  });

  it("do not change after they were released and made anew", async () => {
    const { claims } = setUp();
    const claim = await made(claims);
    await claims.release(target, "u1");
    await claims.make(target, { owner: other, snapshot: "{}" });
    await assert.rejects(claims.update(claim, { snapshot: "x" }), isConflict);
  });

  it("are listed; what cannot be read is named, never used, never overwritten", async () => {
    const { cluster, claims } = setUp();
    const claim = await made(claims);
    const broken = { ...ref, name: "keyturn-claim-broken" };
    cluster.seed(broken, { metadata: { labels: { "keyturn.dev/role": "claim" } }, data: { target } });
    const listed = await claims.list();
    assert.deepEqual(readableOf(listed), [claim]);
    assert.deepEqual(
      leftOutOf(listed).map(({ name, why }) => [name, why]),
      [["keyturn-claim-broken", "Malformed"]],
    );
    await cluster.mergePatch(ref, { data: { ownerUid: null } });
    await assert.rejects(claims.read(target), isConflict);
    await assert.rejects(claims.make(target, { owner: me, snapshot: "{}" }), isConflict);
    await assert.rejects(claims.release(target, "u1"), isConflict);
  });

  it("survive a lost answer: the owner finds its own", async () => {
    const { cluster, claims } = setUp();
    const lost = new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true });
    cluster.failNext((call) => call.verb === "create", lost, "after");
    await assert.rejects(claims.make(target, { owner: me, snapshot: "{}" }), lost);
    assert.equal((await claims.make(target, { owner: me, snapshot: "{}" })).kind, "ours");
  });
});
