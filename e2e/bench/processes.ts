import { readFile } from "node:fs/promises";

/** Of one process: CPU seconds since its start, and memory in MiB. */
export interface Load {
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  readonly rssMiBPeak: number;
}

/** USER_HZ of every Linux that Node runs on. */
const TICKS = 100;

export async function loadOf(pid: number): Promise<Load> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS;
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { cpuSeconds, rssMiB: mib("VmRSS"), rssMiBPeak: mib("VmHWM") };
}

export async function cpuOf(pids: readonly number[]): Promise<number> {
  const loads = await Promise.all(pids.map(loadOf));
  return loads.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}
