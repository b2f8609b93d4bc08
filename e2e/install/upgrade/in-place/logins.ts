import { sleep } from "../../../stack/wait.ts";

/** One way to log in, whichever provider judges it. */
export interface Login {
  /** Says whose it is, and never its value. */
  readonly name: string;
  /** Tries it once. Rejects where the server is away or fails: that is neither an acceptance nor a refusal. */
  tryIt(): Promise<"accepted" | "refused">;
}

/** What has been seen of every login since `learn`. */
export interface LoginsSeen {
  /** Logins that were accepted. */
  readonly accepted: number;
  /** One line for each refusal of a login that was accepted when it was learned. */
  readonly refused: readonly string[];
  /** One line for each acceptance of a login that was refused then: what was cut is open again. */
  readonly opened: readonly string[];
  /** Tries that a server did not answer. */
  readonly unanswered: number;
  /** Longest time, in milliseconds, between two tries of the same login. */
  readonly longestPauseMs: number;
}

/** Logs in with everything, in turn, for as long as it runs. It asks the providers alone. */
export interface LoginWatch {
  add(login: Login): void;
  names(): readonly string[];
  /** Tries each that is new once and takes the answer for what must stay so; then goes on trying all in turn. */
  learn(): Promise<{ readonly accepted: number; readonly refused: number }>;
  /** What it answers from now on counts for nothing: somebody is about to change it as they are meant to. */
  excuse(wanted: (name: string) => boolean): void;
  /** Tries each of these once more, whatever it answered before, and takes the answer for what must stay so from now on. */
  relearn(wanted: (name: string) => boolean): Promise<{ readonly accepted: number; readonly refused: number }>;
  seen(): LoginsSeen;
  stop(): Promise<void>;
}

interface Watched {
  readonly login: Login;
  expected: "accepted" | "refused" | "either";
  triedAt: number | undefined;
}

/** How many are tried at a time, and the pause of each between two tries, in milliseconds. */
export interface LoginPace {
  readonly atOnce: number;
  readonly pauseMs: number;
}

export function watchLogins({ atOnce, pauseMs }: LoginPace): LoginWatch {
  const watched = new Map<string, Watched>();
  const refused: string[] = [];
  const opened: string[] = [];
  let accepted = 0;
  let unanswered = 0;
  let longestPauseMs = 0;
  let running = true;
  let workers: readonly Promise<void>[] = [];

  const attempt = async (one: Watched): Promise<void> => {
    const now = performance.now();
    if (one.triedAt !== undefined) longestPauseMs = Math.max(longestPauseMs, now - one.triedAt);
    one.triedAt = now;
    const answer = await one.login.tryIt().catch(() => undefined);
    if (answer === undefined) {
      unanswered += 1;
      return;
    }
    if (answer === "accepted") accepted += 1;
    // Read now and not before: it may have been excused while the answer was on its way.
    if (one.expected === "either" || answer === one.expected) return;
    const at = new Date().toISOString();
    if (answer === "refused") refused.push(`${one.login.name} was refused at ${at}`);
    else opened.push(`${one.login.name} was accepted at ${at}`);
  };
  let turn = 0;
  const next = (): Watched | undefined => {
    const all = [...watched.values()].filter(({ triedAt }) => triedAt !== undefined);
    turn = all.length === 0 ? 0 : (turn + 1) % all.length;
    return all[turn];
  };
  const work = async (): Promise<void> => {
    while (running) {
      const one = next();
      if (one !== undefined) await attempt(one);
      await sleep(pauseMs);
    }
  };

  return {
    add(login) {
      if (!watched.has(login.name)) watched.set(login.name, { login, expected: "either", triedAt: undefined });
    },
    names: () => [...watched.keys()],
    async learn() {
      const counts = { accepted: 0, refused: 0 };
      for (const one of [...watched.values()].filter(({ triedAt }) => triedAt === undefined)) {
        const answer = await one.login.tryIt();
        counts[answer] += 1;
        one.expected = answer;
        one.triedAt = performance.now();
      }
      if (workers.length === 0) workers = Array.from({ length: atOnce }, work);
      return counts;
    },
    excuse(wanted) {
      for (const [name, one] of watched) if (wanted(name)) one.expected = "either";
    },
    async relearn(wanted) {
      const counts = { accepted: 0, refused: 0 };
      for (const [name, one] of watched)
        if (wanted(name)) {
          const answer = await one.login.tryIt();
          counts[answer] += 1;
          one.expected = answer;
        }
      return counts;
    },
    seen: () => ({ accepted, refused: [...refused], opened: [...opened], unanswered, longestPauseMs }),
    async stop() {
      running = false;
      await Promise.all(workers);
    },
  };
}
