import assert from "node:assert/strict";
import { CONDITIONS, EVENTS, type ConditionMeaning } from "../../api/v1alpha1/reasons.ts";
import { IDENTITY_HOLD, type IdentityHold } from "../../api/v1alpha1/identity-hold.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import type { Outcome } from "../../engine/contract.ts";
import { connectionRef } from "../ports.fake.ts";
import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import { LifecycleBench } from "../service-account-lifecycle/bench.fake.ts";
import { identityHoldReconciler } from "./reconciler.ts";

const USER = "aws-user/111122223333/payments.billing.lake";

const passOf = async (bench: LifecycleBench, name = "leak"): Promise<Outcome> => {
  const { cluster } = bench.bench;
  const ports = {
    ...bench.bench.ports,
    seen: {
      rotation: () => undefined,
      connection: (of: string) => cluster.peek<ProviderConnection & KubeObject>(connectionRef(of)),
    },
  };
  const world = {
    identities: () => cluster.all<ServiceAccountLifecycle & KubeObject>(SERVICE_ACCOUNT_LIFECYCLE),
    rotations: () => cluster.all<SecretRotation & KubeObject>(SECRET_ROTATION),
    entries: () => cluster.all<OrphanedCredential & KubeObject>(ORPHANED_CREDENTIAL),
  };
  const outcome = await identityHoldReconciler(ports, world).reconcile({ namespace: "", name }, bench.bench.context());
  const conditions: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
  for (const { type, reason } of statusOf(bench, name).conditions ?? [])
    assert.notEqual(conditions[type]?.reasons[reason], undefined, `${type} ${reason}`);
  for (const { reason } of bench.bench.events) assert.ok(reason in EVENTS, reason);
  return outcome;
};

const statusOf = (bench: LifecycleBench, name = "leak"): NonNullable<IdentityHold["status"]> =>
  bench.bench.cluster.peek<IdentityHold & KubeObject>({ kind: IDENTITY_HOLD, name })?.status ?? {};
const ready = (bench: LifecycleBench, name?: string): readonly (string | undefined)[] => {
  const found = statusOf(bench, name).conditions?.find(({ type }) => type === "Ready");
  return [found?.status, found?.reason];
};
const unmatched = (bench: LifecycleBench, name?: string): string | undefined =>
  statusOf(bench, name).conditions?.find(({ type }) => type === "Unmatched")?.reason;
const matched = (bench: LifecycleBench, name?: string) =>
  (statusOf(bench, name).matched ?? []).map(({ kind, name: of, state }) => `${kind} ${of} ${state}`);

const joined = async (): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply();
  await bench.toRest();
  return bench;
};

describe("an IdentityHold", () => {
  it("says what it matches and how far that is, and remembers the targets that it has seen", async () => {
    const bench = await joined();
    bench.bench.hold("leak");
    await passOf(bench);
    assert.deepEqual(ready(bench), ["False", "Cutting"]);
    assert.deepEqual(matched(bench), ["ServiceAccountLifecycle billing Open"]);
    await bench.settle();
    const outcome = await passOf(bench);
    assert.deepEqual([ready(bench), outcome], [["True", "Held"], { kind: "settled" }]);
    assert.deepEqual(matched(bench), ["ServiceAccountLifecycle billing Proven"]);
    assert.ok(statusOf(bench).targets?.includes(USER));
    assert.equal(statusOf(bench).targets?.length, 3);
    assert.ok(bench.bench.reasons().includes("Held"));
  });

  it("goes on holding what it has seen under another name, when the resource is gone", async () => {
    const bench = await joined();
    bench.bench.hold("leak");
    await passOf(bench);
    await bench.settle();
    await bench.delete();
    await bench.settle();
    await bench.ledgerToRest();
    await passOf(bench);
    assert.ok(statusOf(bench).targets?.includes(USER));
    assert.deepEqual(bench.bench.ports.holds.on({ namespace: "other", identity: "new", targets: [USER] })?.names, [
      "leak",
    ]);
  });

  it("says that it matches nothing, once as an event", async () => {
    const bench = await joined();
    bench.bench.hold("typo", { name: "biling" });
    await passOf(bench, "typo");
    await passOf(bench, "typo");
    assert.deepEqual([ready(bench, "typo"), unmatched(bench, "typo")], [["False", "MatchesNothing"], "MatchesNothing"]);
    assert.equal(bench.bench.reasons().filter((reason) => reason === "HoldUnmatched").length, 1);
  });

  it("says that a target is nobody's here, or its connection unknown, and holds it all the same", async () => {
    const bench = await joined();
    bench.bench.hold("leak", {
      targets: [
        { kind: "AwsUser", connectionRef: { name: "aws" }, name: "by-hand" },
        { kind: "AwsUser", connectionRef: { name: "nowhere" }, name: "x" },
        { kind: "AwsUser", connectionRef: { name: "aws" }, name: "payments.billing.lake" },
      ],
    });
    await bench.settle();
    await passOf(bench);
    assert.deepEqual([ready(bench), unmatched(bench)], [["False", "ForeignMatch"], "ForeignMatch"]);
    assert.deepEqual(matched(bench), [
      "Target AwsUser x (nowhere) Foreign",
      "Target aws-user/111122223333/by-hand Foreign",
      "ServiceAccountLifecycle billing Proven",
    ]);
    assert.ok(statusOf(bench).targets?.includes("aws-user/111122223333/by-hand"));
  });

  it("says why it is not proven while somebody else gives access", async () => {
    const bench = await joined();
    bench.place("cluster").foreignGrants.push("RoleBinding payments/by-hand");
    bench.bench.hold("leak");
    await bench.settle(1000, 20);
    await passOf(bench);
    assert.deepEqual(ready(bench), ["False", "NotProven"]);
    assert.match(statusOf(bench).matched?.[0]?.message ?? "", /RoleBinding payments\/by-hand/);
  });

  it("takes no target of somebody else's that what it holds merely declares", async () => {
    const bench = await joined();
    bench.bench.hold("other", { namespace: "other", name: "thief" });
    bench.bench.cluster.seed(
      { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "other", name: "thief" },
      {
        metadata: {},
        spec: {},
        status: { accounts: [{ name: "a", target: USER, state: "Pending", pieces: [], declaration: "{}" }] },
      },
    );
    await passOf(bench, "other");
    assert.equal(statusOf(bench, "other").targets, undefined);
  });

  it("is forgotten when it is gone", async () => {
    const bench = await joined();
    assert.deepEqual(await passOf(bench, "none"), { kind: "settled" });
  });
});
