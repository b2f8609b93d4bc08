import assert from "node:assert/strict";
import { account, at, good, GOOD, HASH, piece, record, settings, text } from "./fixtures.fake.ts";
import { leavingLine } from "./plan-record.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import * as change from "./transitions.ts";

const only = ({ accounts }: LifecycleStatus): AccountRecord | undefined => accounts?.[0];
const line = (title: string) => ({ sign: "+", account: "lake", title, direction: "widen" }) as const;

describe("a plan on record", () => {
  it("tells at most 64 lines, how many more there are, and a digest of all", () => {
    const lines = Array.from({ length: 70 }, (_, index) => line(`policy ${index}`));
    const { plan } = change.planned({}, 3, lines, new Date(0));
    assert.deepEqual([plan?.generation, plan?.lines.length, plan?.omitted], [3, 64, 6]);
    assert.equal(plan?.lines[0], "+ lake: policy 0 (widens)");
    const other = change.planned({}, 3, [...lines.slice(0, 69), line("another")], new Date(0));
    assert.notEqual(other.plan?.digest, plan.digest);
  });

  it("has room for every line", () => {
    const { plan } = change.planned({}, 3, [line("x".repeat(900))], new Date(0));
    assert.equal(plan?.lines[0]?.length, 512);
  });

  it("stays open for the accounts that stay when others leave", () => {
    const open = change.planned({}, 3, [line("policy")], new Date(0));
    const { plan } = change.planned(open, 3, [leavingLine("old", "Gone")], new Date(0));
    assert.deepEqual(plan?.lines.slice(1), ["+ lake: policy (widens)"]);
  });
});

describe("a spec that stands", () => {
  const desired = { lake: account("lake", [piece("group/a")], { declaration: '{"now":1}' }) };
  const before: LifecycleStatus = {
    ...good([
      record("lake", ["group/a", "group/old"], { state: "Pending", adopted: true, foundPieces: ["principal"] }),
    ]),
    narrowed: "h2",
    requesters: [
      { privilege: "lake/group/a", username: "ann", generation: 1 },
      { privilege: "lake/group/old", username: "bob", generation: 1 },
    ],
    quarantine: { specHash: "h2", connectionGeneration: 1, generation: 2, reason: "NotFound", message: "" },
  };
  const mark = (status: LifecycleStatus, own: boolean, more: Parameters<typeof settings>[0] = {}) =>
    change.markedGood(status, {
      own,
      generation: 5,
      specHash: "h2",
      spec: "{}",
      settings: settings(more),
      desired,
      now: at("12:00:00"),
      by: "ann",
    });

  it("is the last known good one, and the record holds what is declared and no more", () => {
    const after = mark(before, true);
    assert.deepEqual(after.lastKnownGood, { generation: 5, specHash: "h2", spec: "{}" });
    assert.deepEqual(only(after), record("lake", ["group/a"], { declaration: '{"now":1}' }));
    assert.deepEqual([after.quarantine, after.narrowed, after.plan?.lines], [undefined, undefined, []]);
  });

  it("keeps those who asked for what is declared", () => {
    assert.deepEqual(
      mark(before, true).requesters?.map(({ username }) => username),
      ["ann"],
    );
  });

  it("does not make the good one good again, nor the failed one", () => {
    const after = mark(before, false);
    assert.deepEqual([after.lastKnownGood, after.quarantine], [before.lastKnownGood, before.quarantine]);
  });

  it("records who owned it before, and who changed that", () => {
    const more = { owner: { team: "billing", contact: "payments@example.com" }, environment: "production" };
    const { moves, ownerRecord } = mark(before, true, more);
    assert.deepEqual(moves, [
      { field: "team", from: "payments", to: "billing", time: text("12:00:00"), by: "ann" },
      { field: "environment", from: "", to: "production", time: text("12:00:00"), by: "ann" },
    ]);
    assert.equal(ownerRecord?.team, "billing");
  });

  it("remembers at most twenty moves, the newest first", () => {
    let status = before;
    for (let index = 0; index < 30; index += 1)
      status = mark(status, true, { owner: { team: `t${index}`, contact: "payments@example.com" } });
    assert.equal(status.moves?.length, 20);
    assert.equal(status.moves[0]?.to, "t29");
  });
});

describe("an account that leaves, on record", () => {
  const active = good([record("lake")]);
  const begin = (status: LifecycleStatus, enabledCredentials: readonly string[], narrows = false) =>
    change.leavingBegun(status, { account: "lake", enabledCredentials, narrows, specHash: "h2" });

  it("keeps what was in use when it began, also when it begins again", () => {
    const once = begin(active, ["K1"]);
    assert.deepEqual([only(once)?.state, only(once)?.enabledCredentials], ["Leaving", ["K1"]]);
    assert.deepEqual(only(begin(once, []))?.enabledCredentials, ["K1"]);
  });

  it("makes its spec go forward only when the spec has left it out", () => {
    assert.equal(begin(active, [], true).narrowed, "h2");
    assert.equal(begin(active, []).narrowed, undefined);
    assert.equal(begin({ accounts: [record("lake")] }, [], true).narrowed, undefined);
  });

  it("is held from its proof on, never a part of a second too short", () => {
    const now = new Date("2026-01-01T12:00:00.900Z");
    const proven = change.proven(begin(active, []), "lake", { proof: "ProvenByListing", now, holdMs: 60_000 });
    const lake = only(proven);
    assert.deepEqual([lake?.state, lake?.provenAt, lake?.proof], ["Cut", text("12:00:00"), "ProvenByListing"]);
    assert.ok(Date.parse(lake?.heldUntil ?? "") >= now.getTime() + 60_000);
  });

  it("loses its hold when it is only suspended", () => {
    const held = good([record("lake", [], { state: "Cut", heldUntil: text("13:00:00") })]);
    const after = change.proven(held, "lake", { proof: "ProvenByReview", now: at("12:00:00"), holdMs: undefined });
    assert.equal(only(after)?.heldUntil, undefined);
  });

  it("has neither proof nor hold from when it begins to come back", () => {
    const cut = good([
      record("lake", [], {
        state: "Cut",
        enabledCredentials: ["K1"],
        provenAt: text("11:00:00"),
        heldUntil: text("13:00:00"),
      }),
    ]);
    assert.deepEqual(
      only(change.returningBegun(cut, "lake")),
      record("lake", [], { state: "Leaving", enabledCredentials: ["K1"] }),
    );
  });

  it("is Active again when it was good before", () => {
    const back = change.resumed(begin(active, ["K1"]), "lake");
    assert.deepEqual(only(back), record("lake"));
  });

  it("is still to be applied when it never was, or when its bindings are still to come", () => {
    const never = change.resumed({ ...begin(active, []), lastKnownGood: { ...GOOD, spec: '{"accounts":[]}' } }, "lake");
    assert.equal(only(never)?.state, "Pending");
    const target = "kubernetes-service-account/payments/billing";
    const cluster = change.resumed(begin(good([record("lake", [], { target })]), []), "lake");
    assert.equal(only(cluster)?.state, "Pending");
  });

  it("is gone, and then forgotten", () => {
    assert.equal(only(change.gone(active, "lake"))?.state, "Gone");
    assert.deepEqual(change.forgotten(active, "lake").accounts, []);
  });
});

describe("what was adopted, on record", () => {
  const adopted = { state: "Pending", adopted: true, foundPieces: ["principal"] } as const;

  it("is ours from the first removal on, and nothing else is", () => {
    const status = good([record("lake", [], adopted), record("work", [], adopted)]);
    const after = change.narrowingBegun(status, "h2", ["lake"]);
    assert.equal(after.narrowed, "h2");
    assert.deepEqual(after.accounts, [record("lake", [], { state: "Pending" }), record("work", [], adopted)]);
  });
});

describe("those who asked", () => {
  const status: LifecycleStatus = { requesters: [{ privilege: "lake/group/a", username: "ann", generation: 1 }] };

  it("are on record for what nobody is on record for", () => {
    const after = change.stamped(status, 4, { username: "bob", groups: ["dev"] }, ["lake/group/a", "lake/group/b"]);
    assert.deepEqual(after.requesters, [
      ...(status.requesters ?? []),
      { privilege: "lake/group/b", username: "bob", groups: ["dev"], generation: 4 },
    ]);
  });

  it("are at most as many as status has room for", () => {
    const privileges = Array.from({ length: 99 }, (_, index) => `lake/group/${index}`);
    assert.equal(change.stamped(status, 4, { username: "bob" }, privileges).requesters?.length, 64);
  });
});

describe("the review", () => {
  const every = { everyMs: 3_600_000, createdAt: at("10:00:00"), now: at("12:00:00") };

  it("is due from the beginning of the resource", () => {
    const { review } = change.reviewed({}, { ...every, reviewedAt: undefined });
    assert.deepEqual(review, { dueTime: text("11:00:00") });
  });

  it("is due anew from the last attestation", () => {
    const { review } = change.reviewed({}, { ...every, reviewedAt: at("11:30:00") });
    assert.deepEqual(review, { lastTime: text("11:30:00"), dueTime: text("12:30:00") });
  });

  it("does not believe an attestation from the future, nor an older one", () => {
    const status = { review: { lastTime: text("11:30:00") } };
    for (const reviewedAt of [at("12:00:01"), at("11:00:00"), undefined])
      assert.equal(change.reviewed(status, { ...every, reviewedAt }).review?.dueTime, text("12:30:00"));
  });

  it("is never due without an interval", () => {
    assert.equal(change.reviewed({}, { ...every, everyMs: undefined, reviewedAt: undefined }).review, undefined);
  });
});

describe("the inventory", () => {
  it("tells how many credentials there are, how old the oldest is, and which nobody knows", () => {
    const { inventory } = change.inventoried({}, { createdAt: [at("11:00:00"), at("10:00:00")], unknown: ["B", "A"] });
    assert.deepEqual(inventory, {
      credentials: 2,
      oldestCredentialTime: text("10:00:00"),
      unknownCredentials: ["A", "B"],
    });
  });
});

it("records are kept in the order of their names", () => {
  const after = change.declared(good([record("lake"), record("work")]), [record("work", ["x"]), record("aux")]);
  assert.deepEqual(
    after.accounts?.map(({ name, pieces }) => [name, pieces.length]),
    [
      ["aux", 2],
      ["lake", 2],
      ["work", 3],
    ],
  );
  assert.equal(after.lastKnownGood?.specHash, HASH);
});
