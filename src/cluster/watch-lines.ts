import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { errorOfRubbish, type Asked } from "./api-errors.ts";

export interface WatchLinesOptions {
  readonly clock: Clock;
  readonly idleMs: number;
  /** Must cut the stream: a half-open connection gives neither a byte nor an end by itself. */
  readonly onIdle: () => void;
  readonly asked: Asked;
}

/** kube-apiserver takes objects of at most 3 MiB (the size of a request), so a longer line is no event. */
const LONGEST_LINE = 8 * 1024 * 1024;

/**
 * Cuts a watch's bytes into lines. A half line at the end is dropped: its event is not complete, and resuming brings it again.
 * Throws OperatorError when the stream breaks, is silent for `idleMs`, or has a line without end.
 */
export async function* watchLines(
  chunks: AsyncIterable<Uint8Array>,
  options: WatchLinesOptions,
): AsyncGenerator<string> {
  const idle = new IdleTimer(options);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of chunks) {
      idle.touch();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST_LINE) throw errorOfRubbish(options.asked, "answered with a line without end");
      yield* lines.filter((line) => line.trim() !== "");
      // The consumer may have taken its time: that was not the server's silence.
      idle.touch();
    }
  } catch (thrown) {
    if (!idle.fired) throw thrown;
    throw new OperatorError("Timeout", { publicMessage: "The watch was silent for too long." });
  } finally {
    idle.stop();
  }
}

/** One timer for the whole stream, set anew only when it fires: a busy watch costs no timer per chunk. */
class IdleTimer {
  fired = false;
  readonly #options: WatchLinesOptions;
  #lastMs: number;
  #cancel: () => void;

  constructor(options: WatchLinesOptions) {
    this.#options = options;
    this.#lastMs = options.clock.monotonicMs();
    this.#cancel = options.clock.schedule(options.idleMs, () => this.#check());
  }

  touch(): void {
    this.#lastMs = this.#options.clock.monotonicMs();
  }

  stop(): void {
    this.#cancel();
  }

  #check(): void {
    const leftMs = this.#lastMs + this.#options.idleMs - this.#options.clock.monotonicMs();
    if (leftMs > 0) {
      this.#cancel = this.#options.clock.schedule(leftMs, () => this.#check());
      return;
    }
    this.fired = true;
    this.#options.onIdle();
  }
}
