import type { IdentitySite } from "../../lane/identity-site.ts";
import { briefly, identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { Call } from "../../stack/fault-proxy.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { issued, rotationOf } from "../lifecycle/fifty.ts";
import type { Scenario, Stage } from "../lifecycle/stage.ts";
import { ends } from "./ends.ts";
import type { EndName } from "./ends.ts";
import type { Leaver, LeaverCase } from "./leaver.ts";
import { leaverOf } from "./leaver.ts";
import { uncutMeter } from "./observer.ts";
import { declared } from "./play.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

// Stopping it all (B): everything waits, and nothing is changed.

/** Something that is due, how one sees that it waits, and how one sees that it is done. */
interface Due {
  readonly title: string;
  readonly path: string;
  /** A person makes it due. */
  begin(): Promise<void>;
  isDone(): Promise<boolean>;
}

/** All done this long after read-only is switched off. */
const mostSeconds = 60;

const userAndCluster: LeaverCase = {
  ...{ id: "read-only", ends: [] },
  accounts: (site) => [site.kubernetesAccount({ roles: ["reader"] }), site.awsUser({ policies: ["read"] })],
  leaving: ["lake"],
};
const entity: LeaverCase = {
  ...{ id: "read-only", ends: [] },
  accounts: (site) => [site.kubernetesAccount({ roles: ["reader"] }), site.vaultAccount({ policies: ["read"] })],
  leaving: ["secrets"],
};

/** How much waits, and how long it is watched. */
export interface Waiting {
  readonly leaving: readonly (readonly [EndName, number])[];
  readonly rotationsDue: number;
  readonly rotationsDeleted: number;
  /** In which nothing may happen. */
  readonly watchedSeconds: number;
}

const whole: Waiting = {
  leaving: [
    ["suspended", 4],
    ["decommissioned", 3],
    ["expired", 3],
    ["left-out", 2],
    ["deleted", 4],
  ],
  ...{ rotationsDue: 5, rotationsDeleted: 2 },
  // Several resyncs of the site.
  watchedSeconds: 20,
};

function leaverDue(leaver: Leaver): Due {
  const { site, name, end } = leaver;
  return {
    title: `${name}/${end}`,
    path: site.path(name),
    begin: () => ends[end].act(leaver),
    isDone: async () => (await ends[end].claim(leaver)).proven,
  };
}

function rotationDue({ site }: Stage, name: string): Due {
  const kube = site.lane.world.stack.kubernetes.client;
  const [path] = rotationOf(site, name);
  const version = async (): Promise<string | undefined> => {
    const { status } = (await kube.get(path)) as { readonly status?: { readonly current?: { version: string } } };
    return status?.current?.version;
  };
  let before: string | undefined;
  return {
    title: `${name}/rotation`,
    path,
    async begin() {
      before = await version();
      await kube.mergePatch(path, {
        metadata: { annotations: { "keyturn.dev/rotate-at": new Date().toISOString().replace(/\.\d+Z$/, "Z") } },
      });
    },
    isDone: async () => before !== undefined && (await version()) !== before,
  };
}

function rotationDeleted({ site }: Stage, name: string): Due {
  const kube = site.lane.world.stack.kubernetes.client;
  const [path] = rotationOf(site, name);
  return {
    title: `${name}/rotation-deleted`,
    path,
    async begin() {
      await kube.delete(path);
    },
    isDone: async () => (await kube.find(path)) === undefined,
  };
}

/** Requests that change something outside: not status, events, the Lease, or the operator's own login. */
export function changesOutside(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ mutating, server, template }) => {
    if (!mutating) return false;
    if (server === "kubernetes") return !template.endsWith("/{name}/status");
    return !(server === "vault" && template === "/v1/auth/jwt/login");
  });
}

export const readOnlyDrill = (done: (id: string, tally: EndingTally) => void): Scenario => ({
  id: "read-only",
  site: { resync: "6s", leavers: true },
  async play(stage) {
    done(stage.id, await underReadOnly(stage, whole));
  },
});

/** Ends and rotations come due while read-only is on, over a restart of the operator; then it is switched off. */
export async function underReadOnly(stage: Stage, waiting: Waiting): Promise<EndingTally> {
  const { site } = stage;
  const tally = emptyEnding();
  const kube = site.lane.world.stack.kubernetes.client;
  const all = await prepare(stage, tally, waiting);
  const ready = await readinessOf(site, all);
  await kube.create(`/api/v1/namespaces/${site.operatorNamespace}/configmaps`, {
    metadata: { name: "keyturn-read-only" },
    data: { engaged: "true" },
  });
  for (const name of Object.values(site.connections))
    await until(`connection ${name} says it`, () =>
      waits(site, `/apis/keyturn.dev/v1alpha1/providerconnections/${name}`),
    );
  // What was on its way when it was switched on has ended.
  await sleep(2000);
  const from = Date.now();
  await Promise.all(all.map((due) => due.begin()));
  await Promise.all(all.map((due) => until(`${due.title} waits`, () => waits(site, due.path))));
  // A process that has just started does not know yet whether it is on.
  await stage.killAndRestart();
  await stage.restarted();
  await sleep(waiting.watchedSeconds * 1000);
  for (const due of all) {
    if (await waits(site, due.path)) tally.readOnlyWaiting += 1;
    else stage.broken("END", `${due.title}: does not wait while read-only is on.`, await standing(site, due));
    if (await due.isDone()) stage.broken("END", `${due.title}: was done while read-only was on.`);
  }
  for (const [path, was] of ready)
    if ((await conditionOf(site, path, "Ready")) !== was)
      stage.broken("END", `Ready has changed while read-only was on.`, [path, was]);
  const changed = changesOutside(stage.calls()).filter(({ at }) => at >= from);
  tally.readOnlyMutations += changed.length;
  if (changed.length > 0)
    stage.broken(
      "END",
      `${changed.length} requests changed something while read-only was on.`,
      changed.map(({ server, verb, path }) => `${server} ${verb} ${path}`),
    );
  await kube.delete(`/api/v1/namespaces/${site.operatorNamespace}/configmaps/keyturn-read-only`);
  const off = Date.now();
  await Promise.all(
    all.map((due) =>
      until(`${due.title} is done`, () => due.isDone(), mostSeconds - (Date.now() - off) / 1000).catch(
        async (error: unknown) =>
          stage.broken("END", `${due.title}: is not done ${mostSeconds} s after read-only was switched off.`, [
            (error as Error).message,
            await standing(site, due),
          ]),
      ),
    ),
  );
  // The same count sees what is done afterwards.
  if (changesOutside(stage.calls()).filter(({ at }) => at >= off).length < all.length)
    stage.broken("RUN", "The count of changes misses those that were made after the end of read-only.");
  stage.say(`${tally.readOnlyWaiting} waited; all done ${((Date.now() - off) / 1000).toFixed(1)} s after the end`);
  return tally;
}

async function prepare(stage: Stage, tally: EndingTally, waiting: Waiting): Promise<readonly Due[]> {
  const { site } = stage;
  const { leaving, rotationsDue, rotationsDeleted } = waiting;
  const names = leaving.flatMap(([end, count]) => Array.from({ length: count }, () => end));
  const leavers = names.map((end, i) => {
    const it = i % 2 === 0 ? userAndCluster : entity;
    return leaverOf(stage, { it, end, name: `ro${i + 1}` }, { meter: uncutMeter(), tally });
  });
  const rotating = Array.from({ length: rotationsDue + rotationsDeleted }, (_, i) => `rot${i + 1}`);
  await Promise.all([
    ...leavers.map(async (leaver) => {
      await site.apply(declared(leaver, leaver.accounts));
      await site.until(leaver.name, "Good", 120_000);
    }),
    ...rotating.map(async (name) => {
      await site.apply(site.identity(name, userAndCluster.accounts(site)));
      await site.until(name, "Good", 120_000);
      await site.team.apply(...rotationOf(site, name));
      await issued(site, name);
    }),
  ]);
  return [
    ...leavers.map(leaverDue),
    ...rotating.map((name, i) => (i < rotationsDue ? rotationDue(stage, name) : rotationDeleted(stage, name))),
  ];
}

async function conditionOf(site: IdentitySite, path: string, type: string): Promise<string | undefined> {
  const object = await site.lane.world.stack.kubernetes.client.find<Identity>(path);
  return identityCondition(object, type)?.status;
}

async function waits(site: IdentitySite, path: string): Promise<boolean> {
  return (await conditionOf(site, path, "ReadOnly")) === "True";
}

async function readinessOf(
  site: IdentitySite,
  all: readonly Due[],
): Promise<readonly (readonly [string, string | undefined])[]> {
  return Promise.all(all.map(async ({ path }) => [path, await conditionOf(site, path, "Ready")] as const));
}

async function standing(site: IdentitySite, { path }: Due): Promise<string> {
  const object = await site.lane.world.stack.kubernetes.client.find<Identity>(path).catch(() => undefined);
  return object === undefined ? "the resource is gone" : briefly(object).slice(0, 2500);
}

function until(what: string, ask: () => Promise<boolean>, seconds = 60): Promise<boolean> {
  return waitFor(what, ask, { timeout: seconds * 1000, every: 300 });
}
