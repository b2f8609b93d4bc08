import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, cacheFolder, installed } from "./toolchain/find.ts";
import { downloadMode, makeDefaults, makePrograms } from "./toolchain/make.ts";
import type { MakeOptions } from "./toolchain/make.ts";
import { installMoto, motoInterpreter, motoIsComplete } from "./toolchain/moto.ts";
import { programs, stackPrograms } from "./toolchain/programs.ts";
import type { ProgramKey } from "./toolchain/programs.ts";

export { cacheFolder } from "./toolchain/find.ts";
export { duration, longCommand } from "./toolchain/long-command.ts";

/** Where the programs of the local stack are: absolute paths. */
export interface Toolchain {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubectl: string;
  readonly vault: string;
  /** The Python interpreter of the environment that has moto. */
  readonly motoPython: string;
}

type Part = Exclude<keyof Toolchain, "motoPython">;

/**
 * Finds every program of the stack and makes what is missing. Takes each program from the first place that has exactly the
 * pinned version: the project's cache, `KUBEBUILDER_ASSETS` and `PATH`, the publisher's release, a build from source
 * (`KEYTURN_DOWNLOADS` steers the last two). Says on standard error what takes long.
 */
export async function ensureToolchain(say: (line: string) => void = toStderr): Promise<Toolchain> {
  const cache = cacheFolder();
  const found = new Map<Part, string>();
  const missing: Part[] = [];
  for (const key of stackPrograms) {
    const path = await find(cache, key);
    if (path === undefined) missing.push(key);
    else found.set(key, path);
  }
  const motoMissing = !(await motoIsComplete(cache));
  const total = missing.length + (motoMissing ? 1 : 0);
  if (total > 0)
    say(`local stack: ${total} of ${stackPrograms.length + 1} programs are not in ${cache} yet; they are made once`);
  const made = await makePrograms(missing, howToMake(cache, say), motoMissing ? 1 : 0);
  if (motoMissing) await installMoto(cache, `[${total}/${total}]`, say);
  const path = (key: Part): string => found.get(key) ?? made.get(key) ?? "";
  return {
    etcd: path("etcd"),
    kubeApiserver: path("kubeApiserver"),
    kubeControllerManager: path("kubeControllerManager"),
    kubectl: path("kubectl"),
    vault: path("vault"),
    motoPython: motoInterpreter(cache),
  };
}

/** The Python interpreter of the environment that has moto: found, or made at the first time. */
export async function ensureMoto(say: (line: string) => void = toStderr): Promise<string> {
  const cache = cacheFolder();
  if (!(await motoIsComplete(cache))) await installMoto(cache, "[1/1]", say);
  return motoInterpreter(cache);
}

/** One program of the table, for whoever needs more than the stack: found, or made at the first time. Its absolute path. */
export async function ensureProgram(key: ProgramKey, say: (line: string) => void = toStderr): Promise<string> {
  const cache = cacheFolder();
  return (await find(cache, key)) ?? (await makePrograms([key], howToMake(cache, say))).get(key) ?? "";
}

const howToMake = (cache: string, say: (line: string) => void): MakeOptions => ({
  ...makeDefaults,
  mode: downloadMode(),
  cache,
  say,
});

const find = async (cache: string, key: ProgramKey): Promise<string | undefined> =>
  (await cached(cache, programs[key])) ?? (await installed(programs[key]));

/** Removes everything this project has put into its cache. */
export async function cleanCache(): Promise<void> {
  const cache = cacheFolder();
  for (const entry of await readdir(cache).catch(() => []))
    if (entry === "bin" || /^(moto|ministack)-/.test(entry))
      await rm(join(cache, entry), { recursive: true, force: true });
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

// Run as a program: make what is missing, or with `clean` remove it.
if (process.argv[1] === fileURLToPath(import.meta.url))
  await (process.argv[2] === "clean" ? cleanCache() : ensureToolchain()).catch((error: unknown) => {
    toStderr(`error: ${(error as Error).message}`);
    process.exitCode = 1;
  });
