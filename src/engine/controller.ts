import type { Clock } from "../kernel/clock.ts";
import { inTurn } from "../kernel/current-turn.ts";
import { OperatorError } from "../kernel/errors.ts";
import { randomWord } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Lane } from "../kernel/turn.ts";
import type { EngineMetrics, Outcome, PassContext, ReconcileRequest, Reconciler } from "./contract.ts";
import { ExponentialRateLimiter, type RateLimiter } from "./rate-limiter.ts";
import type { Turns } from "./turns.ts";
import { WorkQueue, type Standing } from "./work-queue.ts";
import { workersFor } from "./worker-pool.ts";

export interface ControllerOptions {
  readonly reconciler: Reconciler;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: EngineMetrics;
  /** Shared by all controllers of the process. Without one, passes go on whenever they can. */
  readonly turns?: Turns;
  /** How many passes of one share (namespace) run at once; a quarter more is there for others. One key never has two. */
  readonly workers: number;
  /** Besides, how many passes of ends run at once. Without it: none, and ends go with the rest. */
  readonly workersOfEnds?: number;
  /** In which lane a pass of this object goes, and with whom it shares its turns. Asked each time it becomes due. */
  readonly standing?: (request: ReconcileRequest) => Standing;
  /** From 0 to below 1: where the turns of what is known at the start begin. Without it, anywhere. */
  readonly beginAt?: number;
  /** Without one: 1 s doubling to 5 min, ± 20 %. */
  readonly limiter?: RateLimiter;
  /** A pass that lasts longer has its signal aborted. Without one: 2 min. */
  readonly passDeadlineMs?: number;
  /** The next id of a pass; injected by tests. */
  readonly newPassId?: () => string;
}

const PASS_DEADLINE_MS = 120_000;
const PASS_ID_LENGTH = 12;

/** Runs passes of one reconciler, one per key at a time, and decides by the outcome when the key comes again. */
export class Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  /** Aborted one by one rather than through listeners on a signal that lives as long as the process. */
  readonly #passes = new Set<AbortController>();
  #stopping = false;

  constructor(options: ControllerOptions) {
    this.name = options.reconciler.name;
    this.#options = options;
    this.#queue = new WorkQueue({
      clock: options.clock,
      limiter:
        options.limiter ??
        new ExponentialRateLimiter({ baseMs: 1000, maxMs: 300_000, jitter: 0.2, random: () => Math.random() }),
      workers: { rest: options.workers, end: options.workersOfEnds ?? 0 },
      standing: (key) => options.standing?.(requestOf(key)) ?? { lane: "rest", share: requestOf(key).namespace },
      onDepth: (lane, depth) => options.metrics.queueDepth(this.name, lane, depth),
      onTaken: (lane, waitedMs) => options.metrics.waited(this.name, lane, waitedMs / 1000),
    });
  }

  /** Wants a pass for this object; harmless as often as it is called. */
  enqueue(request: ReconcileRequest): void {
    this.#queue.add(keyOf(request));
  }

  enqueueAfter(request: ReconcileRequest, delayMs: number): void {
    this.#queue.addAfter(keyOf(request), delayMs);
  }

  /** Starts the workers; keys that were added before are served now. */
  start(): void {
    this.#queue.beginAt(this.#options.beginAt ?? Math.random());
    const { workers, workersOfEnds = 0 } = this.#options;
    for (let worker = 0; worker < workersFor(workersOfEnds); worker += 1) void this.#work("end");
    for (let worker = 0; worker < workersFor(workers); worker += 1) void this.#work("rest");
  }

  /** Aborts the signal of every running pass and hands out no key any more; resolves when the last pass has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const drained = this.#queue.shutDown();
    const reason = new OperatorError("Aborted", { publicMessage: "The operator is stopping." });
    this.#passes.forEach((pass) => pass.abort(reason));
    await drained;
  }

  async #work(lane: Lane): Promise<void> {
    for (;;) {
      const key = await this.#queue.take(lane);
      if (key === undefined) return;
      try {
        await this.#pass(key);
      } finally {
        this.#queue.done(key);
      }
    }
  }

  async #pass(key: string): Promise<void> {
    const { clock, reconciler, metrics } = this.#options;
    const request = requestOf(key);
    const passId = this.#options.newPassId?.() ?? randomWord(PASS_ID_LENGTH);
    const log = this.#options.log.with({ controller: this.name, ...request, passId });
    const startedMs = clock.monotonicMs();
    const pass = this.#openPass(log);
    let result: Outcome["kind"] | "panicked" = "panicked";
    try {
      const turn = this.#queue.turnOf(key);
      const { turns } = this.#options;
      const context: PassContext = {
        ...{ passId, clock, log, turn },
        signal: pass.controller.signal,
        turns: turns && { take: () => turns.take(turn) },
      };
      const outcome = await inTurn(turn, () => reconciler.reconcile(request, context));
      result = outcome.kind;
      this.#follow(key, outcome, log);
    } catch (thrown) {
      if (thrown instanceof OperatorError) {
        result = "failed";
        this.#follow(key, { kind: "failed", error: thrown }, log);
        return;
      }
      const delayMs = this.#queue.addRateLimited(key);
      log.error("Pass panicked.", { error: thrown, attempts: this.#queue.attempts(key), delayMs });
    } finally {
      pass.close();
      metrics.passEnded(this.name, result, (clock.monotonicMs() - startedMs) / 1000);
    }
  }

  #openPass(log: Logger): { readonly controller: AbortController; readonly close: () => void } {
    const controller = new AbortController();
    const deadlineMs = this.#options.passDeadlineMs ?? PASS_DEADLINE_MS;
    const cancel = this.#options.clock.schedule(deadlineMs, () => {
      log.warn("Pass has met its deadline.", { deadlineMs });
      controller.abort(new OperatorError("Timeout", { publicMessage: "The pass took too long and was stopped." }));
    });
    this.#passes.add(controller);
    return {
      controller,
      close: () => {
        cancel();
        this.#passes.delete(controller);
      },
    };
  }

  #follow(key: string, outcome: Outcome, log: Logger): void {
    if (outcome.kind === "failed") {
      this.#retry(key, outcome, log);
      return;
    }
    // Forget first: a key that waits for something must not inherit the delay of an earlier failure.
    this.#queue.forget(key);
    if (outcome.recheckAfterMs !== undefined) this.#queue.addAfter(key, outcome.recheckAfterMs);
    log.debug("Pass ended.", { outcome: outcome.kind, recheckAfterMs: outcome.recheckAfterMs });
  }

  #retry(key: string, outcome: Extract<Outcome, { kind: "failed" }>, log: Logger): void {
    const wished = outcome.error.retryAfterMs ?? outcome.recheckAfterMs;
    if (wished !== undefined) this.#queue.addAfter(key, wished);
    const delayMs = wished ?? this.#queue.addRateLimited(key);
    const message = this.#stopping ? "Pass was stopped." : "Pass failed.";
    log.warn(message, { error: outcome.error, delayMs, attempts: this.#queue.attempts(key) });
  }
}

/** Names of Kubernetes objects hold no slash, so the first one parts the two. */
const keyOf = (request: ReconcileRequest): string => `${request.namespace}/${request.name}`;

const requestOf = (key: string): ReconcileRequest => {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
