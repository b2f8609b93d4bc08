import { sleep } from "../stack/wait.ts";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../lane/paths.ts";
import type { KubeClient } from "../stack/kube.ts";
import { NAMESPACE, openBench, type BenchGround } from "./ground.ts";
import { cpuOf, loadOf } from "./processes.ts";
import { all, eventWrites, reads, requestsOf, since, writes } from "./requests.ts";

export interface PkiOptions {
  readonly count: number;
  readonly workers: number;
  readonly revocation: "OnRetirement" | "Never";
  readonly idleSeconds: number;
  readonly say: (line: string) => void;
}

/** First issue, renewal, and rest, with the floor in the same run on the same servers. */
export async function benchPki(options: PkiOptions): Promise<object> {
  const { count, say, idleSeconds } = options;
  const ground = await openBench(options);
  try {
    const floorPerSecond = await bestFloor(ground, count, say);
    const kube = ground.stack.kubernetes.client;
    await ground.seed(0, count);
    say(`${count} SecretRotations seeded; the operator starts`);
    const readySeconds = await ground.startOperator();
    // What came before is the start of the process: modules are loaded before anything can wait for them.
    await ground.longestBlockMs();
    const before = await requestsOf(kube);
    const cpuBefore = await cpus(ground);
    const issueSeconds = await ground.issued(count, 1, performance.now());
    const cpuAfter = await cpus(ground);
    const longestBlockMs = await ground.longestBlockMs();
    say(`issued after ${issueSeconds.toFixed(1)} s (the operator was ready after ${readySeconds.toFixed(1)} s)`);
    await sleep(3000);
    const issuing = since(before, await requestsOf(kube));

    await ground.stopOperator();
    await ground.rotateAll();
    await ground.startOperator();
    const renewSeconds = await ground.issued(count, 2, performance.now());
    say(`renewed after ${renewSeconds.toFixed(1)} s`);
    const { rssMiBPeak } = await loadOf(ground.operatorPid());

    await quiet(kube);
    const restBefore = await requestsOf(kube);
    const idleBefore = await loadOf(ground.operatorPid());
    await sleep(idleSeconds * 1000);
    const idleAfter = await loadOf(ground.operatorPid());
    const idle = since(restBefore, await requestsOf(kube));
    for (const [key, value] of issuing)
      if (value >= count / 10) say(`  ${key}: ${(value / count).toFixed(2)} per item`);
    const perSecond = count / issueSeconds;
    return {
      count,
      revocation: options.revocation,
      issueSeconds: round(issueSeconds),
      perSecond: round(perSecond),
      renewSeconds: round(renewSeconds),
      floorPerSecond: round(floorPerSecond),
      ratioToFloor: round(perSecond / floorPerSecond),
      apiWritesPerItem: round(writes(issuing) / count),
      apiReadsPerItem: round(reads(issuing) / count),
      cpuSecondsPerItem: round((cpuAfter.all - cpuBefore.all) / count, 4),
      operatorCpuSecondsPerItem: round((cpuAfter.operator - cpuBefore.operator) / count, 4),
      eventWritesPerItem: round(eventWrites(issuing) / count),
      longestBlockMs,
      rssMiBPeak: Math.round(rssMiBPeak),
      idleWrites: writes(idle) + eventWrites(idle),
      idleApiRequestsPerMinute: round((all(idle) * 60) / idleSeconds),
      idleCpuPercent: round(((idleAfter.cpuSeconds - idleBefore.cpuSeconds) / idleSeconds) * 100),
    };
  } finally {
    await ground.stop();
  }
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

/** The floor at its best concurrency; each try works on objects of its own and leaves none behind. */
async function bestFloor(ground: BenchGround, count: number, say: (line: string) => void): Promise<number> {
  const { stack } = ground;
  let best = 0;
  for (const concurrency of [8, 16, 32]) {
    await ground.seed(0, count);
    const cpuBefore = await cpuOf(ground.serverPids());
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
    const { perSecond } = JSON.parse(stdout) as { perSecond: number };
    const cpuMs = (((await cpuOf(ground.serverPids())) - cpuBefore) * 1000) / count;
    say(
      `floor with ${concurrency} at once: ${perSecond.toFixed(1)} per second, ${cpuMs.toFixed(1)} ms of the servers' CPU each`,
    );
    best = Math.max(best, perSecond);
    await ground.wipe();
    await stack.kubernetes.client.raw("DELETE", `/api/v1/namespaces/${NAMESPACE}/secrets`);
    await sleep(2000);
  }
  return best;
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
