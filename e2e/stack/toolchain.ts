import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, constants, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

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

interface Program {
  readonly name: string;
  readonly version: string;
  /** Folder in the cache: programs of one release lie together. */
  readonly folder: string;
  /** Arguments that make it say its version, and what it must then say. */
  readonly versionArgs: readonly string[];
  readonly says: RegExp;
  /** Wrapper module under toolchain/, package and flags of the Go build; `about` is said beforehand. */
  readonly module: string;
  readonly package: string;
  readonly flags: readonly string[];
  readonly about: string;
}

const kubernetes = "1.36.3";
const kubernetesFlags = [
  "-ldflags",
  `-s -w -X k8s.io/component-base/version.gitVersion=v${kubernetes} -X k8s.io/client-go/pkg/version.gitVersion=v${kubernetes}`,
];
const kubernetesProgram = (name: string, about: string, versionArgs = ["--version"]): Program => ({
  name,
  version: `v${kubernetes}`,
  folder: `kubernetes-v${kubernetes}`,
  versionArgs,
  says: /\bv1\.36\.3$/m,
  module: "kubernetes",
  package: `k8s.io/kubernetes/cmd/${name}`,
  flags: kubernetesFlags,
  about,
});

const programs = {
  etcd: {
    name: "etcd",
    version: "v3.6.7",
    folder: "etcd-v3.6.7",
    versionArgs: ["--version"],
    says: /^etcd Version: 3\.6\.7$/m,
    module: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    flags: [],
    about: "about a minute",
  },
  kubeApiserver: kubernetesProgram("kube-apiserver", "4 to 8 minutes"),
  kubeControllerManager: kubernetesProgram("kube-controller-manager", "1 to 3 minutes"),
  kubectl: kubernetesProgram("kubectl", "about a minute", ["version", "--client"]),
  vault: {
    name: "vault",
    version: "v1.21.1",
    folder: "vault-v1.21.1",
    versionArgs: ["version"],
    says: /^Vault v1\.21\.1\b(?![-+])/m,
    module: "vault",
    package: "github.com/hashicorp/vault",
    flags: ["-tags", "minimal", "-ldflags", "-s -w"],
    about: "4 to 7 minutes",
  },
} as const satisfies Record<string, Program>;

/** Programs that only `accept -- install` needs; made when it asks for them. */
const helmKubernetes = kubernetes.split(".").slice(0, 2);
const extras = {
  helm: {
    name: "helm",
    version: "v3.22.0",
    folder: "helm-v3.22.0",
    versionArgs: ["version", "--short"],
    says: /^v3\.22\.0\b/m,
    module: "helm",
    package: "helm.sh/helm/v3/cmd/helm",
    // As its own release is built: what it takes a cluster for when it has none.
    flags: [
      "-ldflags",
      [
        "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
        ...["lint/rules", "chartutil"].flatMap((folder) => [
          `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMajor=${helmKubernetes[0] ?? ""}`,
          `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMinor=${helmKubernetes[1] ?? ""}`,
        ]),
      ].join(" "),
    ],
    about: "about two minutes",
  },
} as const satisfies Record<string, Program>;

const moto = "5.2.5";
const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

/** The project's cache, outside the checkout: `$KEYTURN_CACHE`, or `keyturn` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env["KEYTURN_CACHE"]) return env["KEYTURN_CACHE"];
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "keyturn");
}

/**
 * Finds every program of the stack and makes what is missing. Takes each program from the first place that has exactly the
 * pinned version: the project's cache, `KUBEBUILDER_ASSETS` and `PATH`, a build from source. Says on standard error what
 * takes long.
 */
export async function ensureToolchain(say: (line: string) => void = toStderr): Promise<Toolchain> {
  const cache = cacheFolder();
  const keys = Object.keys(programs) as (keyof typeof programs)[];
  const found = new Map<string, string>();
  const missing: (keyof typeof programs)[] = [];
  for (const key of keys) {
    const path = (await cached(cache, programs[key])) ?? (await installed(programs[key]));
    // Next place to look, not there yet: the pinned official release with its checksum.
    if (path === undefined) missing.push(key);
    else found.set(key, path);
  }
  const python = motoInterpreter(cache);
  const motoMissing = !(await motoIsComplete(cache));
  const total = missing.length + (motoMissing ? 1 : 0);
  if (total > 0)
    say(`local stack: ${total} of ${keys.length + 1} programs are not in ${cache} yet; they are made once`);
  for (const [i, key] of missing.entries())
    found.set(key, await build(cache, programs[key], `[${i + 1}/${total}]`, say));
  if (motoMissing) await installMoto(cache, `[${total}/${total}]`, say);
  const path = (key: keyof typeof programs): string => found.get(key) ?? "";
  return {
    etcd: path("etcd"),
    kubeApiserver: path("kubeApiserver"),
    kubeControllerManager: path("kubeControllerManager"),
    kubectl: path("kubectl"),
    vault: path("vault"),
    motoPython: python,
  };
}

/** Finds or builds a program that is not part of every stack; gives its path. */
export async function ensureExtra(key: keyof typeof extras, say: (line: string) => void = toStderr): Promise<string> {
  const program = extras[key];
  const cache = cacheFolder();
  return (await cached(cache, program)) ?? (await installed(program)) ?? build(cache, program, "[1/1]", say);
}

async function cached(cache: string, program: Program): Promise<string | undefined> {
  const path = join(cache, "bin", program.folder, program.name);
  return (await isExecutable(path)) ? path : undefined;
}

async function installed(program: Program): Promise<string | undefined> {
  const folders = [process.env["KUBEBUILDER_ASSETS"], ...(process.env["PATH"] ?? "").split(delimiter)];
  for (const folder of folders) {
    if (folder === undefined || folder === "") continue;
    const path = join(folder, program.name);
    if (!(await isExecutable(path))) continue;
    try {
      const { stdout } = await run(path, program.versionArgs, { timeout: 10_000 });
      if (program.says.test(stdout)) return path;
    } catch {
      // It does not run here, or does not know its version: not the one we want.
    }
  }
  return undefined;
}

async function build(cache: string, program: Program, step: string, say: (line: string) => void): Promise<string> {
  const path = join(cache, "bin", program.folder, program.name);
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
    await longCommand(title, "go", args, join(here, "toolchain", program.module), say);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}

function motoFolder(cache: string): string {
  return join(cache, `moto-${moto}`);
}

function motoInterpreter(cache: string): string {
  return join(motoFolder(cache), "bin", "python");
}

/** The mark is written at the very end and names the requirements it was made from. */
async function motoIsComplete(cache: string): Promise<boolean> {
  try {
    const mark = await readFile(join(motoFolder(cache), ".complete"), "utf8");
    return mark === (await motoMark()) && (await isExecutable(motoInterpreter(cache)));
  } catch {
    return false;
  }
}

async function motoMark(): Promise<string> {
  const requirements = await readFile(join(here, "moto", "requirements.txt"));
  return createHash("sha256").update(requirements).digest("hex");
}

async function installMoto(cache: string, step: string, say: (line: string) => void): Promise<void> {
  const folder = motoFolder(cache);
  await rm(folder, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  const requirements = join(here, "moto", "requirements.txt");
  await longCommand(`${step} making a Python environment`, "python3", ["-m", "venv", folder], cache, say);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements];
  await longCommand(`${step} installing moto ${moto} (about a minute)`, motoInterpreter(cache), pip, cache, say);
  await writeFile(join(folder, ".complete"), await motoMark());
}

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

/** Removes everything this project has put into its cache. */
export async function cleanCache(): Promise<void> {
  const cache = cacheFolder();
  for (const entry of await readdir(cache).catch(() => []))
    if (entry === "bin" || /^(moto|ministack)-/.test(entry))
      await rm(join(cache, entry), { recursive: true, force: true });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

// Run as a program: make what is missing, or with `clean` remove it.
if (process.argv[1] === fileURLToPath(import.meta.url))
  await (process.argv[2] === "clean" ? cleanCache() : ensureToolchain());
