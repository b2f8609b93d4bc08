import type { Call } from "../../stack/fault-proxy.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { Replica } from "../../lane/ground.ts";
import type { IdentitySite, IdentitySiteOptions } from "../../lane/identity-site.ts";
import { openIdentitySite } from "../../lane/identity-site.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { Lane } from "../../lane/lane.ts";
import { checkAudit } from "../audit-check.ts";
import { keepEvidence } from "../evidence.ts";
import { findLeaks, gatherOutputs } from "../leaks.ts";
import type { Output } from "../leaks.ts";
import type { Violation } from "../violation.ts";
import { emptyTally } from "./tally.ts";
import type { Tally } from "./tally.ts";

/** Where a scenario is played: a site of its own with an operator that leads, and a tally. */
export interface Stage {
  /** Of the scenario that is played. */
  readonly id: string;
  readonly site: IdentitySite;
  /** The operator with the lease identity that is kept over restarts. */
  operator(): Replica;
  /** SIGKILL; resolves when the process is gone. Acts under way then have no outcome on record. */
  kill(): Promise<void>;
  /** SIGKILL and a restart; resolves when the process is gone, the restart follows by itself. */
  killAndRestart(): Promise<void>;
  /** Resolves when restarts that were begun are done. */
  restarted(): Promise<void>;
  count(name: keyof Tally, by?: number): void;
  /** For `offboardSecondsMax`. */
  atMost(name: "offboardSecondsMax", seconds: number): void;
  /** Is counted as a violation; the play goes on. */
  broken(invariant: Violation["invariant"], what: string, evidence?: unknown): void;
  /** A line for whoever watches. */
  say(line: string): void;
  /** A kill point that has been hit. */
  hit(point: string): void;
  /** For the reference run: everything that the operator asked so far. */
  calls(): readonly Call[];
}

/** A play with a site of its own. */
export interface Scenario {
  readonly id: string;
  readonly site?: Partial<IdentitySiteOptions> | ((name: string) => Partial<IdentitySiteOptions>);
  play(stage: Stage): Promise<void>;
}

export interface ScenarioResult {
  readonly id: string;
  readonly tally: Tally;
  readonly violations: readonly Violation[];
  readonly hits: readonly string[];
  readonly leaks: number;
  readonly seconds: number;
  readonly outputs: readonly Output[];
  readonly values: readonly string[];
}

let number = 0;

/** Opens a site, starts its operator, plays, and holds everything that is left against what must always hold. */
export async function perform(lane: Lane, scenario: Scenario, say: (line: string) => void): Promise<ScenarioResult> {
  number += 1;
  const began = performance.now();
  const tally = emptyTally();
  const violations: Violation[] = [];
  const hits: string[] = [];
  const restarts: Promise<void>[] = [];
  let kills = 0;
  const broken: Stage["broken"] = (invariant, what, evidence = "") => {
    violations.push({
      invariant,
      what,
      evidence: (typeof evidence === "string" ? evidence : JSON.stringify(evidence)).slice(0, 4000),
    });
  };
  const name = `life-${process.pid % 1000}-${number}`;
  const wanted = typeof scenario.site === "function" ? scenario.site(name) : scenario.site;
  const site = await openIdentitySite(lane, { name, ...wanted });
  tally.foreignPlanted += site.foreign.planted;
  const main = await site.startOperator(0);
  const stage: Stage = {
    id: scenario.id,
    site,
    operator: () => main,
    async kill() {
      kills += 1;
      await main.process.kill9();
    },
    async killAndRestart() {
      const gone = stage.kill();
      restarts.push(gone.then(() => main.process.start()));
      await gone;
    },
    async restarted() {
      await Promise.all(restarts);
    },
    count: (name, by = 1) => {
      tally[name] += by;
    },
    atMost: (name, seconds) => {
      tally[name] = Math.max(tally[name], seconds);
    },
    broken,
    say: (line) => say(`  ${scenario.id}: ${line}`),
    hit: (point) => void hits.push(point),
    calls: () => callsOf(lane),
  };
  let outputs: Output[] = [];
  try {
    if (wanted?.watches === undefined) await connected(site);
    await scenario.play(stage);
    await stage.restarted();
  } catch (error) {
    const { cause, stack } = error as Error;
    const why = cause instanceof Error ? cause.message : "";
    broken(cause instanceof Error ? "L1" : "RUN", (error as Error).message.slice(0, 300), `${why}\n${stack ?? ""}`);
  }
  await stage.restarted().catch(() => undefined);
  for (const one of Object.values(lane.proxies)) one.clearRules();
  const calls = callsOf(lane);
  const metrics = (await main.metrics()) ?? "";
  if (main.process.running()) {
    const { code, signal } = await main.process.term(12_000);
    if (code !== 0)
      broken("RUN", "The operator did not end as asked.", `code ${String(code)}, signal ${String(signal)}`);
  }
  for (const line of await site.foreign.touched().catch((error: unknown) => [String(error)])) {
    tally.foreignTouched += 1;
    broken("S5", "Something of others has been touched.", line);
  }
  // Several resources may each be in the middle of an act when the process is killed.
  violations.push(...(await checkAudit(site, calls, kills * 8)));
  const values = new Set([...lane.issued, ...site.values, ...site.ownSecrets]);
  outputs = await gatherOutputs(site, metrics).catch(() => []);
  const leaks = await findLeaks(outputs, values);
  for (const leak of leaks)
    broken("LEAK", `A credential value stands in ${leak.output}.`, `${leak.form} at ${leak.at}`);
  if (violations.length > 0) await keepEvidence(scenario.id, site, { violations, calls, story: [] });
  await site.close().catch((error: unknown) => {
    say(`${scenario.id}: the site could not be closed: ${String(error)}`);
  });
  return {
    id: scenario.id,
    tally,
    violations,
    hits,
    leaks: leaks.length,
    seconds: (performance.now() - began) / 1000,
    outputs,
    values: [...values],
  };
}

function callsOf(lane: Lane): Call[] {
  return Object.values(lane.proxies)
    .flatMap((proxy) => proxy.calls())
    .sort((a, b) => a.at - b.at);
}

/** The operator leads, and has logged in everywhere. */
async function connected(site: IdentitySite): Promise<void> {
  const kube = site.lane.world.stack.kubernetes.client;
  await waitFor(
    "the operator has logged in everywhere",
    async () => {
      for (const name of Object.values(site.connections)) {
        const object = await kube.get<Identity>(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`);
        if (identityCondition(object, "Ready")?.status !== "True")
          throw new Error(`${name}: ${JSON.stringify(object.status ?? {}).slice(0, 600)}`);
      }
      return true;
    },
    { timeout: 60_000, every: 60 },
  );
}

/** Resolves when nobody has written for a while: what comes next begins from rest. */
export async function stillness(stage: Stage, ms = 400): Promise<void> {
  await waitFor(
    "no more writes",
    () => {
      const last = stage.calls().findLast(({ mutating }) => mutating)?.at ?? 0;
      return Date.now() - last > ms;
    },
    { timeout: 30_000, every: 50 },
  );
  await sleep(0);
}
