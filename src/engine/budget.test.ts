import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { Budget } from "./budget.ts";

const signal = new AbortController().signal;
const error = (code: ConstructorParameters<typeof OperatorError>[0], retryAfterMs?: number) =>
  new OperatorError(code, { publicMessage: code, retryAfterMs });

describe("rate budget of a connection", () => {
  const setUp = (perSecond = 10, burst = 5, atOnce = 100) => {
    const clock = new FakeClock();
    const budget = new Budget({ clock, name: "aws", perSecond, burst, atOnce });
    let calls = 0;
    const ok = (): Promise<number> => budget.run(signal, () => Promise.resolve((calls += 1)));
    const failing = (thrown: Error): Promise<unknown> =>
      budget.run(signal, () => {
        calls += 1;
        return Promise.reject(thrown);
      });
    return { clock, budget, ok, failing, calls: () => calls };
  };
  const refusedWith = (code: string) => (thrown: unknown) =>
    thrown instanceof OperatorError && thrown.code === code && (thrown.retryAfterMs ?? 0) > 0;

  it("lets a burst through at once and then so many a second, in turn", async () => {
    const { clock, ok, calls } = setUp();
    const all = Array.from({ length: 25 }, () => ok());
    await clock.advance(0);
    assert.equal(calls(), 5);
    for (let tenth = 0; tenth < 10; tenth += 1) await clock.advance(100);
    assert.ok(Math.abs(calls() - 15) <= 1, `${calls()}`);
    for (let tenth = 0; tenth < 12; tenth += 1) await clock.advance(100);
    await Promise.all(all);
    assert.equal(calls(), 25);
  });

  it("keeps nobody waiting for more than five seconds: Throttled, with when to come again", async () => {
    const { ok, clock } = setUp(1, 1);
    const all = Array.from({ length: 6 }, () => ok());
    await assert.rejects(ok(), refusedWith("Throttled"));
    for (let second = 0; second < 7; second += 1) await clock.advance(1000);
    await Promise.all(all);
  });

  it("lets so many calls be under way at a time; whoever waits longer than five seconds for one to end comes again", async () => {
    const { clock, budget, ok, calls } = setUp(100, 100, 2);
    let end = (): void => undefined;
    const slow = new Promise<void>((resolve) => (end = resolve));
    const held = [1, 2].map(() => budget.run(signal, () => slow));
    const late = assert.rejects(ok(), refusedWith("Throttled"));
    await clock.advance(0);
    await clock.advance(4000);
    const patient = ok();
    await clock.advance(0);
    await clock.advance(1000);
    await late;
    assert.equal(calls(), 0);
    end();
    await Promise.all(held);
    await patient;
    assert.equal(calls(), 1);
  });

  it("does not take its own queue for the silence of the provider", async () => {
    const { clock, budget, ok } = setUp(100, 100, 1);
    let end = (): void => undefined;
    const slow = budget.run(signal, () => new Promise<void>((resolve) => (end = resolve)));
    const late = Array.from({ length: 10 }, () => assert.rejects(ok(), refusedWith("Throttled")));
    await clock.advance(0);
    await clock.advance(5000);
    await Promise.all(late);
    end();
    await slow;
    await ok();
  });

  it("asks a provider that is away once in a while, whoever it is for, and goes on when it is back", async () => {
    const { clock, ok, failing, calls } = setUp(100, 100);
    for (let n = 0; n < 5; n += 1) await assert.rejects(failing(error("Unavailable")));
    for (let n = 0; n < 20; n += 1) await assert.rejects(ok(), refusedWith("Unavailable"));
    assert.equal(calls(), 5);
    await clock.advance(1000);
    await assert.rejects(failing(error("Timeout")));
    await clock.advance(1000);
    await assert.rejects(ok(), refusedWith("Unavailable"), "the pause has doubled");
    await clock.advance(1000);
    await ok();
    await ok();
    assert.equal(calls(), 8);
  });

  it("lets one call look, while others wait", async () => {
    const { clock, ok, failing } = setUp(100, 100);
    for (let n = 0; n < 5; n += 1) await assert.rejects(failing(error("Unavailable")));
    await clock.advance(1000);
    const first = ok();
    await assert.rejects(ok(), refusedWith("Unavailable"));
    await first;
    await ok();
  });

  it("keeps Retry-After for everybody, from the first answer on", async () => {
    const { clock, ok, failing } = setUp();
    await assert.rejects(failing(error("Throttled", 7000)));
    await assert.rejects(ok(), refusedWith("Throttled"));
    await clock.advance(6900);
    await assert.rejects(ok(), refusedWith("Throttled"));
    await clock.advance(200);
    await ok();
  });

  it("takes a refusal for an answer: the provider is there", async () => {
    const { ok, failing, calls } = setUp(100, 100);
    for (let n = 0; n < 4; n += 1) await assert.rejects(failing(error("Unavailable")));
    await assert.rejects(failing(error("PermissionDenied")));
    for (let n = 0; n < 4; n += 1) await assert.rejects(failing(error("Unavailable")));
    await ok();
    assert.equal(calls(), 10);
  });
});
