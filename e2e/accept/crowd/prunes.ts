import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { identityPath } from "../../lane/identity.ts";
import { root } from "../../lane/paths.ts";
import { sleep } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import type { Scenario, Stage } from "../lifecycle/stage.ts";
import type { Keep } from "./flood.ts";
import { limits } from "./floods-limits.ts";
import { named } from "./floods-objects.ts";
import { aliveOf, atOnce, bareIdentity, closeCrowd, ledgerOf, openCrowd, tallyFor } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { joinBare, refusedInTime, watchMemory } from "./measures.ts";

// A prune of everything in many namespaces: the limit lets a few go, and a person decides about the rest.

const size = { namespaces: 60, each: 5 } as const;
/** Longest wait until the overflow is on the ledger. */
const settlesMs = 90_000;
const stableMs = 10_000;
/** Time for everything decided to end, all together; and for how long everything kept is watched. */
const endsSeconds = 120;
const keptMs = 20_000;

export const pruned = (decision: "end" | "keep", keep: Keep): Scenario => ({
  id: `prune/${decision}`,
  site: {
    ...{ leavers: true, resync: "30s", asImage: true },
    flags: { "watch-namespace": "", "limit-offboardings": String(limits.cluster) },
  },
  play: (stage) => play(stage, decision, keep),
});

async function play(stage: Stage, decision: "end" | "keep", keep: Keep): Promise<void> {
  const count = tallyFor((tally) => keep(stage.id, tally));
  const crowd = await openCrowd(stage, { namespaces: size.namespaces, labels: {}, count });
  const { flooding, site } = crowd;
  const memory = watchMemory(crowd);
  try {
    const names = named("pruned", size.each);
    const all = flooding.flatMap((namespace) => names.map((name) => ({ namespace, name })));
    const tokens = await joinBare(
      crowd,
      all.map(({ namespace, name }) => bareIdentity(site, namespace, name)),
    );
    stage.say(`${tokens.size} identities of ${flooding.length} namespaces joined`);
    await inParallel(all, atOnce, ({ namespace, name }) => crowd.kube.delete(identityPath(namespace, name)));
    const inUse = await settled(crowd, tokens, all.length - limits.cluster);
    count({
      prunedInUseMin: inUse.size,
      sizes: { "pruned resources": all.length, "pruned namespaces": flooding.length },
    });
    stage.say(`${inUse.size} of ${all.length} are in use until it is decided`);
    const meant = all.length - limits.cluster;
    if (inUse.size !== meant)
      stage.broken("S6", `${inUse.size} of ${all.length} are in use after a prune, and ${meant} should be.`);
    count({ permitsStolen: stolen(crowd, [...tokens.keys()], inUse) });
    const failed = await decide(crowd, decision, inUse);
    const rest = new Map([...tokens].filter(([key]) => inUse.has(key)));
    if (decision === "end") {
      await refusedInTime(crowd, rest, "Identities that overflow end decided about work on.", endsSeconds);
    } else {
      await sleep(keptMs);
      const kept = await aliveOf(crowd, rest);
      count({ prunedInUseMin: kept.size });
      if (kept.size !== rest.size)
        stage.broken("S6", `${rest.size - kept.size} of ${rest.size} that overflow keep decided about have ended.`);
    }
    // A prune without a decision is none.
    if (failed === 0) count({ prunes: 1 });
  } finally {
    await memory.stop();
    await closeCrowd(crowd).catch((error: unknown) =>
      stage.broken("RUN", "A prune could not be cleared.", String(error)),
    );
  }
}

/** Those in use when the permits are used up and each of the others is on the ledger, and nothing more has ended for a while. */
async function settled(crowd: Crowd, tokens: ReadonlyMap<string, string>, meant: number): Promise<ReadonlySet<string>> {
  const began = Date.now();
  let alive = await aliveOf(crowd, tokens);
  let since = Date.now();
  for (;;) {
    await sleep(1000);
    const now = await aliveOf(crowd, new Map([...tokens].filter(([key]) => alive.has(key))));
    if (now.size < alive.size) since = Date.now();
    alive = now;
    const held = (await ledgerOf(crowd)).filter(({ spec }) => (spec as { held?: string }).held !== undefined).length;
    if (Date.now() - since > stableMs && (held >= meant || Date.now() - began > settlesMs)) return alive;
  }
}

/** Permits beyond a namespace's turn, while another namespace, which wants as many, has none. */
function stolen({ flooding, stage }: Crowd, all: readonly string[], inUse: ReadonlySet<string>): number {
  const ended = flooding.map(
    (namespace) => all.filter((key) => key.startsWith(`${namespace}/`) && !inUse.has(key)).length,
  );
  const beyond = ended.reduce((sum, count) => sum + Math.max(0, count - limits.namespace), 0);
  stage.say(`ended by namespace: ${ended.filter((count) => count > 0).join(" ")}`);
  return beyond;
}

let plugin: Promise<string> | undefined;

/** `kubectl keyturn` as it is shipped, made once for a stack. */
function pluginOf({ site }: Crowd): Promise<string> {
  const folder = join(site.lane.world.stack.dir, "plugin");
  const make = async (): Promise<string> => {
    const args = [join(root, "scripts/bundle.ts"), "--parts", "--outfile", join(folder, "keyturn.mjs")];
    await promisify(execFile)(process.execPath, args, { cwd: root });
    return join(folder, "kubectl-keyturn");
  };
  return (plugin ??= make());
}

/** As a person does it in each namespace: the command lists and asks for the count, which is typed. Gives how often it failed. */
async function decide(crowd: Crowd, decision: "end" | "keep", inUse: ReadonlySet<string>): Promise<number> {
  const program = await pluginOf(crowd);
  const failed: string[] = [];
  await inParallel(crowd.flooding, 2, async (namespace) => {
    const here = [...inUse].filter((key) => key.startsWith(`${namespace}/`)).length;
    if (here === 0) return;
    const { code, text } = await run(crowd, [program, "overflow", decision, "-n", namespace], `${here}\n`);
    if (code !== 0) failed.push(`${namespace}: exit ${code}: ${text.slice(-300)}`);
  });
  if (failed.length > 0)
    crowd.stage.broken("L1", `overflow ${decision} fails in ${failed.length} namespaces.`, failed.slice(0, 5));
  return failed.length;
}

function run({ site }: Crowd, args: readonly string[], typed: string): Promise<{ code: number; text: string }> {
  const { kubernetes, dir } = site.lane.world.stack;
  const env = { PATH: process.env["PATH"] ?? "", HOME: dir, KUBECONFIG: kubernetes.adminKubeconfig };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { env, cwd: dir, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: `${out}\n${err}` });
    });
    // A command that ends without a question has closed its input.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(typed);
  });
}
