import { sleep } from "../stack/wait.ts";
import { openBench, type BenchGround } from "./ground.ts";
import { loadOf } from "./processes.ts";
import { round } from "./pki.ts";
import { eventWrites, requestsOf, since, writes } from "./requests.ts";

export interface HoldOptions {
  readonly count: number;
  /** Undefined: as many as the operator has by itself. */
  readonly workers: number | undefined;
  readonly idleSeconds: number;
  readonly say: (line: string) => void;
}

interface Held {
  readonly rssMiBAtRest: number;
  /** While every resource is looked at after the restart, and while a scrape shows them. */
  readonly longestBlockMs: number;
  readonly restartSeconds: number;
  readonly idleCpuPercent: number;
  readonly idleWrites: number;
}

/** What it costs to hold so many at rest, after a restart; at 200 first, to show how it grows. */
export async function benchHold(options: HoldOptions): Promise<object> {
  const ground = await openBench({ ...options, revocation: "OnRetirement" });
  try {
    const few = Math.min(200, options.count);
    const at200 = await held(ground, { ...options, from: 0, to: few });
    const at = await held(ground, { ...options, from: few, to: options.count });
    return { count: options.count, ...at, at200 };
  } finally {
    await ground.stop();
  }
}

async function held(
  ground: BenchGround,
  { from, to, idleSeconds, say }: HoldOptions & { readonly from: number; readonly to: number },
): Promise<Held> {
  const kube = ground.stack.kubernetes.client;
  await ground.seed(from, to);
  if (ground.operatorPid() === 0) await ground.startOperator();
  await ground.issued(to, 1, performance.now());
  await ground.stopOperator();
  const restartSeconds = await ground.startOperator();
  const atStart = await ground.longestBlockMs();
  // Every resource is looked at once after a start.
  await sleep(30_000);
  const before = await requestsOf(kube);
  const began = await loadOf(ground.operatorPid());
  await sleep(idleSeconds * 1000);
  const ended = await loadOf(ground.operatorPid());
  // The second scrape tells what the first one has cost.
  const afterStart = await ground.longestBlockMs();
  const scrape = await ground.longestBlockMs();
  const longestBlockMs = Math.max(afterStart, scrape);
  say(
    `event loop held up for at most ${atStart} ms up to the first lists, ${afterStart} ms after, ${scrape} ms by a scrape`,
  );
  const idle = since(before, await requestsOf(kube));
  const found = {
    rssMiBAtRest: Math.round(ended.rssMiB),
    longestBlockMs,
    restartSeconds: round(restartSeconds),
    idleCpuPercent: round(((ended.cpuSeconds - began.cpuSeconds) / idleSeconds) * 100),
    idleWrites: writes(idle) + eventWrites(idle),
  };
  say(`${to} at rest: ${JSON.stringify(found)}`);
  return found;
}
