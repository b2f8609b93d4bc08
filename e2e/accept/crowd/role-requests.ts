/** Roles that are tried: the three that ship beside Kubernetes' own `edit`. */
export const HOLDERS = ["platform", "security", "auditor", "edit"] as const;
export type Holder = (typeof HOLDERS)[number];

/** What is tried with each of them. */
export const THINGS = [
  "ProviderConnection",
  "limits and switches",
  "read-only",
  "hold",
  "unhold",
  "overflow",
  "ledger",
  "trail",
  "Secret",
  "spec",
] as const;
export type Thing = (typeof THINGS)[number];

/** Where requests go: objects of `name` lie in the cluster and in both namespaces. */
export interface Grounds {
  readonly operatorNamespace: string;
  readonly namespace: string;
  readonly elsewhere: string;
  readonly name: string;
}

export interface Wish {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly type?: string;
  /** Statuses beside 2xx that only come after the request was allowed. */
  readonly also?: readonly number[];
  /** Refused to each of the four, also to who may do the rest: what would be more than the thing itself. */
  readonly never?: true;
}

const KEYTURN = "/apis/keyturn.dev/v1alpha1";
const MERGE = "application/merge-patch+json";
const DRY = "dryRun=All";
const EXISTS = 409;
const ABSENT = 404;
/** There is no kubelet in a cluster of API servers alone: what it would have answered is not there, or cannot be reached. */
const NO_POD = [404, 400, 500, 502, 503];

const connections = `${KEYTURN}/providerconnections`;
const holds = `${KEYTURN}/identityholds`;
const entries = `${KEYTURN}/orphanedcredentials`;

const post = (path: string, body: object, more: Partial<Wish> = {}): Wish => ({
  method: "POST",
  path: `${path}?${DRY}`,
  body,
  ...more,
});
const patch = (path: string, body: object, more: Partial<Wish> = {}): Wish => ({
  method: "PATCH",
  path: `${path}?${DRY}`,
  body,
  type: MERGE,
  ...more,
});
const drop = (path: string, more: Partial<Wish> = {}): Wish => ({ method: "DELETE", path: `${path}?${DRY}`, ...more });
const read = (path: string, more: Partial<Wish> = {}): Wish => ({ method: "GET", path, ...more });

/** The requests that a thing is made of. */
export const requestsOf = (thing: Thing, grounds: Grounds): readonly Wish[] => {
  const { operatorNamespace, namespace, elsewhere, name } = grounds;
  const maps = `/api/v1/namespaces/${operatorNamespace}/configmaps`;
  const pods = `/api/v1/namespaces/${operatorNamespace}/pods`;
  const annotated = (annotation: string): object => ({ metadata: { annotations: { [annotation]: "true" } } });
  const switched = (one: string): readonly Wish[] => [
    post(maps, { metadata: { name: one }, data: { engaged: "true" } }, { also: [EXISTS] }),
    patch(`${maps}/${one}`, { data: { engaged: "false" } }, { also: [ABSENT] }),
    drop(`${maps}/${one}`, { also: [ABSENT] }),
  ];
  switch (thing) {
    case "ProviderConnection":
      return [
        read(connections),
        post(connections, connectionOf(`${name}-new`)),
        patch(`${connections}/${name}`, { spec: { retain: "Allowed" } }),
        drop(`${connections}/${name}`),
      ];
    case "limits and switches":
      return [
        ...switched("keyturn-kill-switch"),
        patch(`${maps}/keyturn-limits`, { data: { any: "1" } }, { also: [ABSENT] }),
        drop(`${maps}/keyturn-limits`, { also: [ABSENT] }),
        // Claims are ConfigMaps of the same namespace.
        post(maps, { metadata: { name: `${name}-claim` } }, { never: true }),
        patch(`${maps}/${name}`, { data: { any: "1" } }, { never: true }),
        drop(`${maps}/${name}`, { never: true }),
      ];
    case "read-only":
      return switched("keyturn-read-only");
    case "hold":
      return [post(holds, holdOf(`${name}-new`, namespace))];
    case "unhold":
      return [drop(`${holds}/${name}`)];
    case "overflow":
      return [
        patch(`${entries}/${name}`, annotated("keyturn.dev/release")),
        patch(`${entries}/${name}`, annotated("keyturn.dev/keep")),
        patch(`${entries}/${name}`, { metadata: { labels: { any: "one" } } }, { never: true }),
        drop(`${entries}/${name}`, { never: true }),
      ];
    case "ledger":
      return [read(entries), read(`${entries}/${name}`)];
    case "trail":
      return [
        read(pods),
        read(`${pods}/keyturn-0/log`, { also: NO_POD }),
        // Whoever runs a command in the operator's Pod, or mounts its volume into another one, has the operator's own rights.
        { method: "POST", path: `${pods}/keyturn-0/exec?command=true`, never: true },
        post(pods, podOf(name), { never: true }),
        read(`/api/v1/namespaces/${operatorNamespace}/secrets`, { never: true }),
      ];
    case "Secret":
      return [
        read(`/api/v1/namespaces/${namespace}/secrets/${name}`),
        read(`/api/v1/namespaces/${elsewhere}/secrets/${name}`, { never: true }),
      ];
    case "spec":
      return [
        patch(rotationsIn(namespace, name), { spec: { retire: { overlap: "2h" } } }),
        patch(rotationsIn(elsewhere, name), { spec: { retire: { overlap: "2h" } } }, { never: true }),
        patch(`${rotationsIn(namespace, name)}/status`, { status: { sequence: 9 } }, { never: true }),
      ];
  }
};

const rotationsIn = (namespace: string, name: string): string =>
  `${KEYTURN}/namespaces/${namespace}/secretrotations/${name}`;

/** Objects that the requests are about, and the collections to make them in. The rotations are paused, so an operator makes nothing of them. */
export const objectsOf = (grounds: Grounds): readonly { readonly path: string; readonly object: object }[] => {
  const { operatorNamespace, namespace, elsewhere, name } = grounds;
  return [
    { path: `/api/v1/namespaces/${operatorNamespace}/configmaps`, object: { metadata: { name } } },
    { path: connections, object: connectionOf(name) },
    { path: holds, object: holdOf(name, namespace) },
    { path: entries, object: entryOf(name, namespace) },
    ...[namespace, elsewhere].flatMap((one) => [
      { path: `/api/v1/namespaces/${one}/secrets`, object: { metadata: { name } } },
      { path: `${KEYTURN}/namespaces/${one}/secretrotations`, object: rotationOf(name, one) },
    ]),
  ];
};

const keyturn = (kind: string, name: string, spec: object, more: object = {}): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind,
  metadata: { name, ...more },
  spec,
});

const connectionOf = (name: string): object =>
  keyturn("ProviderConnection", name, {
    allowedNamespaces: { mode: "Listed", names: ["none"] },
    aws: { region: "eu-central-1", accountId: "123456789012", login: { defaultChain: {} } },
  });

/** Holds an identity that there is not. */
const holdOf = (name: string, namespace: string): object =>
  keyturn("IdentityHold", name, { namespace, name: `${name}-none`, reason: "Tries who may hold" });

const rotationOf = (name: string, namespace: string): object =>
  keyturn(
    "SecretRotation",
    name,
    {
      source: { vaultPKI: { connectionRef: { name }, role: "none", commonName: "none.example" } },
      deliver: [{ name: "app", kubernetesSecret: { name: `${name}-app` } }],
      dependents: [],
    },
    { namespace, annotations: { "keyturn.dev/paused": "true" } },
  );

const UID = "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10";

/** Held back by a limit, so an operator leaves it as it is. */
const entryOf = (name: string, namespace: string): object =>
  keyturn("OrphanedCredential", name, {
    origin: { kind: "SecretRotation", namespace, name: `${name}-none`, uid: UID },
    source: { awsAccessKey: { connectionRef: { name }, userName: "none", exclusive: true } },
    target: "aws-access-key/123456789012/none",
    policy: "Delete",
    held: "LimitReached",
    sequence: 1,
    credentials: [],
    intents: [],
    deliveries: [],
    stagingUid: UID,
    holdSeconds: 0,
    recordedAt: "2026-01-01T00:00:00Z",
  });

const podOf = (name: string): object => ({
  metadata: { name },
  spec: { containers: [{ name: "any", image: "any" }] },
});
