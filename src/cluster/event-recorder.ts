import type { Clock } from "../kernel/clock.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import { hashName, randomWord } from "../kernel/ids.ts";
import { TokenBucket } from "../kernel/token-bucket.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ClusterClient, EventAbout, EventRecorder, ObjectRef } from "./contract.ts";
import { EventBudget } from "./event-budget.ts";
import { apiVersionOf, events } from "./resources.ts";

export interface EventRecorderOptions {
  readonly client: ClusterClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** This process, for example the Pod's name. */
  readonly instance: string;
}

type EventText = Parameters<EventRecorder["record"]>[1];

/** One event object at the server and how often the same has happened again. */
interface Series {
  readonly about: EventAbout;
  readonly event: EventText;
  readonly ref: ObjectRef & { readonly namespace: string };
  readonly firstAt: Date;
  count: number;
  lastAt: Date;
  lastMs: number;
  sentMs: number;
  /** Count that the server has; 0 before the create. */
  sentCount: number;
  queued: boolean;
}

const CONTROLLER = "keyturn.dev/operator";
const SERIES_MS = 600_000;
const PATCH_EVERY_MS = 30_000;
const LONGEST_QUEUE = 2000;
/** So many at once, and then so many a second: a thousand resources that change together do not change the API server's day. */
const RATE = { burst: 50, perSecond: 10 };
const MOST_SERIES = 2000;
const SEND_TRIES = 3;
const RETRY_MS = 1000;
/** events.k8s.io/v1 refuses longer ones. */
const LONGEST_NOTE = 1000;
const LONGEST_WORD = 128;

/** Writes events in the background, one at a time: an event is never worth a pass's time, nor its failure. */
export class KubernetesEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #budget: EventBudget;
  readonly #series = new Map<string, Series>();
  readonly #queue: Series[] = [];
  #sending: Promise<void> | undefined;
  readonly #bucket: TokenBucket;
  #flushing = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#budget = new EventBudget(options.clock);
    this.#bucket = new TokenBucket(options.clock, RATE);
  }

  record(about: EventAbout, event: EventText): void {
    const key = hashName(about.uid, event.type, event.reason, event.action, event.note);
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#series.get(key);
    if (known !== undefined && nowMs - known.lastMs < SERIES_MS) {
      this.#again(known, nowMs);
      return;
    }
    if (!this.#budget.take(about.uid)) return;
    const series = this.#newSeries(about, event, nowMs);
    this.#remember(key, series);
    this.#enqueue(series);
  }

  async flush(deadlineMs: number): Promise<void> {
    this.#flushing = true;
    // What was held back by the throttle is sent now: there is no later.
    for (const series of this.#series.values()) if (series.sentCount < series.count) this.#enqueue(series);
    const late = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.schedule(deadlineMs, () => late.resolve(undefined));
    await Promise.race([this.#sending ?? Promise.resolve(), late.promise]);
    cancel();
  }

  #again(series: Series, nowMs: number): void {
    series.count += 1;
    series.lastMs = nowMs;
    series.lastAt = this.#options.clock.now();
    if (nowMs - series.sentMs >= PATCH_EVERY_MS) this.#enqueue(series);
  }

  #newSeries(about: EventAbout, event: EventText, nowMs: number): Series {
    const now = this.#options.clock.now();
    // Events about cluster-scoped objects live in `default`; the server refuses another place.
    const namespace = about.ref.namespace ?? "default";
    const name = `${about.ref.name.slice(0, 200)}.${nowHex(now)}${randomWord(6)}`;
    return {
      about,
      event,
      ref: { kind: events, namespace, name },
      firstAt: now,
      count: 1,
      lastAt: now,
      lastMs: nowMs,
      sentMs: nowMs,
      sentCount: 0,
      queued: false,
    };
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    this.#series.set(key, series);
    const oldest = this.#series.keys().next();
    if (this.#series.size > MOST_SERIES && oldest.done !== true) this.#series.delete(oldest.value);
  }

  #enqueue(series: Series): void {
    if (series.queued) return;
    series.queued = true;
    // What went wrong is told before what went well.
    if (series.event.type === "Warning") this.#queue.unshift(series);
    else this.#queue.push(series);
    if (this.#queue.length > LONGEST_QUEUE) {
      const dropped = this.#oldest();
      if (dropped !== undefined) dropped.queued = false;
    }
    this.#sending ??= this.#sendAll();
  }

  /** Taken out of the queue: the oldest good news, else the oldest of all. */
  #oldest(): Series | undefined {
    const index = this.#queue.findIndex(({ event }) => event.type === "Normal");
    return this.#queue.splice(Math.max(index, 0), 1)[0];
  }

  async #sendAll(): Promise<void> {
    // First give the pass its turn back: `record` must not run a request's synchronous part.
    await Promise.resolve();
    for (let series = this.#queue.shift(); series !== undefined; series = this.#queue.shift()) {
      series.queued = false;
      await this.#turn();
      await this.#send(series);
    }
    this.#sending = undefined;
  }

  /** Waits for this event's turn; not when the process is about to end. */
  async #turn(): Promise<void> {
    const waitMs = this.#bucket.waitMs();
    this.#bucket.take();
    if (waitMs > 0 && !this.#flushing) await this.#options.clock.sleep(waitMs);
  }

  async #send(series: Series): Promise<void> {
    const { clock, log } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#sendOnce(series);
        return;
      } catch (thrown) {
        const error = toOperatorError(thrown);
        if (tries >= SEND_TRIES || !PASSING.includes(error.code)) {
          log.debug("Event was dropped.", { reason: series.event.reason, error });
          return;
        }
        await clock.sleep(error.retryAfterMs ?? RETRY_MS * tries);
      }
    }
  }

  async #sendOnce(series: Series): Promise<void> {
    const { client, clock } = this.#options;
    const count = series.count;
    series.sentMs = clock.monotonicMs();
    if (series.sentCount === 0) {
      await createUnlessThere(client, series.ref, this.#objectOf(series));
      series.sentCount = 1;
      return;
    }
    const patch = { series: { count, lastObservedTime: microTime(series.lastAt) } };
    try {
      await client.mergePatch(series.ref, patch);
      series.sentCount = count;
    } catch (thrown) {
      if (!(thrown instanceof OperatorError && thrown.code === "NotFound")) throw thrown;
      // The server has let the event expire (an hour by default): the next occurrence is a new one.
      series.lastMs = Number.NEGATIVE_INFINITY;
      series.sentCount = count;
    }
  }

  #objectOf(series: Series): Parameters<ClusterClient["create"]>[1] {
    const { ref, uid } = series.about;
    const { type, reason, action, note } = series.event;
    return {
      apiVersion: apiVersionOf(events),
      kind: events.kind,
      metadata: { namespace: series.ref.namespace, name: series.ref.name },
      eventTime: microTime(series.firstAt),
      reportingController: CONTROLLER,
      reportingInstance: this.#options.instance.slice(0, LONGEST_WORD),
      type,
      reason: reason.slice(0, LONGEST_WORD),
      action: action.slice(0, LONGEST_WORD),
      note: clip(note),
      regarding: {
        apiVersion: apiVersionOf(ref.kind),
        kind: ref.kind.kind,
        ...(ref.namespace !== undefined && { namespace: ref.namespace }),
        name: ref.name,
        uid,
      },
    };
  }
}

/** What may pass by itself; a refusal (no right, namespace terminating) stays one. */
const PASSING: readonly string[] = ["Unavailable", "Timeout", "Throttled"];

const createUnlessThere = async (
  client: ClusterClient,
  ref: ObjectRef & { readonly namespace: string },
  object: Parameters<ClusterClient["create"]>[1],
): Promise<void> => {
  try {
    await client.create({ kind: ref.kind, namespace: ref.namespace }, object);
  } catch (thrown) {
    // Our own create whose answer was lost: the name is random.
    if (!(thrown instanceof OperatorError && thrown.code === "AlreadyExists")) throw thrown;
  }
};

/** The server counts bytes. */
const clip = (note: string): string => {
  const bytes = Buffer.from(note);
  return bytes.length <= LONGEST_NOTE
    ? note
    : bytes
        .subarray(0, LONGEST_NOTE)
        .toString("utf8")
        .replace(/\uFFFD+$/, "");
};

const nowHex = (at: Date): string => at.getTime().toString(16);

const microTime = (at: Date): string => at.toISOString().replace(/\.(\d{3})Z$/, ".$1000Z");
