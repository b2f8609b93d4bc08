import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Child, Exit, Supervisor } from "./supervisor.ts";

/** How to start an operator. */
export interface OperatorOptions {
  readonly supervisor: Supervisor;
  /** The program: a .ts or .js file that Node runs, asked for at every start, and its flags. */
  readonly entry: string | (() => string);
  readonly args: readonly string[];
  /** The whole environment except PATH; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Both outputs are appended to this file, over all restarts. */
  readonly log: string;
  /** Flags of Node itself. */
  readonly nodeArgs?: readonly string[];
}

/** One operator that may be killed, frozen and started again with the same flags. */
export interface OperatorProcess {
  readonly log: string;
  /** Undefined while it does not run. */
  pid(): number | undefined;
  running(): boolean;
  /** How often it has been started. */
  starts(): number;
  /** Of the present process, or of the last one. */
  exited(): Promise<Exit>;
  /** Starts it again; an error while it runs. */
  start(): Promise<void>;
  /** SIGKILL, sent before this returns; resolves when it is gone. */
  kill9(): Promise<Exit>;
  /** SIGTERM; SIGKILL after `graceMs` (default 15 s). Resolves when it is gone. */
  term(graceMs?: number): Promise<Exit>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** `term` (or `kill9`), then `start`. */
  restart(options?: { readonly kill?: boolean }): Promise<void>;
  /** What it has written so far. */
  output(): Promise<string>;
}

/** Starts an operator as a child process; it ends with the stack at the latest. */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const { supervisor, entry, args, env = {}, log, nodeArgs = [] } = options;
  let child: Child | undefined;
  let starts = 0;
  const never = Promise.resolve<Exit>({ code: null, signal: null });
  const running = (): boolean => child !== undefined && child.exit() === undefined;
  const start = async (): Promise<void> => {
    if (running()) throw new Error(`the operator with log ${log} is running already`);
    starts += 1;
    child = await supervisor.start({
      file: process.execPath,
      args: [...nodeArgs, typeof entry === "string" ? entry : entry(), ...args],
      env: { PATH: process.env["PATH"] ?? "", HOME: dirname(log), ...env },
      cwd: dirname(log),
      log,
    });
  };
  const kill9 = (): Promise<Exit> => {
    child?.kill("SIGKILL");
    return child?.exited ?? never;
  };
  const term = (graceMs = 15_000): Promise<Exit> => child?.end(graceMs) ?? never;
  await start();
  return {
    log,
    pid: () => (running() ? child?.pid : undefined),
    running,
    starts: () => starts,
    exited: () => child?.exited ?? never,
    start,
    kill9,
    term,
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    async restart({ kill = false } = {}) {
      await (kill ? kill9() : term());
      await start();
    },
    output: () => readFile(log, "utf8"),
  };
}
