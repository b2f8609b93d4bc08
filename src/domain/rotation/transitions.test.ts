import assert from "node:assert/strict";
import { without } from "../../kernel/without.ts";
import type { OpenRotation, RotationStatus } from "./record.ts";
import {
  closed,
  dependentDone,
  dependentHeld,
  dependentStarted,
  loggedIn,
  MOST_CLOSED_INTENTS,
  opened,
  published,
  renewed,
  stragglerMoved,
  turnedBack,
} from "./transitions.ts";
import { deleted, MOST_HISTORY, provenDead, strayRecorded } from "./ending.ts";
import { failed } from "./failures.ts";
import { resumed } from "./standing.ts";
import { timeText } from "../../kernel/time-text.ts";
import { settingsOf } from "./world.fake.ts";

const at = (text: string): Date => new Date(`2026-01-01T${text}Z`);
const now = at("12:00:00");
const settings = settingsOf({
  dependents: ["web"],
  deliveries: ["app"],
  overlapSeconds: 60,
  requireUnusedForSeconds: undefined,
  exclusive: true,
});
const facts = { rotationId: "abcdefghijkl", word: "abcde", issuer: "me", now, providerTime: now, knownIds: ["K1"] };
const current = { version: "1-a", id: "K1", issuedAt: "2026-01-01T11:00:00Z", verifiedAt: "2026-01-01T11:00:10Z" };
const rotation = (more: Partial<OpenRotation> = {}): OpenRotation => ({
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
  ...more,
});
const close = (status: RotationStatus, open: OpenRotation, result: "Succeeded" | "RolledBack" | "Abandoned") =>
  closed({ ...status, rotation: open }, open, result, { now, settings });

describe("an intent", () => {
  it("takes the next number, and only a request by annotation is marked as handled", () => {
    const first = opened({}, "FirstIssue", facts, "2026-01-01T00:00:00Z");
    assert.equal(first.sequence, 1);
    assert.equal(first.rotation?.version, "1-abcde");
    assert.equal(first.lastHandledRotateAt, undefined);
    const next = opened({ sequence: 41 }, "Requested", facts, "2026-01-01T00:00:00Z");
    assert.equal(next.rotation?.version, "42-abcde");
    assert.equal(next.lastHandledRotateAt, "2026-01-01T00:00:00Z");
  });

  it("keeps what it knew when another process writes it anew", () => {
    const next = renewed({ rotation: rotation() }, rotation(), { issuer: "other" });
    assert.deepEqual(
      [next.rotation?.issuer, next.rotation?.attempt, next.rotation?.knownIds, next.rotation?.providerTime],
      ["other", 2, ["K1"], "2026-01-01T11:59:00Z"],
    );
  });

  it("is kept when it is closed, the newest first and not more than fit", () => {
    let status: RotationStatus = {};
    for (let id = 0; id < 9; id += 1) status = close(status, rotation({ id: `r${id}` }), "Succeeded");
    assert.equal(status.closedIntents?.length, MOST_CLOSED_INTENTS);
    assert.deepEqual(
      status.closedIntents.map(({ id }) => id),
      ["r8", "r7", "r6", "r5", "r4"],
    );
  });
});

describe("a login with the new credential", () => {
  const tries = (results: readonly ("usable" | "notYet")[], seconds: number, wrongRefused = true): OpenRotation => {
    let open = rotation();
    results.forEach((login, index) => {
      const when = new Date(now.getTime() + index * seconds * 1000);
      open = loggedIn({}, open, { login, wrongRefused }, { now: when, settings }).rotation!;
    });
    return open;
  };

  it("verifies after the declared successes over the whole soak", () => {
    assert.equal(tries(["usable"], 2).verification?.verifiedAt, undefined);
    assert.equal(tries(["usable", "usable"], 1).verification?.verifiedAt, undefined);
    assert.notEqual(tries(["usable", "usable"], 2).verification?.verifiedAt, undefined);
  });

  it("begins to count anew when it is refused in between", () => {
    assert.equal(tries(["usable", "notYet", "usable"], 5).verification?.verifiedAt, undefined);
    assert.notEqual(tries(["usable", "notYet", "usable", "usable"], 5).verification?.verifiedAt, undefined);
    assert.equal(tries(["notYet", "notYet"], 5).verification?.firstRefusalAt, "2026-01-01T12:00:00Z");
  });

  it("verifies nothing as long as no wrong one was refused", () => {
    assert.equal(tries(["usable", "usable", "usable", "usable"], 5, false).verification?.verifiedAt, undefined);
  });

  it("is not claimed for a credential that was published without one", () => {
    const unasked = { ...settings, verify: { ...settings.verify, login: false } };
    const status = loggedIn({}, rotation(), { login: "usable", wrongRefused: false }, { now, settings: unasked });
    assert.equal(published(status, status.rotation!, now).current?.verifiedAt, undefined);
  });
});

describe("the end of a rotation", () => {
  const previous = current;
  const moved = [{ name: "web", startedAt: "x", doneAt: "x", graceSeconds: 45 }];

  it("leaves what was replaced to be revoked, after overlap and the longest grace", () => {
    const status = close({}, rotation({ publishedAt: "x", previous, dependents: moved }), "Succeeded");
    assert.deepEqual(status.pendingRevocations, [
      {
        version: "1-a",
        id: "K1",
        why: "Superseded",
        since: "2026-01-01T12:00:00Z",
        graceSeconds: 45,
        overlapSeconds: 60,
      },
    ]);
    assert.equal(status.rotation, undefined);
    assert.equal(status.lastRotationTime, "2026-01-01T12:00:00Z");
  });

  it("leaves a credential that was taken back to be revoked after the same waits", () => {
    const status = close({ current }, rotation({ direction: "Back", dependents: moved }), "RolledBack");
    assert.equal(status.pendingRevocations?.[0]?.id, "K2");
    assert.equal(status.pendingRevocations[0].why, "Rejected");
    assert.equal(status.pendingRevocations[0].overlapSeconds, 60);
    assert.equal(status.current?.id, "K1");
  });

  it("lets a credential that nobody ever had go at once", () => {
    assert.equal(close({ current }, rotation(), "Abandoned").pendingRevocations?.[0]?.overlapSeconds, 0);
  });

  it("gives a credential its overlap that may have been handed out although no record says so", () => {
    const verification = { successes: 2, refusals: 0, wrongRefused: true, verifiedAt: "x" };
    assert.equal(
      close({ current }, rotation({ verification }), "Abandoned").pendingRevocations?.[0]?.overlapSeconds,
      60,
    );
    const record = { name: "app", version: "2-b", target: "t", place: {}, digest: "d" };
    const status = close({ current, deliveries: [record] }, rotation(), "Abandoned");
    assert.equal(status.pendingRevocations?.[0]?.overlapSeconds, 60);
  });

  it("has nothing to revoke when nothing was issued", () => {
    const empty = without(rotation(), "credential");
    assert.equal(close({}, empty, "Abandoned").pendingRevocations, undefined);
  });

  it("forgets no failure unless it succeeded", () => {
    const failures = failed(undefined, { reason: "Conflict", message: "No.", now, capMs: 1000 });
    assert.notEqual(close({ failures }, rotation(), "Abandoned").failures, undefined);
    assert.equal(close({ failures }, rotation(), "Succeeded").failures, undefined);
  });

  it("keeps asking for what a person asked for and nobody got", () => {
    const asked = { lastHandledRotateAt: "2026-01-01T11:59:00Z" };
    assert.equal(close(asked, rotation(), "Abandoned").lastHandledRotateAt, undefined);
    assert.equal(close(asked, rotation(), "Succeeded").lastHandledRotateAt, "2026-01-01T11:59:00Z");
    assert.equal(
      close(asked, rotation({ trigger: "Scheduled" }), "Abandoned").lastHandledRotateAt,
      "2026-01-01T11:59:00Z",
    );
  });
});

describe("going back", () => {
  it("makes the previous credential the current one and begins anew with whom it had moved", () => {
    const open = rotation({
      publishedAt: "x",
      previous: current,
      dependents: [{ name: "web", startedAt: "x", doneAt: "x" }],
    });
    const status = turnedBack({ current: { ...current, id: "K2", version: "2-b" }, rotation: open }, open, "web");
    assert.equal(status.current?.id, "K1");
    assert.deepEqual(status.rotation?.dependents, [{ name: "web" }]);
    const started = dependentStarted(status, status.rotation, "web", now);
    assert.deepEqual(started.rotation?.dependents, [{ name: "web", startedAt: "2026-01-01T12:00:00Z" }]);
    const done = dependentDone(started, started.rotation, { name: "web", graceSeconds: 5, now });
    assert.equal(done.rotation?.dependents?.[0]?.graceSeconds, 5);
  });

  it("let a dependent's time-out stand still while people hold its roll-out", () => {
    const open = rotation({ dependents: [{ name: "api" }, { name: "web", startedAt: "2026-01-01T11:50:00Z" }] });
    const held = dependentHeld({ rotation: open }, open, {
      name: "web",
      held: true,
      now: new Date("2026-01-01T11:55:00Z"),
    });
    assert.deepEqual(held.rotation?.dependents?.[1], {
      name: "web",
      startedAt: "2026-01-01T11:50:00Z",
      heldAt: "2026-01-01T11:55:00Z",
    });
    const free = dependentHeld(held, held.rotation, { name: "web", held: false, now });
    assert.deepEqual(free.rotation?.dependents, [{ name: "api" }, { name: "web", startedAt: "2026-01-01T11:55:00Z" }]);
  });

  it("does not restart the time-out of a dependent that is asked twice", () => {
    const open = rotation({ dependents: [{ name: "web", startedAt: "2026-01-01T11:00:00Z" }] });
    assert.equal(
      dependentStarted({ rotation: open }, open, "web", now).rotation?.dependents?.[0]?.startedAt,
      "2026-01-01T11:00:00Z",
    );
  });
});

describe("what must go", () => {
  it("is on the list once, also when it is found twice", () => {
    const twice = strayRecorded(strayRecorded({}, "S", now), "S", now);
    assert.equal(twice.pendingRevocations?.length, 1);
    assert.equal(twice.pendingRevocations[0]?.version, "stray-S");
  });

  it("gets its waits anew when another dependent has just been moved away from it", () => {
    const entry = {
      version: "1-a",
      id: "K1",
      why: "Superseded" as const,
      since: "x",
      graceSeconds: 5,
      overlapSeconds: 1,
    };
    const dead = { ...entry, id: "K0", disabledAt: "y" };
    const next = stragglerMoved({ pendingRevocations: [entry, dead] }, 30, now).pendingRevocations!;
    assert.deepEqual([next[0]?.since, next[0]?.graceSeconds], ["2026-01-01T12:00:00Z", 30]);
    assert.deepEqual(next[1], dead);
  });

  it("leaves the list when it is proven dead, with a line in a bounded history", () => {
    let status: RotationStatus = {};
    for (let number = 0; number < 25; number += 1) {
      status = provenDead(strayRecorded(status, `S${number}`, now), `S${number}`, "ProvenByLogin", now);
    }
    assert.deepEqual(status.pendingRevocations, []);
    assert.equal(status.history?.length, MOST_HISTORY);
    assert.deepEqual([status.history[0]?.id, status.history[0]?.end], ["S24", "Stray"]);
  });

  it("counts as disabled when it is deleted", () => {
    const status = deleted(strayRecorded({}, "S", now), "S", now);
    assert.equal(status.pendingRevocations?.[0]?.disabledAt, "2026-01-01T12:00:00Z");
  });

  it("is not invented for an id that is not on the list", () => {
    assert.deepEqual(provenDead({}, "X", "ProvenByLogin", now), {});
    assert.deepEqual(deleted({}, "X", now).pendingRevocations, []);
  });
});

describe("a resumed credential", () => {
  it("counts as verified by its own login", () => {
    const status = resumed({ current: { ...current, resuming: true } }, now);
    assert.equal(status.current?.resuming, undefined);
    assert.equal(status.current?.verifiedAt, "2026-01-01T12:00:00Z");
    assert.deepEqual(resumed({}, now), {});
  });
});

describe("back-off", () => {
  const fail = (before: Parameters<typeof failed>[0], more: object = {}) =>
    failed(before, { reason: "Conflict", message: "No.", now, capMs: 60_000, ...more });

  it("doubles from a second up to its cap and keeps the time of the first failure", () => {
    let failures = fail(undefined);
    const pauses = [0, 1, 2, 3, 4, 5, 6, 7].map((step) => {
      if (step > 0) failures = fail(failures, { now: at("12:30:00") });
      const from = step === 0 ? now : at("12:30:00");
      return (Date.parse(failures.nextAttemptTime) - from.getTime()) / 1000;
    });
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert.equal(failures.since, "2026-01-01T12:00:00Z");
  });

  it("begins anew for another reason or another credential", () => {
    const before = fail(fail(undefined));
    assert.equal(fail(before, { reason: "NotFound" }).count, 1);
    assert.equal(fail(before, { about: "K2" }).count, 1);
  });

  it("waits at least as long as the server wishes, and keeps no endless message", () => {
    assert.equal(fail(undefined, { retryAfterMs: 120_000 }).nextAttemptTime, "2026-01-01T12:02:00Z");
    assert.equal(fail(undefined, { message: "x".repeat(5000) }).message.length, 1024);
  });
});

describe("times on record", () => {
  it("are in whole seconds", () => {
    assert.equal(timeText(new Date("2026-01-01T00:00:00.999Z")), "2026-01-01T00:00:00Z");
  });
});
