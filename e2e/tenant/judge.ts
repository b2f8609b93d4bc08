import type { KubeObject } from "../stack/kube.ts";
import type { TenantWorld } from "./world.ts";
import { victimsThings } from "./world.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

interface Access {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly namespace?: string;
}

/** May this user do this? Asked of the API server, which sees every binding whoever made it. */
async function may({ options }: TenantWorld, user: string, access: Access): Promise<boolean> {
  const parts = user.split(":");
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${parts[2] ?? ""}`, "system:authenticated"];
  const review = await options.stack.kubernetes.client.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    spec: { user, groups, resourceAttributes: access },
  });
  return (review["status"] as { allowed: boolean }).allowed;
}

/** Rights in the cluster that no identity of the attacker's namespace, nor the attacker, has by right. */
export async function strayRights(world: TenantWorld): Promise<readonly string[]> {
  const { attacker, victim, operatorNamespace, stack } = world.options;
  const forbidden: readonly Access[] = [
    { verb: "*", group: "*", resource: "*" },
    { verb: "create", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings" },
    { verb: "impersonate", resource: "users" },
    { verb: "update", group: "keyturn.dev", resource: "providerconnections" },
    { verb: "get", resource: "configmaps", namespace: victim },
    ...[victim, operatorNamespace, "kube-system"].map((namespace) => ({ verb: "get", resource: "secrets", namespace })),
  ];
  const heldBack: Access = { verb: "get", group: "apps", resource: "deployments", namespace: attacker };
  const { items } = await stack.kubernetes.client.list(`/api/v1/namespaces/${attacker}/serviceaccounts`);
  const found: string[] = [];
  for (const { name } of items.map(({ metadata }) => metadata)) {
    const user = `system:serviceaccount:${attacker}:${name}`;
    for (const access of world.names.blessed.includes(name) ? forbidden : [...forbidden, heldBack])
      if (await may(world, user, access)) found.push(`${user} may ${access.verb} ${access.resource}`);
  }
  return found;
}

/** Bindings that give rights across the border between the two tenants, in either direction. */
export async function strayBindings(world: TenantWorld): Promise<readonly string[]> {
  const { attacker, victim, stack } = world.options;
  interface Binding extends KubeObject {
    readonly subjects?: readonly { readonly namespace?: string }[];
  }
  const found: string[] = [];
  for (const [namespace, other] of [
    [attacker, victim],
    [victim, attacker],
  ] as const) {
    const { items } = await stack.kubernetes.client.list<Binding>(`${RBAC}/namespaces/${namespace}/rolebindings`);
    found.push(
      ...items
        .filter(({ subjects = [] }) => subjects.some((subject) => subject.namespace === other))
        .map(({ metadata }) => `${namespace}/${metadata.name}`),
    );
  }
  return found;
}

/** A value of the victim (Secret, key) in a Secret of the attacker. */
export async function strayValues(world: TenantWorld): Promise<readonly string[]> {
  const { attacker, stack } = world.options;
  const { secretValue, key } = world.victim;
  const { items } = await stack.kubernetes.client.list(`/api/v1/namespaces/${attacker}/secrets`);
  const keys = (await stack.aws.client.listAccessKeys(world.names.victimUser)).map(({ accessKeyId }) => accessKeyId);
  return items
    .filter(({ data = {} }) =>
      Object.values(data as Record<string, string>)
        .map((value) => Buffer.from(value, "base64").toString())
        .some((value) => [secretValue, key.secretAccessKey, ...keys].some((one) => value.includes(one))),
    )
    .map(({ metadata }) => metadata.name);
}

/** Has anything of the victim changed? */
export const victimTouched = async (world: TenantWorld): Promise<boolean> =>
  (await victimsThings(world.options, world.names)) !== world.victim.before;

/** Policies, groups and inline actions of the attacker's users and roles that no grant names, and identities out of bounds. */
export async function strayIam(world: TenantWorld): Promise<readonly string[]> {
  const { client } = world.options.stack.aws;
  const { attacker } = world.options;
  const iam = (action: string, parameters: Record<string, string>): Promise<string> =>
    client.action("iam", action, parameters);
  const found: string[] = [];
  for (const kind of ["User", "Role"] as const) {
    const closed = await iam(`List${kind}s`, { PathPrefix: world.names.closedPath });
    found.push(...texts(closed, `${kind}Name`).map((name) => `${kind} ${name} through a closed connection`));
    for (const name of texts(await iam(`List${kind}s`, { PathPrefix: `/keyturn/${attacker}/` }), `${kind}Name`)) {
      const of = { [`${kind}Name`]: name };
      const attached = texts(await iam(`ListAttached${kind}Policies`, of), "PolicyArn");
      const inline = texts(await iam(`List${kind}Policies`, of), "member").filter((one) => !one.startsWith("keyturn"));
      const groups = kind === "User" ? texts(await iam("ListGroupsForUser", of), "GroupName") : [];
      const about = await iam(`Get${kind}`, of);
      found.push(
        ...attached.filter((arn) => !world.granted.policies.includes(arn)).map((arn) => `${name} has ${arn}`),
        ...groups.map((group) => `${name} is in ${group}`),
      );
      const bounded = texts(about, "PermissionsBoundaryArn").includes(world.boundary);
      if (attached.some((arn) => arn.endsWith("-bounded")) && !bounded) found.push(`${name} is not bounded`);
      for (const policy of inline) {
        const text = decodeURIComponent(
          texts(await iam(`Get${kind}Policy`, { ...of, PolicyName: policy }), "PolicyDocument")[0] ?? "",
        );
        if (!onlyS3Get(text)) found.push(`${name} has the inline policy ${policy}`);
      }
    }
  }
  return found;
}

interface Statement {
  readonly Effect: string;
  readonly Action?: string | readonly string[];
}

/** s3:Get* is the only grant of inline actions. */
function onlyS3Get(text: string): boolean {
  const { Statement: statements } = JSON.parse(text) as { Statement: Statement | readonly Statement[] };
  return [statements]
    .flat()
    .filter(({ Effect }) => Effect === "Allow")
    .every(({ Action }) => Action !== undefined && [Action].flat().every((action) => action.startsWith("s3:Get")));
}

/** Vault entities and login roles of the attacker with a policy that no grant names, or where they have nothing to be. */
export async function strayVault(world: TenantWorld): Promise<readonly string[]> {
  const { client } = world.options.stack.vault;
  const { attacker } = world.options;
  const list = async (path: string): Promise<readonly string[]> =>
    ((await client.call("LIST", path))?.["data"] as { keys?: string[] } | undefined)?.keys ?? [];
  const found: string[] = [];
  const judge = async (name: string, path: string, member: string): Promise<void> => {
    if (name.startsWith(`${world.names.closedPrefix}.`)) found.push(`${path} through a closed connection`);
    if (!name.startsWith(`keyturn.${attacker}.`)) return;
    const data = (await client.call("GET", path))?.["data"] as Record<string, unknown> | undefined;
    const policies = (data?.[member] ?? []) as readonly string[];
    found.push(...policies.filter((one) => !world.granted.vault.includes(one)).map((one) => `${path} has ${one}`));
  };
  for (const name of await list("identity/entity/name")) await judge(name, `identity/entity/name/${name}`, "policies");
  for (const mount of ["approle", "jwt"])
    for (const name of await list(`auth/${mount}/role`))
      await judge(name, `auth/${mount}/role/${name}`, "token_policies");
  return found;
}

const texts = (xml: string, tag: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))].map(([, text]) => text ?? "");
