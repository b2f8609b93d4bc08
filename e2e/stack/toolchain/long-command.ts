import { spawn } from "node:child_process";

/** Runs a command that takes its time: says that it starts, every 15 s that it goes on, and how long it took. */
export async function longCommand(
  title: string,
  file: string,
  args: readonly string[],
  cwd: string,
  say: (line: string) => void,
): Promise<void> {
  const started = Date.now();
  const elapsed = (): string => duration(Date.now() - started);
  say(`${title} …`);
  const timer = setInterval(() => {
    say(`${title} … ${elapsed()}`);
  }, 15_000);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
      let tail = "";
      const keep = (chunk: Buffer): void => {
        tail = (tail + chunk.toString()).slice(-4000);
      };
      child.stdout.on("data", keep);
      child.stderr.on("data", keep);
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`${title}: ${file} ${args.join(" ")} ended with ${code ?? "a signal"}\n${tail}`));
      });
    });
  } finally {
    clearInterval(timer);
  }
  say(`${title}: ${elapsed()}`);
}

/** 75000 → "1m15s". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
}
