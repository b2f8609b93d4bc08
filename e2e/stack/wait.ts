/** Resolves after so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again until the answer is something other than undefined or false, and gives it back. An error counts as
 * "not yet"; the last one is in the message when the time is over.
 */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  options: { timeout?: number; every?: number; giveUp?: () => string | undefined } = {},
): Promise<T> {
  const { timeout = 60_000, every = 100, giveUp } = options;
  const end = performance.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    const reason = giveUp?.();
    if (reason !== undefined) throw new Error(`${what}: ${reason}`);
    if (performance.now() > end) throw new Error(`${what}: not within ${timeout} ms`, { cause: last });
    await sleep(every);
  }
}
