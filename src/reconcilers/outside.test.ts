import assert from "node:assert/strict";
import type { AuditEntry, AuditNote, AuditTrail } from "../audit/contract.ts";
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

const setUp = (engaged: () => Promise<boolean>) => {
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
  return { begun, noted, door: outside(trail, () => true, { engaged }) };
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
});
