import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isExecutable } from "./find.ts";
import { longCommand } from "./long-command.ts";

const moto = "5.2.5";
const requirementsFile = join(import.meta.dirname, "..", "moto", "requirements.txt");

function motoFolder(cache: string): string {
  return join(cache, `moto-${moto}`);
}

export function motoInterpreter(cache: string): string {
  return join(motoFolder(cache), "bin", "python");
}

/** The mark is written at the very end and names the requirements it was made from. */
export async function motoIsComplete(cache: string): Promise<boolean> {
  try {
    const mark = await readFile(join(motoFolder(cache), ".complete"), "utf8");
    return mark === (await motoMark()) && (await isExecutable(motoInterpreter(cache)));
  } catch {
    return false;
  }
}

async function motoMark(): Promise<string> {
  const requirements = await readFile(requirementsFile);
  return createHash("sha256").update(requirements).digest("hex");
}

export async function installMoto(cache: string, step: string, say: (line: string) => void): Promise<void> {
  const folder = motoFolder(cache);
  await rm(folder, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  await longCommand(`${step} making a Python environment`, "python3", ["-m", "venv", folder], cache, say);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirementsFile];
  await longCommand(`${step} installing moto ${moto} (about a minute)`, motoInterpreter(cache), pip, cache, say);
  await writeFile(join(folder, ".complete"), await motoMark());
}
