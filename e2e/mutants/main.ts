import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";

// `npm run mutants`: breaks the protocol in one place at a time and asks whether the tests notice. With --with-accept the
// mutants that name a scenario are run against the real stack as well. One line each; the exit code says whether one survived.

const root = join(import.meta.dirname, "../..");
const { values: flags } = parseArgs({
  options: { "with-accept": { type: "boolean", default: false }, only: { type: "string" } },
});
const chosen = mutants.filter(({ name }) => flags.only === undefined || name.includes(flags.only));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

// A test that fails without any mutant has not noticed one.
const healthy = await mkdtemp(join(tmpdir(), "keyturn-mutant-"));
try {
  await copyInto(healthy);
  const red = await firstFailure([...new Set(chosen.flatMap(({ specs }) => specs))], healthy);
  if (red !== undefined) {
    print(`mutants: not begun, for this test fails without any: ${red}`);
    process.exit(1);
  }
} finally {
  await rm(healthy, { recursive: true, force: true });
}

// Nor has a scenario that does not pass with the operator as it is.
if (flags["with-accept"]) {
  for (const mutant of chosen) {
    const run = scenarioOf(mutant);
    if (run === undefined) continue;
    const code = await accept(run);
    print(`${code === 0 ? "passes   " : "FAILS    "} without any mutant: accept -- ${run.join(" ")}`);
    if (code !== 0) process.exit(1);
  }
}

let survivors = 0;
let ended = 0;
for (const mutant of chosen) {
  const folder = await mkdtemp(join(tmpdir(), "keyturn-mutant-"));
  try {
    await breed(mutant, folder);
    const test = await firstFailure(mutant.specs, folder);
    if (test === undefined) survivors += 1;
    print(test === undefined ? `survived  ${mutant.name}` : `caught    ${mutant.name}: ${test}`);
    ended += 1;
    const run = scenarioOf(mutant);
    if (flags["with-accept"] && run !== undefined) {
      const noticed = await acceptNotices(run, folder);
      if (!noticed) survivors += 1;
      print(`${noticed ? "caught   " : "survived "} ${mutant.name}: accept -- ${run.join(" ")}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
print(`mutants: ${ended - survivors} caught, ${survivors} survived`);
process.exit(survivors === 0 && ended === chosen.length && ended > 0 ? 0 : 1);

/** The checkout's sources, to be changed; everything else is linked. */
async function copyInto(folder: string): Promise<void> {
  await cp(join(root, "src"), join(folder, "src"), { recursive: true });
  for (const name of [
    "node_modules",
    "docs",
    "crds",
    "config",
    "charts",
    "scripts",
    "e2e",
    "package.json",
    "tsconfig.json",
  ]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await symlink(join(root, name), join(folder, name));
  }
}

/** A copy with the one change. Throws when the text does not stand there once. */
async function breed(mutant: Mutant, folder: string): Promise<void> {
  await copyInto(folder);
  const file = join(folder, mutant.file);
  const source = await readFile(file, "utf8");
  const parts = source.split(mutant.text);
  if (parts.length !== 2) {
    throw new Error(
      `${mutant.name}: the text stands ${parts.length - 1} times in ${mutant.file}; bring e2e/mutants/mutants.ts up to date`,
    );
  }
  await writeFile(file, parts.join(mutant.instead));
}

interface Report {
  readonly stats: { readonly tests: number };
  readonly failures: readonly { readonly fullTitle: string }[];
}

/** Title of the first test that fails; undefined when all pass. A suite that cannot even load has noticed as well. */
async function firstFailure(specs: readonly string[], folder: string): Promise<string | undefined> {
  for (const spec of specs) {
    const report = join(folder, "report.json");
    await rm(report, { force: true });
    const mocha = join(root, "node_modules/mocha/bin/mocha.js");
    const args = [
      mocha,
      "--no-config",
      "--bail",
      "--timeout",
      "20000",
      "--reporter",
      "json",
      "--reporter-option",
      `output=${report}`,
    ];
    args.push("--ignore", "**/*.integration.test.ts", spec);
    await new Promise<void>((resolve) => {
      spawn(process.execPath, args, { cwd: folder, stdio: "ignore" }).on("exit", () => {
        resolve();
      });
    });
    const text = await readFile(report, "utf8").catch(() => undefined);
    if (text === undefined) return `${spec} could not be loaded`;
    const { failures, stats } = JSON.parse(text) as Report;
    if (stats.tests === 0) throw new Error(`${spec} holds no test`);
    const [first] = failures;
    if (first !== undefined) return first.fullTitle;
  }
  return undefined;
}

function scenarioOf({ campaign, scenario }: Mutant): readonly string[] | undefined {
  return scenario === undefined ? undefined : [campaign ?? "rotation", "--scenario", scenario];
}

/** True when the run of the scenario with the mutated operator ends in violations (exit code 1). */
async function acceptNotices(run: readonly string[], folder: string): Promise<boolean> {
  const bundle = join(folder, "keyturn.mjs");
  await rm(join(folder, "scripts"), { force: true });
  await cp(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
  await promisify(execFile)(process.execPath, [join(folder, "scripts/bundle.ts"), "--outfile", bundle], {
    cwd: folder,
  });
  return (await accept([...run, "--operator", bundle])) === 1;
}

/** The exit code of `npm run accept -- …`. Throws when it does not know what it is asked for, or ends by no code of its own. */
async function accept(run: readonly string[]): Promise<number> {
  const args = [join(root, "e2e/accept/main.ts"), ...run];
  const code = await new Promise<number | null>((resolve) => {
    spawn(process.execPath, args, { cwd: root, stdio: "ignore" }).on("exit", resolve);
  });
  if (code !== 0 && code !== 1) throw new Error(`accept -- ${run.join(" ")} ended with ${code ?? "a signal"}`);
  return code;
}
