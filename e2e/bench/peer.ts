import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cacheFolder, ensureToolchain } from "../stack/toolchain.ts";
import { openBench } from "./ground.ts";
import { round } from "./pki.ts";
import { cpuOf } from "./processes.ts";

export interface PeerOptions {
  /** A folder with `run.sh cm`, which prints one line of JSON with `per_s`; nothing of it is part of this project. */
  readonly dir: string;
  readonly count: number;
  /** Undefined: as many as the operator has by itself. */
  readonly workers: number | undefined;
  readonly say: (line: string) => void;
}

/** What is read of the peer's line. */
interface PeerLine {
  readonly per_s: number;
  readonly cpu_s?: Readonly<Record<string, number>>;
  readonly requests_per_item_total?: number;
}

/** The peer and ours in turn on the same machine and the same programs: certificates made while the operator runs, until all are Ready. */
export async function benchPeer(options: PeerOptions): Promise<object> {
  const peer = await runPeer(options);
  const ours = await runOurs(options);
  return {
    count: options.count,
    peerPerSecond: round(peer.per_s),
    oursPerSecond: round(ours.perSecond),
    ratio: round(ours.perSecond / peer.per_s),
    peerRequestsPerItem: peer.requests_per_item_total,
    peerCpuSecondsPerItem: peer.cpu_s === undefined ? undefined : round(daemons(peer.cpu_s) / options.count, 4),
    oursCpuSecondsPerItem: round(ours.cpuSeconds / options.count, 4),
  };
}

/** Without what the machine as a whole, the driver and the neighbours have used. */
const daemons = (cpu: Readonly<Record<string, number>>): number =>
  Object.entries(cpu).reduce(
    (sum, [name, seconds]) => (["machine", "stolen", "client", "script"].includes(name) ? sum : sum + seconds),
    0,
  );

async function runPeer({ dir, count, say }: PeerOptions): Promise<PeerLine> {
  const tools = await ensureToolchain(say);
  const work = await mkdtemp(join(tmpdir(), "keyturn-peer-"));
  try {
    const bin = join(work, "bin");
    const out = join(cacheFolder(), "peer");
    await Promise.all([mkdir(bin), mkdir(out, { recursive: true }), mkdir(join(work, "work"))]);
    const programs = {
      etcd: tools.etcd,
      "kube-apiserver": tools.kubeApiserver,
      kubectl: tools.kubectl,
      vault: tools.vault,
    };
    for (const [name, path] of Object.entries(programs)) await symlink(path, join(bin, name));
    say("the peer is built (the first time takes minutes) and measured …");
    const text = await output(join(resolve(dir), "run.sh"), ["cm"], {
      ...process.env,
      BIN: bin,
      OUT: out,
      WORK: join(work, "work"),
      PHASES: String(count),
      RENEW: "0",
    });
    return lineOf(text);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The last line: one measurement, or the settings with a list of them under `lines`. */
const lineOf = (text: string): PeerLine => {
  const last = text.trim().split("\n").at(-1) ?? "";
  const parsed = JSON.parse(last) as Partial<PeerLine> & { readonly lines?: readonly PeerLine[] };
  const found = parsed.lines?.[0] ?? parsed;
  const { per_s: perSecond } = found;
  if (perSecond === undefined) throw new Error(`the peer's last line has no per_s: ${last.slice(0, 300)}`);
  return { ...found, per_s: perSecond };
};

const output = (file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  new Promise((settle, reject) => {
    const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) settle(text);
      else reject(new Error(`${file} has ended with ${String(code)}: ${text.slice(-500)}`));
    });
  });

async function runOurs({ count, workers, say }: PeerOptions): Promise<{ perSecond: number; cpuSeconds: number }> {
  const ground = await openBench({ say, workers, revocation: "Never" });
  try {
    await ground.startOperator();
    const pids = [ground.operatorPid(), ...ground.serverPids()];
    const before = await cpuOf(pids);
    const started = performance.now();
    await ground.seed(0, count);
    const seconds = await ground.issued(count, 1, started);
    return { perSecond: count / seconds, cpuSeconds: (await cpuOf(pids)) - before };
  } finally {
    await ground.stop();
  }
}
