import assert from "node:assert/strict";
import { PAUSED, RETRY, ROTATE_AT, confirmedBy } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import { SecretMaterial } from "../../kernel/secret-material.ts";
import { fakeErrors } from "../../providers/fake-source.ts";
import { SECRETS } from "../../stores/kinds.ts";
import { Bench, deploymentRef, REQUEST, ROTATION, SPEC } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const setUp = (spec: Parameters<Bench["apply"]>[0] = {}): Bench => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply(spec);
  return bench;
};
const atRest = async (spec: Parameters<Bench["apply"]>[0] = {}): Promise<Bench> => {
  const bench = setUp(spec);
  await bench.toRest();
  return bench;
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};
const appRef = { kind: SECRETS, namespace: REQUEST.namespace, name: "app" };

describe("a Secret that cannot be written", () => {
  for (const [sentence, change, kept] of [
    ["is immutable", { immutable: true }, true],
    ["is of another type", { type: "kubernetes.io/basic-auth" }, true],
    ["is being deleted", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] } }, true],
  ] as const) {
    it(`because it ${sentence}: Conflict, untouched, and the old key goes on working`, async () => {
      const bench = await atRest();
      const first = bench.status().current!.id;
      const secret = bench.secret()!;
      const metadata = { ...secret.metadata, ...("metadata" in change ? change.metadata : {}) };
      const seeded = bench.cluster.seed(appRef, { ...secret, ...change, metadata });
      bench.rotate();
      await passes(bench, 60);
      assert.deepEqual(bench.cluster.peek(appRef), seeded);
      assert.equal(bench.source.keys.get(first)?.enabled, kept);
      assert.equal(bench.condition("Ready")?.status, "True");
      assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
      assert.equal(bench.refusedLogins, 0);
    });
  }

  it("because its namespace is ending: no key is left over, and none is tried again and again", async () => {
    const bench = setUp();
    const forbidden = new OperatorError("PermissionDenied", { publicMessage: "The namespace is ending.", status: 403 });
    bench.cluster.failNext(
      (call) => call.verb === "create" && call.namespace === "payments",
      forbidden,
      "before",
      1000,
    );
    await passes(bench, 60);
    assert.ok(bench.source.count("issue") <= 2);
    assert.equal(bench.condition("Ready")?.reason, "PermissionDenied");
  });
});

describe("a provider that answers nonsense", () => {
  it("with an empty secret: it is never delivered, and the key goes", async () => {
    const bench = setUp();
    const issue = bench.source.issue.bind(bench.source);
    bench.source.issue = async () => {
      const issued = await issue();
      return { ...issued, material: new SecretMaterial({ accessKeyId: issued.id, secretAccessKey: "" }) };
    };
    await passes(bench, 30);
    assert.equal(bench.delivered(), undefined);
    assert.equal(bench.condition("Ready")?.status, "False");
    assert.ok([...bench.source.keys.values()].filter(({ enabled }) => enabled).length <= 1);
  });

  it("with the key that is in use already: it is not taken for a new one, and goes on working", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    const known = bench.source.keys.get(first)!;
    bench.source.issue = async () => ({ id: first, material: known.material, issuedAt: known.createdAt });
    bench.rotate();
    await passes(bench, 80);
    assert.equal(bench.source.keys.get(first)?.enabled, true);
    assert.equal(bench.refusedLogins, 0);
  });

  it("with a login that refuses a key after it has accepted it: it starts to count anew", async () => {
    const bench = setUp({ verify: { successes: 3, soak: "3s" } });
    while ((bench.status().rotation?.verification?.successes ?? 0) < 2) await passes(bench, 1);
    bench.source.notYet = 1;
    await passes(bench, 1);
    while (bench.status().rotation?.verification?.successes !== 1) await passes(bench, 1);
    assert.equal(bench.delivered(), undefined);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("by throttling for a long time: nothing is reverted, and its own wish is kept", async () => {
    const bench = await atRest();
    bench.source.failNext("list", fakeErrors.throttled, "before", 10);
    bench.rotate();
    const before = bench.source.count("list");
    const from = bench.clock.now().getTime();
    for (let pass = 0; pass < 20; pass += 1) {
      const { recheckAfterMs } = await bench.pass();
      await bench.clock.advance(Math.min(recheckAfterMs ?? 1000, 60_000));
    }
    const minutes = (bench.clock.now().getTime() - from) / 60_000;
    assert.ok(bench.source.count("list") - before <= 8 + minutes, "asked more often than the back-off allows");
    await bench.toRest();
    assert.equal(bench.status().current?.id, "AKIAFAKE000000000002");
    assert.ok(!bench.reasons().includes("Reverted"));
  });
});

describe("a source that the schema would not have let in", () => {
  for (const [sentence, awsAccessKey, identityRef] of [
    ["names an account and no identity", { accountRef: { name: "lake" } }, undefined],
    [
      "names an account and a user",
      { accountRef: { name: "lake" }, userName: "billing", connectionRef: { name: "aws" } },
      { name: "exporter" },
    ],
    ["names a user and no connection", { userName: "billing" }, undefined],
    ["names a connection and no user", { connectionRef: { name: "aws" } }, undefined],
    ["names nobody", {}, undefined],
  ] as const) {
    it(`because it ${sentence}: Stalled, and nothing is asked of anybody`, async () => {
      const bench = setUp({ source: { awsAccessKey }, ...(identityRef === undefined ? {} : { identityRef }) });
      await passes(bench, 5);
      assert.equal(bench.condition("Stalled")?.reason, "InvalidSpec");
      assert.deepEqual(bench.source.calls, []);
      assert.deepEqual(wholeOf("claims", await bench.ports.claims.list()), []);
    });
  }

  it("because it adopts without a login: Stalled, and the Secret stays as it is", async () => {
    const bench = new Bench();
    const annotations = { "keyturn.dev/adopt": "payments/billing" };
    const data = { accessKeyId: "QQ==", secretAccessKey: "QQ==" };
    const seeded = bench.cluster.seed(appRef, { type: "Opaque", metadata: { annotations }, data });
    bench.apply({ adoption: { mode: "IfAnnotated" }, verify: { mode: "None" } });
    await passes(bench, 5);
    assert.equal(bench.condition("Stalled")?.reason, "InvalidSpec");
    assert.deepEqual(bench.cluster.peek(appRef), seeded);
  });
});

describe("an identity that makes no sense", () => {
  const identityOf = (bench: Bench, object: Readonly<Record<string, unknown>>): void => {
    bench.cluster.seed({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: REQUEST.namespace, name: "exporter" }, object);
  };
  const ofAccount = {
    identityRef: { name: "exporter" },
    source: { awsAccessKey: { accountRef: { name: "lake" } } },
  };
  const spec = { owner: { team: "t", contact: "c@e" }, purpose: "p" };
  const active = { name: "lake", target: "x", externalId: "AIDA1", pieces: [], state: "Active" };

  for (const [sentence, object] of [
    [
      "has no status",
      { spec: { ...spec, accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } }] } },
    ],
    ["has an account of another provider", { spec: { ...spec, accounts: [{ name: "lake", kubernetes: {} }] } }],
    ["has no accounts", { spec: { ...spec, accounts: [] } }],
    [
      "has a role where a user is asked for",
      {
        spec: { ...spec, accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, role: {} } }] },
        status: { accounts: [{ ...active, declaration: "{}" }] },
      },
    ],
    [
      "has a record of an account that says nothing",
      { spec: { ...spec, accounts: [] }, status: { accounts: [{ ...active, declaration: "{}" }] } },
    ],
    [
      "has a record of an account that cannot be read",
      { spec: { ...spec, accounts: [] }, status: { accounts: [{ ...active, declaration: "not json" }] } },
    ],
  ] as const) {
    it(`because it ${sentence}: it is waited for, and nothing is asked of anybody`, async () => {
      const bench = setUp(ofAccount);
      identityOf(bench, object);
      await passes(bench, 5);
      assert.deepEqual(bench.source.calls, []);
      assert.equal(bench.condition("Ready")?.status, "False");
      assert.equal(bench.condition("Reverted"), undefined);
      assert.equal(bench.condition("Ready")?.reason === "Unknown", false);
    });
  }
});

describe("annotations that somebody filled with nonsense", () => {
  it("do not hurt, and are not acted on", async () => {
    const bench = await atRest();
    const nonsense = ["", " ", "\u0000", "\u202e", "x".repeat(200_000), "2026-02-30T25:61:00Z", "-1", "true\n"];
    for (const text of nonsense) {
      bench.annotate({ [ROTATE_AT]: text, [PAUSED]: text, [confirmedBy("web")]: text });
      await bench.toRest();
    }
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Paused"), undefined);
  });

  it("longer than status has room for are cut or refused, never a status that cannot be written", async () => {
    const bench = await atRest();
    bench.annotate({ [RETRY]: "r".repeat(200_000) });
    await bench.toRest();
    bench.annotate({ [ROTATE_AT]: `2026-01-01T00:00:00.${"0".repeat(5000)}Z` });
    await bench.toRest();
    const { lastHandledRetry = "", lastHandledRotateAt = "" } = bench.status();
    assert.ok(lastHandledRetry.length <= 256);
    assert.ok(lastHandledRotateAt.length <= 256);
  });
});

describe("a dependent", () => {
  it("of no replicas, or that is scaled down in between, holds up nothing", async () => {
    const bench = await atRest();
    const deployment = bench.cluster.peek<KubeObject & { readonly spec: object }>(deploymentRef("web"))!;
    bench.cluster.seed(deploymentRef("web"), {
      ...deployment,
      spec: { ...deployment.spec, replicas: 0 },
      status: { observedGeneration: 99, replicas: 0, updatedReplicas: 0, availableReplicas: 0 },
    });
    bench.held.clear();
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.status().closedIntents?.[0]?.result, "Succeeded");
  });

  it("that appears while the old key waits for its end is moved before that key dies", async () => {
    const bench = await atRest({ retire: { overlap: "60s", deleteAfter: "1s" } });
    const first = bench.status().current!.id;
    bench.rotate();
    while (bench.status().pendingRevocations === undefined) await passes(bench, 1);
    bench.deploy("late");
    const late = { name: "late", workload: { kind: "Deployment" as const, name: "late" }, timeout: "60s" };
    bench.apply({ retire: { overlap: "60s", deleteAfter: "1s" }, dependents: [...SPEC.dependents, late] });
    bench.sick.add("late");
    await passes(bench, 100);
    assert.equal(bench.source.keys.get(first)?.enabled, true);
    bench.sick.delete("late");
    await bench.toRest();
    assert.equal(bench.source.keys.has(first), false);
    assert.equal(bench.refusedLogins, 0);
  });

  it("list that is empty is moved by nobody, and the overlap is kept all the same", async () => {
    const bench = await atRest({ dependents: [] });
    const first = bench.status().current!.id;
    bench.rotate();
    while (bench.status().pendingRevocations === undefined) await passes(bench, 1);
    const from = bench.clock.now().getTime();
    while (bench.source.keys.get(first)?.enabled === true) {
      await bench.pass();
      await bench.clock.advance(200);
    }
    assert.ok(bench.clock.now().getTime() - from >= 2000);
  });
});

describe("a spec that changes faster than it is worked on", () => {
  it("ends as its last version asks, whatever lay between", async () => {
    const variants: Parameters<Bench["apply"]>[0][] = [
      {},
      { deliver: [SPEC.deliver[0]!] },
      { deliver: [{ name: "app", kubernetesSecret: { name: "app", keys: { accessKeyId: "ID" } } }] },
      { deliver: [...SPEC.deliver, { name: "more", kubernetesSecret: { name: "more" } }] },
      { dependents: [] },
      { verify: { mode: "None" } },
      { retire: { overlap: "3s", deleteAfter: "0s" } },
    ];
    for (let start = 0; start < variants.length; start += 1) {
      const bench = setUp();
      for (let step = 0; step < 30; step += 1) {
        bench.apply(variants[(start * 3 + step * 5) % variants.length]);
        if (step % 7 === 3) bench.rotate();
        await passes(bench, step % 4);
      }
      bench.apply({});
      await bench.toRest(400);
      const { current, pendingRevocations, rotation } = bench.status();
      assert.equal(rotation, undefined);
      assert.deepEqual(pendingRevocations ?? [], []);
      assert.deepEqual([...bench.source.keys.keys()], [current?.id]);
      assert.equal(bench.delivered(), current?.id);
      assert.equal(bench.secret("more"), undefined);
      assert.equal(bench.kv.get("billing/aws")?.version, current?.version);
      assert.equal(bench.refusedLogins, 0);
      assert.equal(wholeOf("claims", await bench.ports.claims.list()).length, 3);
    }
  });
});

describe("a status that somebody tampered with", () => {
  const forge = (bench: Bench, status: unknown): void => {
    const object = bench.cluster.peek<SecretRotation & KubeObject>(ROTATION)!;
    bench.cluster.seed(ROTATION, { ...object, status });
  };

  it("by wiping it: no key that works is touched, and a new one is issued beside it", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    forge(bench, {});
    await bench.toRest();
    assert.equal(bench.source.keys.get(first)?.enabled, true);
    assert.equal(bench.condition("Unmanaged")?.reason, "UnknownCredential");
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.refusedLogins, 0);
  });

  it("by copying it from another resource: another user's keys are never asked for by this one", async () => {
    const bench = await atRest();
    const rest = without(bench.status(), "closedIntents");
    const foreign = { ...rest, current: { version: "9-zzzzz", id: "AKIAOTHER", issuedAt: "2025-12-01T00:00:00Z" } };
    forge(bench, foreign);
    await passes(bench, 60);
    const touched = bench.source.calls.filter(({ operation }) => ["setEnabled", "revoke"].includes(operation));
    assert.ok(touched.every(({ id }) => id === "AKIAOTHER"));
    assert.equal([...bench.source.keys.values()][0]?.enabled, true);
  });
});
