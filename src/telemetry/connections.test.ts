import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { Connections, type HeldSocket } from "./connections.ts";

const LIMITS = { perAddress: 3, total: 5, headMs: 5000, idleMs: 60_000, answerMs: 30_000 };

class FakeSocket implements HeldSocket {
  static #ports = 1000;
  readonly remotePort = FakeSocket.#ports++;
  readonly remoteAddress: string | undefined;
  ended = false;
  #closed: (() => void)[] = [];

  constructor(remoteAddress: string | undefined) {
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    if (this.ended) return;
    this.ended = true;
    for (const closed of this.#closed) closed();
  }

  once(_event: "close", listener: () => void): void {
    this.#closed.push(listener);
  }
}

const bench = (more: object = {}) => {
  const clock = new FakeClock();
  const connections = new Connections(clock, { ...LIMITS, ...more });
  const come = (address: string | undefined, count = 1): readonly FakeSocket[] =>
    Array.from({ length: count }, () => {
      const socket = new FakeSocket(address);
      connections.admit(socket);
      return socket;
    });
  return { clock, connections, come };
};
const ended = (sockets: readonly FakeSocket[]): readonly boolean[] => sockets.map((socket) => socket.ended);

describe("connections", () => {
  it("of one address make room for its newcomer, the oldest first", () => {
    const { come, connections } = bench();
    const held = come("10.0.0.1", 5);
    assert.deepEqual(ended(held), [true, true, false, false, false]);
    assert.equal(connections.count, 3);
  });

  it("of the address that has most make room when there are too many in all", () => {
    const { come } = bench();
    const [kubelet] = come("10.0.0.9");
    const [first, second] = [come("10.0.0.1", 2), come("10.0.0.2", 2)];
    // With the newcomer it is the second that has most, although the first came earlier.
    const third = come("10.0.0.2");
    assert.deepEqual([ended(first), ended(second), ended(third)], [[false, false], [true, false], [false]]);
    assert.equal(kubelet?.ended, false);
    const [newcomer] = come("10.0.0.8");
    assert.equal(newcomer?.ended, false);
  });

  it("that are being answered make no room, and the newcomer is turned away where no other can", () => {
    const { come, connections } = bench();
    const reading = come("10.0.0.1", 3);
    reading.forEach((socket) => connections.answering(socket));
    const [newcomer] = come("10.0.0.1");
    assert.deepEqual([ended(reading), newcomer?.ended], [[false, false, false], true]);
    connections.answered(reading[1]!);
    const [next] = come("10.0.0.1");
    assert.deepEqual([ended(reading), next?.ended], [[false, true, false], false]);
  });

  it("end at a deadline: for the head, for the answer, and between two requests", async () => {
    const { come, connections, clock } = bench();
    const [silent, slow, idle] = [come("10.0.0.1")[0]!, come("10.0.0.2")[0]!, come("10.0.0.3")[0]!];
    connections.answering(slow);
    connections.answering(idle);
    connections.answered(idle);
    await clock.advance(LIMITS.headMs - 1);
    assert.deepEqual(ended([silent, slow, idle]), [false, false, false]);
    await clock.advance(1);
    assert.deepEqual(ended([silent, slow, idle]), [true, false, false]);
    await clock.advance(LIMITS.answerMs);
    assert.deepEqual(ended([slow, idle]), [true, false]);
    await clock.advance(LIMITS.idleMs);
    assert.deepEqual(ended([idle]), [true]);
    assert.equal(connections.count, 0);
  });

  it("of one address come at a rate, where there is one, and of others all the same", async () => {
    const { clock, come } = bench({ rate: { perSecond: 2, burst: 4 }, perAddress: 100, total: 100 });
    const taken = (sockets: readonly FakeSocket[]): number => sockets.filter((socket) => !socket.ended).length;
    assert.equal(taken(come("10.0.0.1", 10)), 4);
    assert.equal(taken(come("10.0.0.2", 3)), 3);
    await clock.advance(1000);
    assert.equal(taken(come("10.0.0.1", 10)), 2);
    // The address of a flood is known for as long as its flood lasts.
    for (let i = 0; i < 10; i += 1) {
      await clock.advance(500);
      assert.equal(taken(come("10.0.0.1", 10)), 1);
    }
    await clock.advance(60_000);
    assert.equal(taken(come("10.0.0.1", 10)), 4);
  });

  it("are not taken in when they are gone already, and all end with the server", () => {
    const { come, connections } = bench();
    assert.deepEqual(ended(come(undefined)), [true]);
    const open = come("10.0.0.1", 2);
    connections.closeAll();
    assert.deepEqual(ended(open), [true, true]);
    assert.equal(connections.count, 0);
  });
});
