import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readManifests } from "../../stack/manifests.ts";
import { kubeClient, type KubeClient, type KubeObject } from "../../stack/kube.ts";
import { waitFor } from "../../stack/wait.ts";
import {
  HOLDERS,
  objectsOf,
  requestsOf,
  THINGS,
  type Grounds,
  type Holder,
  type Thing,
  type Wish,
} from "./role-requests.ts";

/** Where the roles are tried. The policies of config/policies must be in force for the operator's namespace and for `namespace`. */
export interface RolesOptions {
  /** A cluster administrator: lays out what is asked for, and clears it away. */
  readonly admin: KubeClient;
  /** PEM of the authority of kube-apiserver's certificate. */
  readonly ca: string;
  readonly operatorNamespace: string;
  /** A namespace of a tenant, where `edit` is bound. Objects named `roles-…` are made in it. */
  readonly namespace: string;
  /** Another tenant's namespace. */
  readonly elsewhere: string;
}

export interface RolesResult {
  readonly roleCells: number;
  readonly roleCellsWrong: number;
  /** `auditor, hold: POST … answered 201, expected 403`. */
  readonly wrong: readonly string[];
}

/** What each role is for; every other cell is refused. */
const MAY: Readonly<Record<Holder, readonly Thing[]>> = {
  platform: ["ProviderConnection", "limits and switches", "read-only", "overflow", "ledger"],
  security: ["hold", "unhold", "overflow", "ledger", "trail"],
  auditor: ["ledger", "trail"],
  edit: ["Secret", "spec"],
};

/**
 * Tries each thing as each role, as the shipped manifests have them: {@link THINGS} × {@link HOLDERS} cells. A cell is right when every one of its
 * requests is answered as expected: carried out, or refused with 403. Requests that write are dry runs, so nothing of the cluster's changes.
 */
export async function tryRoles(options: RolesOptions): Promise<RolesResult> {
  const site = await layOut(options);
  try {
    const wrong: string[] = [];
    let cells = 0;
    let wrongCells = 0;
    for (const holder of HOLDERS) {
      for (const thing of THINGS) {
        cells += 1;
        const before = wrong.length;
        const asked = requestsOf(thing, site.grounds);
        if (asked.length === 0) throw new Error(`${thing}: nothing is asked`);
        for (const one of asked) {
          const isOwn = MAY[holder].includes(thing) && one.never !== true;
          const words = await misjudged(site.people[holder], one, isOwn);
          if (words !== undefined) wrong.push(`${holder}, ${thing}: ${words}`);
        }
        if (wrong.length > before) wrongCells += 1;
      }
    }
    return { roleCells: cells, roleCellsWrong: wrongCells, wrong };
  } finally {
    await site.clear();
  }
}

const isRefusal = ({ status, body }: { status: number; body: string }): boolean =>
  status === 403 && body.includes('"reason":"Forbidden"');

const misjudged = async (kube: KubeClient, wish: Wish, allowed: boolean): Promise<string | undefined> => {
  const answer = await kube.raw(wish.method, wish.path, wish.body, wish.type);
  const carriedOut = (answer.status >= 200 && answer.status < 300) || wish.also?.includes(answer.status) === true;
  if (allowed ? carriedOut : isRefusal(answer)) return undefined;
  const expected = allowed ? "success" : "403";
  return `${wish.method} ${wish.path} answered ${answer.status}, expected ${expected}: ${answer.body.slice(0, 300)}`;
};

interface Site {
  readonly people: Readonly<Record<Holder, KubeClient>>;
  readonly grounds: Grounds;
  clear(): Promise<void>;
}

const CORE = "/api/v1";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const root = join(import.meta.dirname, "../../..");
const apiGroup = "rbac.authorization.k8s.io";

const layOut = async (options: RolesOptions): Promise<Site> => {
  const { admin, ca, operatorNamespace, namespace, elsewhere } = options;
  const word = `roles-${randomBytes(4).toString("hex")}`;
  const made: string[] = [];
  const clients: KubeClient[] = [];
  const make = async (path: string, object: object): Promise<void> => {
    const { metadata } = await admin.create(path, object);
    made.push(`${path}/${metadata.name}`);
  };
  const clear = async (): Promise<void> => {
    for (const client of clients) client.close();
    for (const path of made.toReversed()) await admin.delete(path);
  };
  const bind = async (holder: Holder, kind: "ClusterRole" | "Role", name: string, where?: string): Promise<void> => {
    const path = where === undefined ? `${RBAC}/clusterrolebindings` : `${RBAC}/namespaces/${where}/rolebindings`;
    await make(path, {
      metadata: { name: `${word}-${holder}-${name}`.replaceAll(":", "-").toLowerCase() },
      roleRef: { apiGroup, kind, name },
      subjects: [{ kind: "ServiceAccount", name: `${word}-${holder}`, namespace }],
    });
  };
  try {
    const roles = await shippedRoles(operatorNamespace, word);
    for (const { path, object } of roles) await make(path, object);
    for (const holder of ["platform", "security", "auditor"] as const) {
      const own = roles.filter(({ shipped }) => shipped === `keyturn-${holder}`);
      if (!own.some(({ object }) => object.kind === "ClusterRole")) throw new Error(`keyturn-${holder} is not shipped`);
      for (const { object } of own) {
        const isRole = object.kind === "Role";
        await bind(
          holder,
          isRole ? "Role" : "ClusterRole",
          object.metadata.name,
          isRole ? operatorNamespace : undefined,
        );
      }
    }
    for (const name of await partsOf(admin, "edit")) await bind("edit", "ClusterRole", name, namespace);

    const person = async (holder: Holder): Promise<KubeClient> => {
      const name = `${word}-${holder}`;
      await make(`${CORE}/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      const client = kubeClient({ url: admin.url, ca, token: await admin.serviceAccountToken(namespace, name) });
      clients.push(client);
      return client;
    };
    const people = {
      platform: await person("platform"),
      security: await person("security"),
      auditor: await person("auditor"),
      edit: await person("edit"),
    };
    const grounds: Grounds = { operatorNamespace, namespace, elsewhere, name: word };
    for (const { path, object } of objectsOf(grounds)) await make(path, object);
    await inForce(people, grounds);
    return { people, grounds, clear };
  } catch (error) {
    await clear();
    throw error;
  }
};

interface Shipped {
  /** Its name in config/rbac. */
  readonly shipped: string;
  readonly path: string;
  readonly object: KubeObject;
}

/** The roles for people of config/rbac under names of their own, those of the operator's namespace in this one. */
const shippedRoles = async (operatorNamespace: string, word: string): Promise<readonly Shipped[]> => {
  const all = await readManifests(join(root, "config/rbac"));
  return all
    .filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind ?? "") && PEOPLES.test(metadata.name))
    .map(({ metadata, ...rest }) => {
      const { name, labels = {} } = metadata;
      const where = rest.kind === "Role" ? { namespace: operatorNamespace } : {};
      return {
        shipped: name,
        path: rest.kind === "Role" ? `${RBAC}/namespaces/${operatorNamespace}/roles` : `${RBAC}/clusterroles`,
        object: { ...rest, metadata: { name: `${name}-${word}`, labels, ...where } },
      };
    });
};

const PEOPLES = /^keyturn-(view|edit|approver|platform|security|auditor)$/;

interface Aggregated extends KubeObject {
  readonly rules?: readonly object[] | null;
  readonly aggregationRule?: {
    readonly clusterRoleSelectors?: readonly { readonly matchLabels?: Readonly<Record<string, string>> }[];
  };
}

/** A ClusterRole, or where no controller has put it together, the ClusterRoles that it is put together of. */
const partsOf = async (admin: KubeClient, name: string): Promise<readonly string[]> => {
  const { items } = await admin.list<Aggregated>(`${RBAC}/clusterroles`);
  const partsIn = (one: string): readonly string[] => {
    const role = items.find(({ metadata }) => metadata.name === one);
    const selectors = role?.aggregationRule?.clusterRoleSelectors ?? [];
    if (selectors.length === 0 || (role?.rules ?? []).length > 0) return [one];
    return items
      .filter(({ metadata }) =>
        selectors.some(({ matchLabels = {} }) =>
          Object.entries(matchLabels).every(([key, value]) => metadata.labels?.[key] === value),
        ),
      )
      .flatMap(({ metadata }) => partsIn(metadata.name));
  };
  return [...new Set(partsIn(name))];
};

/** An API server takes a moment to see a binding. What is refused for good is judged by the cells. */
const inForce = async (people: Readonly<Record<Holder, KubeClient>>, grounds: Grounds): Promise<void> => {
  for (const holder of HOLDERS)
    for (const thing of MAY[holder]) {
      const [first] = requestsOf(thing, grounds);
      if (first === undefined) continue;
      await waitFor(
        `${holder} may: ${thing}`,
        async () => !isRefusal(await people[holder].raw(first.method, first.path, first.body, first.type)),
        { timeout: 10_000 },
      ).catch(() => undefined);
    }
};
