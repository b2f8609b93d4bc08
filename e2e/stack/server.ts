import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Child, Exit, Supervisor } from "./supervisor.ts";
import { sleep, waitFor } from "./wait.ts";

/** The server's port was taken by somebody else between choosing and binding it. */
export class PortClash extends Error {}

/** How to start one server and how to see that it serves. */
export interface ServerSpec {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Besides what every program of the stack gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** True (or no error) when it serves. */
  readonly ready: () => Promise<boolean>;
  /** How long `stop` waits after SIGTERM before it sends SIGKILL; default 10 s. */
  readonly graceMs?: number;
}

/** One server of the stack: it keeps its ports and its data from one start to the next. */
export interface Server {
  readonly name: string;
  pid(): number | undefined;
  start(): Promise<void>;
  /** SIGTERM, after a while SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Freezes it: its connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

/** `folder` is the temporary folder of the stack: logs go to its `logs`, what programs call home is in it. */
export function serverOf(supervisor: Supervisor, folder: string, spec: ServerSpec): Server {
  const log = join(folder, "logs", `${spec.name}.log`);
  let child: Child | undefined;
  const launch = async (): Promise<void> => {
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: join(folder, "tmp"), ...spec.env };
    const started = await supervisor.start({ file: spec.file, args: spec.args, env, cwd: folder, log });
    child = started;
    try {
      await waitFor(`${spec.name} is ready`, spec.ready, {
        every: 50,
        giveUp: () => ended(started.exit()),
      });
    } catch (error) {
      const text = await readFile(log, "utf8").catch(() => "");
      await started.end(0);
      if (/address already in use/i.test(text.slice(-20_000))) throw new PortClash(`${spec.name}: its port is taken`);
      throw new Error(`${spec.name} did not start:\n${text.slice(-3000)}`, { cause: error });
    }
  };
  const gone = async (): Promise<void> => {
    await child?.exited;
    child = undefined;
  };
  let starts = 0;
  return {
    name: spec.name,
    pid: () => child?.pid,
    async start() {
      starts += 1;
      // On a restart others know the port: insist on it. Connections of the past may hold it for a moment.
      for (let attempt = 1; ; attempt += 1)
        try {
          await launch();
          return;
        } catch (error) {
          if (starts === 1 || !(error instanceof PortClash) || attempt === 5) throw error;
          await sleep(200 * attempt);
        }
    },
    async stop() {
      await child?.end(spec.graceMs ?? 10_000);
      await gone();
    },
    async kill9() {
      child?.kill("SIGKILL");
      await gone();
    },
    pause() {
      child?.kill("SIGSTOP");
    },
    resume() {
      child?.kill("SIGCONT");
    },
  };
}

function ended(exit: Exit | undefined): string | undefined {
  return exit === undefined ? undefined : `it ended with ${exit.code ?? exit.signal ?? "nothing"}`;
}
