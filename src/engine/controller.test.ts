import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { SettlingClock } from "./settling-clock.ts";
import { silentLogger, type Logger } from "../kernel/logger.ts";
import type { EngineMetrics, Outcome, PassContext, ReconcileRequest } from "./contract.ts";
import { Controller } from "./controller.ts";
import { ExponentialRateLimiter } from "./rate-limiter.ts";

const KEY: ReconcileRequest = { namespace: "team-a", name: "db" };

const setUp = (reconcile: (request: ReconcileRequest, context: PassContext) => Promise<Outcome>, workers = 2) => {
  const clock = new SettlingClock();
  const passes: { request: ReconcileRequest; context: PassContext; atMs: number }[] = [];
  const results: string[] = [];
  const errors: unknown[] = [];
  const metrics: EngineMetrics = {
    passEnded: (_controller, result) => results.push(result),
    queueDepth: () => undefined,
    waited: () => undefined,
    stepEnded: () => undefined,
  };
  const log: Logger = { ...silentLogger, error: (_message, fields) => errors.push(fields.error), with: () => log };
  const controller = new Controller({
    reconciler: {
      name: "rotations",
      reconcile: (request, context) => {
        passes.push({ request, context, atMs: clock.monotonicMs() });
        return reconcile(request, context);
      },
    },
    clock,
    log,
    metrics,
    workers,
    limiter: new ExponentialRateLimiter({ baseMs: 1000, maxMs: 60_000, jitter: 0, random: () => 0 }),
    passDeadlineMs: 120_000,
  });
  return { clock, controller, passes, results, errors, times: () => passes.map((pass) => pass.atMs) };
};

const outcomes = (...list: Outcome[]): (() => Promise<Outcome>) => {
  let next = 0;
  return async () => list[Math.min(next++, list.length - 1)]!;
};
const failed = (retryAfterMs?: number, recheckAfterMs?: number): Outcome => ({
  kind: "failed",
  error: new OperatorError("Unavailable", { publicMessage: "x", retryAfterMs }),
  ...(recheckAfterMs !== undefined && { recheckAfterMs }),
});

describe("controller", () => {
  it("passes the object's name on and gives every pass an id of its own", async () => {
    const { clock, controller, passes } = setUp(outcomes({ kind: "settled", recheckAfterMs: 10 }));
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(10);
    assert.deepEqual(
      passes.map((pass) => pass.request),
      [KEY, KEY],
    );
    assert.notEqual(passes[0]?.context.passId, passes[1]?.context.passId);
  });

  it("leaves a settled key alone unless it asks for a recheck", async () => {
    const quiet = setUp(outcomes({ kind: "settled" }));
    quiet.controller.start();
    quiet.controller.enqueue(KEY);
    await quiet.clock.advance(3_600_000);
    assert.deepEqual(quiet.times(), [0]);
    const stalled = setUp(outcomes({ kind: "stalled" }));
    stalled.controller.start();
    stalled.controller.enqueue(KEY);
    await stalled.clock.advance(3_600_000);
    assert.deepEqual(stalled.times(), [0]);
  });

  it("backs off a key that fails, and a wait in between makes the next failure the first again", async () => {
    const { clock, controller, times, results } = setUp(
      outcomes(failed(), failed(), { kind: "waiting", recheckAfterMs: 500 }, failed(), { kind: "settled" }),
    );
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(100_000);
    assert.deepEqual(times(), [0, 1000, 3000, 3500, 4500]);
    assert.deepEqual(results, ["failed", "failed", "waiting", "failed", "settled"]);
  });

  it("follows the error's own wish before the pass's and the limiter's", async () => {
    const { clock, controller, times } = setUp(outcomes(failed(70, 50), failed(undefined, 50), { kind: "settled" }));
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(100_000);
    assert.deepEqual(times(), [0, 70, 120]);
  });

  it("survives a panic: counts it, logs it and tries again later", async () => {
    let first = true;
    const bug = new TypeError("boom");
    const { clock, controller, times, results, errors } = setUp(() => {
      if (!first) return Promise.resolve({ kind: "settled" });
      first = false;
      throw bug;
    });
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(100_000);
    assert.deepEqual(times(), [0, 1000]);
    assert.deepEqual(results, ["panicked", "settled"]);
    assert.deepEqual(errors, [bug]);
  });

  it("counts a refusal that a pass lets out as a failure, not as a panic", async () => {
    let first = true;
    const { clock, controller, times, results, errors } = setUp(() => {
      if (!first) return Promise.resolve({ kind: "settled" });
      first = false;
      throw new OperatorError("PermissionDenied", { publicMessage: "kube-apiserver refused." });
    });
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(100_000);
    assert.deepEqual(times(), [0, 1000]);
    assert.deepEqual(results, ["failed", "settled"]);
    assert.deepEqual(errors, []);
  });

  it("never runs two passes of one key at once, and as many keys at once as there are workers", async () => {
    let running = 0;
    let most = 0;
    const { clock, controller, passes } = setUp(async (_request, context) => {
      running += 1;
      most = Math.max(most, running);
      await context.clock.sleep(100);
      running -= 1;
      return { kind: "settled" };
    }, 3);
    controller.start();
    ["a", "b", "c", "d"].forEach((name) => controller.enqueue({ namespace: "", name }));
    await clock.advance(50);
    controller.enqueue({ namespace: "", name: "a" });
    assert.equal(passes.length, 3);
    await clock.advance(1000);
    assert.equal(most, 3);
    assert.deepEqual(
      passes.map((pass) => pass.request.name),
      ["a", "b", "c", "d", "a"],
    );
  });

  it("aborts the signal of a pass at its deadline", async () => {
    const { clock, controller, passes } = setUp(async (_request, context) => {
      await context.clock.sleep(3_600_000, context.signal);
      return { kind: "settled" };
    });
    controller.start();
    controller.enqueue(KEY);
    await clock.advance(119_999);
    assert.equal(passes[0]?.context.signal.aborted, false);
    await clock.advance(1);
    assert.equal(passes[0].context.signal.aborted, true);
  });

  it("on stop aborts running passes at once, starts no other, and waits for them", async () => {
    const release = Promise.withResolvers<Outcome>();
    const { clock, controller, passes } = setUp(() => release.promise, 1);
    controller.start();
    controller.enqueue(KEY);
    controller.enqueue({ namespace: "team-a", name: "other" });
    await clock.advance(0);
    let stopped = false;
    const end = controller.stop().then(() => (stopped = true));
    assert.equal(passes[0]?.context.signal.aborted, true);
    await clock.advance(1000);
    assert.equal(stopped, false);
    release.resolve({ kind: "settled", recheckAfterMs: 1 });
    await end;
    await clock.advance(10_000);
    assert.equal(passes.length, 1);
  });
});
