import { connectionObject } from "../../../lane/ground.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import type { Stack } from "../../../stack/stack.ts";
import { mountPki, putPkiRole } from "../../../stack/vault.ts";
import { NAMESPACE } from "../../installation.ts";
import { iamActionsOf, vaultPolicyOf } from "./rights.ts";
import { accountId, connections, namespaces } from "./place.ts";

export const policyArn = (name: "read" | "write" | "missing"): string =>
  `arn:aws:iam::${accountId}:policy/lake-${name}`;

/** Roles and policies to be given, the operator's own logins, and the connections: what a platform team has before anybody declares. */
export async function layGround(stack: Stack, baseline: string): Promise<void> {
  await Promise.all([kubernetesGround(stack), awsGround(stack, baseline), vaultGround(stack, baseline)]);
}

async function kubernetesGround({ kubernetes }: Stack): Promise<void> {
  const kube = kubernetes.client;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  for (const namespace of namespaces) {
    await kube.create("/api/v1/namespaces", { metadata: { name: namespace } });
    await kube.create(`/api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name: "settings" },
      data: { a: "b" },
    });
    for (const [name, verbs] of [
      ["reader", ["get", "list"]],
      ["writer", ["create", "update"]],
    ] as const)
      await kube.create(`${rbac}/namespaces/${namespace}/roles`, {
        metadata: { name },
        rules: [{ apiGroups: [""], resources: ["configmaps"], verbs }],
      });
  }
}

async function awsGround({ aws, kubernetes }: Stack, baseline: string): Promise<void> {
  const { client } = aws;
  const document = (Action: string | readonly string[]): object => ({
    Version: "2012-10-17",
    // moto does not judge the resource of IAM's own actions: it must be "*".
    Statement: [{ Effect: "Allow", Action, Resource: "*" }],
  });
  await Promise.all([
    ...(["read", "write"] as const).map((name) =>
      client.action("iam", "CreatePolicy", {
        PolicyName: `lake-${name}`,
        PolicyDocument: JSON.stringify(document(name === "read" ? "iam:GetUser" : "iam:ListRoles")),
      }),
    ),
    client.action("iam", "CreateGroup", { GroupName: "staff" }),
  ]);
  const login = async (name: string, actions: readonly string[]): Promise<void> => {
    await client.createUser(name);
    await client.putUserPolicy(name, "keyturn", document([...actions, "sts:GetCallerIdentity"]));
    const { accessKeyId, secretAccessKey } = await client.createAccessKey(name);
    await kubernetes.client.create(`/api/v1/namespaces/${NAMESPACE}/secrets`, {
      metadata: { name: `${name}-login` },
      stringData: { accessKeyId, secretAccessKey },
    });
  };
  await login(connections.aws, ["iam:*"]);
  const asThePage = [...(await iamActionsOf(baseline))];
  await login(connections.awsByThePage, asThePage);
  await login(
    connections.awsWithoutKeys,
    asThePage.filter((action) => action !== "iam:CreateAccessKey"),
  );
}

async function vaultGround({ vault }: Stack, baseline: string): Promise<void> {
  const { client } = vault;
  await client.call("POST", "sys/auth/approle", { type: "approle" });
  await mountPki(client);
  for (const namespace of namespaces) {
    await putPkiRole(client, {
      name: `keyturn.${namespace}.web`,
      domain: `${namespace}.example`,
      more: { require_cn: false },
    });
    for (const name of ["read", "write"])
      await client.call("PUT", `sys/policies/acl/team-${name}`, {
        policy: `path "kv/data/team/*" { capabilities = ["${name === "read" ? "read" : "update"}"] }`,
      });
  }
  await letOperatorInto({ vault }, await vaultPolicyOf(baseline));
}

/** The operator's login at Vault with exactly this policy. */
const letOperatorInto = ({ vault }: Pick<Stack, "vault">, policy: string): Promise<void> =>
  vault.client.putRole({ name: "keyturn", policy, serviceAccount: { namespace: NAMESPACE, name: "keyturn" } });

/** Takes away what the operator's login may do at one path, but for reading it. */
export function onlyRead(stack: Pick<Stack, "vault">, path: string): Promise<void> {
  const narrow = async (): Promise<void> => {
    await letOperatorInto(stack, `${await operatorPolicy(stack)}path "${path}" {\n  capabilities = ["read"]\n}\n`);
  };
  // Somebody else's path may be taken away at the same time: one policy is written by one at a time.
  narrowed = narrowed.then(narrow);
  return narrowed;
}

let narrowed: Promise<void> = Promise.resolve();

/** What the operator's login may do at Vault now, in HCL. */
export async function operatorPolicy({ vault }: Pick<Stack, "vault">): Promise<string> {
  return ((await vault.client.call("GET", "sys/policies/acl/keyturn"))?.["data"] as { readonly policy: string }).policy;
}

/** The platform's connections, which need the CRDs. */
export function connectionsOf({ aws, vault, ca }: Stack): readonly KubeObject[] {
  const of = (name: string, spec: object): KubeObject => {
    const object = connectionObject(name, namespaces[0], spec) as KubeObject & { spec: object };
    return { ...object, spec: { ...object.spec, allowedNamespaces: { mode: "Listed", names: [...namespaces] } } };
  };
  const grants = [
    {
      name: "lake",
      policies: [`arn:aws:iam::${accountId}:policy/lake-*`],
      groups: ["staff"],
      inlineActions: ["s3:*"],
    },
  ];
  const awsOf = (name: string): KubeObject =>
    of(name, {
      grants,
      aws: {
        region: aws.region,
        accountId,
        endpoint: aws.url,
        caBundle: ca.pem,
        webIdentity: { issuer: "https://kubernetes.default.svc.cluster.local" },
        login: { secretRef: { name: `${name}-login` } },
      },
    });
  return [
    of("in-cluster", {
      kubernetes: {},
      grants: [{ name: "team", roles: ["reader", "writer"].map((name) => ({ kind: "Role", name })) }],
    }),
    awsOf(connections.aws),
    awsOf(connections.awsByThePage),
    awsOf(connections.awsWithoutKeys),
    of(connections.vault, {
      vault: { address: vault.url, caBundle: ca.pem, login: { jwt: { role: "keyturn" } } },
      grants: [{ name: "team", policies: ["team-*"] }],
    }),
  ];
}
