import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Informer, KubeObject, ResourceKind } from "./contract.ts";
import { leftOutOf, nameOf, readableOf, type LeftOut } from "../kernel/listed.ts";
import { errorOfLine as rubbish, isGone, isRubbish } from "./api-errors.ts";
import { readMember } from "./list-page.ts";
import type { WatchSource } from "./kubernetes-client.ts";
import { keyOf, ObjectCache, type Change } from "./object-cache.ts";
import { remembered } from "./remembered.ts";

export interface InformerOptions<T extends KubeObject = KubeObject> {
  readonly source: WatchSource;
  readonly kind: ResourceKind;
  /** One namespace; all of them when undefined. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: () => number;
  /** What the cache keeps of an object besides its metadata, which it always shortens (`remembered`); without it all. */
  readonly keep?: ((object: T) => T) | undefined;
  /** Silence after which a watch counts as dead. The server's bookmarks come about once a minute. */
  readonly idleMs?: number;
}

/** Of a list: a few milliseconds' work, so that thousands of objects do not hold up the event loop. */
const TOLD_AT_ONCE = 100;
const IDLE_MS = 75_000;
const WATCH_SECONDS = { least: 200, spread: 80 };
const BACKOFF = { baseMs: 200, maxMs: 30_000 };
/** Of full lists that a 410 forced: a server that always answers 410 must not be listed to death. */
const FORCED_LISTS = { most: 2, withinMs: 60_000 };

/** List, then watch from there, for ever. What a watch misses is found by the next one: it resumes where the last one broke. */
export class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly #options: Required<Pick<InformerOptions, "random" | "idleMs">> & InformerOptions<T>;
  readonly #cache = new ObjectCache<T>();
  readonly #listeners: ((change: Change<T>) => void)[] = [];
  readonly #firstList = Promise.withResolvers<undefined>();
  #synced = false;
  #started = false;
  /** Where the next watch begins; undefined when a list is needed. */
  #resourceVersion: string | undefined;
  #failures = 0;
  /** Monotonic times of the lists that a 410 forced, within the window. */
  #forcedLists: number[] = [];
  #forced = false;
  /** Where a watch has brought what cannot be understood: a second time from there, a list has to show the rest. */
  #rubbishAt: string | undefined;
  /** By key. */
  #leftOut: ReadonlyMap<string, LeftOut> = new Map();

  constructor(options: InformerOptions<T>) {
    this.#options = { random: () => Math.random(), idleMs: IDLE_MS, ...options };
  }

  readonly hasSynced = (): boolean => this.#synced;

  /** Rejects with the signal's reason when that is aborted before the first complete list. */
  async synced(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await Promise.race([this.#firstList.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  get(key: { readonly namespace?: string | undefined; readonly name: string }): T | undefined {
    return this.#cache.get(keyOf(key));
  }

  list(): readonly T[] {
    return this.#cache.list();
  }

  leftOut(): readonly LeftOut[] {
    return [...this.#leftOut.values()];
  }

  /** A listener that comes late is not told what is there already. What it throws is logged. */
  onChange(run: (change: Change<T>) => void): void {
    this.#listeners.push(run);
  }

  start(signal: AbortSignal): void {
    if (this.#started) return;
    this.#started = true;
    void this.#run(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    // An abort can come inside any await, which the compiler cannot see in a plain property.
    const ended = (): boolean => signal.aborted;
    while (!ended()) {
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (thrown) {
        if (ended()) return;
        this.#failed(thrown);
      }
      await this.#pause(signal);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    if (this.#forced) await this.#waitForTurn(signal);
    const { source, kind, namespace, labelSelector, log } = this.#options;
    const listed = await source.listAll<T>(kind, { namespace, labelSelector, keep: this.#kept });
    const items = readableOf(listed);
    signal.throwIfAborted();
    this.#nowLeftOut(new Map(leftOutOf(listed).map((each) => [keyOf(each), each])));
    let told = 0;
    for (const change of this.#cache.replaceAll(items, this.#leftOut)) {
      this.#tell(change);
      told += 1;
      if (told % TOLD_AT_ONCE === 0) await nextTurn();
    }
    signal.throwIfAborted();
    this.#resourceVersion = listed.resourceVersion;
    this.#forced = false;
    if (this.#synced) return;
    this.#synced = true;
    log.info("Informer has synced.", { kind: kind.kind, objects: items.length });
    this.#firstList.resolve(undefined);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { source, kind, namespace, labelSelector, idleMs, random } = this.#options;
    const timeoutSeconds = Math.floor(WATCH_SECONDS.least + WATCH_SECONDS.spread * random());
    const resourceVersion = this.#resourceVersion ?? "";
    const options = { namespace, labelSelector, idleMs, timeoutSeconds, resourceVersion };
    for await (const line of source.watch(kind, options, signal)) {
      if (signal.aborted) return;
      this.#apply(line);
      // Progress, so the next trouble is a first one again.
      this.#failures = 0;
    }
  }

  /** Throws when the line is no event, or says that the watch has failed. */
  #apply(line: string): void {
    const event = parseEvent(line);
    const { type } = event;
    if (type === "ERROR") throw errorOfEvent(event.object);
    const resourceVersion = resourceVersionOf(event.object);
    if (type !== "BOOKMARK") {
      const object = readMember(this.#options.kind, event.object);
      if (object === undefined || "why" in object) throw rubbish();
      const kept = this.#kept(object) as T;
      const changes = type === "DELETED" ? this.#cache.remove(kept) : this.#cache.put(kept);
      this.#readAgain(kept);
      changes.forEach((change) => this.#tell(change));
    }
    this.#resourceVersion = resourceVersion;
  }

  /** It has been read by itself, or is gone. */
  #readAgain({ metadata }: T): void {
    const key = keyOf(metadata);
    if (this.#leftOut.has(key)) this.#nowLeftOut(new Map([...this.#leftOut].filter(([each]) => each !== key)));
  }

  #nowLeftOut(leftOut: ReadonlyMap<string, LeftOut>): void {
    const before = [...this.#leftOut.keys()];
    this.#leftOut = leftOut;
    const isSame = before.length === leftOut.size && before.every((key) => leftOut.has(key));
    if (isSame) return;
    const { log, kind } = this.#options;
    if (leftOut.size === 0) log.info("Every object can be read again.", { kind: kind.kind });
    else
      log.error("Objects cannot be read and are left out; what was known of them stays.", {
        kind: kind.kind,
        names: [...leftOut.values()].map(nameOf),
        error: undefined,
      });
  }

  readonly #kept = (object: KubeObject): KubeObject => {
    const { keep } = this.#options;
    return remembered(keep === undefined ? object : keep(object as T));
  };

  #failed(thrown: unknown): void {
    const error = toOperatorError(thrown);
    const from = this.#resourceVersion;
    const isStuck = isRubbish(thrown) && from !== undefined && from === this.#rubbishAt;
    this.#rubbishAt = isRubbish(thrown) ? from : undefined;
    if (isGone(error) || isStuck) {
      this.#resourceVersion = undefined;
      this.#forced = true;
    }
    this.#failures += 1;
    // A bug of ours shows its stack; trouble with the server is one line.
    const shown = thrown instanceof OperatorError ? error : thrown;
    this.#options.log.warn("Informer goes on after an error.", {
      kind: this.#options.kind.kind,
      error: shown,
      failures: this.#failures,
    });
  }

  /** Also after a watch that ended well: a server that ends every watch at once must not be asked in a tight loop. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const doubled = Math.min(BACKOFF.baseMs * 2 ** Math.min(Math.max(this.#failures - 1, 0), 20), BACKOFF.maxMs);
    await clock.sleep(doubled * (0.5 + 0.5 * random()), signal).catch(() => undefined);
  }

  async #waitForTurn(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const recent = this.#forcedLists.filter((atMs) => clock.monotonicMs() - atMs < FORCED_LISTS.withinMs);
    const oldest = recent[0];
    if (oldest !== undefined && recent.length >= FORCED_LISTS.most) {
      await clock.sleep(oldest + FORCED_LISTS.withinMs - clock.monotonicMs(), signal);
      recent.shift();
    }
    this.#forcedLists = [...recent, clock.monotonicMs()];
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (thrown) {
        this.#options.log.error("Informer's listener threw.", { kind: this.#options.kind.kind, error: thrown });
      }
    }
  }
}

const EVENT_TYPES = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"] as const;

const parseEvent = (line: string): { readonly type: (typeof EVENT_TYPES)[number]; readonly object: object } => {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    throw rubbish();
  }
  if (typeof event !== "object" || event === null) throw rubbish();
  const { type: word, object } = event as { type?: unknown; object?: unknown };
  const type = EVENT_TYPES.find((known) => known === word);
  if (type === undefined || typeof object !== "object" || object === null) throw rubbish();
  return { type, object };
};

const resourceVersionOf = (object: object): string => {
  const metadata = "metadata" in object ? object.metadata : undefined;
  const version =
    typeof metadata === "object" && metadata !== null && "resourceVersion" in metadata ? metadata.resourceVersion : "";
  if (typeof version !== "string" || version === "") throw rubbish();
  return version;
};

/** The Status object of an ERROR event; of its text nothing is shown. */
const errorOfEvent = (status: object): OperatorError => {
  const { code, reason } = status as { code?: unknown; reason?: unknown };
  const gone = code === 410 || reason === "Expired" || reason === "Gone";
  const shown = gone ? 410 : typeof code === "number" ? code : undefined;
  return new OperatorError("Unavailable", { publicMessage: "The watch was ended by an error event.", status: shown });
};
