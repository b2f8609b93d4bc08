import assert from "node:assert/strict";
import type { IdentityHold } from "../api/v1alpha1/identity-hold.ts";
import { ORPHANED_CREDENTIAL } from "../api/v1alpha1/orphaned-credential.ts";
import { SECRET_ROTATION } from "../api/v1alpha1/secret-rotation.ts";
import { configMaps, secrets } from "../cluster/resources.ts";
import type { ResourceKind } from "../cluster/contract.ts";
import { Bench, OPERATOR_NAMESPACE, ROTATION } from "./ports.fake.ts";
import { holdsSeen } from "./holds.ts";
import { IDENTITY, LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";
import { readKnown } from "./service-account-lifecycle/inventory.ts";
import { readRotations } from "./service-account-lifecycle/steps/rotations.ts";
import { identityLabel } from "./orphan/entry.ts";
import { sweep } from "./sweep.ts";

/** A rotation at rest whose resource somebody has removed together with its finalizer. */
const vanished = async (): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply();
  await bench.toRest();
  bench.cluster.drop(ROTATION);
  return bench;
};

const named = (bench: Bench, kind: ResourceKind, prefix: string): readonly string[] =>
  bench.cluster
    .all(kind)
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith(prefix));

const entries = (bench: Bench): number => bench.cluster.all(ORPHANED_CREDENTIAL).length;

describe("a list with a member left out proves no absence", function () {
  this.timeout(60_000);

  for (const [what, kind, prefix] of [
    ["claim", configMaps, "keyturn-claim-"],
    ["staged value", secrets, "keyturn-staging-"],
  ] as const) {
    it(`so while any ${what} cannot be read nothing is swept; once it can, the vanished resource goes to the ledger`, async () => {
      const calm = await vanished();
      const all = named(calm, kind, prefix);
      assert.ok(all.length > 0);
      for (const name of all) {
        const bench = await vanished();
        const before = JSON.stringify([bench.cluster.all(configMaps), bench.cluster.all(secrets)]);
        bench.cluster.unreadable.add(`${kind.plural} ${OPERATOR_NAMESPACE}/${name}`);
        await assert.rejects(sweep(bench.ports, bench.context()), (thrown: Error) => thrown.message.includes(name));
        assert.equal(entries(bench), 0);
        assert.equal(JSON.stringify([bench.cluster.all(configMaps), bench.cluster.all(secrets)]), before);
        bench.cluster.unreadable.clear();
        await sweep(bench.ports, bench.context());
        assert.equal(entries(bench), 1);
      }
    });
  }

  it("so a ConfigMap in the place of a claim that makes no sense keeps the sweep as well", async () => {
    const bench = await vanished();
    const broken = { kind: configMaps, namespace: OPERATOR_NAMESPACE, name: "keyturn-claim-broken" };
    bench.cluster.seed(broken, { metadata: { labels: { "keyturn.dev/role": "claim" } }, data: { target: "x" } });
    await assert.rejects(sweep(bench.ports, bench.context()), /keyturn-claim-broken/);
    assert.equal(entries(bench), 0);
    bench.cluster.drop(broken);
    await sweep(bench.ports, bench.context());
    assert.equal(entries(bench), 1);
  });

  it("so what a namespace's rotations have in use is not known while one of them cannot be read", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    assert.equal((await readKnown("payments", bench.ports)).onRecord.length, 1);
    bench.cluster.unreadable.add(`${SECRET_ROTATION.plural} payments/${ROTATION.name}`);
    await assert.rejects(readKnown("payments", bench.ports), /payments\/billing/);
    // Somebody else's does not count here.
    assert.deepEqual((await readKnown("other", bench.ports)).onRecord, []);
  });

  it("so no credential of an account is called unmanaged while a rotation of its namespace cannot be read", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    const rotation = { kind: SECRET_ROTATION, namespace: IDENTITY.namespace, name: "keys" };
    bench.bench.cluster.seed(rotation, { metadata: {}, spec: { source: {}, deliver: [] } });
    bench.bench.cluster.unreadable.add(`${SECRET_ROTATION.plural} ${IDENTITY.namespace ?? ""}/keys`);
    bench.place("lake").addCredential();
    const unmanaged = () =>
      (bench.object().status?.conditions ?? []).find(
        ({ type }) => type === "UnmanagedCredential" || type === "Unmanaged",
      );
    await bench.toRest();
    assert.equal(unmanaged(), undefined);
    bench.bench.cluster.unreadable.clear();
    await bench.bench.clock.advance(700_000);
    await bench.toRest();
    assert.equal(unmanaged()?.status, "True");
  });

  it("so while a hold cannot be read nothing is given, and those that were read go on holding", () => {
    const hold: IdentityHold = {
      metadata: { name: "one", uid: "h", resourceVersion: "1" },
      spec: { namespace: "payments", name: "billing", reason: "left" },
    } as unknown as IdentityHold;
    const leftOut: { readonly name: string; readonly why: "TooLarge" }[] = [{ name: "two", why: "TooLarge" }];
    const holds = holdsSeen({ hasSynced: () => true, list: () => [hold], leftOut: () => leftOut }, () => undefined);
    assert.equal(holds.read(), false);
    assert.deepEqual(holds.on({ namespace: "payments", identity: "billing", targets: [] })?.names, ["one"]);
    leftOut.pop();
    assert.equal(holds.read(), true);
  });

  for (const [what, key] of [
    ["rotation", `${SECRET_ROTATION.plural} payments/other`],
    ["ledger entry", `${ORPHANED_CREDENTIAL.plural} entry`],
  ] as const) {
    it(`so an end is not proven while a ${what} of the identity cannot be read`, async () => {
      const { bench } = new LifecycleBench();
      const identity = { metadata: { ...IDENTITY, uid: "u", resourceVersion: "1" }, spec: { accounts: [] } };
      const scope = { request: { namespace: "payments", name: "billing" }, object: identity, now: new Date() };
      const settings = { settings: { state: "Decommissioned" } };
      const look = () =>
        readRotations(
          scope as unknown as Parameters<typeof readRotations>[0],
          settings as unknown as Parameters<typeof readRotations>[1],
          bench.ports,
        );
      bench.cluster.seed(
        { kind: SECRET_ROTATION, namespace: "payments", name: "other" },
        { metadata: {}, spec: { source: {}, deliver: [] } },
      );
      bench.cluster.seed(
        { kind: ORPHANED_CREDENTIAL, name: "entry" },
        { metadata: { labels: labelOf(identityLabel(scope.request)) }, spec: { origin: { namespace: "x" } } },
      );
      assert.equal((await look())?.kind, "looked");
      bench.cluster.unreadable.add(key);
      const view = await look();
      assert.equal(view?.kind, "notLooked");
      assert.match(view.why, new RegExp(key.split(" ")[1] ?? ""));
    });
  }
});

const labelOf = (selector: string): Readonly<Record<string, string>> => {
  const [key = "", value = ""] = selector.split("=");
  return { [key]: value };
};
