/** Clocks that differ by more than this are not used to retire or delete anything. */
const MOST_SKEW_MS = 30_000;

/** Do kube-apiserver's clock and this operator's agree? */
export const isTimeTrusted = (time: { readonly skewMs: number } | undefined): boolean =>
  time !== undefined && Math.abs(time.skewMs) <= MOST_SKEW_MS;

/**
 * Milliseconds until kube-apiserver's time, which is known in whole seconds, has passed `at`; never negative. A wait that ended
 * within the second would find the same time again, and again.
 */
export const msUntil = (at: Date | number, now: Date): number =>
  Math.max(Math.ceil(Number(at) / 1000) * 1000 - now.getTime(), 0);
