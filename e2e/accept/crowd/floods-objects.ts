import { installAdmission } from "../../stack/admission.ts";
import { identityPolicy } from "../../stack/vault.ts";
import { waitFor } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import { identityPath } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { againAndAgain, onceForEach } from "./flood.ts";
import type { Flood } from "./flood.ts";
import { allowVault, atOnce, bareIdentity, bareRotation, patched, put, rotationPath } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { joinBare, refusedInTime } from "./measures.ts";
import type { Scale } from "./scale.ts";

// Floods by objects of a tenant's own: fat ones with a restart, touched ones, retried ones, those of ten namespaces.

const retry = "keyturn.dev/retry";
const synced = { atMostSeconds: 60, timeout: 120_000 } as const;

export const named = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${what}-${i + 1}`);

/** Annotations may have 256 KiB in all; a little is left for the stamps of the policies, or nobody could change them. */
const fatBytes = 256 * 1024 - 4096;

/** An identity with an account at Vault besides, so that it can be narrowed. */
function fatIdentity(site: IdentitySite, namespace: string, name: string): Identity {
  const bare = bareIdentity(site, namespace, name);
  return {
    ...bare,
    metadata: { ...bare.metadata, annotations: { "crowd.example/fat": "x".repeat(fatBytes) } },
    spec: { ...bare.spec, accounts: [...bare.spec.accounts, site.vaultAccount()] },
  };
}

export function fatObjects(objects: number): Flood {
  const names = named("fat", objects);
  // At the head and at the tail of every list.
  const watched = objects <= 100 ? names : [...names.slice(0, 10), ...names.slice(-10)];
  let tokens: ReadonlyMap<string, string> = new Map();
  return {
    id: `flood/fat-${objects}`,
    kind: "fat objects",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      const { site } = crowd;
      await allowVault(crowd, identityPolicy({ prefix: `keyturn.${mob}.` }));
      tokens = await joinBare(
        crowd,
        watched.map((name) => fatIdentity(site, mob, name)),
      );
      const rest = names.filter((name) => !watched.includes(name));
      await inParallel(rest, atOnce, (name) => put(crowd, fatIdentity(site, mob, name)));
      crowd.count({ sizes: { "fat objects": objects, ...(objects === 65 ? { "fat objects, few": objects } : {}) } });
    },
    async begin(crowd) {
      await restarted(crowd);
      return { done: () => objects, stop: () => Promise.resolve() };
    },
    after: (crowd) => decided(crowd, names, tokens),
  };
}

/** Stops the operator, does what is done behind its back, and starts it: it has its lists in time, or that is broken. */
export async function restarted({ stage, count }: Crowd, meanwhile?: () => Promise<void>): Promise<void> {
  const { process } = stage.operator();
  await process.term();
  await meanwhile?.();
  const began = performance.now();
  await process.start();
  const ready = await waitFor("the operator has its lists", () => stage.operator().ready(), {
    timeout: synced.timeout,
    every: 50,
  }).catch(() => false);
  const seconds = (performance.now() - began) / 1000;
  count({ syncedWithFatObjectsSeconds: seconds });
  stage.say(`synced after ${seconds.toFixed(1)} s: ${String(ready)}`);
  if (!ready || seconds > synced.atMostSeconds)
    stage.broken("L1", `The operator has not its lists ${synced.atMostSeconds} s after a restart.`, { seconds });
}

/** The policies come only now; each object that is larger than they allow may still be suspended, narrowed and deleted. */
async function decided(crowd: Crowd, names: readonly string[], tokens: ReadonlyMap<string, string>): Promise<void> {
  const { stage, site, kube, flooding } = crowd;
  const [mob = ""] = flooding;
  const { operatorNamespace } = site;
  const suffix = `${site.namespace}-mob`;
  const guards = await installAdmission(kube, { operatorNamespace, suffix, namespaces: flooding });
  const refused: string[] = [];
  const each = async (what: string, act: (name: string) => Promise<unknown>): Promise<void> => {
    await inParallel(names, atOnce, (name) =>
      act(name).catch((error: unknown) => refused.push(`${what} ${name}: ${String(error).slice(0, 300)}`)),
    );
  };
  try {
    await each("suspend", (name) => patched(crowd, mob, name, { spec: { state: "Suspended" } }));
    await refusedInTime(crowd, tokens, "A fat identity that is suspended works on.", 60);
    const accounts = fatIdentity(site, mob, "any").spec.accounts.slice(0, 1);
    await each("narrow", (name) => patched(crowd, mob, name, { spec: { accounts } }));
    await each("delete", (name) => kube.delete(identityPath(mob, name)));
    for (const name of tokens.keys()) await goneInTime(crowd, mob, name.split("/").at(-1) ?? "");
  } finally {
    await guards.remove();
  }
  crowd.count({ sizes: { "fat objects decided": names.length - new Set(refused).size } });
  if (refused.length > 0)
    stage.broken("L1", `${refused.length} requests that only shrink fat objects are refused.`, refused.slice(0, 10));
}

async function goneInTime({ stage, kube }: Crowd, namespace: string, name: string): Promise<void> {
  const gone = waitFor(
    `${name} is gone`,
    async () => {
      // The ledger holds it on; what is asked is whether its resource goes.
      return (await kube.find(identityPath(namespace, name))) === undefined;
    },
    { timeout: 120_000, every: 200 },
  );
  await gone.catch((error: unknown) => stage.broken("L1", "A fat object that is deleted does not go.", String(error)));
}

/** The admin of a namespace may make these; a pass lists them to find what an identity has. */
export function fatBindings(bindings: number): Flood {
  let mine: ReadonlyMap<string, string> = new Map();
  return {
    id: `flood/fat-bindings-${bindings}`,
    kind: "fat objects",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      mine = await joinBare(crowd, [bareIdentity(crowd.site, mob, "compromised")]);
      const apiGroup = "rbac.authorization.k8s.io";
      await inParallel(named("fat", bindings), atOnce, (name) =>
        crowd.kube.create(`/apis/${apiGroup}/v1/namespaces/${mob}/rolebindings`, {
          metadata: { name, annotations: { "crowd.example/fat": "x".repeat(fatBytes) } },
          roleRef: { apiGroup, kind: "ClusterRole", name: "view" },
          subjects: [{ kind: "ServiceAccount", name: "default", namespace: mob }],
        }),
      );
      crowd.count({ sizes: { "fat bindings": bindings } });
    },
    begin: () => Promise.resolve({ done: () => bindings, stop: () => Promise.resolve() }),
    async meanwhile(crowd) {
      await patched(crowd, crowd.flooding[0] ?? "", "compromised", { spec: { state: "Suspended" } });
      await refusedInTime(crowd, mine, "An identity that is suspended in a namespace of fat RoleBindings works on.");
    },
    async after({ kube, flooding }) {
      for (const mob of flooding)
        await kube.raw("DELETE", `/apis/rbac.authorization.k8s.io/v1/namespaces/${mob}/rolebindings`);
    },
  };
}

/** Sets the annotation that takes back-offs away. */
const touch = ({ kube }: Crowd, path: string): Promise<unknown> =>
  kube.mergePatch(path, { metadata: { annotations: { [retry]: new Date().toISOString() } } });

/** Rotations of a connection that is not there cost a pass little, bare identities more; nobody has to grant either. */
export function touches({ touched: { rotations, identities } }: Scale): Flood {
  let paths: string[] = [];
  return {
    id: "flood/touches",
    kind: "touches",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      const source = { vaultAppRole: { connectionRef: { name: "nothing-is-here" }, role: "ci" } };
      const bare = named("bare", identities);
      const rotated = named("touched", rotations);
      await inParallel(bare, atOnce, (name) => put(crowd, bareIdentity(crowd.site, mob, name)));
      await inParallel(rotated, atOnce, (name) =>
        crowd.kube.create(rotationPath(mob, "").slice(0, -1), bareRotation(mob, name, source)),
      );
      paths = [...bare.map((name) => identityPath(mob, name)), ...rotated.map((name) => rotationPath(mob, name))];
    },
    async begin(crowd) {
      const failed = (error: unknown): void => crowd.stage.broken("RUN", "An object was not touched.", String(error));
      const under = onceForEach(paths, (path) => touch(crowd, path), failed, atOnce);
      return {
        done: under.done,
        async stop() {
          await under.stop();
          crowd.count({ sizes: { "touched objects": under.done() } });
        },
      };
    },
  };
}

/** Rotations that Vault refuses, on the connection of others, asked to try again all the time. */
export function retries({ retried }: Scale): Flood {
  const names = named("refused", retried);
  return {
    id: "flood/retries",
    kind: "retries",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      const source = { vaultAppRole: { connectionRef: { name: crowd.site.connections.vault }, role: "missing" } };
      await inParallel(names, atOnce, (name) =>
        crowd.kube.create(rotationPath(mob, "").slice(0, -1), bareRotation(mob, name, source)),
      );
    },
    begin: (crowd) => Promise.resolve(retrying(crowd, names)),
  };
}

/** About twenty in a second, round and round. */
export function retrying(crowd: Crowd, names: readonly string[]): ReturnType<typeof againAndAgain> {
  const [mob = ""] = crowd.flooding;
  return againAndAgain((number) => touch(crowd, rotationPath(mob, names[number % names.length] ?? "")), {
    workers: 4,
    everyMs: 200,
  });
}

/** One tenant with many namespaces gets one turn where they carry one label. */
export function tenNamespaces({ tenant: { namespaces, each } }: Scale): Flood {
  const label = "crowd.example/tenant";
  const all = named("bare", each);
  const pathsOf = ({ flooding }: Crowd): string[] =>
    flooding.flatMap((namespace) => all.map((name) => identityPath(namespace, name)));
  return {
    id: "flood/ten-namespaces",
    kind: "ten namespaces",
    namespaces,
    labels: { [label]: "mallory" },
    flags: { "fairness-label": label },
    async prepare(crowd) {
      await mayReadNamespaces(crowd);
      const identities = crowd.flooding.flatMap((namespace) =>
        all.map((name) => bareIdentity(crowd.site, namespace, name)),
      );
      await inParallel(identities, atOnce, (identity) => put(crowd, identity));
      crowd.count({ sizes: { "namespaces of one tenant": crowd.flooding.length } });
    },
    begin(crowd) {
      const paths = pathsOf(crowd);
      const under = againAndAgain((number) => touch(crowd, paths[number % paths.length] ?? ""), {
        workers: 4,
        everyMs: 20,
      });
      return Promise.resolve(under);
    },
    after: ({ kube, site }) => withoutNamespaces(kube, site),
  };
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const nameOf = ({ operatorNamespace }: IdentitySite): string => `${operatorNamespace}-namespaces`;

/** A right of its own, which is needed where the label is named. */
async function mayReadNamespaces({ kube, site }: Crowd): Promise<void> {
  const name = nameOf(site);
  const apiGroup = "rbac.authorization.k8s.io";
  const rules = [{ apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] }];
  await kube.create(`${rbac}/clusterroles`, { metadata: { name }, rules });
  await kube.create(`${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name: "keyturn", namespace: site.operatorNamespace }],
  });
}

async function withoutNamespaces(kube: Crowd["kube"], site: IdentitySite): Promise<void> {
  for (const kind of ["clusterrolebindings", "clusterroles"]) await kube.delete(`${rbac}/${kind}/${nameOf(site)}`);
}
