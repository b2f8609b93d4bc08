import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../lane/paths.ts";
import { ensureToolchain } from "../stack/toolchain.ts";
import { ended } from "./commands.ts";
import { isExpected, stepsOfPage } from "./commands-of-page.ts";
import type { InstallPart } from "./part.ts";

const PAGE = "docs/getting-started.md";

/** docs/getting-started.md as a reader does it: `make stack` in one terminal, every command of the page in another. */
export const docs: InstallPart = {
  name: "docs",
  targets: { docsCommands: { atLeast: 20 }, docsCommandsFailed: { is: 0 } },
  async run({ say }) {
    await ensureToolchain(say);
    const folder = await mkdtemp(join(tmpdir(), "keyturn-docs-"));
    const first = firstTerminal();
    const problems: string[] = [];
    let commands = 0;
    try {
      // The line that it prints, and that the page has its reader type.
      const enter = await first.line(/^ {2}(\. \/\S+)$/m, 120_000);
      for (const step of stepsOfPage(await readFile(join(root, PAGE), "utf8"))) {
        if (step.kind === "file") {
          await writeFile(join(folder, step.name), step.text);
          continue;
        }
        commands += 1;
        const { command, exitCode, expected } = step;
        const { code, stdout, stderr } = await ended("bash", ["-c", `${enter}\n${command}`], {
          cwd: folder,
          env: { HOME: folder },
        });
        const printed = exitCode === 0 ? stdout : stdout + stderr;
        if (code === exitCode && isExpected(expected, printed)) continue;
        problems.push(`$ ${command}\nended with ${code}, printed\n${(stdout + stderr).slice(0, 2000)}`);
        say(`  FAILED: ${command}`);
      }
    } finally {
      await first.end();
      await rm(folder, { recursive: true, force: true });
    }
    say(`  ${commands} commands of ${PAGE}`);
    return { figures: { docsCommands: commands, docsCommandsFailed: problems.length }, problems };
  },
};

/** `make stack`, which ends as by Ctrl-C. */
function firstTerminal() {
  const child = spawn("make", ["-s", "stack"], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    // Not a part of the make that may have started this.
    env: { ...process.env, MAKEFLAGS: "", MAKELEVEL: "0" },
  });
  let printed = "";
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => {
      printed += data.toString();
    });
  return {
    async line(pattern: RegExp, timeoutMs: number): Promise<string> {
      const end = performance.now() + timeoutMs;
      for (;;) {
        const found = pattern.exec(printed)?.[1];
        if (found !== undefined) return found;
        if (child.exitCode !== null || performance.now() > end) throw new Error(`make stack printed\n${printed}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async end(): Promise<void> {
      // The terminal sends Ctrl-C to all that runs in it.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGINT");
      await exited;
    },
  };
}
