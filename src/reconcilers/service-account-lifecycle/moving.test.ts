import assert from "node:assert/strict";
import { RETRY } from "../../api/v1alpha1/annotations.ts";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { AccountClient } from "../../providers/account.ts";
import { connectionRef } from "../ports.fake.ts";
import { LifecycleBench, SPEC, WIDER } from "./bench.fake.ts";

type SpecAccounts = typeof SPEC.accounts;

const joined = async (spec: Parameters<LifecycleBench["apply"]>[0] = {}): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

/** The provider refuses this piece for as long as the returned function is not called. */
const refuse = (bench: LifecycleBench, account: string, key: string): (() => void) => {
  const { ports } = bench.bench;
  const open = ports.accounts.open.bind(ports.accounts);
  let refused = true;
  bench.bench.ports = {
    ...ports,
    accounts: {
      open(connection, owner, declared, identity) {
        const client = open(connection, owner, declared, identity);
        if (declared.name !== account) return client;
        return new Proxy(client, {
          get: (target, property) => {
            const member = Reflect.get(target, property) as unknown;
            if (property !== "apply") return member;
            return (...args: Parameters<AccountClient["apply"]>) =>
              refused && args[0].key === key
                ? Promise.reject(new OperatorError("NotFound", { publicMessage: `${key} does not exist.` }))
                : target.apply(...args);
          },
        });
      },
    },
  };
  return () => {
    refused = false;
  };
};

describe("an identity that moves", () => {
  it("loses everything by objects that server-side apply has left null, and is what one with empty objects is", async () => {
    const bench = await joined();
    const emptied = (nothing: unknown): SpecAccounts =>
      [
        { name: "cluster", kubernetes: nothing },
        { name: "lake", aws: { connectionRef: { name: "aws" }, user: nothing } },
        ...SPEC.accounts.slice(2),
      ] as unknown as SpecAccounts;
    bench.apply({ accounts: emptied(null) });
    await bench.toRest();
    assert.deepEqual([bench.keys("cluster"), bench.keys("lake")], [[], []]);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    const { lastKnownGood } = bench.status();
    const writes = bench.statusWrites();
    const world = bench.world();
    bench.apply({ accounts: emptied({}) });
    await bench.toRest();
    assert.equal(bench.world(), world);
    assert.equal(bench.status().lastKnownGood?.specHash, lastKnownGood?.specHash);
    assert.equal(bench.status().narrowed, undefined);
    assert.ok(bench.statusWrites() <= writes + 1, "no more than the new generation is written");
  });

  it("gets only the difference, additions first and removals last, and nothing is made anew", async () => {
    const bench = await joined();
    const ids = ["cluster", "lake", "secrets"].map((name) => bench.place(name).principal?.externalId);
    bench.apply({ accounts: WIDER });
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader", "binding/Role/writer"]);
    assert.deepEqual(
      ["cluster", "lake", "secrets"].map((name) => bench.place(name).principal?.externalId),
      ids,
    );
    const before = bench.bench.audit.length;
    bench.apply({
      accounts: WIDER.map((account) =>
        account.kubernetes === undefined
          ? account
          : { name: "cluster", kubernetes: { roles: [{ kind: "Role", name: "writer" }] } },
      ),
    });
    await bench.toRest();
    const done = bench.bench.audit.slice(before).filter(({ phase }) => phase === "begin");
    assert.deepEqual(
      done.filter(({ action }) => action.startsWith("account:")).map(({ action }) => action),
      ["account:Remove"],
    );
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/writer"]);
    assert.equal(bench.status().lastKnownGood?.generation, 3);
  });

  for (const [name, account, key] of [
    ["first", "cluster", "binding/Role/writer"],
    ["second", "lake", "managedPolicy/arn:aws:iam::111122223333:policy/operations"],
    ["last", "secrets", "policy/reports"],
  ] as const) {
    it(`is as before at every provider when the ${name} one refuses the change, and .spec is not written`, async () => {
      const bench = await joined();
      const before = bench.world();
      refuse(bench, account, key);
      bench.apply({ accounts: WIDER });
      const writesOfSpec = (): number =>
        bench.bench.cluster.calls.filter(
          ({ verb, plural }) => plural === "serviceaccountlifecycles" && ["replace", "mergePatch"].includes(verb),
        ).length;
      const written = writesOfSpec();
      await bench.toRest();
      assert.equal(bench.world(), before);
      assert.equal(bench.condition("Reverted")?.reason, "NotFound");
      assert.equal(bench.condition("Ready")?.reason, "LastKnownGood");
      assert.equal(bench.status().lastKnownGood?.generation, 1);
      assert.equal(bench.bench.reasons().filter((reason) => reason === "Reverted").length, 1);
      assert.equal(writesOfSpec(), written);
      // Quarantined: nothing of it is tried again.
      const { length } = bench.bench.audit;
      await bench.pass();
      assert.equal(bench.bench.audit.length, length);
    });
  }

  it("is taken back when the first spec fails, and tried again later", async () => {
    const bench = new LifecycleBench();
    const allow = refuse(bench, "secrets", "policy/billing");
    bench.apply();
    // The pauses between the tries grow.
    await bench.settle(50_000, 300);
    assert.equal(bench.condition("Reverted")?.reason, "NotFound");
    assert.equal(bench.place("lake").principal, undefined);
    assert.equal(bench.place("cluster").principal, undefined);
    assert.equal(bench.claims(), 0);
    allow();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("waits for what is merely out of reach, however long, and reverts nothing", async () => {
    const bench = await joined();
    bench.bench.away.add("secrets");
    bench.apply({ accounts: WIDER });
    for (let minute = 0; minute < 60; minute += 1) {
      await bench.pass();
      await bench.bench.clock.advance(60_000);
    }
    assert.equal(bench.condition("Reverted"), undefined);
    bench.bench.away.clear();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.deepEqual(bench.keys("secrets"), ["alias", "login", "policy/billing", "policy/reports"]);
  });

  it("takes the failed spec up again when its connection changes, when the spec does, and when retry asks", async () => {
    for (const lift of [
      (bench: LifecycleBench) => {
        const vault = bench.bench.cluster.peek(connectionRef("vault"));
        bench.bench.cluster.seed(connectionRef("vault"), {
          ...vault,
          metadata: { ...vault?.metadata, generation: 2 },
        });
      },
      (bench: LifecycleBench) => bench.apply({ accounts: WIDER, purpose: "Put right" }),
      (bench: LifecycleBench) => bench.annotate({ [RETRY]: "1" }),
    ]) {
      const bench = await joined();
      const allow = refuse(bench, "secrets", "policy/reports");
      bench.apply({ accounts: WIDER });
      await bench.toRest();
      assert.equal(bench.condition("Reverted")?.status, "True");
      allow();
      lift(bench);
      await bench.toRest();
      assert.equal(bench.condition("Reverted"), undefined);
      assert.deepEqual(bench.keys("secrets"), ["alias", "login", "policy/billing", "policy/reports"]);
    }
  });

  it("is never widened again: a narrowing that fails is retried forward", async () => {
    const bench = await joined({ accounts: WIDER });
    const place = bench.place("lake");
    bench.bench.away.add("lake");
    bench.apply();
    await bench.settle(0).catch(() => undefined);
    for (let minute = 0; minute < 5; minute += 1) {
      await bench.bench.clock.advance(60_000);
      await bench.pass();
    }
    assert.equal(bench.condition("Reverted"), undefined);
    bench.bench.away.clear();
    await bench.toRest();
    assert.deepEqual(
      [...place.pieces.keys()].includes("managedPolicy/arn:aws:iam::111122223333:policy/operations"),
      false,
    );
    assert.equal(bench.status().lastKnownGood?.generation, 2);
  });

  it("does not get back what a mixed change has already taken away", async () => {
    const bench = await joined({ accounts: WIDER });
    // One goes, at two providers; then a spec that adds what is refused.
    const only = (roles: readonly string[]): Account => ({
      name: "cluster",
      kubernetes: { roles: roles.map((name) => ({ kind: "Role" as const, name })) },
    });
    bench.apply({ accounts: [only(["reader"]), ...SPEC.accounts.slice(1)] });
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader"]);
    refuse(bench, "cluster", "binding/Role/writer");
    bench.apply({ accounts: [only(["writer"]), ...SPEC.accounts.slice(1)] });
    await bench.toRest();
    // The reader waited for the writer, which was refused; it goes all the same, and nothing wider came back.
    assert.deepEqual(bench.keys("cluster"), []);
    assert.deepEqual(bench.keys("secrets"), ["alias", "login", "policy/billing"]);
  });

  it("obeys state and expiry of a spec whose accounts have failed", async () => {
    const bench = await joined();
    refuse(bench, "secrets", "policy/reports");
    bench.apply({ accounts: WIDER });
    await bench.toRest();
    bench.apply({ accounts: WIDER, state: "Suspended" });
    await bench.toRest();
    assert.equal(bench.status().state, "Suspended");
    assert.equal(bench.place("lake").cut, true);
  });

  it("is tried for ever with rollback None", async () => {
    const bench = await joined({ rollback: { mode: "None" } });
    refuse(bench, "secrets", "policy/reports");
    bench.apply({ accounts: WIDER, rollback: { mode: "None" } });
    await bench.settle(30_000, 30).catch(() => undefined);
    assert.equal(bench.condition("Reverted"), undefined);
    assert.equal(bench.status().failures?.reason, "NotFound");
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader", "binding/Role/writer"]);
  });
});

describe("rollback RewriteSpec", () => {
  const failed = async (metadata: object = {}): Promise<LifecycleBench> => {
    const bench = await joined({ rollback: { mode: "RewriteSpec" } });
    refuse(bench, "secrets", "policy/reports");
    bench.apply({ accounts: WIDER, rollback: { mode: "RewriteSpec" }, deletion: { holdFor: "5s" } });
    const object = bench.object();
    bench.bench.cluster.seed(
      { kind: KIND, namespace: "payments", name: "billing" },
      { ...object, metadata: { ...object.metadata, ...metadata } },
    );
    await bench.toRest();
    return bench;
  };

  it("writes the good accounts back once, keeps the newest of everything else, and says so", async () => {
    const bench = await failed();
    assert.deepEqual(bench.object().spec.accounts, SPEC.accounts);
    assert.deepEqual(bench.object().spec.deletion, { holdFor: "5s" });
    assert.equal(bench.status().rewrittenGeneration, 2);
    assert.equal(bench.object().metadata.generation, 3);
    assert.equal(bench.bench.reasons().filter((reason) => reason === "SpecRewritten").length, 1);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(bench.condition("Reverted"), undefined);
  });

  for (const [owner, metadata] of [
    ["Argo CD", { annotations: { "argocd.argoproj.io/tracking-id": "x", "keyturn.dev/changed-by": "alice" } }],
    ["Flux", { labels: { "kustomize.toolkit.fluxcd.io/name": "apps" } }],
    ["a Helm controller", { managedFields: [{ manager: "helm-controller" }] }],
  ] as const) {
    it(`is refused where ${owner} shows that Git owns the object`, async () => {
      const bench = await failed(metadata);
      assert.deepEqual(bench.object().spec.accounts, WIDER);
      assert.equal(bench.object().metadata.generation, 2);
      assert.equal(bench.bench.reasons().filter((reason) => reason === "RewriteRefused").length, 1);
      assert.equal(bench.condition("Reverted")?.status, "True");
    });
  }
});

const KIND = {
  group: "keyturn.dev",
  version: "v1alpha1",
  plural: "serviceaccountlifecycles",
  kind: "ServiceAccountLifecycle",
  namespaced: true,
};
