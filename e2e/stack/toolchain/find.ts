import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Program } from "./programs.ts";

const run = promisify(execFile);

/** The project's cache, outside the checkout: `$KEYTURN_CACHE`, or `keyturn` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env["KEYTURN_CACHE"]) return env["KEYTURN_CACHE"];
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "keyturn");
}

/** Where a program lies in the cache once it is made. */
export const cachePath = (cache: string, program: Program): string => join(cache, "bin", program.folder, program.name);

export async function cached(cache: string, program: Program): Promise<string | undefined> {
  const path = cachePath(cache, program);
  return (await isExecutable(path)) ? path : undefined;
}

export async function installed(program: Program): Promise<string | undefined> {
  const folders = [process.env["KUBEBUILDER_ASSETS"], ...(process.env["PATH"] ?? "").split(delimiter)];
  for (const folder of folders) {
    if (folder === undefined || folder === "") continue;
    const path = join(folder, program.name);
    if (!(await isExecutable(path))) continue;
    if (await saysItsVersion(path, program)) return path;
  }
  return undefined;
}

/** Whether it runs here and is exactly the pinned version. */
export async function saysItsVersion(path: string, program: Program): Promise<boolean> {
  try {
    const { stdout } = await run(path, program.versionArgs, { timeout: 10_000 });
    return program.says.test(stdout);
  } catch {
    return false;
  }
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
