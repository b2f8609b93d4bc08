import type { Ground } from "./ground.ts";
import { removeRole, removeUser } from "./aws-calls.ts";
import type { Outside } from "./outside.ts";
import { compareOutside, only, readOutside } from "./outside.ts";

/** Things of others, beside ours and of every kind that Keyturn makes. */
export interface Foreign {
  /** How many: principals, and each thing that hangs on them. */
  readonly planted: number;
  /** Reads them again; one line for each that is not exactly as it was, by id and version too. */
  touched(): Promise<string[]>;
  /** Takes them away at the providers that outlive a site. */
  remove(): Promise<void>;
}

/** Plants them. What they are bound to are the site's own roles and policies. */
export async function plantForeign(
  ground: Ground,
  options: { readonly policyArn: string; readonly group: string },
): Promise<Foreign> {
  const { stack } = ground.lane.world;
  const { namespace } = ground;
  const kube = stack.kubernetes.client;
  const aws = stack.aws.client;
  const vault = stack.vault.client;
  const name = `${namespace}-foreign`;
  const outsider = `${namespace}-outsider`;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const subject = { kind: "ServiceAccount", name: "foreign", namespace };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" };
  const ofKubernetes: [string, object][] = [
    [
      `/api/v1/namespaces/${namespace}/serviceaccounts`,
      { metadata: { name: "foreign", annotations: { team: "others" } } },
    ],
    [`/api/v1/namespaces/${namespace}/secrets`, { metadata: { name: "foreign" }, stringData: { value: "others'" } }],
    [`/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: "foreign" }, data: { value: "others'" } }],
    [`${rbac}/namespaces/${namespace}/rolebindings`, { metadata: { name: "foreign" }, subjects: [subject], roleRef }],
    [
      `${rbac}/clusterrolebindings`,
      {
        metadata: { name },
        subjects: [subject],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:discovery" },
      },
    ],
  ];
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" }],
  });
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
  });
  const ofAws = async (): Promise<number> => {
    for (const [UserName, path] of [
      [name, `/keyturn/${namespace}/`],
      [outsider, "/others/"],
    ] as const) {
      await aws.createUser(UserName, { path, tags: { team: "others" } });
      await aws.createAccessKey(UserName);
      await aws.action("iam", "AttachUserPolicy", { UserName, PolicyArn: options.policyArn });
      await aws.action("iam", "PutUserPolicy", { UserName, PolicyName: "others", PolicyDocument: document });
      await aws.action("iam", "AddUserToGroup", { UserName, GroupName: options.group });
    }
    for (const [RoleName, Path] of [
      [name, `/keyturn/${namespace}/`],
      [outsider, "/others/"],
    ] as const) {
      const tags = { "Tags.member.1.Key": "team", "Tags.member.1.Value": "others" };
      await aws.action("iam", "CreateRole", { RoleName, Path, AssumeRolePolicyDocument: trust, ...tags });
      await aws.action("iam", "AttachRolePolicy", { RoleName, PolicyArn: options.policyArn });
      await aws.action("iam", "PutRolePolicy", { RoleName, PolicyName: "others", PolicyDocument: document });
    }
    return 2 * (5 + 3);
  };
  const ofVault = async (): Promise<number> => {
    await vault.call("PUT", `sys/policies/acl/${name}`, {
      policy: `path "kv/data/team/${namespace}/*" { capabilities = ["read"] }`,
    });
    await vault.call("POST", `auth/approle/role/${name}`, { token_policies: [name], token_ttl: "1h" });
    await vault.call("POST", `auth/approle/role/${name}/secret-id`, {});
    await vault.call("POST", `auth/jwt/role/${name}`, {
      role_type: "jwt",
      user_claim: "sub",
      bound_audiences: ["vault"],
      bound_subject: `system:serviceaccount:${namespace}:foreign`,
      token_policies: [name],
    });
    await vault.call("POST", `identity/entity/name/${name}`, { policies: [name], metadata: { team: "others" } });
    const roleId = await vault.call("GET", `auth/approle/role/${name}/role-id`);
    const entity = await vault.call("GET", `identity/entity/name/${name}`);
    const mounts = await vault.call("GET", "sys/auth");
    const accessor = (mounts?.["data"] as Record<string, { accessor: string }> | undefined)?.["approle/"]?.accessor;
    await vault.call("POST", "identity/entity-alias", {
      name: (roleId?.["data"] as { role_id: string }).role_id,
      canonical_id: (entity?.["data"] as { id: string }).id,
      mount_accessor: accessor,
    });
    await vault.call("POST", `kv/data/keyturn/${namespace}/foreign`, { data: { value: "others'" } });
    return 7;
  };
  const [, aws1, vault1] = await Promise.all([
    Promise.all(ofKubernetes.map(([path, object]) => kube.create(path, object))),
    ofAws(),
    ofVault(),
  ]);
  const isForeign = (key: string): boolean =>
    key.endsWith("/foreign") || key.endsWith(`/${name}`) || key.endsWith(`/${outsider}`);
  const read = async (): Promise<Outside> => only(await readOutside(ground), isForeign);
  const before = await read();
  return {
    planted: ofKubernetes.length + aws1 + vault1,
    async touched() {
      const after = await read();
      // What stands in a namespace goes with it.
      const there = (await kube.find(`/api/v1/namespaces/${namespace}`)) !== undefined;
      const inNamespace = (key: string): boolean =>
        key.startsWith("kubernetes/") && !key.includes("/ClusterRoleBinding/");
      const expected = there ? before : only(before, (key) => !inNamespace(key));
      return compareOutside(expected, after, { ids: true, versions: true });
    },
    async remove() {
      for (const user of [name, outsider]) await removeUser(aws, user);
      for (const role of [name, outsider]) await removeRole(aws, role);
      await kube.delete(`${rbac}/clusterrolebindings/${name}`);
      for (const path of [
        `auth/approle/role/${name}`,
        `auth/jwt/role/${name}`,
        `identity/entity/name/${name}`,
        `sys/policies/acl/${name}`,
      ])
        await vault.call("DELETE", path);
    },
  };
}
