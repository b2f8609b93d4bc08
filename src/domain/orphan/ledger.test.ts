import assert from "node:assert/strict";
import { planOrphan, type OrphanAction, type OrphanInput } from "./plan.ts";
import type { OrphanCredentialState, RotationOrphan } from "./record.ts";
import { progressOf, reportOrphan } from "./report.ts";
import { inherited } from "./undo.ts";

const at = (text: string): Date => new Date(`2026-01-01T${text}Z`);
const intent = {
  id: "r2",
  version: "2-b",
  openedAt: "2026-01-01T11:59:00Z",
  closedAt: "2026-01-01T12:00:00Z",
  providerTime: "2026-01-01T11:59:00Z",
  knownIds: ["K1", "F1"],
  result: "Abandoned" as const,
};
const spec: RotationOrphan = {
  origin: { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" },
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing", exclusive: true } },
  target: "aws-access-key/1/billing",
  stagingUid: "u1",
  policy: "Delete",
  recordedAt: "2026-01-01T12:00:00Z",
  holdSeconds: 60,
  credentials: [{ version: "1-a", id: "K1" }],
  intents: [intent],
  deliveries: [{ name: "app", version: "1-a", target: "secret/payments/app", place: {}, digest: "d" }],
  sequence: 2,
  currentVersion: "1-a",
};
const key = (id: string, enabled = false, createdAt = at("11:00:00")) => ({ id, enabled, createdAt });
const state = (value: OrphanCredentialState["state"]): OrphanCredentialState => ({
  version: "1-a",
  id: "K1",
  state: value,
});
const input = (more: Partial<OrphanInput> = {}): OrphanInput => ({
  now: at("12:30:00"),
  spec,
  status: { credentials: [state("Proven")], withdrawn: true },
  originAlive: false,
  held: undefined,
  leavesNothing: false,
  canDisable: true,
  marks: false,
  takenOver: false,
  unclaimed: false,
  listing: [],
  attributionWindowMs: 600_000,
  ...more,
});

describe("the ledger", () => {
  const rows: readonly (readonly [string, OrphanInput, Partial<OrphanAction>])[] = [
    [
      "touches nothing that a successor has taken over",
      input({ takenOver: true, listing: [key("K1", true)] }),
      { type: "wait", for: "TakenOver" },
    ],
    [
      "goes on with the others when one is set aside",
      input({
        status: { credentials: [state("Pending"), { version: "2-b", id: "K2", state: "Pending" }] },
        listing: [key("K1", true), key("K2", true)],
        setAside: new Set(["K1"]),
      }),
      { type: "disable", id: "K2", version: "2-b" },
    ],
    [
      "is not done while one is set aside",
      input({ status: { credentials: [state("Deleted")] }, setAside: new Set(["K1"]) }),
      { type: "wait", for: "Hold", recheckAt: at("12:30:01") },
    ],
    [
      "touches nothing while its resource acts for itself",
      input({ originAlive: true, listing: [key("K1", true)] }),
      { type: "wait", for: "Origin", recheckAt: at("12:30:05") },
    ],
    [
      "touches nothing that a limit holds back",
      input({ held: "Held", listing: [key("K1", true)] }),
      { type: "wait", for: "Held" },
    ],
    ["reads the listing first", input({ listing: undefined }), { type: "observe" }],
    [
      "disables at once what still works",
      input({ now: at("12:00:01"), listing: [key("K1", true)], status: {} }),
      { type: "disable", id: "K1", version: "1-a" },
    ],
    [
      "holds what is disabled",
      input({ now: at("12:00:30"), listing: [key("K1")], status: {} }),
      { type: "wait", for: "Hold", recheckAt: at("12:01:01") },
    ],
    [
      "holds what is listed, also where nobody claims it any more",
      input({ now: at("12:00:30"), listing: [key("K1")], status: {}, unclaimed: true }),
      { type: "wait", for: "Hold", recheckAt: at("12:01:01") },
    ],
    [
      "holds nothing where neither a claim nor a credential is left",
      input({ now: at("12:00:30"), status: {}, unclaimed: true }),
      { type: "prove", id: "K1", version: "1-a" },
    ],
    [
      "keeps nothing disabled where neither a claim nor a credential is left",
      input({ spec: { ...spec, policy: "Disable" }, unclaimed: true }),
      { type: "finish" },
    ],
    [
      "deletes after the hold",
      input({ listing: [key("K1")], status: { credentials: [state("Disabled")] } }),
      { type: "revoke", id: "K1", version: "1-a" },
    ],
    [
      "proves what is deleted",
      input({ status: { credentials: [state("Deleted")] } }),
      { type: "prove", id: "K1", version: "1-a" },
    ],
    [
      "deletes again what is listed again",
      input({ listing: [key("K1")] }),
      { type: "revoke", id: "K1", version: "1-a" },
    ],
    ["withdraws what was delivered", input({ status: { credentials: [state("Proven")] } }), { type: "withdraw" }],
    [
      "waits until no late answer can come any more",
      input({ now: at("12:09:00") }),
      { type: "wait", for: "AttributionWindow", recheckAt: at("12:10:01") },
    ],
    ["is done then", input(), { type: "finish" }],
    [
      "keeps disabled for good what must not be deleted",
      input({ spec: { ...spec, policy: "Disable" }, listing: [key("K1")] }),
      { type: "wait", for: "Retained" },
    ],
    [
      "disables first, also where nothing is to be deleted",
      input({ spec: { ...spec, policy: "Disable" }, listing: [key("K1", true)] }),
      { type: "disable", id: "K1", version: "1-a" },
    ],
    [
      "finds a late key by an intent",
      input({ listing: [key("LATE", true, at("12:01:00"))] }),
      { type: "recordStray", id: "LATE" },
    ],
    [
      "leaves alone what was there before the intent",
      input({ listing: [key("F1", true, at("12:01:00"))] }),
      { type: "finish" },
    ],
    ["leaves alone what no intent explains", input({ listing: [key("X", true, at("12:10:30"))] }), { type: "finish" }],
    [
      "leaves a late key alone on a user that is not exclusive",
      input({
        spec: {
          ...spec,
          source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing", exclusive: false } },
        },
        listing: [key("LATE", true, at("12:01:00"))],
      }),
      { type: "finish" },
    ],
  ];
  for (const [sentence, given, expected] of rows) {
    it(sentence, () => {
      assert.deepEqual(planOrphan(given), expected);
    });
  }

  it("tells what it waits for, is Stalled by a used late key, and Ready when it is only kept", () => {
    const made = (action: OrphanAction | undefined, failures?: { readonly reason: string }) =>
      reportOrphan(
        failures === undefined
          ? {}
          : { failures: { count: 1, message: "Used.", since: "x", nextAttemptTime: "x", ...failures } },
        { spec, progress: action && progressOf(action), generation: 1, now: at("12:00:00") },
      ).conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
    assert.deepEqual(made({ type: "wait", for: "Hold" }), ["Ready=False Revoking", "Reconciling=True Progressing"]);
    assert.deepEqual(made({ type: "wait", for: "Retained" }), ["Ready=True Revoked"]);
    assert.deepEqual(made({ type: "wait", for: "Held" }), ["Ready=False LimitReached", "Stalled=True LimitReached"]);
    assert.deepEqual(made(undefined, { reason: "StillInUse" }), ["Ready=False StillInUse", "Stalled=True StillInUse"]);
    assert.deepEqual(made(undefined, { reason: "Unavailable" }), [
      "Ready=False Unavailable",
      "Reconciling=True BackingOff",
    ]);
  });
});

describe("an undone deletion", () => {
  const staged = [{ version: "1-a", id: "K1", issuedAt: at("11:00:00") }];
  const take = (credentials: readonly OrphanCredentialState[]) =>
    inherited({}, { spec, status: { credentials }, staged });

  it("takes the predecessor's numbers, intents and places, and its current key to be switched on", () => {
    const status = take([state("Disabled")]);
    assert.equal(status.sequence, 2);
    assert.deepEqual(status.predecessors, ["u1"]);
    assert.deepEqual(status.closedIntents, [intent]);
    assert.deepEqual(status.deliveries, spec.deliveries);
    assert.deepEqual(status.current, { version: "1-a", id: "K1", issuedAt: "2026-01-01T11:00:00Z", resuming: true });
    assert.equal(status.pendingRevocations, undefined);
  });

  it("does not bring back what is deleted", () => {
    const status = take([{ ...state("Deleted"), deletedAt: "2026-01-01T12:05:00Z" }]);
    assert.equal(status.current, undefined);
    assert.equal(status.pendingRevocations?.[0]?.deletedAt, "2026-01-01T12:05:00Z");
    assert.equal(take([state("Proven")]).pendingRevocations, undefined);
  });

  it("leaves every other key of the predecessor to be revoked", () => {
    const status = take([state("Disabled"), { version: "stray-S", id: "S", state: "Pending" }]);
    assert.deepEqual(
      status.pendingRevocations?.map(({ id }) => id),
      ["S"],
    );
  });
});
