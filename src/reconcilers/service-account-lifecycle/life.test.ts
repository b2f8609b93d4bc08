import assert from "node:assert/strict";
import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID, LEAKED } from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import { connectionRef } from "../ports.fake.ts";
import { IDENTITY, LifecycleBench, SPEC } from "./bench.fake.ts";

const stamp = (name: string): Readonly<Record<string, string>> => ({
  [CHANGED_BY]: name,
  [CHANGED_BY_UID]: `uid-${name}`,
  [CHANGED_BY_GROUPS]: "developers",
});
const LEAD = stamp("lead");
const EDITOR = stamp("editor");
const NAMES = ["cluster", "lake", "secrets"] as const;
const ROLE = "binding/Role/reader";

/** Only `lead` holds bind; whose bind was asked about is written down. */
const world = async (spec: Partial<ServiceAccountLifecycleSpec> = {}) => {
  const bench = new LifecycleBench();
  const asked: string[] = [];
  bench.bench.cluster.allows = ({ user, attributes }) => {
    if (attributes.kind === "resource" && attributes.verb === "bind") asked.push(user);
    return user === "lead";
  };
  bench.apply(spec, LEAD);
  await bench.toRest();
  assert.deepEqual(bench.keys("cluster"), [ROLE]);
  return { bench, asked };
};

const inTime = (bench: LifecycleBench, ms: number): string =>
  new Date(bench.bench.clock.now().getTime() + ms).toISOString();

const isDown = (bench: LifecycleBench): void => {
  assert.deepEqual(bench.keys("cluster"), []);
  for (const name of NAMES) assert.equal(bench.place(name).lets(), false, name);
};

const isUp = (bench: LifecycleBench): void => {
  assert.deepEqual(bench.keys("cluster"), [ROLE]);
  for (const name of ["lake", "secrets"] as const) assert.equal(bench.place(name).lets(), true, name);
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
};

const isRefused = (bench: LifecycleBench, who = "editor"): void => {
  const ready = bench.condition("Ready");
  assert.deepEqual([ready?.status, ready?.reason], ["False", "PermissionDenied"]);
  assert.match(
    ready?.message ?? "",
    new RegExp(`^${who} asks for this identity to live again or longer .*Role reader`),
  );
  assert.match(ready?.message ?? "", /keyturn\.dev\/may-give/);
};

describe("an end, and somebody who could not have granted the access", () => {
  it("is not undone by a later expiresAt, and is by one of somebody who holds bind", async () => {
    const { bench, asked } = await world();
    bench.apply({ expiresAt: inTime(bench, 10_000) }, LEAD);
    await bench.settle();
    await bench.bench.clock.advance(11_000);
    await bench.settle();
    isDown(bench);
    asked.length = 0;
    const later = inTime(bench, 86_400_000);
    bench.apply({ expiresAt: later }, EDITOR);
    await bench.settle();
    isDown(bench);
    const told = bench.bench.events.filter(({ reason }) => reason === "ReturnRefused");
    assert.equal(told.length, 1);
    isRefused(bench);
    assert.equal(bench.condition("Expired")?.status, "True");
    assert.deepEqual([...new Set(asked)], ["editor"], "who asked before does not answer");
    bench.apply({ expiresAt: later, purpose: "Exports all invoices" }, LEAD);
    await bench.settle();
    isUp(bench);
    assert.deepEqual(
      bench
        .status()
        .requesters?.filter(({ privilege }) => privilege.startsWith("cluster/"))
        .map((each) => each.username),
      ["lead"],
    );
  });

  it("goes on to the deletion that it had begun while its undoing is refused", async () => {
    const { bench } = await world();
    bench.apply({ state: "Decommissioned" }, LEAD);
    await bench.settle();
    bench.apply({ state: "Active" }, EDITOR);
    await bench.settle();
    isDown(bench);
    isRefused(bench);
    await bench.bench.clock.advance(70_000);
    await bench.toRest();
    for (const name of NAMES) assert.equal(bench.place(name).principal, undefined, name);
  });

  it("is not undone by state Active, not even while the suspension is under way", async () => {
    for (const passes of [1, 2, 3, 5, 50]) {
      const { bench } = await world();
      bench.apply({ state: "Suspended" }, stamp("security"));
      for (let pass = 0; pass < passes; pass += 1) await bench.pass();
      bench.apply({ state: "Active" }, EDITOR);
      await bench.toRest();
      isDown(bench);
      isRefused(bench);
      assert.equal(bench.status().state, "Suspended");
      bench.apply({ state: "Active", purpose: "Exports all invoices" }, LEAD);
      await bench.toRest();
      isUp(bench);
    }
  });

  it("does not come later before it has come: the one that was permitted holds", async () => {
    for (const later of [undefined, "2099-01-01T00:00:00Z"]) {
      const { bench } = await world();
      const end = inTime(bench, 3_000_000);
      bench.apply({ expiresAt: end }, LEAD);
      await bench.settle();
      assert.equal(bench.status().permittedUntil, end);
      bench.apply(later === undefined ? {} : { expiresAt: later }, EDITOR);
      await bench.settle();
      assert.deepEqual(bench.keys("cluster"), [ROLE], "what is live stays so until its end");
      isRefused(bench);
      assert.equal(bench.status().permittedUntil, end);
      await bench.bench.clock.advance(3_000_001);
      await bench.settle();
      isDown(bench);
    }
  });

  it("comes earlier at the word of every editor, and is measured by that from then on", async () => {
    const { bench } = await world();
    bench.apply({ expiresAt: inTime(bench, 3_000_000) }, LEAD);
    await bench.settle();
    const earlier = inTime(bench, 1_000_000);
    bench.apply({ expiresAt: earlier }, EDITOR);
    await bench.settle();
    assert.equal(bench.condition("Ready")?.status, "True");
    bench.apply({ expiresAt: inTime(bench, 2_000_000) }, EDITOR);
    await bench.settle();
    isRefused(bench);
    assert.equal(bench.status().permittedUntil, earlier);
  });

  it("may be taken off by somebody who holds bind, unless a connection does not grant all of it any more", async () => {
    const { bench } = await world();
    const end = inTime(bench, 3_000_000);
    bench.apply({ expiresAt: end }, LEAD);
    await bench.settle();
    const aws = bench.bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"));
    bench.bench.cluster.seed(connectionRef("aws"), { metadata: { generation: 2 }, spec: { ...aws?.spec, grants: [] } });
    bench.apply({}, LEAD);
    await bench.settle();
    assert.match(bench.condition("Ready")?.message ?? "", /No grant of the connection names managed policy/);
    assert.equal(bench.status().permittedUntil, end);
    bench.bench.cluster.seed(connectionRef("aws"), { metadata: { generation: 3 }, spec: { ...aws?.spec } });
    await bench.settle();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.status().permittedUntil, undefined);
  });

  it("holds while it cannot be found out who may lift it, and is asked about again soon", async () => {
    const { bench } = await world();
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.toRest();
    bench.bench.cluster.allows = () => {
      throw new OperatorError("Unavailable", { publicMessage: "The API server does not answer." });
    };
    bench.apply({ state: "Active" }, LEAD);
    const outcome = await bench.settle();
    isDown(bench);
    assert.equal(bench.condition("Ready")?.reason, "Unavailable");
    assert.ok((outcome.recheckAfterMs ?? Infinity) <= 60_000, "asked again soon");
    bench.bench.cluster.allows = ({ user }) => user === "lead";
    await bench.toRest();
    isUp(bench);
  });

  it("is not undone by deleting and creating the resource again: the ledger goes on", async () => {
    const { bench } = await world();
    await bench.delete();
    await bench.settle();
    assert.equal(bench.exists, false);
    bench.apply({}, EDITOR);
    await bench.settle();
    isDown(bench);
    assert.equal(bench.status().accounts, undefined);
    assert.match(bench.condition("Ready")?.message ?? "", /^editor asks for this identity/);
    assert.equal(bench.entry()?.spec.accounts?.length, 3);
    bench.apply({ purpose: "Exports all invoices" }, LEAD);
    await bench.toRest();
    isUp(bench);
  });

  it("of one account is not undone by declaring it again, also not before the account is wholly cut", async () => {
    for (const passes of [2, 3, 50]) {
      const { bench } = await world();
      bench.apply({ accounts: SPEC.accounts.slice(1) }, LEAD);
      for (let pass = 0; pass < passes; pass += 1) await bench.pass();
      bench.apply({}, EDITOR);
      await bench.settle(120_000);
      assert.deepEqual(bench.keys("cluster"), []);
      const said = [bench.condition("Ready")?.message, bench.condition("Reverted")?.message].join(" ");
      assert.match(said, /editor asked for Role reader/);
      assert.equal(bench.place("lake").lets(), true, "the others stay in use");
      bench.apply({ purpose: "Exports all invoices" }, LEAD);
      await bench.toRest();
      isUp(bench);
    }
  });

  it("may be undone by every editor where the identity has no Kubernetes role: they could declare it anew", async () => {
    const accounts = SPEC.accounts.slice(1);
    const bench = new LifecycleBench();
    bench.bench.cluster.allows = () => false;
    bench.apply({ accounts }, EDITOR);
    await bench.toRest();
    bench.apply({ accounts, state: "Suspended" }, LEAD);
    await bench.toRest();
    assert.equal(bench.place("lake").lets(), false);
    bench.apply({ accounts }, EDITOR);
    await bench.toRest();
    assert.equal(bench.place("lake").lets(), true);
  });

  it("is not in doubt again when somebody else changes something while the identity comes back", async () => {
    const { bench } = await world();
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.toRest();
    bench.apply({}, LEAD);
    await bench.pass();
    assert.equal(bench.status().state, "Resuming");
    bench.apply({ purpose: "Exports all invoices" }, EDITOR);
    await bench.toRest();
    isUp(bench);
  });

  it("leaves to who is on record the repair of what stands", async () => {
    const { bench } = await world();
    bench.apply({ purpose: "Exports all invoices" }, EDITOR);
    await bench.toRest();
    bench.place("cluster").pieces.delete(ROLE);
    await bench.toRest();
    isUp(bench);
  });
});

describe("a record of b745cd6", () => {
  /** As that version leaves it: it knows neither the permitted end nor any rule. */
  const upgraded = (bench: LifecycleBench): void => {
    const object = bench.object();
    const status = without({ ...object.status }, "permittedUntil", "permittedReturn", "rules");
    bench.bench.cluster.seed(IDENTITY, { ...object, status });
  };

  it("of an identity with an end is live until then, nobody is asked, and only a later end is", async () => {
    const { bench, asked } = await world({ expiresAt: "2026-06-30T00:00:00Z" });
    bench.bench.cluster.allows = ({ user }) => {
      asked.push(user);
      return false;
    };
    upgraded(bench);
    asked.length = 0;
    await bench.settle();
    assert.deepEqual(bench.keys("cluster"), [ROLE]);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.deepEqual(asked, []);
    assert.equal(bench.status().permittedUntil, "2026-06-30T00:00:00.000Z");
    assert.equal(bench.status().rules, undefined, "until its spec changes");
    bench.apply({ expiresAt: "2026-07-01T00:00:00Z" }, EDITOR);
    await bench.settle();
    isRefused(bench);
    assert.deepEqual(bench.status().rules, ["RetainByPermission"]);
  });

  it("without an end is not written for", async () => {
    const { bench } = await world();
    upgraded(bench);
    const before = bench.statusWrites();
    await bench.settle();
    assert.equal(bench.statusWrites(), before);
  });

  it("of an identity on its way back goes on", async () => {
    const { bench } = await world();
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.toRest();
    bench.apply({}, LEAD);
    await bench.pass();
    upgraded(bench);
    bench.bench.cluster.allows = ({ user }) => user === "lead";
    await bench.toRest();
    isUp(bench);
  });
});

describe("the keys of an identity that comes back", () => {
  const suspended = async (more: Parameters<LifecycleBench["rotationHas"]>[1] = {}) => {
    const { bench } = await world();
    const [ours, theirs] = [bench.place("lake").addCredential(), bench.place("lake").addCredential()];
    bench.rotationHas([ours], more.leaked === "ours" ? { leaked: ours } : more);
    bench.apply({ state: "Suspended" }, LEAD);
    await bench.toRest();
    return { bench, ours, theirs };
  };
  const isOn = (bench: LifecycleBench, id: string): boolean | undefined =>
    bench.place("lake").credentials.get(id)?.enabled;
  /** Passes until the plan says so; nothing of the account may have come back by then. */
  const tells = async (bench: LifecycleBench, told: string): Promise<void> => {
    for (let pass = 0; pass < 20 && bench.status().plan?.lines.includes(told) !== true; pass += 1) await bench.pass();
    assert.ok(bench.status().plan?.lines.includes(told), bench.status().plan?.lines.join("\n"));
  };
  const line = (id: string, why: string): string => `~ lake: credential ${id} stays off: ${why}`;

  it("are those that a rotation has on record; every other stays off and was told before", async () => {
    const { bench, ours, theirs } = await suspended();
    bench.apply({}, LEAD);
    await tells(bench, line(theirs, "no SecretRotation answers for it"));
    assert.equal(bench.place("lake").lets(), false);
    await bench.toRest();
    isUp(bench);
    assert.deepEqual([isOn(bench, ours), isOn(bench, theirs)], [true, false]);
    const told = line(theirs, "no SecretRotation answers for it");
    assert.ok(bench.status().plan?.lines.includes(told), "the plan goes on telling it");
    assert.match(bench.condition("Unmanaged")?.message ?? "", new RegExp(theirs));
  });

  it("are none that is reported leaked, whether or not its rotation has taken that up", async () => {
    for (const more of [{ leaked: "ours" }, { annotations: { [LEAKED]: "1-aaaa" } }]) {
      const { bench, ours, theirs } = await suspended(more);
      bench.apply({}, LEAD);
      await tells(bench, line(ours, "it is reported leaked"));
      await bench.toRest();
      assert.deepEqual([isOn(bench, ours), isOn(bench, theirs)], [false, false]);
      isUp(bench);
    }
  });

  it("wait until what rotations have on record can be read; nothing of their account comes back before", async () => {
    const { bench, ours } = await suspended();
    const list = bench.bench.cluster.list.bind(bench.bench.cluster);
    bench.bench.cluster.list = (kind, options) =>
      kind.kind === "SecretRotation"
        ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "No list today." }))
        : list(kind, options);
    bench.apply({}, LEAD);
    for (let pass = 0; pass < 40; pass += 1) {
      const outcome = await bench.pass();
      await bench.bench.clock.advance(outcome.recheckAfterMs ?? 1000);
    }
    assert.equal(bench.place("lake").lets(), false);
    assert.equal(bench.place("secrets").lets(), true, "the others do");
    assert.equal(bench.status().failures?.reason, "Unavailable");
    bench.bench.cluster.list = list;
    await bench.toRest();
    assert.equal(isOn(bench, ours), true);
  });
});
