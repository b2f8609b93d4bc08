import assert from "node:assert/strict";
import { mayHandOver, planDeparture, planIdentityDeletion, type IdentityDeletionInput } from "./deletion.ts";
import { absent, at, key, piece, record, text, view } from "./fixtures.fake.ts";

const R = piece("managedPolicy/R");
const deletion = { policy: "Delete", holdMs: 3_600_000, timeoutMs: 60_000, onTimeout: "HandOver" } as const;
const leaving = record("lake", ["managedPolicy/R"], { state: "Leaving", enabledCredentials: ["K1"] });
const cut = record("lake", [], {
  state: "Cut",
  enabledCredentials: ["K1"],
  provenAt: text("11:00:00"),
  heldUntil: text("12:00:00"),
});
const off = { rightsCut: true, credentials: [key("K1", false)] };

const given = (more: Partial<IdentityDeletionInput> = {}): IdentityDeletionInput => ({
  now: at("12:00:00"),
  timeTrusted: true,
  records: [record("lake", ["managedPolicy/R"])],
  capabilities: { lake: { cutsByRemoval: false, canDisableCredentials: true } },
  observed: { lake: view([R], { credentials: [key("K1")] }) },
  failed: [],
  deletion,
  deletedAt: at("11:59:30"),
  ...more,
});

describe("deleting an identity", () => {
  const rows: readonly (readonly [string, IdentityDeletionInput, object])[] = [
    ["releases what was never made", given({ records: [] }), { type: "releaseAll" }],
    [
      "releases what may be retained",
      given({ deletion: { ...deletion, policy: "Retain" }, retention: { kept: ["lake"], inUse: [] } }),
      { type: "releaseAll" },
    ],
    [
      "cuts what may not",
      given({ deletion: { ...deletion, policy: "Retain" } }),
      { type: "beginLeaving", account: "lake", enabledCredentials: ["K1"] },
    ],
    [
      "tells the ledger of what stays in use until its end",
      given({
        deletion: { ...deletion, policy: "Retain" },
        retention: { kept: [], inUse: ["lake"], until: at("13:00:00") },
      }),
      { type: "writeLedger", records: [record("lake", ["managedPolicy/R"])] },
    ],
    [
      "then goes, and touches nothing of it",
      given({
        deletion: { ...deletion, policy: "Retain" },
        retention: { kept: [], inUse: ["lake"], until: at("13:00:00") },
        ledger: [record("lake")],
        observed: {},
      }),
      { type: "removeFinalizer" },
    ],
    ["looks first", given({ observed: {} }), { type: "observe", what: "account", account: "lake" }],
    ["puts on record what is in use", given(), { type: "beginLeaving", account: "lake", enabledCredentials: ["K1"] }],
    [
      "writes the ledger before it cuts anything",
      given({ records: [leaving] }),
      { type: "writeLedger", records: [leaving] },
    ],
    [
      "writes it again when it has learnt what was in use",
      given({ records: [leaving], ledger: [record("lake")] }),
      { type: "writeLedger", records: [leaving] },
    ],
    ["cuts", given({ records: [leaving], ledger: [leaving] }), { type: "cut", account: "lake", way: "Deny" }],
    [
      "switches off",
      given({
        records: [leaving],
        ledger: [leaving],
        observed: { lake: view([R], { rightsCut: true, credentials: [key("K1")] }) },
      }),
      { type: "disableCredential", account: "lake", id: "K1" },
    ],
    [
      "then goes; the ledger does the rest",
      given({ records: [leaving], ledger: [leaving], observed: { lake: view([R], off) } }),
      { type: "removeFinalizer" },
    ],
    [
      "waits for what cannot be reached, when the ledger knows all of it",
      given({ failed: ["lake"], ledger: [record("lake")], observed: {} }),
      { type: "wait", for: "BackingOff", about: "lake" },
    ],
    [
      "gives back what was adopted and never wholly applied",
      given({
        records: [
          record("lake", [], { state: "Pending", adopted: true, foundPieces: ["principal", "managedPolicy/R"] }),
        ],
        ledger: [record("lake")],
        observed: { lake: view([R]) },
      }),
      { type: "giveBack", account: "lake" },
    ],
  ];
  for (const [sentence, input, expected] of rows) {
    it(sentence, () => {
      assert.deepEqual(planIdentityDeletion(input), expected);
    });
  }

  it("does not hold up the others for one that cannot be reached", () => {
    const other = record("work", [], { state: "Leaving", enabledCredentials: [] });
    const action = planIdentityDeletion(
      given({
        records: [record("lake"), other],
        ledger: [record("lake"), other],
        failed: ["lake"],
        observed: { work: view() },
      }),
    );
    assert.deepEqual(action, { type: "cut", account: "work", way: "Deny" });
  });

  it("may be handed over after its time-out, and not where it is to block", () => {
    assert.equal(mayHandOver(given()), false);
    assert.equal(mayHandOver(given({ now: at("12:00:30") })), true);
    assert.equal(mayHandOver(given({ now: at("13:00:00"), deletion: { ...deletion, onTimeout: "Block" } })), false);
  });
});

describe("the ledger of an identity", () => {
  it("begins, cuts and proves what the deletion could not", () => {
    assert.deepEqual(planDeparture(given()), {
      kind: "act",
      action: { type: "beginLeaving", account: "lake", enabledCredentials: ["K1"] },
    });
    assert.deepEqual(planDeparture(given({ records: [leaving], observed: { lake: view([R], off) } })), {
      kind: "act",
      action: { type: "prove", account: "lake" },
    });
  });

  it("holds, deletes and forgets", () => {
    assert.deepEqual(
      planDeparture(given({ now: at("11:59:00"), records: [cut], observed: { lake: view([R], off) } })),
      {
        kind: "wait",
        for: "Hold",
        recheckAt: at("12:00:00"),
      },
    );
    assert.deepEqual(planDeparture(given({ records: [cut], observed: { lake: view([R], off) } })), {
      kind: "act",
      action: { type: "removeCredential", account: "lake", id: "K1" },
    });
    assert.deepEqual(planDeparture(given({ records: [cut], observed: { lake: absent } })), {
      kind: "act",
      action: { type: "forget", account: "lake" },
    });
  });

  it("is done with what is only to be disabled, and with nothing", () => {
    const kept = record("lake", [], { state: "Cut", provenAt: text("11:00:00") });
    const disable = { ...deletion, policy: "Disable" as const };
    assert.deepEqual(planDeparture(given({ records: [kept], observed: { lake: view([R], off) }, deletion: disable })), {
      kind: "done",
    });
    assert.deepEqual(planDeparture(given({ records: [] })), { kind: "done" });
  });
});
