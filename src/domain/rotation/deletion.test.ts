import assert from "node:assert/strict";
import { mayHandOver, ownCredentials, planDeletion, type DeletionAction, type DeletionInput } from "./deletion.ts";
import type { RotationStatus } from "./record.ts";

const now = new Date("2026-01-01T12:00:00Z");
const current = { version: "1-a", id: "K1", issuedAt: "2026-01-01T11:00:00Z" };
const status: RotationStatus = { sequence: 1, current };
const listed = (id: string, enabled: boolean) => ({ id, enabled, createdAt: now });
const input = (more: Partial<DeletionInput> = {}): DeletionInput => ({
  now,
  deletedAt: now,
  deletion: { policy: "Delete", holdMs: 0, timeoutMs: 60_000, onTimeout: "HandOver" },
  status,
  staged: [],
  canDisable: true,
  revokes: true,
  inLedger: true,
  listing: [listed("K1", false)],
  standing: [],
  ...more,
});

const adopted: RotationStatus = {
  sequence: 1,
  current: { ...current, adopted: true },
  adoptedPlaces: ["secret/n/app"],
};
const found = (more: Partial<DeletionInput> = {}): DeletionInput =>
  input({ status: adopted, inLedger: false, ...more });
const rotating = (more: Partial<DeletionInput> = {}): DeletionInput =>
  input({
    status: {
      ...adopted,
      sequence: 2,
      rotation: {
        id: "r2",
        version: "2-b",
        trigger: "Requested",
        openedAt: "2026-01-01T11:59:00Z",
        providerTime: "2026-01-01T11:59:00Z",
        knownIds: ["K1"],
        issuer: "me",
        attempt: 1,
        direction: "Forward",
        credential: { id: "K2", issuedAt: "2026-01-01T11:59:10Z" },
      },
    },
    ...more,
  });

describe("a deletion", () => {
  const rows: readonly (readonly [string, DeletionInput, DeletionAction])[] = [
    ["lets everything go when nothing was made", input({ status: {}, inLedger: false }), { type: "releaseAll" }],
    ["writes the ledger before it touches anything", input({ inLedger: false }), { type: "writeLedger" }],
    ["reads the listing", input({ listing: undefined }), { type: "observe", what: "listing" }],
    ["disables what is still enabled", input({ listing: [listed("K1", true)] }), { type: "disable", id: "K1" }],
    [
      "disables what was staged although no status says so",
      input({ staged: [{ version: "2-b", id: "K2" }], listing: [listed("K1", false), listed("K2", true)] }),
      { type: "disable", id: "K2" },
    ],
    ["never touches what is not on record", input({ listing: [listed("F1", true)] }), { type: "removeFinalizer" }],
    [
      "looks at the deliveries when no key works any more",
      input({ standing: undefined }),
      { type: "observe", what: "deliveries" },
    ],
    ["withdraws what stands", input({ standing: ["secret/n/app"] }), { type: "withdraw", target: "secret/n/app" }],
    ["lets the finalizer go last", input(), { type: "removeFinalizer" }],
    [
      "looks what was made beside what was adopted",
      found({ standing: undefined }),
      { type: "observe", what: "deliveries" },
    ],
    ["withdraws that", found({ standing: ["kv/a/b"] }), { type: "withdraw", target: "kv/a/b" }],
    [
      "gives back what was adopted and never disables it",
      found({ listing: [listed("K1", true)] }),
      { type: "giveBack" },
    ],
    ["lets everything go when that is done", found({ givenBack: true }), { type: "releaseAll" }],
    [
      "writes the ledger for what a rotation has made beside it",
      rotating({ inLedger: false }),
      { type: "writeLedger" },
    ],
    [
      "disables that and nothing else",
      rotating({ listing: [listed("K1", true), listed("K2", true)] }),
      { type: "disable", id: "K2" },
    ],
    ["gives back when that is disabled", rotating({ listing: [listed("K1", true)] }), { type: "giveBack" }],
    [
      "leaves the rest to the ledger",
      rotating({ listing: [listed("K1", true)], givenBack: true }),
      { type: "removeFinalizer" },
    ],
    [
      "gives back what was adopted whatever the policy is",
      found({ deletion: { ...input().deletion, policy: "Retain" } }),
      { type: "giveBack" },
    ],
  ];
  for (const [sentence, given, expected] of rows) {
    it(sentence, () => {
      assert.deepEqual(planDeletion(given), expected);
    });
  }

  it("knows every credential of the record once, the one in use after those that are to go", () => {
    const everything: RotationStatus = {
      ...status,
      pendingRevocations: [
        { version: "0-z", id: "K0", why: "Superseded", since: "x", graceSeconds: 0, overlapSeconds: 0 },
      ],
      rotation: {
        id: "r",
        version: "2-b",
        trigger: "Requested",
        openedAt: "x",
        providerTime: "x",
        knownIds: [],
        issuer: "me",
        attempt: 1,
        direction: "Forward",
        credential: { id: "K2", issuedAt: "x" },
        previous: current,
      },
    };
    const ids = ownCredentials(everything, [{ version: "2-b", id: "K2" }]).map(({ id }) => id);
    assert.deepEqual([...ids].sort(), ["K0", "K1", "K2"]);
    assert.equal(ids.at(-1), "K1");
  });

  it("is handed over when its time is up, unless the object must stay", () => {
    const late = input({ now: new Date("2026-01-01T12:01:00Z") });
    assert.equal(mayHandOver(input()), false);
    assert.equal(mayHandOver(late), true);
    assert.equal(mayHandOver({ ...late, deletion: { ...late.deletion, onTimeout: "Block" } }), false);
  });
});
