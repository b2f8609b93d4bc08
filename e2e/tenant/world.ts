import { randomUUID } from "node:crypto";
import type { AwsKey } from "../stack/aws.ts";
import type { KubeObject } from "../stack/kube.ts";
import type { Stack } from "../stack/stack.ts";
import { grantableRoles } from "../stack/admission.ts";
import { attackerOf, type Attacker } from "./attacker.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const apiGroup = "rbac.authorization.k8s.io";

/** Where the two tenants live, and how their operator reaches AWS and Vault. */
export interface TenantWorldOptions {
  readonly stack: Stack;
  readonly operatorNamespace: string;
  /** Namespaces that do not exist yet. */
  readonly attacker: string;
  readonly victim: string;
  readonly accountId: string;
  /** Address for the connection; absent means the stack's own server. */
  readonly awsUrl?: string;
  /** A Secret in the operator's namespace with the operator's own key. */
  readonly awsLogin: string;
  readonly vaultUrl?: string;
  /** Role of the operator in auth/jwt. */
  readonly vaultRole: string;
}

/** Two tenants of one operator: one attacks; what the other has is known from before. */
export interface TenantWorld {
  readonly options: TenantWorldOptions;
  readonly attacker: Attacker;
  readonly names: TenantNames;
  readonly boundary: string;
  /** What may really be given to the attacker's identities. */
  readonly granted: { readonly policies: readonly string[]; readonly vault: readonly string[] };
  readonly victim: {
    readonly secretValue: string;
    readonly key: AwsKey;
    /** Its Secret, user and KV path as they were; read again when it is judged. */
    readonly before: string;
  };
  /** Takes away what is not in the namespaces; these go with their namespaces. */
  remove(): Promise<void>;
}

/** Names that attempts use. */
export interface TenantNames {
  readonly connections: Readonly<Record<"kubernetes" | "aws" | "vault" | "closedAws" | "closedVault", string>>;
  /** Cluster roles: the attacker holds bind on the first, and on nothing else. */
  readonly reader: string;
  readonly strong: string;
  /** A Role in the attacker's namespace on which the attacker holds no bind; a cluster administrator gave it to `blessed`. */
  readonly heldBack: string;
  readonly blessed: readonly string[];
  readonly victimUser: string;
  readonly victimSecret: string;
  readonly victimPolicy: string;
  readonly victimKv: string;
  readonly victimIdentity: string;
  readonly closedPath: string;
  readonly closedPrefix: string;
}

const namesOf = ({ attacker, victim }: TenantWorldOptions): TenantNames => ({
  connections: {
    kubernetes: `${attacker}-cluster`,
    aws: `${attacker}-aws`,
    vault: `${attacker}-vault`,
    closedAws: `${victim}-closed-aws`,
    closedVault: `${victim}-closed-vault`,
  },
  reader: `${attacker}-reader`,
  strong: `${attacker}-strong`,
  heldBack: "held-back",
  blessed: ["moved", "made-again", "lives-1", "lives-2", "lives-3"],
  victimUser: `${victim}.app.aws`,
  victimSecret: "credentials",
  victimPolicy: `${victim}-read`,
  victimKv: `keyturn/${victim}/app`,
  victimIdentity: "app",
  closedPath: `/closed-${victim}/`,
  closedPrefix: `closed-${victim}`,
});

/** Makes both tenants, their connections, and what the victim has. The policies and the CRDs are there already. */
export async function prepareTenants(options: TenantWorldOptions): Promise<TenantWorld> {
  const { stack, attacker, victim, accountId } = options;
  const kube = stack.kubernetes.client;
  const names = namesOf(options);
  const arn = `arn:aws:iam::${accountId}:policy/${attacker}`;
  const boundary = `${arn}-boundary`;
  const secretValue = randomUUID();
  for (const name of [attacker, victim]) await kube.create("/api/v1/namespaces", { metadata: { name } });
  const clusterWide = await rights(options, names);
  await kube.create(`/api/v1/namespaces/${victim}/secrets`, {
    metadata: { name: names.victimSecret },
    stringData: { value: secretValue },
  });
  const { client: aws } = stack.aws;
  await aws.createUser(names.victimUser, {
    path: `/keyturn/${victim}/`,
    tags: { "keyturn.dev/owner": `${victim}/${victim}/${names.victimIdentity}` },
  });
  const key = await aws.createAccessKey(names.victimUser);
  const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }] };
  for (const name of [`${attacker}-plain`, `${attacker}-bounded`, `${attacker}-boundary`])
    await aws.action("iam", "CreatePolicy", { PolicyName: name, PolicyDocument: JSON.stringify(policy) });
  const { client: vault } = stack.vault;
  await vault.call("POST", `kv/data/${names.victimKv}`, { data: { value: secretValue } });
  for (const [name, of] of [
    [names.victimPolicy, victim],
    [`${attacker}-plain`, attacker],
  ] as const)
    await vault.call("PUT", `sys/policies/acl/${name}`, {
      policy: `path "kv/data/keyturn/${of}/*" { capabilities = ["read"] }`,
    });
  for (const object of connections(options, names, boundary)) {
    const path = `/apis/keyturn.dev/v1alpha1/providerconnections/${object.metadata.name}`;
    clusterWide.push(path);
    await kube.apply(path, object, "platform");
  }
  const uid = await victimsIdentity(options, names);
  return {
    options,
    names,
    boundary,
    granted: { policies: [`${arn}-plain`, `${arn}-bounded`], vault: [`${attacker}-plain`] },
    attacker: await attackerOf(options, names, uid),
    victim: { secretValue, key, before: await victimsThings(options, names) },
    async remove() {
      for (const path of clusterWide) await kube.delete(path);
      await aws.removeUser(names.victimUser);
    },
  };
}

/** Everything of the victim that an attack might change, as text that can be compared. */
export async function victimsThings({ stack, victim }: TenantWorldOptions, names: TenantNames): Promise<string> {
  const { client: aws } = stack.aws;
  const UserName = names.victimUser;
  const secret = await stack.kubernetes.client.find(`/api/v1/namespaces/${victim}/secrets/${names.victimSecret}`);
  return JSON.stringify({
    secret: [secret?.metadata.uid, secret?.metadata.annotations, secret?.["data"]],
    tags: await aws.listUserTags(UserName),
    keys: await aws.listAccessKeys(UserName),
    // Without the id of the request, which is another one each time.
    policies: await Promise.all(
      ["ListUserPolicies", "ListAttachedUserPolicies", "ListGroupsForUser"].map(async (action) =>
        (await aws.action("iam", action, { UserName })).replace(/<RequestId>.*<\/RequestId>/, ""),
      ),
    ),
    kv: (await stack.vault.client.readSecret(names.victimKv))?.metadata.version,
  });
}

/** An identity of the victim that a cluster administrator gave everything, and that adopts what says so. Gives its UID. */
async function victimsIdentity({ stack, victim }: TenantWorldOptions, names: TenantNames): Promise<string> {
  const roles = [{ kind: "ClusterRole", name: "cluster-admin", scope: "Cluster" }];
  const connectionRef = { name: names.connections.kubernetes };
  const { metadata } = await stack.kubernetes.client.create(
    `/apis/keyturn.dev/v1alpha1/namespaces/${victim}/serviceaccountlifecycles`,
    {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ServiceAccountLifecycle",
      metadata: { name: names.victimIdentity },
      spec: {
        owner: { team: "payments", contact: "payments@example.com" },
        purpose: "Runs the cluster",
        accounts: [{ name: "cluster", kubernetes: { connectionRef, roles } }],
        adoption: { mode: "IfAnnotated" },
      },
    },
  );
  return metadata.uid!;
}

/** What the attacker is: an administrator of one namespace, more than most tenants are. Gives the paths of what is cluster-wide. */
async function rights(
  { stack, attacker, operatorNamespace }: TenantWorldOptions,
  names: TenantNames,
): Promise<string[]> {
  const kube = stack.kubernetes.client;
  const made: string[] = [];
  const subjects = [{ kind: "ServiceAccount", name: "mallory", namespace: attacker }];
  const put = async (path: string, object: object): Promise<void> => {
    const kind = path.includes("bindings/") ? "Binding" : "";
    const cluster = !path.includes("/namespaces/");
    if (cluster) made.push(path);
    await kube.apply(path, {
      apiVersion: `${apiGroup}/v1`,
      kind: `${cluster ? "Cluster" : ""}Role${kind}`,
      metadata: { name: path.split("/").at(-1) },
      ...object,
    });
  };
  const everything = ["get", "list", "watch", "create", "update", "patch", "delete"];
  const inside = `${RBAC}/namespaces/${attacker}`;
  await kube.create(`/api/v1/namespaces/${attacker}/serviceaccounts`, { metadata: { name: "mallory" } });
  await put(`${inside}/roles/tenant`, {
    rules: [
      // As careless roles say it: status and all that is to come is in there too.
      { apiGroups: ["keyturn.dev"], resources: ["*"], verbs: ["*"] },
      { apiGroups: [""], resources: ["secrets", "serviceaccounts", "configmaps", "pods"], verbs: everything },
      { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
      { apiGroups: [apiGroup], resources: ["roles", "rolebindings"], verbs: everything },
    ],
  });
  await put(`${inside}/rolebindings/tenant`, { roleRef: { apiGroup, kind: "Role", name: "tenant" }, subjects });
  const user = `${attacker}-user`;
  await put(`${RBAC}/clusterroles/${user}`, {
    rules: [
      { apiGroups: ["keyturn.dev"], resources: ["orphanedcredentials"], verbs: everything },
      { apiGroups: ["keyturn.dev"], resources: ["providerconnections"], verbs: ["get", "list"] },
      { apiGroups: [apiGroup], resources: ["clusterroles"], resourceNames: [names.reader], verbs: ["bind"] },
    ],
  });
  await put(`${RBAC}/clusterrolebindings/${user}`, {
    roleRef: { apiGroup, kind: "ClusterRole", name: user },
    subjects,
  });
  const read = (group: string, resource: string): object => ({
    rules: [{ apiGroups: [group], resources: [resource], verbs: ["get"] }],
  });
  await put(`${RBAC}/clusterroles/${names.reader}`, read("", "configmaps"));
  await put(`${RBAC}/clusterroles/${names.strong}`, read("", "secrets"));
  await put(`${inside}/roles/${names.heldBack}`, read("apps", "deployments"));
  // More than anybody should give it: so that it is the operator's own judgement that is tried, not this last wall.
  const bindable = grantableRoles({
    operatorNamespace,
    suffix: attacker,
    clusterRoles: [names.reader, names.strong, "cluster-admin", "admin", "edit", "keyturn-operator"],
    roles: [names.heldBack],
  });
  for (const { path, object } of bindable) await put(path, object);
  return made;
}

/** Both tenants may use three of them; two are for the victim alone, and whatever is made through these carries another prefix. */
function connections(options: TenantWorldOptions, names: TenantNames, permissionsBoundary: string): KubeObject[] {
  const { stack, attacker, victim, accountId } = options;
  const caBundle = stack.ca.pem;
  const arn = `arn:aws:iam::${accountId}:policy/${attacker}`;
  const of = (name: string, namespaces: readonly string[], spec: object): KubeObject => ({
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ProviderConnection",
    metadata: { name },
    spec: { allowedNamespaces: { mode: "Listed", names: namespaces }, ...spec },
  });
  const aws = {
    region: stack.aws.region,
    accountId,
    endpoint: options.awsUrl ?? stack.aws.url,
    caBundle,
    webIdentity: { issuer: "https://oidc.example.com/main" },
    login: { secretRef: { name: options.awsLogin } },
  };
  const vault = {
    address: options.vaultUrl ?? stack.vault.url,
    caBundle,
    login: { jwt: { role: options.vaultRole } },
  };
  const mine = [attacker];
  return [
    of(names.connections.kubernetes, [attacker, victim], {
      grants: [
        {
          name: "tenant",
          namespaces: mine,
          roles: [
            { kind: "ClusterRole", name: names.reader },
            { kind: "Role", name: names.heldBack },
          ],
        },
        {
          name: "everything",
          namespaces: [victim],
          roles: [{ kind: "ClusterRole", name: "cluster-admin", scope: "Cluster" }],
        },
      ],
      kubernetes: {},
    }),
    of(names.connections.aws, [attacker, victim], {
      grants: [
        { name: "plain", namespaces: mine, policies: [`${arn}-plain`], inlineActions: ["s3:Get*"] },
        { name: "bounded", namespaces: mine, policies: [`${arn}-bounded`], permissionsBoundary },
        { name: "everything", namespaces: [victim], policies: ["arn:aws:iam::aws:policy/AdministratorAccess"] },
      ],
      aws,
    }),
    of(names.connections.vault, [attacker, victim], {
      grants: [
        { name: "plain", namespaces: mine, policies: [`${attacker}-plain`] },
        { name: "victim", namespaces: [victim], policies: [names.victimPolicy] },
      ],
      vault,
    }),
    of(names.connections.closedAws, [victim], {
      grants: [{ name: "plain", policies: [`${arn}-plain`] }],
      aws: { ...aws, pathPrefix: names.closedPath },
    }),
    of(names.connections.closedVault, [victim], {
      grants: [{ name: "plain", policies: [`${attacker}-plain`] }],
      vault: { ...vault, identities: { namePrefix: names.closedPrefix } },
    }),
  ];
}
