import { deepStrictEqual, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const SCRIPT = join(import.meta.dirname, "check-tools.sh");
/** What the script itself is made of; a machine may have PostgreSQL beside these. */
const BASICS = ["bash", "sh", "ls", "sort", "head", "grep", "uname"];

const whereIs = (program: string): string => {
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((candidate) => existsSync(candidate));
  ok(path !== undefined, `${program} is not on PATH`);
  return path;
};

describe("the check for programs, before any long work", () => {
  let folder: string;
  let basics: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-tools-"));
    basics = join(folder, "basics");
    await mkdir(basics);
    for (const program of BASICS) await symlink(whereIs(program), join(basics, program));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A PostgreSQL that says this version; without initdb when told so. */
  const install = async (bin: string, version: string, programs = ["postgres", "initdb"]): Promise<string> => {
    const path = join(folder, bin);
    await mkdir(path, { recursive: true });
    for (const program of programs) {
      const text = `#!/bin/sh\necho "${program} (PostgreSQL) ${version} (Debian ${version}-0+deb12u1)"\n`;
      await writeFile(join(path, program), text, { mode: 0o755 });
    }
    return path;
  };
  const run = (args: readonly string[], path: string): Promise<{ code: number; out: string; said: string }> =>
    new Promise((settle) => {
      const env = { PATH: path, HOME: folder, KEYTURN_POSTGRESQL_ROOT: join(folder, "lib") };
      execFile(SCRIPT, args, { env }, (error, out, said) => {
        settle({ code: error === null ? 0 : Number(error.code), out: out.trim(), said });
      });
    });

  it("finds PostgreSQL on PATH first, then the newest of Debian's", async () => {
    await install("lib/9/bin", "9.6.24");
    const older = await install("lib/14/bin", "14.9");
    deepStrictEqual(await run(["--postgresql"], basics), { code: 0, out: older, said: "" });
    const newer = await install("lib/16/bin", "16.1");
    deepStrictEqual((await run(["--postgresql"], basics)).out, newer);
    const own = await install("own", "15.2");
    deepStrictEqual((await run(["--postgresql"], `${own}:${basics}`)).out, own);
  });

  it("passes over one that is too old, or has no initdb", async () => {
    const old = await install("old", "13.14");
    const client = await install("client", "17.0", ["postgres"]);
    const none = await run(["--postgresql"], `${old}:${client}:${basics}`);
    deepStrictEqual([none.code, none.out], [1, ""]);
    match(none.said, /PostgreSQL 14 or later .*the package postgresql\)/);
    const good = await install("lib/15/bin", "15.5");
    deepStrictEqual((await run(["--postgresql"], `${old}:${client}:${basics}`)).out, good);
  });

  it("asks for it before make test alone, and names the package", async () => {
    const without = await run(["test"], basics);
    deepStrictEqual(without.code, 1);
    match(
      without.said,
      /missing on this machine:[\s\S]*- PostgreSQL 14 or later .*on Debian and Ubuntu: the package postgresql/,
    );
    ok(!(await run([], basics)).said.includes("PostgreSQL"));
    await install("lib/15/bin", "15.5");
    ok(!(await run(["test"], basics)).said.includes("PostgreSQL"));
  });

  it("is what make test begins with, and README says the same", async () => {
    const makefile = await readFile(join(SCRIPT, "../../Makefile"), "utf8");
    match(makefile, /^test: check_for := test$/m);
    match(makefile, /^\t@scripts\/check-tools\.sh \$\(check_for\)$/m);
    match(await readFile(join(SCRIPT, "../../README.md"), "utf8"), /PostgreSQL ≥ 14 .*`postgresql`/);
  });
});
