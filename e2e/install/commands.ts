import { execFile } from "node:child_process";

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Milliseconds; default three minutes. */
  readonly timeout?: number;
}

/** It was not there, or was killed, as at its timeout: no command ends so by itself. */
const NO_CODE = -1;

/** Runs a command to its end, whatever that is. */
export const ended = (file: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const { env = {}, input, cwd, timeout = 180_000 } = options;
    const child = execFile(
      file,
      [...args],
      { env: { PATH: process.env["PATH"] ?? "", ...env }, cwd, timeout, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : NO_CODE;
        resolve({ code, stdout, stderr: error !== null && stderr === "" ? error.message : stderr });
      },
    );
    // Whoever ends without reading has said by its code how it ended.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input ?? "");
  });

/** Runs a command that must succeed; gives its standard output. */
export const output = async (file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> => {
  const { code, stdout, stderr } = await ended(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${code}\n${stderr.slice(-4000)}`);
  return stdout;
};
