import assert from "node:assert/strict";
import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID, DRY_RUN, PAUSED } from "../../api/v1alpha1/annotations.ts";
import { standingOfIdentity } from "../../domain/hold/standing.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { CONFIG_MAPS } from "../../stores/kinds.ts";
import { OPERATOR_NAMESPACE } from "../ports.fake.ts";
import { LifecycleBench } from "./bench.fake.ts";

const stamp = (name: string): Readonly<Record<string, string>> => ({
  [CHANGED_BY]: name,
  [CHANGED_BY_UID]: `uid-${name}`,
  [CHANGED_BY_GROUPS]: "developers",
});
const LEAD = stamp("lead");
const EDITOR = stamp("editor");
const NAMES = ["cluster", "lake", "secrets"] as const;
const ROLE = "binding/Role/reader";
const KILL_SWITCH = { kind: CONFIG_MAPS, namespace: OPERATOR_NAMESPACE, name: "keyturn-kill-switch" };
const USER = "aws-user/111122223333/payments.billing.lake";

/** Only those in `may` hold bind; `asked` says whose bind was asked about. */
const world = async (spec: Partial<ServiceAccountLifecycleSpec> = {}) => {
  const bench = new LifecycleBench();
  const asked: string[] = [];
  const may = new Set(["lead"]);
  bench.bench.cluster.allows = ({ user, attributes }) => {
    if (attributes.kind === "resource" && attributes.verb === "bind") asked.push(user);
    return may.has(user);
  };
  bench.apply(spec, LEAD);
  await bench.toRest();
  isUp(bench);
  return { bench, asked, may };
};

const isDown = (bench: LifecycleBench): void => {
  assert.deepEqual(bench.keys("cluster"), []);
  for (const name of NAMES) assert.equal(bench.place(name).lets(), false, name);
};

const isUp = (bench: LifecycleBench): void => {
  assert.deepEqual(bench.keys("cluster"), [ROLE]);
  for (const name of ["lake", "secrets"] as const) assert.equal(bench.place(name).lets(), true, name);
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
};

const isHeld = (bench: LifecycleBench, ...holds: readonly string[]): void => {
  isDown(bench);
  const suspended = bench.condition("Suspended");
  assert.deepEqual([suspended?.status, suspended?.reason], ["True", "Held"]);
  assert.deepEqual([bench.condition("Ready")?.status, bench.condition("Ready")?.reason], ["True", "Held"]);
  assert.deepEqual(bench.status().holds, holds.length === 0 ? ["leak"] : holds);
};

const audited = (bench: LifecycleBench, action: string): readonly string[] =>
  bench.bench.audit.filter((entry) => entry.phase === "begin" && entry.action === action).map(({ target }) => target);

describe("an identity that an IdentityHold holds", () => {
  it("is cut and proven, says who holds it, and is as its spec says when the hold is gone", async () => {
    const { bench, asked } = await world();
    bench.bench.hold("leak");
    await bench.settle();
    isHeld(bench);
    assert.match(bench.condition("Suspended")?.message ?? "", /IdentityHold leak \(suspected leak\) holds it/);
    assert.equal(bench.status().state, "Suspended");
    // An editor has applied it meanwhile, and may give nothing: who asked for the privileges answers for what stood.
    bench.apply({ purpose: "Exports all invoices" }, EDITOR);
    await bench.settle();
    isHeld(bench);
    asked.length = 0;
    await bench.bench.unhold("leak");
    await bench.settle();
    isUp(bench);
    assert.deepEqual(new Set(asked), new Set(["lead"]));
    assert.equal("holds" in bench.status(), false);
    assert.equal("endBeneath" in bench.status(), false);
    assert.equal(bench.condition("Suspended"), undefined);
    assert.deepEqual([audited(bench, "keyturn:HoldBegins"), audited(bench, "keyturn:HoldEnds")], [["leak"], ["leak"]]);
  });

  it("does not come back when who asked may not give the access any more", async () => {
    const { bench, may } = await world();
    bench.bench.hold("leak");
    await bench.settle();
    may.delete("lead");
    await bench.bench.unhold("leak");
    await bench.settle();
    assert.deepEqual(bench.keys("cluster"), []);
  });

  for (const [what, spec, annotations] of [
    ["a dry run", {}, { [DRY_RUN]: "true" }],
    ["a pause", {}, { [PAUSED]: "true" }],
    ["a spec that makes no sense", { deletion: { holdFor: "soon" } }, {}],
  ] as const) {
    it(`is held although ${what} holds everything else`, async () => {
      const { bench } = await world();
      bench.apply(spec, { ...LEAD, ...annotations });
      await bench.settle();
      bench.bench.hold("leak");
      await bench.settle();
      isDown(bench);
      assert.equal(bench.condition("Suspended")?.reason, "Held");
    });
  }

  it("takes no permit and is not kept by the kill switch", async () => {
    const { bench } = await world();
    bench.bench.limits = { ...bench.bench.limits, offboarding: 1 };
    bench.bench.start();
    bench.bench.cluster.seed(KILL_SWITCH, { data: { engaged: "true" } });
    bench.bench.hold("leak");
    await bench.settle();
    isHeld(bench);
  });

  it("is held by every hold until the last is gone, and by all of its namespace", async () => {
    const { bench } = await world();
    bench.bench.hold("leak");
    bench.bench.hold("all", { name: "*" });
    bench.bench.hold("elsewhere", { namespace: "other" });
    bench.bench.hold("another", { name: "other" });
    await bench.settle();
    isHeld(bench, "all", "leak");
    await bench.bench.unhold("leak");
    await bench.settle();
    isHeld(bench, "all");
    await bench.bench.unhold("all");
    await bench.settle();
    isUp(bench);
  });

  it("is held by a target that it has, whatever it is called, in whatever namespace", async () => {
    const { bench } = await world();
    bench.bench.hold("user", {
      namespace: "other",
      name: "other",
      targets: [{ kind: "AwsUser", connectionRef: { name: "aws" }, name: "payments.billing.lake" }],
    });
    await bench.settle();
    isHeld(bench, "user");
  });

  it("is held by a target that the hold has seen another have", async () => {
    const { bench } = await world();
    bench.bench.hold("user", { namespace: "other", name: "other" }, { targets: [USER.replace("lake", "Lake")] });
    await bench.settle();
    isHeld(bench, "user");
  });

  it("is never made while its name or one of its targets is held", async () => {
    for (const spec of [
      {},
      {
        namespace: "other",
        name: "other",
        targets: [{ kind: "AwsUser", connectionRef: { name: "aws" }, name: "payments.billing.lake" }],
      },
    ] as const) {
      const bench = new LifecycleBench();
      bench.bench.hold("leak", spec);
      bench.apply({}, LEAD);
      await bench.settle();
      for (const name of NAMES) assert.equal(bench.place(name).principal, undefined, name);
      assert.deepEqual(bench.status().holds, ["leak"]);
      await bench.bench.unhold("leak");
      await bench.toRest();
      isUp(bench);
    }
  });

  it("is not let back by an editor's state Active beneath the hold, before or after it is gone", async () => {
    const { bench, asked } = await world();
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.settle();
    bench.bench.hold("leak");
    await bench.settle();
    isHeld(bench);
    assert.equal(bench.status().endBeneath, "Suspended");
    bench.apply({ state: "Active" }, EDITOR);
    await bench.settle();
    isHeld(bench);
    asked.length = 0;
    await bench.bench.unhold("leak");
    await bench.settle();
    isDown(bench);
    assert.deepEqual(new Set(asked), new Set(["editor"]));
    assert.equal(bench.condition("Ready")?.reason, "PermissionDenied");
    bench.apply({ state: "Active", purpose: "Exports all invoices" }, LEAD);
    await bench.settle();
    isUp(bench);
  });

  it("comes back when somebody who may has set state Active beneath the hold", async () => {
    const { bench } = await world();
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.settle();
    bench.bench.hold("leak");
    await bench.settle();
    bench.apply({ state: "Active" }, LEAD);
    await bench.settle();
    isHeld(bench);
    bench.apply({ state: "Active", purpose: "Exports all invoices" }, EDITOR);
    await bench.settle();
    await bench.bench.unhold("leak");
    await bench.settle();
    isUp(bench);
  });

  it("is deleted like any other when its spec ends it", async () => {
    const { bench } = await world();
    bench.bench.hold("leak");
    await bench.settle();
    bench.apply({ state: "Decommissioned" }, EDITOR);
    await bench.toRest();
    for (const name of NAMES) assert.equal(bench.place(name).principal, undefined, name);
    assert.deepEqual(bench.status().holds, ["leak"]);
  });

  it("is cut, and stays so, when it is deleted with Retain, and an undo under another UID does not bring it back", async () => {
    const { bench, asked } = await world({ deletion: { policy: "Retain", timeout: "30s" } });
    bench.allowRetain("aws", "vault");
    bench.bench.retainKubernetes = true;
    bench.bench.start();
    bench.bench.hold("leak");
    await bench.delete();
    await bench.settle();
    assert.equal(bench.exists, false);
    isDown(bench);
    await bench.ledgerToRest();
    isDown(bench);
    assert.deepEqual(bench.entry()?.status?.holds, ["leak"]);
    bench.apply({}, EDITOR);
    await bench.settle();
    isDown(bench);
    assert.deepEqual(bench.status().holds, ["leak"]);
    assert.equal(bench.status().endBeneath, "Suspended");
    asked.length = 0;
    await bench.bench.unhold("leak");
    await bench.settle();
    isDown(bench);
    assert.deepEqual(new Set(asked), new Set(["editor"]), "an undo asks who asks for it now");
  });

  it("is cut although the limit on offboardings holds its deletion back, and nothing of it is deleted then", async () => {
    const { bench } = await world();
    bench.bench.limits = { ...bench.bench.limits, offboarding: 1 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await bench.delete();
    await bench.settle();
    assert.equal(bench.exists, false);
    assert.equal(bench.entry()?.spec.held, "LimitReached");
    await bench.ledgerToRest();
    assert.equal(bench.place("lake").lets(), true);
    bench.bench.hold("leak");
    await bench.ledgerToRest();
    isDown(bench);
    await bench.bench.clock.advance(3_600_000);
    await bench.ledgerToRest();
    assert.notEqual(bench.place("lake").principal, undefined);
  });

  it("switches no credential on again when the hold said that they are compromised, and says so before", async () => {
    const { bench } = await world();
    const key = bench.place("lake").addCredential();
    bench.rotationHas([key]);
    bench.bench.hold("leak", { compromised: true });
    await bench.settle();
    isHeld(bench);
    assert.equal(bench.record("lake")?.compromised, true);
    await bench.bench.unhold("leak");
    const line = `credential ${key} stays off: an IdentityHold said that it is compromised`;
    const isTold = (): boolean => (bench.status().plan?.lines ?? []).some((each) => each.includes(line));
    for (let pass = 0; pass < 20 && !isTold(); pass += 1) await bench.pass();
    assert.equal(isTold(), true);
    assert.equal(bench.place("lake").lets(), false);
    await bench.settle();
    isUp(bench);
    assert.equal(bench.place("lake").credentials.get(key)?.enabled, false);
    assert.equal(bench.record("lake")?.compromised, undefined);
  });

  it("is cut although it was adopted and is not ours yet, is not given back, and never deleted", async () => {
    const bench = new LifecycleBench();
    const place = bench.place("lake");
    place.plant("payments/billing");
    const key = place.addCredential();
    place.addByHand({ key: "managedPolicy/own", class: "grant", value: "true", title: "managed policy own" });
    bench.bench.away.add("secrets");
    bench.apply({ adoption: { mode: "IfAnnotated" } });
    await bench.settle(2000, 10).catch(() => undefined);
    assert.equal(bench.record("lake")?.adopted, true);
    bench.bench.hold("leak");
    await bench.settle(2000, 10).catch(() => undefined);
    assert.equal(place.lets(), false);
    assert.equal(place.credentials.get(key)?.enabled, false);
    bench.bench.away.clear();
    await bench.delete();
    await bench.settle(2000, 10).catch(() => undefined);
    assert.equal(bench.exists, false);
    await bench.ledgerToRest();
    assert.equal(place.lets(), false);
    assert.notEqual(place.principal, undefined);
    // Nobody is left to ask for it: it stays as it is, and what was never ours is not deleted.
    await bench.bench.unhold("leak");
    await bench.bench.clock.advance(86_400_000);
    await bench.ledgerToRest();
    assert.equal(place.lets(), false);
    assert.notEqual(place.principal, undefined);
  });

  it("is adopted after all when the hold is gone", async () => {
    const bench = new LifecycleBench();
    const place = bench.place("lake");
    place.plant("payments/billing");
    bench.bench.away.add("secrets");
    bench.apply({ adoption: { mode: "IfAnnotated" } });
    await bench.settle(2000, 10).catch(() => undefined);
    bench.bench.hold("leak");
    await bench.settle(2000, 10).catch(() => undefined);
    assert.equal(place.lets(), false);
    bench.bench.away.clear();
    await bench.bench.unhold("leak");
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(bench.record("lake")?.adopted, undefined);
  });

  it("gives nothing and takes away as always until the holds have been read", async () => {
    const bench = new LifecycleBench();
    bench.bench.holdsRead = false;
    bench.apply({}, LEAD);
    await bench.settle();
    for (const name of NAMES) assert.equal(bench.place(name).principal, undefined, name);
    bench.bench.holdsRead = true;
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    bench.bench.hold("leak");
    await bench.settle();
    isHeld(bench);
    bench.bench.holdsRead = false;
    await bench.bench.unhold("leak");
    await bench.settle();
    isHeld(bench);
    bench.bench.holdsRead = true;
    await bench.settle();
    bench.bench.holdsRead = false;
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.settle();
    isDown(bench);
  });

  it("does not say that it stands while it has nothing but what was read before a start", async () => {
    const { bench } = await world();
    bench.bench.holdsRead = false;
    await bench.settle();
    isUp(bench);
  });

  it("is proven for each of more than sixteen holds, and none is put on record again and again", async () => {
    const { bench } = await world();
    const names = Array.from({ length: 18 }, (_, at) => `h${String(at).padStart(2, "0")}`);
    for (const name of names) bench.bench.hold(name);
    await bench.settle();
    const before = audited(bench, "keyturn:HoldBegins").length;
    for (let pass = 0; pass < 5; pass += 1) {
      await bench.bench.clock.advance(600_000);
      await bench.pass();
    }
    assert.equal(audited(bench, "keyturn:HoldBegins").length, before);
    for (const name of names) assert.equal(standingOfIdentity(bench.object(), name).state, "Proven", name);
  });
});
