import { loadOf } from "../../bench/processes.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { everythingOf } from "../ending/access.ts";
import { sharedIamReader } from "../ending/iam-view.ts";
import type { Access } from "../ending/observer.ts";
import { answerTo, rotationOf } from "../lifecycle/fifty.ts";
import { aliveOf, atOnce, tokensOf } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { inParallel } from "../lifecycle/fifty.ts";

/** A revocation must be seen within these; it is looked for longer, so that a figure is in the line. */
export const mostRevocationSeconds = 30;
const longestLookMs = 120_000;
/** A healthy rotation that takes longer counts as this long. */
const longestRotationMs = 90_000;

/** Somebody in another namespace than the mob, with accounts at all three servers and everything made of them. */
export interface Victim {
  readonly name: string;
  readonly accesses: readonly Access[];
}

export async function joinVictim({ stage, site }: Crowd, name: string): Promise<Victim> {
  const accounts = [
    site.kubernetesAccount({ roles: ["reader"] }),
    site.awsUser({ policies: ["read"] }),
    site.vaultAccount({ policies: ["read"] }),
  ];
  await site.apply(site.identity(name, accounts, { deletion: { holdFor: "1h", timeout: "30s" } }));
  await site.until(name, "Good", 90_000);
  const accesses = await everythingOf(site, name, accounts, sharedIamReader(site.lane.world.stack.aws.client));
  const answers = await Promise.all(accesses.map(answerTo));
  for (const one of accesses.filter((_, i) => answers[i] === "refused"))
    stage.broken("RUN", `${one.what} does not work before the end, so its refusal proves nothing.`);
  return { name, accesses };
}

/** Suspends and looks at Vault, IAM and RBAC until all is refused: seconds, counted, and broken beyond the bound. */
export async function revoke({ stage, site, count }: Crowd, { name, accesses }: Victim): Promise<void> {
  const began = Date.now();
  await site.team.mergePatch(site.path(name), { spec: { state: "Suspended" } });
  let left = accesses;
  while (left.length > 0 && Date.now() - began < longestLookMs) {
    const answers = await Promise.all(left.map(answerTo));
    left = left.filter((_, i) => answers[i] === "accepted");
    if (left.length > 0) await sleep(150);
  }
  const seconds = (Date.now() - began) / 1000;
  for (const one of accesses) one.close();
  count({ revocationSecondsMaxUnderFlood: seconds });
  stage.say(`${accesses.length} accesses of another namespace: ${left.length} work on after ${seconds.toFixed(1)} s`);
  if (left.length > 0 || seconds > mostRevocationSeconds)
    stage.broken(
      "S10",
      `A suspension of another namespace is not seen at the servers within ${mostRevocationSeconds} s.`,
      { seconds, left: left.map(({ what }) => what), status: (await site.find(name))?.status?.conditions },
    );
}

/** Waits until none of these tokens works; what works on later is broken, in these words. */
export async function refusedInTime(
  crowd: Crowd,
  tokens: ReadonlyMap<string, string>,
  words: string,
  seconds = mostRevocationSeconds,
): Promise<number> {
  const began = Date.now();
  let alive = await aliveOf(crowd, tokens);
  while (alive.size > 0 && Date.now() - began < seconds * 1000) {
    await sleep(300);
    alive = await aliveOf(crowd, new Map([...tokens].filter(([key]) => alive.has(key))));
  }
  if (alive.size > 0)
    crowd.stage.broken("S10", `${words} (${alive.size} of ${tokens.size} after ${seconds} s)`, [...alive].slice(0, 20));
  return alive.size;
}

/** Identities of another namespace that wait for their first rotation. */
export async function joinHealthy({ site }: Crowd, names: readonly string[]): Promise<void> {
  await inParallel(names, atOnce, async (name) => {
    await site.apply(site.identity(name, [site.awsUser({ policies: ["read"] })]));
    await site.until(name, "Good", 90_000);
  });
}

/** Seconds until each is Ready, one after the other: the one in the middle. */
export async function secondsToReady({ site, kube }: Crowd, names: readonly string[]): Promise<number> {
  const all: number[] = [];
  for (const name of names) {
    const began = performance.now();
    const [path, object, manager] = rotationOf(site, name);
    await site.team.apply(path, object, manager);
    const ready = async (): Promise<boolean> =>
      identityCondition(await kube.get<Identity>(path), "Ready")?.status === "True";
    await waitFor(`${name} is Ready`, ready, { timeout: longestRotationMs, every: 20 }).catch(() => undefined);
    all.push((performance.now() - began) / 1000);
    // The next one would tell no more.
    if (all.at(-1)! * 1000 >= longestRotationMs) break;
  }
  return all.sort((a, b) => a - b)[Math.floor(all.length / 2)]!;
}

/** Joins somebody bare in each of these places, and has a token of each. */
export async function joinBare(crowd: Crowd, identities: readonly Identity[]): Promise<ReadonlyMap<string, string>> {
  await inParallel(identities, atOnce, async (identity) => {
    const { namespace = "", name } = identity.metadata;
    const folder = `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/serviceaccountlifecycles/${name}`;
    await crowd.kube.apply(folder, identity, "mob");
  });
  const places = identities.map(({ metadata: { namespace = "", name } }) => ({ namespace, name }));
  return tokensOf(crowd, places);
}

/** Reads the memory of the operator's process twice a second. */
export function watchMemory({ stage, count }: Crowd): { stop(): Promise<void> } {
  let over = false;
  const read = async (): Promise<void> => {
    const pid = stage.operator().process.pid();
    // Between a kill and a start there is none, and one that has just ended has no memory to be read.
    const load = pid === undefined ? undefined : await loadOf(pid).catch(() => undefined);
    if (load !== undefined) count({ rssMiBMax: load.rssMiB });
  };
  const run = async (): Promise<void> => {
    while (!over) {
      await read();
      await sleep(500);
    }
  };
  const running = run();
  return {
    async stop() {
      over = true;
      await running;
    },
  };
}
