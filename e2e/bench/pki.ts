import { sleep } from "../stack/wait.ts";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../lane/paths.ts";
import type { KubeClient } from "../stack/kube.ts";
import { openBench, type BenchGround } from "./ground.ts";
import { cpuOf, loadOf } from "./processes.ts";
import { all, eventWrites, reads, requestsOf, since, writes } from "./requests.ts";

export interface PkiOptions {
  readonly count: number;
  /** Undefined: as many as the operator has by itself. */
  readonly workers: number | undefined;
  readonly revocation: "OnRetirement" | "Never";
  readonly idleSeconds: number;
  readonly say: (line: string) => void;
}

/** So often the floor and ours are measured in turn. */
const ROUNDS = 3;

/**
 * First issue, renewal, and rest, with the floor in the same run on the same servers. Floor and operator take turns, because a shared machine
 * can change its speed by a third within minutes; the round with the ratio in the middle is told.
 */
export async function benchPki(options: PkiOptions): Promise<object> {
  const { count, say, idleSeconds } = options;
  const ground = await openBench(options);
  try {
    const concurrency = await bestConcurrency(ground, count, say);
    const rounds: Round[] = [];
    for (let turn = 1; turn <= ROUNDS; turn += 1) {
      const floorPerSecond = await floorRound(ground, count, concurrency);
      await ground.wipe();
      const ours = await issueRound(ground, count);
      rounds.push({ ...ours, floorPerSecond, ratio: ours.perSecond / floorPerSecond });
      say(`round ${turn}: floor ${perSecondOf(floorPerSecond)}, ours ${perSecondOf(ours.perSecond)}`);
      await ground.stopOperator();
      if (turn < ROUNDS) await ground.wipe();
    }

    await ground.rotateAll();
    await ground.startOperator();
    const renewSeconds = await ground.issued(count, 2, performance.now());
    say(`renewed after ${renewSeconds.toFixed(1)} s`);
    const { rssMiBPeak } = await loadOf(ground.operatorPid());
    const rest = await atRest(ground, idleSeconds);

    const { requests, ...told } = middle(rounds);
    for (const [key, value] of requests)
      if (value >= count / 10) say(`  ${key}: ${(value / count).toFixed(2)} per item`);
    return {
      count,
      revocation: options.revocation,
      issueSeconds: round(count / told.perSecond),
      perSecond: round(told.perSecond),
      renewSeconds: round(renewSeconds),
      floorPerSecond: round(told.floorPerSecond),
      ratioToFloor: round(told.ratio),
      ratios: rounds.map(({ ratio }) => round(ratio)),
      floorConcurrency: concurrency,
      apiWritesPerItem: round(writes(requests) / count),
      apiReadsPerItem: round(reads(requests) / count),
      cpuSecondsPerItem: round(told.cpuSeconds / count, 4),
      operatorCpuSecondsPerItem: round(told.operatorCpuSeconds / count, 4),
      eventWritesPerItem: round(eventWrites(requests) / count),
      longestBlockMs: Math.max(...rounds.map(({ longestBlockMs }) => longestBlockMs)),
      rssMiBPeak: Math.round(Math.max(rssMiBPeak, ...rounds.map((each) => each.rssMiBPeak))),
      ...rest,
    };
  } finally {
    await ground.stop();
  }
}

interface IssueRound {
  readonly perSecond: number;
  readonly longestBlockMs: number;
  readonly cpuSeconds: number;
  readonly operatorCpuSeconds: number;
  readonly rssMiBPeak: number;
  readonly requests: ReadonlyMap<string, number>;
}

interface Round extends IssueRound {
  readonly floorPerSecond: number;
  readonly ratio: number;
}

/** Certificates for so many resources that nobody has looked at, from the moment in which an operator is ready; it goes on running. */
async function issueRound(ground: BenchGround, count: number): Promise<IssueRound> {
  const kube = ground.stack.kubernetes.client;
  await ground.seed(0, count);
  const before = await requestsOf(kube);
  await ground.startOperator();
  const started = performance.now();
  const cpuBefore = await cpus(ground);
  // What came before is the start of the process: modules are loaded before anything can wait for them.
  await ground.longestBlockMs();
  const seconds = await ground.issued(count, 1, started);
  const cpuAfter = await cpus(ground);
  const longestBlockMs = await ground.longestBlockMs();
  const { rssMiBPeak } = await loadOf(ground.operatorPid());
  await sleep(3000);
  return {
    perSecond: count / seconds,
    longestBlockMs,
    cpuSeconds: cpuAfter.all - cpuBefore.all,
    operatorCpuSeconds: cpuAfter.operator - cpuBefore.operator,
    rssMiBPeak,
    requests: since(before, await requestsOf(kube)),
  };
}

async function atRest(ground: BenchGround, idleSeconds: number) {
  const kube = ground.stack.kubernetes.client;
  await quiet(kube);
  const before = await requestsOf(kube);
  const loadBefore = await loadOf(ground.operatorPid());
  await sleep(idleSeconds * 1000);
  const loadAfter = await loadOf(ground.operatorPid());
  const idle = since(before, await requestsOf(kube));
  return {
    idleWrites: writes(idle) + eventWrites(idle),
    idleApiRequestsPerMinute: round((all(idle) * 60) / idleSeconds),
    idleCpuPercent: round(((loadAfter.cpuSeconds - loadBefore.cpuSeconds) / idleSeconds) * 100),
  };
}

/** Events go out slowly behind what they tell of: rest begins when none has come for five seconds. */
async function quiet(kube: KubeClient): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) {
    const before = await requestsOf(kube);
    await sleep(5000);
    const seen = since(before, await requestsOf(kube));
    if (writes(seen) + eventWrites(seen) === 0) return;
  }
}

const cpus = async (ground: BenchGround) => {
  const operator = await cpuOf([ground.operatorPid()]);
  return { operator, all: operator + (await cpuOf(ground.serverPids())) };
};

/** With how many at once the floor is at its fastest here: the best of two tries each. */
async function bestConcurrency(ground: BenchGround, count: number, say: (line: string) => void): Promise<number> {
  const tries: { readonly concurrency: number; readonly perSecond: number }[] = [];
  for (const concurrency of [16, 32, 64, 16, 32, 64]) {
    const perSecond = await floorRound(ground, count, concurrency);
    say(`floor with ${concurrency} at once: ${perSecondOf(perSecond)}`);
    tries.push({ concurrency, perSecond });
    await ground.wipe();
  }
  return tries.reduce((best, next) => (next.perSecond > best.perSecond ? next : best)).concurrency;
}

/** Items per second of the bare script, which works on resources of its own. */
async function floorRound(ground: BenchGround, count: number, concurrency: number): Promise<number> {
  const { stack } = ground;
  await ground.seed(0, count);
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, "e2e/bench/floor.ts")], {
    env: {
      PATH: process.env["PATH"] ?? "",
      KUBE_SERVER: stack.kubernetes.url,
      KUBE_TOKEN: stack.kubernetes.adminToken,
      VAULT_SERVER: stack.vault.url,
      VAULT_TOKEN: stack.vault.rootToken,
      CA: stack.ca.pem,
      COUNT: String(count),
      CONCURRENCY: String(concurrency),
    },
  });
  return (JSON.parse(stdout) as { perSecond: number }).perSecond;
}

/** The one whose ratio is in the middle. */
function middle(rounds: readonly Round[]): Round {
  const sorted = rounds.toSorted((left, right) => left.ratio - right.ratio);
  const found = sorted[Math.floor(sorted.length / 2)];
  if (found === undefined) throw new Error("nothing was measured");
  return found;
}

const perSecondOf = (value: number): string => `${value.toFixed(1)} per second`;

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
