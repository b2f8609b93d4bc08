/** Clocks that differ by more than this are not used to retire or delete anything. */
const MOST_SKEW_MS = 30_000;

/** Do kube-apiserver's clock and this operator's agree? */
export const isTimeTrusted = (time: { readonly skewMs: number } | undefined): boolean =>
  time !== undefined && Math.abs(time.skewMs) <= MOST_SKEW_MS;
