import { execFileSync } from "node:child_process";
import { appendFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Call } from "../stack/fault-proxy.ts";
import { cacheFolder } from "../stack/toolchain.ts";
import { root } from "../lane/paths.ts";
import type { EndState } from "./end-state.ts";
import type { RunResult } from "./run.ts";

export type Phase = "reference" | "rotations" | "kill" | "paused" | "fault" | "scan";

/** What is kept of a run. */
export interface Entry extends Pick<
  RunResult,
  | "id"
  | "hit"
  | "violations"
  | "convergedSeconds"
  | "rotations"
  | "orphans"
  | "logins"
  | "kills"
  | "seconds"
  | "endState"
> {
  readonly phase: Phase;
  readonly leaks: number;
  readonly tries: number;
  /** Of the reference run: its trace. */
  readonly trace?: readonly Call[];
  readonly outsideCalls?: number;
  readonly planted?: number;
  readonly plantedFound?: number;
}

/** Results of one commit; a campaign that was interrupted goes on from here. */
export interface Results<E extends { readonly id: string } = Entry> {
  readonly entries: readonly E[];
  /** Minutes that earlier sessions and this one have taken so far. */
  minutes(): number;
  get(id: string): E | undefined;
  add(entry: E): Promise<void>;
}

/** An entry as a line of the file: when in its session it was made. */
type Line<E> = E & { readonly session: number; readonly minutes: number };

/** Kept in the cache, by commit and campaign; with changes that are not committed nothing is kept. */
export async function openResults<E extends { readonly id: string } = Entry>(options: {
  fresh: boolean;
  keep: boolean;
  /** Of another campaign than the rotations'. */
  campaign?: string;
}): Promise<Results<E>> {
  const began = performance.now();
  const commit = options.keep ? cleanCommit() : undefined;
  const file =
    commit === undefined ? undefined : join(cacheFolder(), "accept", `${commit}${options.campaign ?? ""}.jsonl`);
  if (file !== undefined) {
    await mkdir(dirname(file), { recursive: true });
    if (options.fresh) await rm(file, { force: true });
  }
  const text = file === undefined ? "" : await readFile(file, "utf8").catch(() => "");
  const lines = text.split("\n").flatMap((line): Line<E>[] => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Line<E>];
    } catch {
      // The last line of a session that was killed.
      return [];
    }
  });
  const entries = new Map(lines.map((line): [string, E] => [line.id, line]));
  const sessions = new Map<number, number>();
  for (const line of lines) sessions.set(line.session, line.minutes);
  const earlier = [...sessions.values()].reduce((sum, minutes) => sum + minutes, 0);
  const session = Date.now();
  const sinceStart = (): number => (performance.now() - began) / 60_000;
  return {
    get entries() {
      return [...entries.values()];
    },
    minutes: () => earlier + sinceStart(),
    get: (id) => entries.get(id),
    async add(entry) {
      entries.set(entry.id, entry);
      const line: Line<E> = { ...entry, session, minutes: sinceStart() };
      if (file !== undefined) await appendFile(file, `${JSON.stringify(line)}\n`);
    },
  };
}

/** The end state of the undisturbed run, if it has been made. */
export function referenceOf(results: Results): { trace: readonly Call[]; endState: EndState } | undefined {
  const entry = results.get("reference");
  if (entry?.trace === undefined || entry.endState === undefined) return undefined;
  return { trace: entry.trace, endState: entry.endState };
}

/** The commit, when nothing differs from it. */
function cleanCommit(): string | undefined {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  try {
    return git("status", "--porcelain") === "" ? git("rev-parse", "HEAD") : undefined;
  } catch {
    return undefined;
  }
}
