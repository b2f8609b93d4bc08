import type { KubeObject } from "./kube.ts";

/** An object as a person applies it, and where it is made. */
export interface Made {
  readonly collection: string;
  readonly object: KubeObject;
}

const group = "/apis/keyturn.dev/v1alpha1";
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** As many different names as asked for, of three letters at most where there are enough. */
export function shortNames(count: number): string[] {
  const names = Array.from(letters);
  for (let at = 0; names.length < count; at += 1) for (const letter of letters) names.push(`${names[at]}${letter}`);
  return names.slice(0, count);
}

const namespaced = (kind: string, name: string, spec: object): Made => ({
  collection: `${group}/namespaces/team/${kind.toLowerCase()}s`,
  object: { apiVersion: "keyturn.dev/v1alpha1", kind, metadata: { name, namespace: "team" }, spec },
});
const ofCluster = (kind: string, name: string, spec: object): Made => ({
  collection: `${group}/${kind.toLowerCase()}s`,
  object: { apiVersion: "keyturn.dev/v1alpha1", kind, metadata: { name }, spec },
});

export const bareAccount = { name: "cluster", kubernetes: {} };

/** An account whose statements are divided among as many policies as it takes. */
export function awsAccount(statements: readonly object[], more: object = {}): { name: string; aws: object } {
  const inlinePolicies = Array.from({ length: Math.ceil(statements.length / 16) }, (_, index) => ({
    name: `p${index}`,
    statements: statements.slice(index * 16, index * 16 + 16),
  }));
  return {
    name: "aws",
    aws: { connectionRef: { name: "aws" }, user: { name: "app", inlinePolicies, ...more } },
  };
}

export const identity = (name: string, accounts: readonly object[] = [bareAccount]): Made =>
  namespaced("ServiceAccountLifecycle", name, {
    owner: { team: "payments", contact: "payments@example.com" },
    purpose: "Reads invoices",
    accounts,
  });

const rotation = (name: string, secret: object = {}): Made =>
  namespaced("SecretRotation", name, {
    source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: name } },
    deliver: [{ name: "app", kubernetesSecret: { name, ...secret } }],
    dependents: [],
  });

const login = { jwt: { role: "keyturn" } };
const connection = (name: string, provider: object): Made =>
  ofCluster("ProviderConnection", name, { allowedNamespaces: { mode: "All" }, ...provider });
const vault = (more: object): object => ({ vault: { address: "https://vault.example:8200", login, ...more } });

/** One object of each kind. */
export function eachKind(name: string): Made[] {
  return [
    identity(name),
    rotation(name),
    connection(name, vault({})),
    ofCluster("IdentityHold", name, { namespace: "team", name, reason: "Seen in a public repository" }),
    ofCluster("OrphanedCredential", name, {
      origin: { kind: "SecretRotation", namespace: "team", name, uid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10" },
      source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "app", exclusive: true } },
      target: "aws-user/123456789012/app",
      policy: "Delete",
      sequence: 1,
      credentials: [],
      intents: [],
      deliveries: [],
      stagingUid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
      holdSeconds: 0,
      recordedAt: "2026-01-01T00:00:00Z",
    }),
  ];
}

/** Texts that count as so many bytes together, three for each besides its own. */
function texts(bytes: number, options: { readonly start?: string; readonly longest: number }): string[] {
  const { start = "", longest } = options;
  const all: string[] = [];
  for (let left = bytes, number = 0; left > 0; number += 1) {
    const head = `${start}${number}-`;
    // The last one must have room for its head.
    const size = left <= longest + 3 ? left - 3 : Math.min(longest, left - 3 - (head.length + 8));
    all.push(head.padEnd(size, "x"));
    left -= size + 3;
  }
  return all;
}

const inStatements = (actions: readonly string[], resources: readonly string[]): object[] =>
  Array.from({ length: Math.max(Math.ceil(actions.length / 64), Math.ceil(resources.length / 64)) }, (_, index) => ({
    effect: "Allow",
    actions: actions.length === 0 ? ["*"] : actions.slice(index * 64, index * 64 + 64),
    resources: resources.length === 0 ? ["*"] : resources.slice(index * 64, index * 64 + 64),
  }));

/** Statements of which each has one action and many resources: so many bytes together. */
export function resources(bytes: number): object[] {
  const spread = (size: number): object[] => inStatements([], texts(size, { start: "arn:aws:s3:::", longest: 500 }));
  // What the actions count is not known before the number of statements is.
  return spread(bytes - spread(bytes).length * 4);
}

const actionNames = (bytes: number): string[] =>
  texts(bytes, { start: "s3:", longest: 60 }).map((one) => one.replaceAll("-", "x"));

function actions(bytes: number): object[] {
  const spread = (size: number): object[] =>
    inStatements(
      texts(size, { start: "s3:", longest: 60 }).map((one) => one.replaceAll("-", "x")),
      [],
    );
  return spread(bytes - spread(bytes).length * 4);
}

/** Statements with so many condition keys and so many empty values of each. */
export function conditions(keys: number, values: number): object[] {
  const names = shortNames(16);
  const statements: object[] = [];
  for (let left = keys; left > 0; left -= 256) {
    const operators = Array.from({ length: Math.ceil(Math.min(256, left) / 16) }, (_, at) => [
      names[at],
      Object.fromEntries(
        names.slice(0, Math.min(16, left - at * 16)).map((key) => [key, Array<string>(values).fill("")]),
      ),
    ]);
    statements.push({
      effect: "Allow",
      actions: ["*"],
      resources: ["*"],
      conditions: Object.fromEntries(operators) as object,
    });
  }
  return statements;
}

/** Annotations or labels of Secrets that count as so many bytes together. */
function secrets(name: string, member: "annotations" | "labels", bytes: number): Made {
  const [longest, prefix] = member === "annotations" ? [1024, ""] : [50, `${"d".repeat(200)}/`];
  const all = texts(bytes - 64, { longest: longest + prefix.length + 10 }).length;
  const per = Math.floor(bytes / all);
  const entries = Array.from({ length: all }, (_, index) => {
    const key = `${prefix}k${index}`;
    const size = per + (index < bytes % all ? 1 : 0) - key.length - 6;
    return [key, "x".repeat(size)] as const;
  });
  const deliver = Array.from({ length: Math.ceil(all / 16) }, (_, at) => ({
    name: `d${at}`,
    kubernetesSecret: { name: `${name}-${at}`, [member]: Object.fromEntries(entries.slice(at * 16, at * 16 + 16)) },
  }));
  const { collection, object } = rotation(name);
  return { collection, object: { ...object, spec: { ...(object["spec"] as object), deliver } } };
}

const certificate = (bytes: number): string =>
  `-----BEGIN CERTIFICATE-----\n${"x".repeat(bytes - 53)}-----END CERTIFICATE-----`;

const aws = (more: object = {}): object => ({
  aws: { region: "eu-central-1", accountId: "123456789012", login: { defaultChain: {} }, ...more },
});
/** Grants with so many values of one member each. */
const grants = (provider: object, member: string, all: readonly unknown[], most = 64): object => ({
  grants: Array.from({ length: Math.ceil(all.length / most) }, (_, at) => ({
    name: `g${at}`,
    [member]: all.slice(at * most, at * most + most),
  })),
  ...provider,
});

/** Specs whose one large member counts as so many bytes, by name of the member. */
function specsOf(bytes: number): Record<string, (name: string) => Made> {
  const servers = (all: readonly string[]): object =>
    vault({
      databases: {
        servers: all.map((caBundle, at) => ({ name: `s${at}`, host: "orders.example", database: "orders", caBundle })),
      },
    });
  const roles = texts(bytes, { longest: 200 }).map((name) => ({ kind: "Role", name: name.slice(4) }));
  return {
    "aws.user.inlinePolicies[].statements[].resources": (name) => identity(name, [awsAccount(resources(bytes))]),
    "aws.user.inlinePolicies[].statements[].actions": (name) => identity(name, [awsAccount(actions(bytes))]),
    "deliver[].kubernetesSecret.annotations": (name) => secrets(name, "annotations", bytes),
    "grants[].policies": (name) => connection(name, grants(vault({}), "policies", texts(bytes, { longest: 600 }))),
    "grants[].namespaces": (name) =>
      connection(name, grants(vault({}), "namespaces", texts(bytes, { longest: 60 }), 256)),
    "grants[].groups": (name) => connection(name, grants(aws(), "groups", texts(bytes, { longest: 100 }))),
    "grants[].inlineActions": (name) => connection(name, grants(aws(), "inlineActions", actionNames(bytes))),
    "grants[].roles": (name) => connection(name, grants({ kubernetes: {} }, "roles", roles)),
    "vault.caBundle and vault.databases.servers[].caBundle": (name) => {
      const { collection, object } = connection(name, servers([certificate(bytes - 32 * 1024)]));
      const spec = object["spec"] as { readonly vault: object };
      return {
        collection,
        object: { ...object, spec: { ...spec, vault: { ...spec.vault, caBundle: certificate(32 * 1024) } } },
      };
    },
  };
}

/** For each large member: an object that is exactly at the bound, and one that is a byte over it. */
export function largeMembers(bytes: number): { readonly name: string; readonly grown: Made; readonly over: Made }[] {
  const over = specsOf(bytes + 1);
  return Object.entries(specsOf(bytes)).map(([name, make], index) => ({
    name,
    grown: make(`member-${index}`),
    over: over[name]!(`member-${index}`),
  }));
}

/** What is left of a large spec when all but the first entry of each list goes. */
export function smaller({ object }: Made): object {
  const spec = object["spec"] as Record<string, unknown>;
  if (spec["accounts"] !== undefined) return { accounts: [awsAccount([])] };
  if (Array.isArray(spec["deliver"])) return { deliver: spec["deliver"].slice(0, 1) as unknown[] };
  if (Array.isArray(spec["grants"])) return { grants: spec["grants"].slice(0, 1) as unknown[] };
  return { vault: { caBundle: null } };
}

/** Objects that are over the bound only by the sum of several members. */
export function halvesOf(bytes: number): Made[] {
  const half = bytes / 2 + 1;
  const managed = texts(1001, { start: "arn:aws:iam::aws:policy/", longest: 140 });
  const boundaries = Array.from({ length: 64 }, (_, at) => ({
    name: `g${at}`,
    permissionsBoundary: `arn:aws:iam::aws:policy/${`${"x".repeat(63)}/`.repeat(7)}${"y".repeat(100)}`,
  }));
  const user = awsAccount(resources(half));
  const [annotated, labelled] = (["annotations", "labels"] as const).map((member) => secrets("halves", member, half));
  const entries = [annotated!, labelled!].map(({ object }) => deliveriesOf(object));
  return [
    identity("halves", [awsAccount([...resources(half), ...actions(half)])]),
    identity("halves", [awsAccount([...resources(bytes - 2000), ...conditions(512, 4)])]),
    identity("halves", [awsAccount(resources(bytes - 1000), { policies: managed })]),
    identity("halves", [bareAccount, user, { ...asRole(user), name: "other" }]),
    connection("halves", { grants: boundaries, ...aws({ caBundle: certificate(half) }) }),
    connection("halves", grants(vault({ caBundle: certificate(half) }), "policies", texts(half, { longest: 600 }))),
    {
      ...annotated!,
      object: { ...annotated!.object, spec: { ...(annotated!.object["spec"] as object), deliver: both(entries) } },
    },
  ];
}

interface Delivery {
  readonly name: string;
  readonly kubernetesSecret: object;
}
const deliveriesOf = (object: KubeObject): readonly Delivery[] =>
  (object["spec"] as { readonly deliver: readonly Delivery[] }).deliver;
/** One delivery of each place in the lists, with what each list gives its Secret. */
const both = (lists: readonly (readonly Delivery[])[]): readonly Delivery[] =>
  Array.from({ length: Math.max(...lists.map(({ length }) => length)) }, (_, at) =>
    lists
      .flatMap((list) => list.slice(at, at + 1))
      .reduce((one, other) => ({ ...one, kubernetesSecret: { ...one.kubernetesSecret, ...other.kubernetesSecret } })),
  );
/** The same account as an IAM role. */
function asRole(account: ReturnType<typeof awsAccount>): object {
  const { user, ...rest } = account.aws as { readonly user: { readonly inlinePolicies: unknown } };
  return { aws: { ...rest, role: { inlinePolicies: user.inlinePolicies } } };
}
