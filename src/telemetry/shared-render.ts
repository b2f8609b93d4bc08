import type { Cancel, Clock } from "../kernel/clock.ts";

/** A rendered text in pieces, which all its readers share. */
export interface Rendered {
  readonly contentType: string;
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

export type Render = () => Promise<Rendered>;

/**
 * One render for all who ask at a time, and at most one in `everyMs`: who comes sooner gets the last one. It is kept no longer than that.
 * A failed render is told to those who wait for it, and is made anew for the next.
 */
export const sharedRender = (clock: Clock, everyMs: number, render: Render): Render => {
  let current: Promise<Rendered> | undefined;
  let forget: Cancel = () => undefined;
  return () => {
    if (current !== undefined) return current;
    const beganMs = clock.monotonicMs();
    const made = render();
    current = made;
    const drop = (): void => {
      if (current === made) current = undefined;
    };
    made.then(() => {
      forget();
      forget = clock.schedule(beganMs + everyMs - clock.monotonicMs(), drop);
    }, drop);
    return made;
  };
};
