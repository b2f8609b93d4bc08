const LONGEST_MS = 3_600_000;

/** Milliseconds of a Retry-After header (seconds, or an HTTP date counted from `nowMs`), capped at an hour; undefined for rubbish. */
export const retryAfterMs = (header: string | undefined, nowMs: number): number | undefined => {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Math.min(Number(header) * 1000, LONGEST_MS);
  const at = Date.parse(header);
  return Number.isNaN(at) || Number.isNaN(nowMs) ? undefined : Math.min(Math.max(at - nowMs, 0), LONGEST_MS);
};
