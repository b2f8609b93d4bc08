import type { AwsKey } from "../stack/aws.ts";
import type { KubeClient } from "../stack/kube.ts";
import { kubeClient } from "../stack/kube.ts";
import { grantableRoles } from "../stack/admission.ts";
import { identityPolicy, leavingPolicy, VaultError } from "../stack/vault.ts";
import { waitFor } from "../stack/wait.ts";
import type { Account, ServiceAccountLifecycleSpec } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import { namesOf, removeRole, removeUser } from "./aws-calls.ts";
import { plantForeign } from "./foreign.ts";
import type { Foreign } from "./foreign.ts";
import type { Ground } from "./ground.ts";
import { accountId, connectionObject, connectionSpecs, openGround } from "./ground.ts";
import type { Identity, Rest } from "./identity.ts";
import { briefly, identityObject, identityPath, rests } from "./identity.ts";
import type { Lane } from "./lane.ts";
import { deliveryPolicy, rotationActions } from "./lane.ts";
import { guardLane } from "./policies.ts";
import type { World } from "./world.ts";

/**
 * A namespace with an operator, connections with grants, roles and policies to be given, people who ask for them, and things
 * of others beside it.
 */
export interface IdentitySite extends Ground {
  readonly connections: { readonly kubernetes: string; readonly aws: string; readonly vault: string };
  readonly foreign: Foreign;
  /** Whoever applies: may change identities and rotations here, and holds bind on every role but `guarded`. */
  readonly team: KubeClient;
  /** May change identities, and holds bind on nothing. */
  readonly intern: KubeClient;
  /** Values that the campaign itself has asked for: keys, secret ids, tokens. They must be printed nowhere. */
  readonly values: Set<string>;
  policyArn(name: AwsPolicy | "admin" | "missing"): string;
  group(name: "staff" | "audit"): string;
  vaultPolicy(name: VaultPolicy | "admin" | "missing"): string;
  kubernetesAccount(options?: { name?: string; roles?: readonly RoleName[]; serviceAccountName?: string }): Account;
  awsUser(options?: AwsOptions): Account;
  awsRole(options?: AwsOptions): Account;
  vaultAccount(options?: { name?: string; mode?: "AppRole" | "JWT"; policies?: readonly VaultPolicy[] }): Account;
  identity(name: string, accounts: readonly Account[], more?: Partial<ServiceAccountLifecycleSpec>): Identity;
  path(name: string): string;
  /** Server-side apply by the team. */
  apply(identity: Identity): Promise<Identity>;
  find(name: string): Promise<Identity | undefined>;
  /** Waits until it is at rest in this way, for the generation that it has then. */
  until(name: string, how: Rest, timeoutMs?: number): Promise<Identity>;
  /** Waits until the resource is gone. */
  gone(name: string, timeoutMs?: number): Promise<void>;
  createKey(userName: string): Promise<AwsKey>;
  createSecretId(roleName: string): Promise<{ roleId: string; secretId: string; accessor: string }>;
  /** Name at IAM, and at Vault, of an identity's account. */
  awsName(identity: string, account: string): string;
  vaultName(identity: string, account: string): string;
}

export type RoleName = "reader" | "writer" | "watcher" | "guarded" | "secrets" | "viewer" | "viewer-here";
export type AwsPolicy = "read" | "write" | "list";
export type VaultPolicy = "read" | "write" | "list";

export interface AwsOptions {
  readonly name?: string;
  readonly policies?: readonly AwsPolicy[];
  readonly groups?: readonly ("staff" | "audit")[];
  readonly inline?: readonly string[];
}

export interface IdentitySiteOptions {
  /** Name of the namespace, and of the cluster in owner marks. */
  readonly name: string;
  readonly resync?: string;
  readonly flags?: Readonly<Record<string, string>>;
  /** Each connection once more, as `<name>-spare`. */
  readonly spareConnections?: true;
  /** The operator watches this namespace in place of the site's own, and may do there, and in these others, what it may do here. */
  readonly watches?: { readonly namespace: string; readonly others: readonly string[] };
  /** Without policies at admission, to show that nothing is given then. */
  readonly unguarded?: true;
  /** The operator may besides what the pages name for leavers, and there are eleven more policies and groups to be given (`spareNames`). */
  readonly leavers?: true;
  /** As GroundOptions.asImage. */
  readonly asImage?: true;
}

/** Policies and groups of a site for leavers, one more than IAM attaches or lets a user be in. */
export const spareNames = Array.from({ length: 11 }, (_, i) => `spare-${i + 1}`);

/** What docs/how-to/grants-and-requesters.md names as rights for leavers. */
const leaverActions: readonly string[] = [
  ...["GetLoginProfile", "DeleteLoginProfile", "ListMFADevices", "DeactivateMFADevice", "DeleteVirtualMFADevice"],
  ...["ListSSHPublicKeys", "UpdateSSHPublicKey", "DeleteSSHPublicKey"],
  ...["List", "Update", "Delete"].map((verb) => `${verb}ServiceSpecificCredential${verb === "List" ? "s" : ""}`),
  ...["ListSigningCertificates", "UpdateSigningCertificate", "DeleteSigningCertificate"],
  ...["ListInstanceProfilesForRole", "RemoveRoleFromInstanceProfile"],
  ...["GetPolicy", "GetPolicyVersion", "ListGroupPolicies", "ListAttachedGroupPolicies", "GetGroupPolicy"],
].map((verb) => `iam:${verb}`);

/** What docs/how-to/grants-and-requesters.md says that an operator needs of IAM, besides what keys need. */
const identityActions: readonly string[] = [
  ...["User", "Role"].flatMap((kind) => [
    `Create${kind}`,
    `Get${kind}`,
    `Delete${kind}`,
    `Tag${kind}`,
    `Untag${kind}`,
    `List${kind}s`,
    `Attach${kind}Policy`,
    `Detach${kind}Policy`,
    `ListAttached${kind}Policies`,
    `Put${kind}Policy`,
    `Get${kind}Policy`,
    `Delete${kind}Policy`,
    `List${kind}Policies`,
    `Put${kind}PermissionsBoundary`,
    `Delete${kind}PermissionsBoundary`,
  ]),
  "ListUserTags",
  "AddUserToGroup",
  "RemoveUserFromGroup",
  "ListGroupsForUser",
  "UpdateAssumeRolePolicy",
  "UpdateRole",
].map((verb) => `iam:${verb}`);

let prepared: { world: World; ready: Promise<void> } | undefined;

/** What all sites of a stack share: the approle method. */
function prepare(world: World): Promise<void> {
  if (prepared?.world === world) return prepared.ready;
  const enable = async (): Promise<void> => {
    try {
      await world.stack.vault.client.call("POST", "sys/auth/approle", { type: "approle" });
    } catch (error) {
      if (!(error instanceof VaultError && error.message.includes("already in use"))) throw error;
    }
  };
  prepared = { world, ready: enable() };
  return prepared.ready;
}

export async function openIdentitySite(lane: Lane, options: IdentitySiteOptions): Promise<IdentitySite> {
  const { stack } = lane.world;
  const kube = stack.kubernetes.client;
  const aws = stack.aws.client;
  const vault = stack.vault.client;
  const { name: namespace } = options;
  lane.forget();
  await prepare(lane.world);
  const connections = {
    kubernetes: `${namespace}-cluster`,
    aws: `${namespace}-aws`,
    vault: `${namespace}-vault`,
  };
  const also = options.watches === undefined ? [] : [options.watches.namespace, ...options.watches.others];
  const ground = await openGround(lane, {
    name: namespace,
    iamActions: [...new Set([...rotationActions, ...identityActions])],
    vaultPolicy: [namespace, ...also]
      .map((one) => `${deliveryPolicy(`keyturn/${one}`)}\n${identityPolicy({ prefix: `keyturn.${one}.` })}`)
      .concat(options.leavers === true ? [leavingPolicy()] : [])
      .join("\n"),
    asImage: options.asImage,
    flags: {
      "attribution-window": "3s",
      resync: options.resync ?? "30s",
      ...(options.watches === undefined ? {} : { "watch-namespace": options.watches.namespace }),
      ...options.flags,
    },
  });
  const policyArn = (name: string): string => `arn:aws:iam::${accountId}:policy/${namespace}-${name}`;
  const group = (name: string): string => `${namespace}-${name}`;
  const spares = options.leavers === true ? spareNames : [];
  if (options.leavers === true) await allowLeavers(ground, policyArn("leavers"));
  const clusterWide = new Set<string>();
  const people = await givePlaces(ground, { clusterWide, policyArn, group, spares });
  const guards = options.unguarded === true ? undefined : await guardLane(ground, also);
  const specs = connectionSpecs(lane, namespace);
  const objects = (suffix: string): object[] => [
    connectionObject(`${connections.kubernetes}${suffix}`, namespace, {
      kubernetes: {},
      grants: [
        {
          name: "team",
          roles: [
            ...["reader", "writer", "watcher", "guarded"].map((name) => ({ kind: "Role", name })),
            { kind: "ClusterRole", name: `${namespace}-viewer`, scope: "Cluster" },
          ],
        },
      ],
    }),
    connectionObject(`${connections.aws}${suffix}`, namespace, {
      aws: { ...specs.aws, webIdentity: { issuer: "https://kubernetes.default.svc.cluster.local" } },
      grants: [
        {
          name: "team",
          groups: ["staff", "audit", ...spares].map(group),
          policies: ["read", "write", "list", "missing", ...spares].map(policyArn),
          inlineActions: ["s3:*", "sqs:*"],
        },
      ],
    }),
    connectionObject(`${connections.vault}${suffix}`, namespace, {
      vault: specs.vault,
      grants: [{ name: "team", policies: ["read", "write", "list", "missing"].map((name) => `${namespace}-${name}`) }],
    }),
  ];
  const suffixes = options.spareConnections === true ? ["", "-spare"] : [""];
  await Promise.all(
    suffixes.flatMap(objects).map((object) => kube.create("/apis/keyturn.dev/v1alpha1/providerconnections", object)),
  );
  const foreign = await plantForeign(ground, { policyArn: policyArn("read"), group: group("staff") });
  const path = (name: string): string => identityPath(namespace, name);
  const find = (name: string): Promise<Identity | undefined> => kube.find<Identity>(path(name));
  const awsPart = ({ policies, inline }: AwsOptions): object => ({
    ...(policies === undefined ? {} : { policies: policies.map(policyArn) }),
    ...(inline === undefined
      ? {}
      : {
          inlinePolicies: inline.map((action) => ({
            name: action.replace(/[^A-Za-z0-9]/g, "-"),
            statements: [{ effect: "Allow", actions: [action], resources: ["*"] }],
          })),
        }),
  });
  const values = new Set<string>();
  lane.forget();
  return {
    ...ground,
    connections,
    foreign,
    values,
    ...people,
    policyArn,
    group,
    vaultPolicy: (name) => `${namespace}-${name}`,
    kubernetesAccount: ({ name = "cluster", roles = [], serviceAccountName } = {}) => ({
      name,
      kubernetes: {
        connectionRef: { name: connections.kubernetes },
        ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
        roles: roles.map((role) =>
          role === "viewer"
            ? { kind: "ClusterRole", name: `${namespace}-viewer`, scope: "Cluster" }
            : role === "viewer-here"
              ? { kind: "ClusterRole", name: `${namespace}-viewer` }
              : { kind: "Role", name: role },
        ),
      },
    }),
    awsUser: (given = {}) => ({
      name: given.name ?? "lake",
      aws: {
        connectionRef: { name: connections.aws },
        user: {
          ...awsPart(given),
          ...(given.groups === undefined ? {} : { groups: given.groups.map(group) }),
        },
      },
    }),
    awsRole: (given = {}) => ({
      name: given.name ?? "job",
      aws: { connectionRef: { name: connections.aws }, role: awsPart(given) },
    }),
    vaultAccount: ({ name = "secrets", mode = "AppRole", policies = [] } = {}) => ({
      name,
      vault: {
        connectionRef: { name: connections.vault },
        policies: policies.map((policy) => `${namespace}-${policy}`),
        login: { mode },
      },
    }),
    identity: (name, accounts, more) => identityObject(namespace, name, accounts, more),
    path,
    apply: (identity) => people.team.apply<Identity>(path(identity.metadata.name), identity, "team"),
    find,
    until: (name, how, timeoutMs = 60_000) =>
      waitFor(
        `${namespace}/${name} is ${how}`,
        async () => {
          const identity = await find(name);
          if (rests(identity, how)) return identity;
          // The last one is in the message.
          throw new Error(briefly(identity).slice(0, 3500));
        },
        { timeout: timeoutMs, every: 60 },
      ),
    async gone(name, timeoutMs = 60_000) {
      await waitFor(`${namespace}/${name} is gone`, async () => (await find(name)) === undefined, {
        timeout: timeoutMs,
        every: 60,
      });
    },
    async createKey(userName) {
      const key = await aws.createAccessKey(userName);
      values.add(key.secretAccessKey);
      return key;
    },
    async createSecretId(roleName) {
      const [role, secret] = await Promise.all([
        vault.call("GET", `auth/approle/role/${roleName}/role-id`),
        vault.call("POST", `auth/approle/role/${roleName}/secret-id`, {}),
      ]);
      const { secret_id: secretId, secret_id_accessor: accessor } = secret?.["data"] as Record<string, string>;
      const roleId = (role?.["data"] as { role_id: string }).role_id;
      if (secretId === undefined || accessor === undefined) throw new Error("Vault has given no secret id");
      values.add(secretId);
      return { roleId, secretId, accessor };
    },
    awsName: (identity, account) => `${namespace}.${identity}.${account}`,
    vaultName: (identity, account) => `keyturn.${namespace}.${identity}.${account}`,
    async close() {
      await ground.close();
      await letGo(kube, namespace);
      for (const name of suffixes.flatMap((suffix) => Object.values(connections).map((one) => `${one}${suffix}`)))
        await kube.delete(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`);
      await guards?.remove();
      for (const one of clusterWide) await kube.delete(one);
      await foreign.remove();
      const left = await namesOf(aws, namespace);
      for (const user of left.users) await removeUser(aws, user);
      for (const role of left.roles) await removeRole(aws, role);
      for (const name of ["staff", "audit", ...spares]) {
        const GroupName = group(name);
        if (spares.includes(name)) await aws.action("iam", "DeleteGroupPolicy", { GroupName, PolicyName: "given" });
        await aws.action("iam", "DeleteGroup", { GroupName });
      }
      people.team.close();
      people.intern.close();
    },
  };
}

/** As a managed policy: with the rest it is longer than an inline policy may be. */
async function allowLeavers(ground: Ground, PolicyArn: string): Promise<void> {
  const { client } = ground.lane.world.stack.aws;
  const Statement = [{ Effect: "Allow", Action: leaverActions, Resource: "*" }];
  await client.action("iam", "CreatePolicy", {
    PolicyName: PolicyArn.split("/").at(-1) ?? "",
    PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
  });
  await client.action("iam", "AttachUserPolicy", { UserName: `${ground.namespace}-operator`, PolicyArn });
}

/** Roles, policies and groups that may be given, and the people who may give them. */
async function givePlaces(
  ground: Ground,
  {
    clusterWide,
    policyArn,
    group,
    spares,
  }: {
    clusterWide: Set<string>;
    policyArn: (name: string) => string;
    group: (name: string) => string;
    spares: readonly string[];
  },
): Promise<{ team: KubeClient; intern: KubeClient }> {
  const { stack } = ground.lane.world;
  const { namespace, operatorNamespace } = ground;
  const kube = stack.kubernetes.client;
  const vault = stack.vault.client;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const group0 = "rbac.authorization.k8s.io";
  const viewer = `${namespace}-viewer`;
  const roles: Record<string, object[]> = {
    reader: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] }],
    writer: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["create", "update"] }],
    watcher: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }],
    guarded: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
    secrets: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] }],
    // What `team` is: it may change its identities, and give three roles away.
    team: [
      { apiGroups: ["keyturn.dev"], resources: ["serviceaccountlifecycles", "secretrotations"], verbs: ["*"] },
      {
        apiGroups: [group0],
        resources: ["roles"],
        verbs: ["bind"],
        resourceNames: ["reader", "writer", "watcher", "secrets"],
      },
    ],
    intern: [{ apiGroups: ["keyturn.dev"], resources: ["serviceaccountlifecycles", "secretrotations"], verbs: ["*"] }],
  };
  const binding = (role: string, subject: string, inNamespace = namespace): object => ({
    metadata: { name: `people-${subject}` },
    roleRef: { apiGroup: group0, kind: "Role", name: role },
    subjects: [{ kind: "ServiceAccount", name: subject, namespace: inNamespace }],
  });
  const bindRule = { apiGroups: [group0], resources: ["clusterroles"], verbs: ["bind"], resourceNames: [viewer] };
  const forCluster: [string, object[], object | undefined][] = [
    [viewer, [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list"] }], undefined],
    [`${namespace}-team`, [bindRule], { kind: "ServiceAccount", name: "team", namespace: `${namespace}-people` }],
  ];
  // People live elsewhere: what runs in the operator's namespace may ask for nothing.
  const people = `${namespace}-people`;
  await kube.create("/api/v1/namespaces", { metadata: { name: people } });
  for (const subject of ["team", "intern"])
    await kube.create(`/api/v1/namespaces/${people}/serviceaccounts`, { metadata: { name: subject } });
  const grantable = grantableRoles({
    operatorNamespace,
    suffix: namespace,
    clusterRoles: [viewer],
    roles: ["reader", "writer", "watcher", "guarded"],
  });
  for (const { path, object } of grantable) {
    await kube.apply(path, object, "keyturn-lane");
    clusterWide.add(path);
  }
  const document = (Action: string | readonly string[]): string =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: "*" }] });
  const policies: (readonly [string, string | readonly string[]])[] = [
    // The second is what a session of a user may do, which may do nothing at IAM; the third makes one.
    ["read", ["iam:GetUser", "sns:ListTopics", "sts:GetFederationToken"]],
    ["write", "iam:ListRoles"],
    ["list", "iam:ListUsers"],
    ["admin", "*"],
    ...spares.map((name) => [name, "iam:ListGroups"] as const),
  ];
  await Promise.all([
    kube.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: "settings" },
      data: { colour: "blue" },
    }),
    ...Object.entries(roles).map(([name, rules]) =>
      kube.create(`${rbac}/namespaces/${namespace}/roles`, { metadata: { name }, rules }),
    ),
    ...["team", "intern"].map((name) =>
      kube.create(`${rbac}/namespaces/${namespace}/rolebindings`, binding(name, name, people)),
    ),
    ...forCluster.map(async ([name, rules, subject]) => {
      await kube.create(`${rbac}/clusterroles`, { metadata: { name }, rules });
      clusterWide.add(`${rbac}/clusterroles/${name}`);
      if (subject === undefined) return;
      const roleRef = { apiGroup: group0, kind: "ClusterRole", name };
      const bound = `${name}-${operatorNamespace}`;
      await kube.create(`${rbac}/clusterrolebindings`, { metadata: { name: bound }, roleRef, subjects: [subject] });
      clusterWide.add(`${rbac}/clusterrolebindings/${bound}`);
    }),
    ...policies.map(async ([name, action]) => {
      await stack.aws.client.action("iam", "CreatePolicy", {
        PolicyName: policyArn(name).split("/").at(-1) ?? "",
        PolicyDocument: document(action),
      });
    }),
    ...["staff", "audit", ...spares].map(async (name) => {
      const of = { GroupName: group(name) };
      await stack.aws.client.action("iam", "CreateGroup", of);
      if (!spares.includes(name)) return;
      const given = { PolicyName: "given", PolicyDocument: document("iam:ListGroups") };
      await stack.aws.client.action("iam", "PutGroupPolicy", { ...of, ...given });
    }),
    ...["read", "write", "list", "admin"].map((name) =>
      vault.call("PUT", `sys/policies/acl/${namespace}-${name}`, {
        policy: `path "kv/data/team/${namespace}/*" { capabilities = [${name === "read" ? '"read"' : '"create", "update"'}] }
path "auth/token/create" { capabilities = ["create", "update"] }`,
      }),
    ),
    vault.call("POST", `kv/data/team/${namespace}/settings`, { data: { colour: "blue" } }),
  ]);
  const clientOf = async (name: string): Promise<KubeClient> =>
    kubeClient({
      url: stack.kubernetes.url,
      ca: stack.ca.pem,
      token: await kube.serviceAccountToken(people, name, undefined, 4 * 3600),
    });
  return { team: await clientOf("team"), intern: await clientOf("intern") };
}

/** Takes the finalizers off whatever a run has left behind. */
async function letGo(kube: KubeClient, namespace: string): Promise<void> {
  for (const plural of ["serviceaccountlifecycles", "secretrotations"]) {
    const folder = `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/${plural}`;
    const { items } = await kube.list(folder).catch(() => ({ items: [] }));
    for (const { metadata } of items) {
      if ((metadata.finalizers ?? []).length > 0)
        await kube.mergePatch(`${folder}/${metadata.name}`, { metadata: { finalizers: null } });
      await kube.delete(`${folder}/${metadata.name}`);
    }
  }
  const ledger = "/apis/keyturn.dev/v1alpha1/orphanedcredentials";
  for (const entry of (await kube.list(ledger)).items)
    if (JSON.stringify(entry["spec"]).includes(`"${namespace}"`)) {
      if ((entry.metadata.finalizers ?? []).length > 0)
        await kube.mergePatch(`${ledger}/${entry.metadata.name}`, { metadata: { finalizers: null } });
      await kube.delete(`${ledger}/${entry.metadata.name}`);
    }
}
