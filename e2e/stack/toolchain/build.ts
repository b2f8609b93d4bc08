import { execFile } from "node:child_process";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cachePath } from "./find.ts";
import { longCommand } from "./long-command.ts";
import type { Program } from "./programs.ts";

const run = promisify(execFile);
const goWanted = [1, 26] as const;

/** Go is needed only when something must be built; it is asked for before anything long begins. */
export async function demandGo(names: readonly string[]): Promise<void> {
  // GOTOOLCHAIN=local: the version that is installed, not one that it would fetch.
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  const version = await run("go", ["version"], { env }).then(
    ({ stdout }) => /\bgo(\d+)\.(\d+)/.exec(stdout),
    () => null,
  );
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  if (major > goWanted[0] || (major === goWanted[0] && minor >= goWanted[1])) return;
  const found = version === null ? "is not found" : `is ${major}.${minor}`;
  throw new Error(
    `${names.join(", ")} must be built from source, which needs Go ${goWanted.join(".")} or later, and Go ${found} (https://go.dev). Without it: put these programs, in the versions that docs/how-to/set-up.md names, into PATH or KUBEBUILDER_ASSETS, or let them be downloaded.`,
  );
}

/** Builds a program from source with Go, in its wrapper module. */
export async function build(
  cache: string,
  program: Program,
  step: string,
  say: (line: string) => void,
): Promise<string> {
  const path = cachePath(cache, program);
  // Renamed only when complete: an interrupted build leaves no half program behind.
  const unfinished = `${path}.${process.pid}.unfinished`;
  await mkdir(dirname(path), { recursive: true });
  const args = [
    "build",
    "-mod=readonly",
    "-trimpath",
    "-buildvcs=false",
    ...program.flags,
    "-o",
    unfinished,
    program.package,
  ];
  try {
    const title = `${step} building ${program.name} ${program.version} from source (${program.about})`;
    const module = join(import.meta.dirname, program.module);
    await longCommand(title, "go", args, module, say);
    if (program.beside !== undefined) await layBeside(path, program.beside, module);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}

/** Before the program itself is there: whoever finds the program finds these as well. */
async function layBeside(path: string, { module, folder }: NonNullable<Program["beside"]>, cwd: string): Promise<void> {
  const { stdout } = await run("go", ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module], { cwd });
  const to = join(dirname(path), basename(folder));
  await rm(to, { recursive: true, force: true });
  // Modules in Go's cache are read-only, and copies of them need not be.
  await cp(join(stdout.trim(), folder), to, { recursive: true });
  await run("chmod", ["-R", "u+w", to]);
}
