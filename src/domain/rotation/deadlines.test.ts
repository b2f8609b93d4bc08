import assert from "node:assert/strict";
import { revocationDue, rotationDeadline, slotDue, type DeadlineInput } from "./deadlines.ts";
import type { DependentProgress, OpenRotation, PendingRevocation, RotationStatus } from "./record.ts";
import { stayingSlots } from "./slots.ts";
import { readSettings, type RotationSettings } from "./settings.ts";

const HOUR = 3_600_000;
const facts: DeadlineInput["facts"] = {
  slots: 2,
  canDisable: true,
  reportsLastUse: true,
  leavesNothing: false,
  marks: false,
  lockout: false,
  controlCounts: false,
};
const dependent = (name: string, timeout: string, order = 0) => ({
  name,
  order,
  timeout,
  external: { confirm: "Annotation" as const },
});
const base = readSettings({
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [dependent("web", "1h"), dependent("ci", "72h"), dependent("late", "2h", 1)],
  retire: { disableAfter: "1h" },
}) as RotationSettings;
const old: PendingRevocation = {
  version: "1-a",
  id: "K1",
  why: "Superseded",
  since: "2026-01-01T12:00:00Z",
  graceSeconds: 60,
  overlapSeconds: 86_400,
};
const rotation = (more: Partial<OpenRotation> = {}): OpenRotation => ({
  id: "r2",
  version: "2-b",
  trigger: "Scheduled",
  openedAt: "2026-01-01T12:00:00Z",
  providerTime: "2026-01-01T12:00:00Z",
  knownIds: [],
  issuer: "me",
  attempt: 1,
  direction: "Forward",
  ...more,
});
const credential = { id: "K2", issuedAt: "2026-01-01T12:30:00Z" };
const current = { version: "1-a", id: "K1", issuedAt: "2026-01-01T00:00:00Z" };
const input = (status: RotationStatus, settings: Partial<RotationSettings> = {}): DeadlineInput => ({
  status,
  settings: { ...base, ...settings },
  facts,
});
const shown = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString().replace(".000", "");
type Row = readonly [sentence: string, found: string | undefined, expected: string | undefined];
const hold = (rows: readonly Row[]): void => {
  for (const [sentence, found, expected] of rows)
    it(sentence, () => {
      assert.equal(found, expected);
    });
};

describe("the next step of a replaced credential's end is due", () => {
  const due = (
    entry: Partial<PendingRevocation>,
    status: RotationStatus = { current },
    settings: Partial<RotationSettings> = {},
  ): string | undefined =>
    shown(revocationDue(input({ ...status, pendingRevocations: [{ ...old, ...entry }] }, settings)));
  const moving = { current, rotation: rotation({ credential, publishedAt: "2026-01-02T12:00:00Z" }) };
  hold([
    ["never where none has to go", shown(revocationDue(input({ current }))), undefined],
    ["when grace, overlap and disableAfter have passed", due({}), "2026-01-02T13:01:00Z"],
    ["when the hold of a disabled one is over", due({ disabledAt: "2026-01-02T13:01:00Z" }), "2026-01-09T13:01:00Z"],
    ["at once when it has been deleted", due({ deletedAt: "2026-01-09T14:00:00Z" }), "2026-01-09T14:00:00Z"],
    ["after its grace where it has leaked", due({ leaked: true }), "2026-01-01T12:01:00Z"],
    [
      "at once where a leaked one is disabled",
      due({ leaked: true, disabledAt: "2026-01-01T12:01:00Z" }),
      "2026-01-01T12:01:00Z",
    ],
    ["at once where it was never published", due({ why: "Rejected", overlapSeconds: 0 }), "2026-01-01T12:00:00Z"],
    ["at once for a stray", due({ why: "Stray" }), "2026-01-01T12:00:00Z"],
    ["when it ends by itself, if that is earlier", due({ expiresAt: "2026-01-01T18:00:00Z" }), "2026-01-01T18:00:00Z"],
    [
      "when it may have been unused for long enough",
      due({}, { current }, { retire: { ...base.retire, requireUnusedForMs: 72 * HOUR } }),
      "2026-01-04T12:01:00Z",
    ],
    ["not before the rotation that moves its dependents", due({}, moving), "2026-01-05T14:00:00Z"],
    ["whatever is moved, where it has leaked", due({ leaked: true }, moving), "2026-01-01T12:01:00Z"],
    [
      "whatever is moved, once it is disabled",
      due({ disabledAt: "2026-01-02T13:01:00Z" }, moving),
      "2026-01-09T13:01:00Z",
    ],
    [
      "when the first of several is",
      shown(
        revocationDue(input({ pendingRevocations: [old, { ...old, id: "K0", disabledAt: "2025-12-30T00:00:00Z" }] })),
      ),
      "2026-01-02T13:01:00Z",
    ],
  ]);

  it("at once where its identity has ended and nothing can be disabled", () => {
    const suspension = { reason: "IdentityDecommissioned", since: "2026-01-01T13:00:00Z" } as const;
    const given = { ...input({ suspension, pendingRevocations: [old] }), facts: { ...facts, canDisable: false } };
    assert.equal(shown(revocationDue(given)), "2026-01-01T12:00:00Z");
  });

  it("for its slot only while it is enabled", () => {
    assert.equal(shown(slotDue(input({ pendingRevocations: [old] }))), "2026-01-02T13:01:00Z");
    const disabled = { ...old, disabledAt: "2026-01-02T13:01:00Z" };
    assert.equal(slotDue(input({ pendingRevocations: [disabled] })), undefined);
  });
});

describe("the deadline of a rotation", () => {
  const deadline = (more: Partial<OpenRotation>): string | undefined =>
    shown(rotationDeadline(input({ current, rotation: rotation(more) })));
  const published = { credential, publishedAt: "2026-01-01T13:00:00Z" };
  const done = (name: string, at: string): DependentProgress => ({
    name,
    startedAt: "2026-01-01T13:00:00Z",
    doneAt: `2026-01-01T${at}:00Z`,
  });
  const dependents = (...all: readonly DependentProgress[]): Partial<OpenRotation> => ({
    ...published,
    dependents: all,
  });
  hold([
    ["is none while none is under way", shown(rotationDeadline(input({ current }))), undefined],
    ["is progressDeadline and soak after it was opened", deadline({}), "2026-01-01T12:10:15Z"],
    ["counts from the credential that was issued", deadline({ credential }), "2026-01-01T12:40:15Z"],
    ["is the first timeout of the first order, once it is published", deadline(published), "2026-01-01T14:00:00Z"],
    [
      "counts a dependent from when it was moved",
      deadline(dependents({ name: "web", startedAt: "2026-01-01T13:30:00Z" })),
      "2026-01-01T14:30:00Z",
    ],
    ["is that of those that are not done", deadline(dependents(done("web", "13:05"))), "2026-01-04T13:00:00Z"],
    [
      "is that of the next order from when the last of the one before was done",
      deadline(dependents(done("web", "13:05"), done("ci", "13:09"))),
      "2026-01-01T15:09:00Z",
    ],
    [
      "is past when the last is done",
      deadline(dependents(done("web", "13:05"), done("ci", "13:09"), done("late", "13:20"))),
      "2026-01-01T13:20:00Z",
    ],
    [
      "gives people who hold a roll-out its timeout once more",
      deadline(
        dependents(done("web", "13:05"), {
          name: "ci",
          startedAt: "2026-01-01T13:00:00Z",
          heldAt: "2026-01-03T00:00:00Z",
        }),
      ),
      "2026-01-06T00:00:00Z",
    ],
    [
      "is no later for who is moved back, and nobody else's",
      deadline({ ...dependents({ name: "ci", startedAt: "2026-01-04T13:00:00Z" }), direction: "Back" }),
      "2026-01-04T13:00:00Z",
    ],
    [
      "is past when everybody is moved back",
      deadline({ ...dependents(done("web", "13:50")), direction: "Back" }),
      "2026-01-01T13:00:00Z",
    ],
  ]);

  it("is that of publishing where nobody depends on it", () => {
    const given = input({ rotation: rotation() }, { dependents: [] });
    assert.equal(shown(rotationDeadline(given)), "2026-01-01T12:10:15Z");
  });
});

describe("slots that nothing frees", () => {
  const staying = (
    status: RotationStatus,
    ids: readonly string[],
    more: Partial<DeadlineInput["facts"]> = {},
  ): number => stayingSlots({ status, facts: { ...facts, ...more }, listing: ids.map((id) => ({ id })) });
  const next = { ...current, version: "2-b", id: "K2" };
  it("are those of the credential in use and of others", () => {
    assert.equal(staying({ current }, ["K1", "OTHER"]), 2);
    assert.equal(staying({}, ["A", "B"]), 2);
  });
  it("are not those of a replaced one, in its overlap or its hold", () => {
    assert.equal(staying({ current: next, pendingRevocations: [old] }, ["K1", "K2"]), 1);
  });
  it("are one while a rotation is under way, forward and back", () => {
    assert.equal(staying({ current, rotation: rotation({ credential }) }, ["K1", "K2"]), 1);
    assert.equal(staying({ current: next, rotation: rotation({ credential, previous: current }) }, ["K1", "K2"]), 1);
    const back = rotation({ credential, previous: current, direction: "Back" });
    assert.equal(staying({ current, rotation: back }, ["K1", "K2"]), 1);
  });
  it("leave room where issuing overwrites what is there", () => {
    assert.equal(staying({ current }, ["a", "b"], { overwrites: true }), 1);
    assert.equal(staying({ current }, ["a"], { overwrites: true, slots: 1 }), 0);
  });
});
