import assert from "node:assert/strict";
import type { AuditEntry, AuditNote, AuditTrail } from "../audit/contract.ts";
import type { AuditRoom } from "../audit/volume.ts";
import { OperatorError } from "../kernel/errors.ts";
import { outside, type Mutation } from "./outside.ts";

const mutation = (kind: Mutation["kind"]): Mutation => ({
  action: "account:Apply",
  kind,
  subject: { kind: "ServiceAccountLifecycle", namespace: "payments", name: "billing", uid: "u" },
  target: "t",
  passId: "p",
});
const signal = new AbortController().signal;

const setUp = (engaged: () => Promise<boolean>, room?: AuditRoom) => {
  let nowMs = 0;
  const begun: AuditEntry[] = [];
  const noted: AuditNote[] = [];
  const trail: AuditTrail = {
    begin: async (entry) => {
      begun.push(entry);
      return { succeeded: () => Promise.resolve(), failed: () => Promise.resolve() };
    },
    note: async (note) => void noted.push(note),
    healthy: () => true,
    close: () => Promise.resolve(),
  };
  const options = { ...(room === undefined ? {} : { room }), monotonicMs: () => nowMs };
  const later = (ms: number): void => void (nowMs += ms);
  return { begun, noted, later, door: outside(trail, () => true, { engaged }, options) };
};

describe("the door to the outside", () => {
  it("is shut for what gives while the kill switch is on, before anything is recorded or sent, and open for what takes away", async () => {
    const { begun, door } = setUp(() => Promise.resolve(true));
    let sent = 0;
    const send = () => Promise.resolve((sent += 1));
    await assert.rejects(door.mutate(mutation("Issuing"), signal, send), { code: "KillSwitch" });
    assert.deepEqual([sent, begun.length], [0, 0]);
    assert.equal(await door.mutate(mutation("Revoking"), signal, send), 1);
  });

  it("does not even ask the switch about what takes away", async () => {
    const { door } = setUp(() => Promise.reject(new OperatorError("Unavailable", { publicMessage: "no answer" })));
    assert.equal(await door.mutate(mutation("Revoking"), signal, () => Promise.resolve(1)), 1);
    await assert.rejects(
      door.mutate(mutation("Issuing"), signal, () => Promise.resolve(1)),
      { code: "Unavailable" },
    );
  });

  const refusing = (code: "AuditShareUsed" | "Unavailable") => (): never => {
    throw new OperatorError(code, { publicMessage: "no room" });
  };
  const off = (): Promise<boolean> => Promise.resolve(false);
  const run = () => Promise.resolve(1);

  it("lets nothing new in over a namespace's share, and goes on with open rotations, renewals and what takes away", async () => {
    const room = { demandShare: refusing("AuditShareUsed"), demandRoom: () => undefined };
    const { begun, noted, door } = setUp(off, room);
    for (let turn = 0; turn < 3; turn += 1)
      await assert.rejects(door.mutate(mutation("Issuing"), signal, run), { code: "AuditShareUsed" });
    assert.equal(await door.mutate(mutation("Continuing"), signal, run), 1);
    assert.equal(await door.mutate(mutation("Revoking"), signal, run), 1);
    assert.equal(begun.length, 2);
    const about = { action: "pass", subject: mutation("Issuing").subject, target: "other", passId: "p" };
    await door.refused(about, new OperatorError("PermissionDenied", { publicMessage: "no" }));
    // One record for the namespace, however many are refused.
    assert.deepEqual(
      noted.map(({ action, result, target }) => [action, result, target]),
      [["refusal", "AuditShareUsed", "payments"]],
    );
  });

  it("keeps the last tenth of the volume for what takes away", async () => {
    const { door } = setUp(off, { demandShare: () => undefined, demandRoom: refusing("Unavailable") });
    for (const kind of ["Issuing", "Continuing"] as const)
      await assert.rejects(door.mutate(mutation(kind), signal, run), { code: "Unavailable" });
    assert.equal(await door.mutate(mutation("Revoking"), signal, run), 1);
  });

  it("has a record of each refusal, the same once an hour", async () => {
    const { noted, later, door } = setUp(() => Promise.resolve(true));
    const refuse = () => assert.rejects(door.mutate(mutation("Continuing"), signal, run), { code: "KillSwitch" });
    await refuse();
    await refuse();
    assert.deepEqual(
      noted.map(({ result, facts }) => [result, facts?.["refused"]]),
      [["KillSwitch", "account:Apply"]],
    );
    later(3_600_000);
    await refuse();
    assert.equal(noted.length, 2);
  });
});
