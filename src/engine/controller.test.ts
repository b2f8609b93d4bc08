import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { SettlingClock } from "./settling-clock.ts";
import { silentLogger, type Logger } from "../kernel/logger.ts";
import type { EngineMetrics, Outcome, PassContext, ReconcileRequest } from "./contract.ts";
import { Controller } from "./controller.ts";
import type { Turn } from "../kernel/turn.ts";
import type { Turns } from "./turns.ts";
import { ExponentialRateLimiter } from "./rate-limiter.ts";

const KEY: ReconcileRequest = { namespace: "team-a", name: "db" };

const setUp = (
  reconcile: (request: ReconcileRequest, context: PassContext) => Promise<Outcome>,
  workers = 2,
  beginAt = 0,
) => {
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
    ...{ workers, beginAt },
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

describe("a controller with two lanes", () => {
  it("cuts a leaver at once while every other worker waits for a provider that hangs, and its pass knows its turn", async () => {
    const clock = new SettlingClock();
    const hung = Promise.withResolvers<Outcome>();
    const passes: [string, PassContext["turn"]][] = [];
    const metrics: EngineMetrics = {
      ...{ passEnded: () => undefined, queueDepth: () => undefined },
      ...{ waited: () => undefined, stepEnded: () => undefined },
    };
    const asked: (Turn | undefined)[] = [];
    const controller = new Controller({
      reconciler: {
        name: "identities",
        reconcile: ({ namespace, name }, context) => {
          passes.push([`${namespace}/${name}`, context.turn]);
          void context.turns?.take();
          return name === "leaver" ? Promise.resolve({ kind: "settled" }) : hung.promise;
        },
      },
      ...{ clock, metrics, log: silentLogger, workers: 4, workersOfEnds: 1 },
      turns: { take: (turn?: Turn) => void asked.push(turn) } as unknown as Turns,
      standing: ({ namespace, name }) => ({ lane: name === "leaver" ? "end" : "rest", share: `=${namespace}` }),
      beginAt: 0,
    });
    for (const tenant of ["mob-1", "mob-2", "mob-3", "mob-4", "mob-5"])
      for (let number = 0; number < 100; number += 1) controller.enqueue({ namespace: tenant, name: `slow-${number}` });
    controller.start();
    await clock.advance(10);
    assert.deepEqual(
      passes.map(([key]) => key.split("/")[0]),
      ["mob-1", "mob-2", "mob-3", "mob-4", "mob-5"],
      "one of each, for none is in anybody's way",
    );
    controller.enqueue({ namespace: "payments", name: "leaver" });
    await clock.advance(10);
    assert.deepEqual(passes.at(-1), ["payments/leaver", { lane: "end", share: "=payments" }]);
    assert.deepEqual(asked.at(-1), { lane: "end", share: "=payments" });
    hung.resolve({ kind: "settled" });
    await controller.stop();
  });

  it("begins the first round at a namespace that is drawn", async () => {
    const first = async (beginAt: number): Promise<string | undefined> => {
      const { clock, controller, passes } = setUp(outcomes({ kind: "settled" }), 1, beginAt);
      for (const namespace of ["a", "b", "c", "d"]) controller.enqueue({ namespace, name: "db" });
      controller.start();
      await clock.advance(1);
      return passes[0]?.request.namespace;
    };
    assert.deepEqual([await first(0), await first(0.5), await first(0.9)], ["a", "c", "d"]);
  });
});
