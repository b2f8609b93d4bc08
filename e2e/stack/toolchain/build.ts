import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cachePath } from "./find.ts";
import { longCommand } from "./long-command.ts";
import type { Program } from "./programs.ts";

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
    await longCommand(title, "go", args, join(import.meta.dirname, program.module), say);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}
