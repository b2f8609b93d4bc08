import assert from "node:assert/strict";
import { readSamples } from "../../scripts/samples.ts";
import { lostField, skewedStatus, unknownField } from "./version-skew.ts";
import type { KnownKind } from "../api/v1alpha1/shape.ts";

const spec = {
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app", keys: { accessKeyId: "ANY_NAME" } } }],
  dependents: [{ name: "web", workload: { kind: "Deployment", name: "web" } }],
};
const account = { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } };
const lifecycle = { owner: { team: "t", contact: "c@e" }, purpose: "p", accounts: [account] };

describe("what a newer version has written", () => {
  for (const [sentence, kind, object, field] of [
    ["a field of the spec", "SecretRotation", { spec: { ...spec, window: {} } }, "spec.window"],
    [
      "a field deep in the spec",
      "SecretRotation",
      {
        spec: { ...spec, deliver: [...spec.deliver, { name: "b", kubernetesSecret: { name: "b", immutable: true } }] },
      },
      "spec.deliver[1].kubernetesSecret.immutable",
    ],
    ["another source", "SecretRotation", { spec: { ...spec, source: { gcpKey: {} } } }, "spec.source.gcpKey"],
    [
      "a word that a field did not have",
      "SecretRotation",
      { spec: { ...spec, rollback: { mode: "Ask" } } },
      "spec.rollback.mode Ask",
    ],
    [
      "a field that is named as what every object has",
      "SecretRotation",
      { spec: { ...spec, constructor: {} } },
      "spec.constructor",
    ],
    ["a field of the record", "SecretRotation", { spec, status: { approvals: [] } }, "status.approvals"],
    [
      "a field of the record's credential",
      "SecretRotation",
      { spec, status: { current: { version: "1-a", id: "A", issuedAt: "2026-01-01T00:00:00Z", leased: true } } },
      "status.current.leased",
    ],
    [
      "a field of the last known good spec",
      "SecretRotation",
      {
        spec,
        status: { lastKnownGood: { generation: 1, specHash: "h", spec: JSON.stringify({ ...spec, window: {} }) } },
      },
      "status.lastKnownGood.spec.window",
    ],
    [
      "another kind of account",
      "ServiceAccountLifecycle",
      { spec: { ...lifecycle, accounts: [account, { name: "g", gcp: {} }] } },
      "spec.accounts[1].gcp",
    ],
    [
      "a field of an account as it was declared",
      "ServiceAccountLifecycle",
      { spec: lifecycle, status: { accounts: [{ name: "g", declaration: '{"name":"g","gcp":{}}' }] } },
      "status.accounts[0].declaration.gcp",
    ],
    [
      "a restriction on a connection",
      "ProviderConnection",
      { spec: { kubernetes: {}, allowedNamespaces: { mode: "Selected" } } },
      "spec.allowedNamespaces.mode Selected",
    ],
    ["a field of the ledger", "OrphanedCredential", { spec: { lease: "x" } }, "spec.lease"],
  ] as const) {
    it(`is noticed when it is ${sentence}`, () => {
      assert.equal(unknownField(kind, object), field);
    });
  }

  it("is none of what this version's own samples say", async () => {
    const samples = await readSamples("valid");
    const objects = samples
      .flatMap((sample) => sample.objects)
      .filter(({ apiVersion }) => apiVersion.startsWith("keyturn.dev/"));
    assert.ok(objects.length >= 10);
    for (const object of objects)
      assert.equal(unknownField(object.kind as KnownKind, object), undefined, object.metadata.name);
  });

  for (const [sentence, object] of [
    ["text that is not JSON", { spec, status: { lastKnownGood: { generation: 1, specHash: "h", spec: "{" } } }],
    ["a value of another type", { spec: { ...spec, deliver: "none", dependents: { a: 1 } } }],
    ["nothing at all", {}],
    ["null", { spec: null, status: null }],
  ] as const) {
    it(`is not meant where a forger has written ${sentence}`, () => {
      assert.equal(unknownField("SecretRotation", object), undefined);
    });
  }
});

describe("what the server keeps of a status", () => {
  it("is all of it, whatever the order, and whatever it adds", () => {
    const sent = { a: 1, list: [{ b: "x", c: undefined }], none: undefined };
    assert.equal(lostField(sent, { extra: true, list: [{ b: "x" }], a: 1 }), undefined);
  });

  for (const [kept, lost] of [
    [{ list: [{ b: "x" }] }, "status.a"],
    [{ a: 1, list: [{}] }, "status.list[0].b"],
    [{ a: 1, list: [] }, "status.list[0].b"],
    [{}, "status.a"],
    [undefined, "status.a"],
  ] as const) {
    it(`is not ${lost}, when the answer is ${JSON.stringify(kept)}`, () => {
      assert.equal(lostField({ a: 1, list: [{ b: "x" }] }, kept), lost);
    });
  }
});

describe("the status of an object that is not acted on", () => {
  const now = new Date("2026-01-02T03:04:05Z");
  const standing = {
    status: "True",
    reason: "LoggedIn",
    message: "m",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  } as const;
  const before = {
    observedGeneration: 4,
    approvals: ["kept"],
    failures: { count: 2 },
    conditions: [
      { type: "Ready", ...standing },
      { type: "Reconciling", ...standing },
      { type: "Verified", ...standing },
    ],
  };

  it("says so in Ready and Stalled, and keeps everything else", () => {
    const next = skewedStatus(before, { message: "newer", generation: 4, now });
    assert.deepEqual(
      next.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`),
      ["Ready False VersionSkew", "Stalled True VersionSkew", "Verified True LoggedIn"],
    );
    assert.deepEqual({ ...next, conditions: [] }, { ...before, conditions: [] });
  });

  it("is the same when it is told again, so that nothing is written twice", () => {
    const told = { message: "newer", generation: 4, now };
    const once = skewedStatus(before, told);
    assert.deepEqual(skewedStatus(once, { ...told, now: new Date("2026-01-03T00:00:00Z") }), once);
  });

  it("forgets what failed under another spec, as every pass does", () => {
    const next = skewedStatus(before, { message: "newer", generation: 5, now });
    assert.equal(next.observedGeneration, 5);
    assert.equal("failures" in next, false);
  });
});
