/** Ends a scheduled run; harmless when it has run already. */
export type Cancel = () => void;

/** The only source of time. Wall time for showing and for kubernetes objects, monotonic time for measuring within a process. */
export interface Clock {
  now(): Date;
  monotonicMs(): number;
  schedule(delayMs: number, run: () => void): Cancel;
  /** Resolves after the delay, rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Node fires timers of more than 2^31-1 ms at once, so a long delay is made of slices. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const schedule = (delayMs: number, run: () => void): Cancel => {
  const slice = Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS);
  const rest = delayMs - slice;
  let cancelRest: Cancel | undefined;
  const timer = setTimeout(() => {
    if (rest > 0) cancelRest = schedule(rest, run);
    else run();
  }, slice);
  return () => {
    clearTimeout(timer);
    cancelRest?.();
  };
};

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  schedule,
  sleep: (delayMs, signal) => sleepOn(schedule, delayMs, signal),
};

/** Builds `sleep` from a `schedule`, so that the fake clock sleeps by the same rules. */
export const sleepOn = (
  scheduleRun: (delayMs: number, run: () => void) => Cancel,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = scheduleRun(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
