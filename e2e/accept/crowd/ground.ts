import { identityObject, identityPath } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import type { ServiceAccountLifecycleSpec } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import { FLAGS } from "../../../src/options.ts";
import type { KubeClient, KubeObject } from "../../stack/kube.ts";
import { waitFor } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import type { Stage } from "../lifecycle/stage.ts";
import type { CrowdTally } from "./tally.ts";
import { bothCrowds, emptyCrowd } from "./tally.ts";

/** Requests of the mob that are under way at a time: more of them would load the API server, not the operator. */
export const atOnce = 8;

const api = "/apis/keyturn.dev/v1alpha1";
const longestClearMs = 180_000;

/** A site with one operator, the namespaces of the mob, and a tally. */
export interface Crowd {
  readonly stage: Stage;
  readonly site: IdentitySite;
  readonly kube: KubeClient;
  readonly flooding: readonly string[];
  /** Adds to the tally of the scenario. */
  readonly count: (more: Partial<CrowdTally>) => void;
}

export const mobOf = (site: string, number: number): string => `${site}-mob-${number}`;

/** Only flags that the operator of this checkout has: one that it does not know would keep it from starting. */
export function knownFlags(flags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(flags).filter(([flag]) => FLAGS.some(({ name }) => name === flag)));
}

/** Makes the namespaces of the mob, and lets them use the connections of the site. */
export async function openCrowd(
  stage: Stage,
  options: { readonly namespaces: number; readonly labels: object; readonly count: Crowd["count"] },
): Promise<Crowd> {
  const { site } = stage;
  const kube = site.lane.world.stack.kubernetes.client;
  const flooding = Array.from({ length: options.namespaces }, (_, i) => mobOf(site.namespace, i + 1));
  await inParallel(flooding, atOnce, (name) =>
    kube.create("/api/v1/namespaces", { metadata: { name, labels: options.labels } }),
  );
  const spec = { allowedNamespaces: { names: [site.namespace, ...flooding] } };
  for (const name of Object.values(site.connections))
    await kube.mergePatch(`${api}/providerconnections/${name}`, { spec });
  return { stage, site, kube, flooding, count: options.count };
}

/** Takes away what is left of the floods, without their finalizers: the next operator of this cluster would find it. */
export async function closeCrowd({ kube, flooding }: Pick<Crowd, "kube" | "flooding">): Promise<void> {
  const folders = flooding.flatMap((namespace) =>
    ["serviceaccountlifecycles", "secretrotations"].map((plural) => `${api}/namespaces/${namespace}/${plural}`),
  );
  await inParallel(folders, atOnce, async (folder) => {
    // An object that stays longer than this is told as one that could not be cleared.
    for (const end = Date.now() + longestClearMs; Date.now() < end;) {
      // Pages: what fills the memory of an operator shall not fill that of its campaign.
      const { items } = await kube.list(`${folder}?limit=100`);
      if (items.length === 0) return;
      await inParallel(items, atOnce, async ({ metadata: { name, finalizers = [] } }) => {
        await kube.delete(`${folder}/${name}`);
        if (finalizers.length > 0)
          await kube.mergePatch(`${folder}/${name}`, { metadata: { finalizers: null } }).catch(() => undefined);
      });
    }
    throw new Error(`${folder} is not empty`);
  });
  for (const { metadata } of await ledgerOf({ kube, flooding })) {
    const path = `${api}/orphanedcredentials/${metadata.name}`;
    await kube.mergePatch(path, { metadata: { finalizers: null } }).catch(() => undefined);
    await kube.delete(path);
  }
}

/** Entries of the ledger for these namespaces. */
export async function ledgerOf({ kube, flooding }: Pick<Crowd, "kube" | "flooding">): Promise<readonly KubeObject[]> {
  const { items } = await kube.list(`${api}/orphanedcredentials`);
  return items.filter(({ spec }) =>
    flooding.includes((spec as { readonly origin: { readonly namespace: string } }).origin.namespace),
  );
}

/** An identity without any role, which nobody has to grant: a ServiceAccount, which goes when the identity is cut. */
export function bareIdentity(
  site: IdentitySite,
  namespace: string,
  name: string,
  more: Partial<ServiceAccountLifecycleSpec> = {},
): Identity {
  const kubernetes = { connectionRef: { name: site.connections.kubernetes }, onCut: "DeleteServiceAccount" } as const;
  return identityObject(namespace, name, [{ name: "cluster", kubernetes }], {
    deletion: { holdFor: "1h", timeout: "30s" },
    ...more,
  });
}

/** Puts an identity there, by whoever administers the cluster. */
export const put = ({ kube }: Crowd, identity: Identity): Promise<unknown> =>
  kube.apply(identityPath(identity.metadata.namespace ?? "", identity.metadata.name), identity, "mob");

export const patched = ({ kube }: Crowd, namespace: string, name: string, patch: object): Promise<unknown> =>
  kube.mergePatch(identityPath(namespace, name), patch);

export const rotationPath = (namespace: string, name: string): string =>
  `${api}/namespaces/${namespace}/secretrotations/${name}`;

/** A rotation with one Secret and no workload. */
export function bareRotation(namespace: string, name: string, source: object, more: object = {}): object {
  return {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "SecretRotation",
    metadata: { name, namespace },
    spec: {
      source,
      deliver: [{ name: "app", kubernetesSecret: { name } }],
      dependents: [],
      verify: { successes: 1, soak: "0s" },
      retire: { overlap: "1s" },
      deletion: { holdFor: "1h" },
      ...more,
    },
  };
}

/** Adds rules to what the operator's token of Vault may do. */
export async function allowVault({ site }: Crowd, hcl: string): Promise<void> {
  const { client } = site.lane.world.stack.vault;
  const path = `sys/policies/acl/${site.namespace}`;
  const held = ((await client.call("GET", path))?.["data"] as { readonly policy?: string } | undefined)?.policy;
  if (held === undefined) throw new Error("Vault has no policy for the operator");
  await client.call("PUT", path, { policy: `${held}\n${hcl}` });
}

/** A token of each ServiceAccount, made before anything ends: it works as long as the ServiceAccount is there. */
export async function tokensOf(
  { kube, site }: Crowd,
  accounts: readonly { readonly namespace: string; readonly name: string }[],
): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map<string, string>();
  await inParallel(accounts, atOnce, async ({ namespace, name }) => {
    const token = await waitFor(
      `${namespace}/${name} has a ServiceAccount`,
      () => kube.serviceAccountToken(namespace, name),
      { timeout: 180_000, every: 500 },
    );
    site.values.add(token);
    tokens.set(`${namespace}/${name}`, token);
  });
  return tokens;
}

/** Those whose token kube-apiserver still takes for somebody. */
export async function aliveOf({ kube }: Crowd, tokens: ReadonlyMap<string, string>): Promise<ReadonlySet<string>> {
  const alive = new Set<string>();
  await inParallel([...tokens], atOnce, async ([key, token]) => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
    const { status } = await kube.create("/apis/authentication.k8s.io/v1/tokenreviews", review);
    if ((status as { readonly authenticated?: boolean }).authenticated === true) alive.add(key);
  });
  return alive;
}

/** Collects what a scenario counts. */
export function tallyFor(keep: (tally: CrowdTally) => void): Crowd["count"] {
  let tally = emptyCrowd();
  return (more) => {
    tally = bothCrowds(tally, { ...emptyCrowd(), ...more });
    keep(tally);
  };
}
