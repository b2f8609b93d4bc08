import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger, type Logger } from "../kernel/logger.ts";
import type { Outcome, Step, StepResult } from "./contract.ts";
import { runPipeline } from "./pipeline.ts";
import type { Turns } from "./turns.ts";

type Scope = { ran: string[] };

const step = (
  group: Step<Scope>["group"],
  name: string,
  result: StepResult | (() => Promise<StepResult>) = { kind: "next" },
): Step<Scope> => ({
  name,
  group,
  run: async (scope) => {
    scope.ran.push(name);
    return typeof result === "function" ? result() : result;
  },
});

const throwing = (error: Error) => (): Promise<StepResult> => Promise.reject(error);
const stop = (outcome: Outcome): StepResult => ({ kind: "stop", outcome });

const run = async (
  steps: readonly Step<Scope>[],
  overrides: { log?: Logger; signal?: AbortSignal; turns?: Pick<Turns, "take"> } = {},
) => {
  const scope: Scope = { ran: [] };
  const ended: Outcome[] = [];
  const measured: string[] = [];
  const clock = new FakeClock();
  const context = { passId: "p", clock, log: silentLogger, signal: new AbortController().signal, ...overrides };
  const outcome = await runPipeline(steps, scope, context, {
    ended: (_scope, how) => ended.push(how),
    measure: (name) => measured.push(name),
  });
  return { outcome, ran: scope.ran, ended, measured };
};

describe("pipeline", () => {
  it("settles when every step says next, in the order of the list", async () => {
    const { outcome, ran, measured } = await run([
      step("gather", "g"),
      step("decide", "d"),
      step("report", "r"),
      step("act", "a"),
    ]);
    assert.deepEqual(outcome, { kind: "settled" });
    assert.deepEqual(ran, ["g", "d", "a", "r"]);
    assert.deepEqual(measured, ran);
  });

  it("waits for its turn before each step, and begins none but report when it was stopped meanwhile", async () => {
    const stopping = new AbortController();
    let turn = 0;
    const take = (): Promise<void> | undefined => {
      turn += 1;
      if (turn === 1) return undefined;
      if (turn === 2) stopping.abort(new OperatorError("Aborted", { publicMessage: "Stopping." }));
      return Promise.resolve();
    };
    const { outcome, ran } = await run([step("gather", "g"), step("act", "a"), step("report", "r")], {
      signal: stopping.signal,
      turns: { take },
    });
    assert.deepEqual(ran, ["g", "r"]);
    assert.equal(turn, 3);
    assert.equal(outcome.kind === "failed" && outcome.error.code, "Aborted");
  });

  it("stops at the first step that stops, and reports all the same", async () => {
    const waiting: Outcome = { kind: "waiting", recheckAfterMs: 5 };
    const { outcome, ran, ended } = await run([
      step("gather", "g"),
      step("decide", "d", stop(waiting)),
      step("act", "a"),
      step("report", "r1"),
      step("report", "r2"),
    ]);
    assert.deepEqual(outcome, waiting);
    assert.deepEqual(ran, ["g", "d", "r1", "r2"]);
    assert.deepEqual(ended, [waiting]);
  });

  it("reports after a throw and answers failed with the same error", async () => {
    const error = new OperatorError("Throttled", { publicMessage: "Slow down.", retryAfterMs: 7 });
    const { outcome, ran } = await run([step("act", "a", throwing(error)), step("act", "b"), step("report", "r")]);
    assert.equal(outcome.kind === "failed" && outcome.error, error);
    assert.deepEqual(ran, ["a", "r"]);
  });

  it("turns a bug into an Unknown failure and logs where it came from", async () => {
    const logged: unknown[] = [];
    const log: Logger = { ...silentLogger, error: (_message, fields) => logged.push(fields) };
    const bug = new TypeError("secret text");
    const { outcome, measured } = await run([step("act", "a", throwing(bug))], { log });
    assert.ok(outcome.kind === "failed" && outcome.error.code === "Unknown");
    assert.ok(!outcome.error.publicMessage.includes("secret text"));
    assert.deepEqual(logged, [{ step: "a", error: bug }]);
    assert.deepEqual(measured, ["a"]);
  });

  it("runs every report step even when one of them throws, and keeps the first failure", async () => {
    const first = new OperatorError("Timeout", { publicMessage: "1" });
    const second = new OperatorError("Conflict", { publicMessage: "2" });
    const both = await run([
      step("act", "a", throwing(first)),
      step("report", "r1", throwing(second)),
      step("report", "r2"),
    ]);
    assert.equal(both.outcome.kind === "failed" && both.outcome.error, first);
    assert.deepEqual(both.ran, ["a", "r1", "r2"]);
    const alone = await run([step("act", "a"), step("report", "r1", throwing(second))]);
    assert.equal(alone.outcome.kind === "failed" && alone.outcome.error, second);
  });

  it("lets a report step change an outcome that is no failure", async () => {
    const { outcome } = await run([step("report", "r", stop({ kind: "settled", recheckAfterMs: 9 }))]);
    assert.deepEqual(outcome, { kind: "settled", recheckAfterMs: 9 });
  });

  it("begins no step but report after the signal was aborted", async () => {
    const stopping = new AbortController();
    const { outcome, ran } = await run(
      [
        step("gather", "g", async () => {
          stopping.abort();
          return { kind: "next" };
        }),
        step("act", "a"),
        step("report", "r"),
      ],
      { signal: stopping.signal },
    );
    assert.ok(outcome.kind === "failed" && outcome.error.code === "Aborted");
    assert.deepEqual(ran, ["g", "r"]);
  });
});
