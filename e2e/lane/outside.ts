import { AwsError } from "../stack/aws.ts";
import type { KubeObject } from "../stack/kube.ts";
import type { Stack } from "../stack/stack.ts";
import { VaultError } from "../stack/vault.ts";
import type { Ground } from "./ground.ts";
import { at, entries, parseXml, textAt } from "./xml.ts";
import type { Xml } from "./xml.ts";

/** One thing at a provider, as the provider itself shows it. */
export interface Thing {
  /** `kubernetes/ServiceAccount/app`, `aws/user/…`, `vault/entity/…`: names and no ids. */
  readonly key: string;
  /** Ids that the provider chose (UID, UserId, entity id, key ids): the same thing, not one that was made anew. */
  readonly id: string;
  /** Changes with every write, where the provider has such a thing. */
  readonly version: string;
  /** What it is, without ids and times. */
  readonly shape: unknown;
}

/** Everything of one namespace at the three providers, by key. */
export type Outside = ReadonlyMap<string, Thing>;

/**
 * What the providers have for a ground's namespace: identities of every kind with all that hangs on them, whoever made them,
 * and what Keyturn itself remembers (claims, staging, ledger). Read with the administrators' own logins.
 */
export async function readOutside(ground: Reader): Promise<Outside> {
  const parts = await Promise.all([readKubernetes(ground), readAws(ground), readVault(ground)]);
  return new Map(parts.flat().map((thing) => [thing.key, thing]));
}

/** How two states differ, one line each; none where they are the same. `by`: also ids, also versions. */
export function compareOutside(
  before: Outside,
  after: Outside,
  by: { readonly ids?: boolean; readonly versions?: boolean; readonly names?: (text: string) => string } = {},
): string[] {
  const { names = (text: string) => text } = by;
  const faces = (all: Outside): Map<string, string> =>
    new Map(
      [...all.values()].map(({ key, id, version, shape }) => [
        names(key),
        names(
          JSON.stringify({
            shape,
            ...(by.ids === true ? { id } : {}),
            ...(by.versions === true ? { version } : {}),
          }),
        ),
      ]),
    );
  const [old, now] = [faces(before), faces(after)];
  const found: string[] = [];
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    const [a, b] = [old.get(key), now.get(key)];
    if (a === b) continue;
    if (a === undefined) found.push(`${key} is there and was not: ${short(b)}`);
    else if (b === undefined) found.push(`${key} is gone: it was ${short(a)}`);
    else found.push(`${key} differs: ${difference(a, b)}`);
  }
  return found;
}

/** The things whose key a test picks out. */
export function only(outside: Outside, wanted: (key: string) => boolean): Outside {
  return new Map([...outside].filter(([key]) => wanted(key)));
}

/** What the providers alone have, without what Keyturn itself remembers. */
export function atProviders(outside: Outside): Outside {
  return only(outside, (key) => !key.startsWith("own/"));
}

async function readKubernetes({ lane, namespace, operatorNamespace }: Reader): Promise<Thing[]> {
  const kube = lane.world.stack.kubernetes.client;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const lists: [string, string, (object: KubeObject) => boolean][] = [
    [
      "kubernetes/ServiceAccount",
      `/api/v1/namespaces/${namespace}/serviceaccounts`,
      (o) => o.metadata.name !== "default",
    ],
    ["kubernetes/RoleBinding", `${rbac}/namespaces/${namespace}/rolebindings`, () => true],
    ["kubernetes/Role", `${rbac}/namespaces/${namespace}/roles`, () => true],
    ["kubernetes/Secret", `/api/v1/namespaces/${namespace}/secrets`, () => true],
    [
      "kubernetes/ConfigMap",
      `/api/v1/namespaces/${namespace}/configmaps`,
      (o) => o.metadata.name !== "kube-root-ca.crt",
    ],
    [
      "kubernetes/ClusterRoleBinding",
      `${rbac}/clusterrolebindings`,
      (o) => !o.metadata.name.includes(operatorNamespace) && isAbout(o, namespace),
    ],
    [
      "own/claim",
      `/api/v1/namespaces/${operatorNamespace}/configmaps`,
      (o) => o.metadata.labels?.["keyturn.dev/role"] !== undefined,
    ],
    [
      "own/staging",
      `/api/v1/namespaces/${operatorNamespace}/secrets`,
      (o) => o.metadata.labels?.["keyturn.dev/role"] !== undefined,
    ],
    [
      "own/ledger",
      "/apis/keyturn.dev/v1alpha1/orphanedcredentials",
      (o) => JSON.stringify(o["spec"]).includes(`"${namespace}"`),
    ],
  ];
  const found = await Promise.all(
    lists.map(async ([kind, path, wanted]) =>
      (await kube.list(path)).items.filter(wanted).map((object) => kubernetesThing(kind, object)),
    ),
  );
  return found.flat();
}

function kubernetesThing(kind: string, object: KubeObject): Thing {
  const { metadata } = object;
  const { name, uid = "", resourceVersion = "", labels, annotations, finalizers, ownerReferences } = metadata;
  const rest = Object.fromEntries(
    Object.entries(object).filter(([key]) => !["metadata", "apiVersion", "kind", "status"].includes(key)),
  );
  const own = kind.startsWith("own/");
  return {
    key: `${kind}/${own ? (labels?.["keyturn.dev/role"] ?? "entry") + "/" + uid : name}`,
    id: uid,
    version: resourceVersion,
    // Ours alone hold times and ids; that they are there is enough.
    shape: own ? "present" : { labels, annotations: withoutUids(annotations), finalizers, ownerReferences, ...rest },
  };
}

function isUid(key: string): boolean {
  return key === "keyturn.dev/owner-uid" || key === "keyturn-owner-uid";
}

/** Owner UIDs are ids: the same declaration applied to a resource made anew has another. */
function withoutUids(annotations: Readonly<Record<string, string>> | undefined): object {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !isUid(key)));
}

/** Where it is read: a ground, or what stands for one where an operator was installed by its chart. */
type Reader = Pick<Ground, "namespace" | "operatorNamespace"> & {
  readonly lane: { readonly world: { readonly stack: Pick<Stack, "kubernetes" | "aws" | "vault"> } };
};

async function readAws({ lane, namespace }: Reader): Promise<Thing[]> {
  const { client } = lane.world.stack.aws;
  const iam = async (action: string, parameters: Record<string, string> = {}): Promise<Xml> =>
    at(parseXml(await client.action("iam", action, parameters)), `${action}Result`) ?? {};
  const details = await iam("GetAccountAuthorizationDetails", { "Filter.member.1": "User", "Filter.member.2": "Role" });
  const mine = (xml: Xml, name: string): boolean =>
    textAt(xml, "Path").includes(`/${namespace}/`) ||
    (textAt(xml, name).startsWith(`${namespace}-`) && textAt(xml, name) !== `${namespace}-operator`);
  const users = entries(at(details, "UserDetailList")).filter((user) => mine(user, "UserName"));
  const roles = entries(at(details, "RoleDetailList")).filter((role) => mine(role, "RoleName"));
  const userThings = users.map(async (user): Promise<Thing | undefined> => {
    const UserName = textAt(user, "UserName");
    const listed = await unlessGone(() => iam("ListAccessKeys", { UserName }));
    if (listed === undefined) return undefined;
    const keys = entries(at(listed, "AccessKeyMetadata"))
      .map((key) => ({ id: textAt(key, "AccessKeyId"), status: textAt(key, "Status") }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return {
      key: `aws/user/${UserName}`,
      id: [textAt(user, "UserId"), ...keys.map(({ id, status }) => `${id} ${status}`)].join(","),
      version: "",
      shape: {
        ...attachments(user, "UserPolicyList"),
        groups: sorted(at(user, "GroupList")),
        keys: keys.map(({ status }) => status).sort(),
      },
    };
  });
  const roleThings = roles.map(async (role): Promise<Thing | undefined> => {
    const RoleName = textAt(role, "RoleName");
    const found = await unlessGone(() => iam("GetRole", { RoleName }));
    if (found === undefined) return undefined;
    const more = at(found, "Role");
    return {
      key: `aws/role/${RoleName}`,
      id: textAt(role, "RoleId"),
      version: "",
      shape: {
        ...attachments(role, "RolePolicyList"),
        trust: policyOf(textAt(role, "AssumeRolePolicyDocument")),
        maxSession: textAt(more, "MaxSessionDuration"),
        boundary: at(more, "PermissionsBoundary"),
      },
    };
  });
  return (await Promise.all([...userThings, ...roleThings])).filter((thing) => thing !== undefined);
}

/** Of what an identity beside the one that is looked at has just given up, nothing is there to be read. */
async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AwsError && error.status === 404) return undefined;
    throw error;
  }
}

function attachments(xml: Xml, inline: string): object {
  return {
    path: textAt(xml, "Path"),
    tags: Object.fromEntries(
      entries(at(xml, "Tags"))
        .map((tag): [string, string] => [textAt(tag, "Key"), textAt(tag, "Value")])
        .filter(([key]) => !isUid(key))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    inline: entries(at(xml, inline))
      .map((policy) => [textAt(policy, "PolicyName"), policyOf(textAt(policy, "PolicyDocument"))])
      .sort(byText),
    attached: entries(at(xml, "AttachedManagedPolicies"))
      .map((policy) => textAt(policy, "PolicyArn"))
      .sort(),
  };
}

function policyOf(text: string): unknown {
  try {
    return JSON.parse(text.startsWith("%") ? decodeURIComponent(text) : text) as unknown;
  } catch {
    return text;
  }
}

async function readVault({ lane, namespace }: Reader): Promise<Thing[]> {
  const { client } = lane.world.stack.vault;
  const get = async (path: string): Promise<Record<string, unknown>> =>
    ((await client.call("GET", path))?.["data"] ?? {}) as Record<string, unknown>;
  const names = async (path: string): Promise<string[]> =>
    (((await client.call("LIST", path))?.["data"] as { keys?: string[] } | undefined)?.keys ?? []).filter((name) =>
      isOf(name, namespace),
    );
  const entity = async (name: string): Promise<Thing[]> => {
    const { id, policies, metadata, disabled, aliases } = await get(`identity/entity/name/${encodeURIComponent(name)}`);
    if (typeof id !== "string") return [];
    const known = (aliases ?? []) as Record<string, unknown>[];
    return [
      {
        key: `vault/entity/${name}`,
        id: [id, ...known.map((alias) => String(alias["id"]))].join(","),
        version: "",
        shape: {
          policies: [...((policies as string[] | null) ?? [])].sort(),
          metadata: Object.fromEntries(
            Object.entries((metadata as Record<string, string> | null) ?? {})
              .filter(([key]) => !isUid(key))
              .sort(([a], [b]) => (a < b ? -1 : 1)),
          ),
          disabled,
          aliases: known.map((alias) => [alias["name"], alias["mount_path"], alias["custom_metadata"]]).sort(byText),
        },
      },
    ];
  };
  const appRole = async (name: string): Promise<Thing> => {
    const [role, roleId, secretIds] = await Promise.all([
      get(`auth/approle/role/${name}`),
      get(`auth/approle/role/${name}/role-id`),
      client.call("LIST", `auth/approle/role/${name}/secret-id`).catch(unlessNoRole),
    ]);
    const accessors = ((secretIds?.["data"] as { keys?: string[] } | undefined)?.keys ?? []).sort();
    return {
      key: `vault/approle/${name}`,
      id: accessors.join(","),
      version: "",
      shape: { ...role, roleId: roleId["role_id"], secretIds: accessors.length },
    };
  };
  const plain = async (kind: string, folder: string, name: string): Promise<Thing> => ({
    key: `${kind}/${name}`,
    id: "",
    version: "",
    shape: await get(`${folder}/${name}`),
  });
  const kvPaths = (
    await Promise.all(["keyturn", "team"].map((root) => client.listSecrets(`${root}/${namespace}`)))
  ).flat();
  const [entities, appRoles, jwtRoles, policies] = await Promise.all(
    ["identity/entity/name", "auth/approle/role", "auth/jwt/role", "sys/policies/acl"].map(names),
  );
  const found = await Promise.all([
    ...(entities ?? []).map(entity),
    ...(appRoles ?? []).map(appRole),
    ...(jwtRoles ?? [])
      .filter((name) => name !== namespace)
      .map((name) => plain("vault/jwt-role", "auth/jwt/role", name)),
    ...(policies ?? [])
      .filter((name) => name !== namespace)
      .map((name) => plain("vault/policy", "sys/policies/acl", name)),
    ...kvPaths.map(async (path): Promise<Thing> => {
      const secret = await client.readSecret(path);
      const { version } = secret?.metadata ?? { version: 0 };
      return {
        key: `vault/kv/${path}`,
        id: "",
        version: String(version),
        shape: Object.keys(secret?.data ?? {}).sort(),
      };
    }),
  ]);
  return found.flat();
}

/** A name of another lane may begin with this one's. */
function isAbout(object: KubeObject, namespace: string): boolean {
  return new RegExp(`(?<![0-9a-z-])${namespace}(?![0-9a-z])`).test(
    JSON.stringify({ ...object, metadata: object.metadata.name }),
  );
}

/** Names at Vault carry the namespace as one of their dotted or dashed parts. */
function isOf(name: string, namespace: string): boolean {
  return name === namespace || name.startsWith(`${namespace}-`) || name.includes(`.${namespace}.`);
}

function sorted(xml: Xml | undefined): string[] {
  return entries(xml).map(String).sort();
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function short(text: string | undefined): string {
  return (text ?? "").slice(0, 400);
}

/** The two texts from where they part. */
function difference(a: string, b: string): string {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i += 1;
  const from = Math.max(0, i - 60);
  return `…${a.slice(from, i + 200)}… became …${b.slice(from, i + 200)}…`;
}

/** A role that has gone since it was listed has no secret ids; Vault calls that question malformed. */
function unlessNoRole(error: unknown): undefined {
  if (!(error instanceof VaultError && error.status === 400)) throw error;
}
