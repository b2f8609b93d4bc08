import type { KubeObject } from "../stack/kube.ts";
import { sleep } from "../stack/wait.ts";
import { tenantAttempts } from "./attempts/index.ts";
import type { AtAdmission } from "./attacker.ts";
import type { TenantAttempt } from "./attempt.ts";
import type { TenantWorld } from "./world.ts";

/** How the attempts ended. */
export interface TenantReport {
  readonly attempts: number;
  readonly refusedAtAdmission: number;
  readonly accepted: number;
  /** Attempts that ended elsewhere than they must: a wall has moved. */
  readonly surprises: readonly string[];
  /** Accepted objects that the operator has not looked at in time: what they win is not known. */
  readonly unjudged: readonly string[];
  readonly wins: readonly string[];
}

/** Makes every attempt, one after the other. */
export async function makeAttempts(
  world: TenantWorld,
  attempts: readonly TenantAttempt[] = tenantAttempts,
): Promise<ReadonlyMap<TenantAttempt, AtAdmission>> {
  const ended = new Map<TenantAttempt, AtAdmission>();
  for (const attempt of attempts) ended.set(attempt, await attempt.run(world.attacker));
  return ended;
}

/**
 * Makes every attempt, gives a running operator its time, and judges what the attacker has then: at once, and again after
 * `settleMs`, for a right that comes late is a right. The operator must watch the attacker's namespace.
 */
export async function runTenantAttempts(
  world: TenantWorld,
  options: { readonly operatorTimeoutMs?: number; readonly settleMs?: number } = {},
): Promise<TenantReport> {
  const ended = await makeAttempts(world);
  const unjudged = await unlookedAt(world, options.operatorTimeoutMs ?? 60_000);
  const wins = new Set<string>();
  for (const pause of [0, options.settleMs ?? 5000]) {
    await sleep(pause);
    for (const { name, wins: hasWon } of ended.keys()) if (await hasWon(world)) wins.add(name);
  }
  const count = (how: AtAdmission): number => [...ended.values()].filter((one) => one === how).length;
  return {
    attempts: ended.size,
    refusedAtAdmission: count("refused-at-admission"),
    accepted: count("accepted"),
    surprises: [...ended].filter(([{ expected }, how]) => how !== expected).map(([{ name }, how]) => `${name}: ${how}`),
    unjudged,
    wins: [...wins],
  };
}

/** Objects of the attacker whose newest generation no operator has reported on when the time is over. */
async function unlookedAt({ options }: TenantWorld, timeoutMs: number): Promise<readonly string[]> {
  const { client } = options.stack.kubernetes;
  const end = performance.now() + timeoutMs;
  interface Seen extends KubeObject {
    readonly status?: { readonly observedGeneration?: number };
  }
  for (;;) {
    const lists = await Promise.all(
      ["serviceaccountlifecycles", "secretrotations"].map((plural) =>
        client.list<Seen>(`/apis/keyturn.dev/v1alpha1/namespaces/${options.attacker}/${plural}`),
      ),
    );
    const waiting = lists
      .flatMap(({ items }) => items)
      .filter(({ metadata, status }) => status?.observedGeneration !== metadata.generation);
    if (waiting.length === 0 || performance.now() > end) return waiting.map(({ metadata }) => metadata.name);
    await sleep(250);
  }
}
