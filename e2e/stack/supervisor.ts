import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What to start: `env` is the whole environment (nothing is inherited); both outputs are appended to the file `log`. */
export interface ProcessSpec {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly log: string;
  /** When given, it is called with every line of standard output. */
  readonly onLine?: (line: string) => void;
}

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running (or ended) process. */
export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  /** Sends a signal to the process and what it started; nothing happens when it is gone. */
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end (SIGTERM), insists after `graceMs` (SIGKILL), and resolves when it is gone. */
  end(graceMs: number): Promise<Exit>;
}

/** Starts processes that cannot outlive this one, not even when it is killed with SIGKILL. */
export interface Supervisor {
  readonly pid: number;
  start(spec: ProcessSpec): Promise<Child>;
  /** The folder is deleted when everything has ended. */
  removeAtEnd(folder: string): void;
  /** Kills what still runs, deletes the folders, and resolves when all is gone. */
  quit(): Promise<void>;
}

interface Pending {
  readonly started: (pid: number) => void;
  readonly failed: (error: Error) => void;
  readonly ended: (exit: Exit) => void;
  readonly onLine: ((line: string) => void) | undefined;
}

interface Message {
  readonly id?: number;
  readonly pid?: number;
  readonly error?: string;
  readonly line?: string;
  readonly code?: number | null;
  readonly signal?: string | null;
}

/** Starts the supervising process (`supervisor-child.mjs` says how it works). */
export function startSupervisor(): Supervisor {
  // A session of its own: Ctrl-C in the terminal reaches only this process, and the end is ours to order.
  const process_ = spawn(process.execPath, [fileURLToPath(new URL("supervisor-child.mjs", import.meta.url))], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
    env: {},
  });
  const pending = new Map<number, Pending>();
  const pids = new Set<number>();
  let nextId = 1;
  let quitting = false;

  process_.stdin.on("error", () => undefined);
  createInterface({ input: process_.stdout }).on("line", (text) => {
    const message = JSON.parse(text) as Message;
    const entry = message.id === undefined ? undefined : pending.get(message.id);
    if (message.id === undefined || entry === undefined) return;
    if (message.pid !== undefined) entry.started(message.pid);
    if (message.line !== undefined) entry.onLine?.(message.line);
    if (message.error !== undefined) entry.failed(new Error(message.error));
    if (message.code !== undefined) {
      pending.delete(message.id);
      entry.ended({ code: message.code, signal: message.signal ?? null });
    }
  });
  const gone = new Promise<void>((resolve) => {
    process_.on("exit", () => {
      // Should somebody kill the supervisor, its children are still known here.
      if (!quitting) for (const pid of pids) signalGroup(pid, "SIGKILL");
      for (const entry of pending.values()) entry.failed(new Error("the supervisor has ended"));
      resolve();
    });
  });
  const tell = (message: object): void => {
    process_.stdin.write(JSON.stringify(message) + "\n");
  };

  return {
    pid: process_.pid ?? -1,
    start({ onLine, ...spec }) {
      const id = nextId++;
      return new Promise<Child>((resolve, reject) => {
        let ended: (exit: Exit) => void = () => undefined;
        let exit: Exit | undefined;
        const exited = new Promise<Exit>((settle) => {
          ended = settle;
        });
        pending.set(id, {
          onLine,
          started(pid) {
            pids.add(pid);
            void exited.then(() => pids.delete(pid));
            resolve(childOf(pid, exited, () => exit));
          },
          failed(error) {
            reject(error);
            exit ??= { code: null, signal: "SIGKILL" };
            ended(exit);
          },
          ended(how) {
            exit = how;
            ended(how);
          },
        });
        tell({ start: { id, lines: onLine !== undefined, ...spec } });
      });
    },
    removeAtEnd(folder) {
      tell({ remove: folder });
    },
    async quit() {
      quitting = true;
      process_.stdin.end(JSON.stringify({ quit: true }) + "\n");
      await gone;
    },
  };
}

function childOf(pid: number, exited: Promise<Exit>, exit: () => Exit | undefined): Child {
  const kill = (signal: NodeJS.Signals): void => {
    if (exit() === undefined) signalGroup(pid, signal);
  };
  return {
    pid,
    exited,
    exit,
    kill,
    async end(graceMs) {
      kill("SIGTERM");
      const timer = setTimeout(() => {
        kill("SIGKILL");
      }, graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
