import { waitFor } from "../stack/wait.ts";

const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Prints what was seen, with the seconds since the start, and remembers what was not. */
export interface Timeline {
  chapter(title: string): void;
  /** Something that we do ourselves. */
  did(what: string, detail?: string): void;
  /** Asks the servers until they show it; the answer's text goes on the line. Throws `NotSeen` after `timeoutMs`. */
  see(what: string, ask: () => Promise<string | undefined>, timeoutMs?: number): Promise<void>;
  elapsed(): number;
  seen(): number;
}

export class NotSeen extends Error {
  constructor(what: string, cause: unknown) {
    super(`not seen: ${what}`, { cause });
    this.name = "NotSeen";
  }
}

const width = 31;

/** `started` is the moment (performance.now) that the seconds count from. */
export function timeline(started: number): Timeline {
  let count = 0;
  const elapsed = (): number => (performance.now() - started) / 1000;
  const line = (mark: string, what: string, detail = ""): void => {
    const time = paint(2, `${elapsed().toFixed(1).padStart(6)} s`);
    process.stdout.write(`${time}  ${mark} ${detail === "" ? what : `${what.padEnd(width)} ${paint(2, detail)}`}\n`);
  };
  return {
    elapsed,
    seen: () => count,
    chapter(title) {
      process.stdout.write(`\n${paint(1, title)}\n`);
    },
    did(what, detail) {
      line(paint(36, "›"), what, detail);
    },
    async see(what, ask, timeoutMs = 60_000) {
      try {
        const detail = await waitFor(what, ask, { timeout: timeoutMs, every: 40 });
        count += 1;
        line(paint(32, "✓"), what, detail);
      } catch (error) {
        line(paint(31, "✗"), what, `not seen within ${timeoutMs / 1000} s`);
        throw new NotSeen(what, error);
      }
    },
  };
}
