import { AwsError } from "../../../stack/aws.ts";
import type { AwsKey } from "../../../stack/aws.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import { kubeClient, KubeError } from "../../../stack/kube.ts";
import type { Stack } from "../../../stack/stack.ts";
import { VaultError, vaultClient } from "../../../stack/vault.ts";
import type { VaultClient } from "../../../stack/vault.ts";
import { waitFor } from "../../../stack/wait.ts";
import type { LoginWatch } from "./logins.ts";

export const namespaces = ["payments", "media"] as const;
export const accountId = "123456789012";
/** The chart's own default: what stands in every mark. */
export const clusterName = "default";

export const connections = {
  /** A login that may do everything in IAM. */
  aws: "aws",
  /** A login with exactly the rights of the pages of the version that the upgrade begins with. */
  awsByThePage: "aws-by-the-page",
  /** A login that may do everything there but make keys. */
  awsWithoutKeys: "aws-without-keys",
  vault: "vault",
} as const;

const API = "/apis/keyturn.dev/v1alpha1";
const plurals = { SecretRotation: "secretrotations", ServiceAccountLifecycle: "serviceaccountlifecycles" } as const;
export type DeclaredKind = keyof typeof plurals;

/** Where everything stands, and what people have declared there so far. */
export interface Place {
  readonly stack: Stack;
  readonly logins: LoginWatch;
  /** Vault as somebody who has no token yet. */
  readonly stranger: VaultClient;
  /** What is declared now, as it was applied last: an operator's writes are not in it. */
  readonly declared: Map<string, KubeObject>;
}

export function placeIn(stack: Stack, logins: LoginWatch): Place {
  const stranger = vaultClient({ url: stack.vault.url, ca: stack.ca.pem, token: () => "" });
  stack.onStop(async () => stranger.close());
  return { stack, logins, stranger, declared: new Map() };
}

/** One resource of a state, and where it is. */
export interface Spot {
  readonly place: Place;
  readonly namespace: string;
  readonly name: string;
}

export const pathOf = ({ namespace }: Pick<Spot, "namespace">, kind: DeclaredKind, name: string): string =>
  `${API}/namespaces/${namespace}/${plurals[kind]}/${name}`;

export const ledgerPath = `${API}/orphanedcredentials`;

/**
 * Asks again while the API server says that it is not ready for a kind: of CRDs that have just been made its caches come last (404,
 * 429), and what its mutating policies know of them after these (503).
 */
export function patiently<T>(ask: () => Promise<T>): Promise<T> {
  let refusal: string | undefined;
  return waitFor(
    "the API server is ready for it",
    () =>
      ask().catch((error: unknown) => {
        if (!(error instanceof KubeError && [404, 429, 503].includes(error.status))) refusal = String(error);
        throw error;
      }),
    { timeout: 60_000, every: 500, giveUp: () => refusal },
  );
}

/** Declares something as a person with a manifest does. */
export async function declare({ place, namespace }: Spot, object: KubeObject): Promise<void> {
  const { kind = "", metadata } = object;
  const path = pathOf({ namespace }, kind as DeclaredKind, metadata.name);
  await patiently(() => place.stack.kubernetes.client.apply(path, object, "team"));
  place.declared.set(path, object);
}

/** Declares the same again with other fields of its spec; one that is undefined goes. */
export async function redeclare(
  spot: Spot,
  kind: DeclaredKind,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const before = spot.place.declared.get(pathOf(spot, kind, spot.name));
  if (before === undefined) throw new Error(`${kind} ${spot.name} is not declared`);
  const spec = Object.entries({ ...(before["spec"] as object), ...change }).filter(([, value]) => value !== undefined);
  await declare(spot, { ...before, spec: Object.fromEntries(spec) });
}

export async function annotate(
  spot: Spot,
  kind: DeclaredKind,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  await spot.place.stack.kubernetes.client.mergePatch(pathOf(spot, kind, spot.name), { metadata: { annotations } });
}

export async function remove({ place, namespace, name }: Spot, kind: DeclaredKind): Promise<void> {
  const path = pathOf({ namespace }, kind, name);
  await place.stack.kubernetes.client.delete(path);
  place.declared.delete(path);
}

/** Logs in with everything that stands in Secrets of the spot's namespace, from now on; also with what has stood there before. */
export async function learnFromSecrets({ place, namespace }: Pick<Spot, "place" | "namespace">): Promise<void> {
  const { items } = await place.stack.kubernetes.client.list(`/api/v1/namespaces/${namespace}/secrets`);
  for (const { metadata, data } of items) {
    const value = (name: string): string => {
      const encoded = (data as Readonly<Record<string, string>> | undefined)?.[name];
      return encoded === undefined ? "" : Buffer.from(encoded, "base64").toString();
    };
    const key = { accessKeyId: value("AWS_ACCESS_KEY_ID"), secretAccessKey: value("AWS_SECRET_ACCESS_KEY") };
    if (key.accessKeyId !== "") addAccessKey({ place }, `${namespace}/${metadata.name}`, key);
    const [roleId, secretId] = [value("roleId"), value("secretId")];
    const version = metadata.annotations?.["keyturn.dev/version"] ?? "";
    if (secretId !== "") addSecretId({ place }, `${namespace}/${metadata.name} ${version}`, roleId, secretId);
  }
}

export function addAccessKey({ place }: Pick<Spot, "place">, whose: string, key: AwsKey): void {
  place.logins.add({
    name: `${whose} access key …${key.accessKeyId.slice(-6)}`,
    tryIt: () =>
      judged(place.stack.aws.client.getCallerIdentity(key), (error) => error instanceof AwsError && isNo(error.status)),
  });
}

export function addSecretId({ place }: Pick<Spot, "place">, whose: string, roleId: string, secretId: string): void {
  place.logins.add({
    name: `${whose} secret id`,
    tryIt: () => loginToVault(place, "approle", { role_id: roleId, secret_id: secretId }),
  });
}

/** A key that an administrator has made for a user, as one finds them beside those of rotations. */
export async function addKeyByHand(spot: Spot, userName: string): Promise<AwsKey> {
  const key = await spot.place.stack.aws.client.createAccessKey(userName);
  addAccessKey(spot, userName, key);
  return key;
}

export async function addSecretIdByHand(spot: Spot, roleName: string): Promise<void> {
  const { client } = spot.place.stack.vault;
  const [role, secret] = await Promise.all([
    client.call("GET", `auth/approle/role/${roleName}/role-id`),
    client.call("POST", `auth/approle/role/${roleName}/secret-id`, {}),
  ]);
  const { role_id: roleId } = role?.["data"] as { readonly role_id: string };
  const { secret_id: secretId } = secret?.["data"] as { readonly secret_id: string };
  addSecretId(spot, roleName, roleId, secretId);
}

/** A token of a ServiceAccount, and what a role lets it do: it may read the namespace's settings. */
export async function addTokenByHand({ place, namespace }: Spot, serviceAccount: string): Promise<void> {
  const { client, url } = place.stack.kubernetes;
  const token = await client.serviceAccountToken(namespace, serviceAccount, undefined, 4 * 3600);
  const asIt = kubeClient({ url, ca: place.stack.ca.pem, token });
  place.stack.onStop(async () => asIt.close());
  place.logins.add({
    name: `${namespace}/${serviceAccount} token`,
    async tryIt() {
      const { status } = await asIt.raw("GET", `/api/v1/namespaces/${namespace}/configmaps/settings`);
      if (status === 200) return "accepted";
      if (isNo(status)) return "refused";
      throw new Error(`the API server has answered ${status}`);
    },
  });
}

/** The same token at Vault, by a login role of mode JWT. */
export async function addJwtByHand({ place, namespace }: Spot, serviceAccount: string, role: string): Promise<void> {
  const { client } = place.stack.kubernetes;
  const jwt = await client.serviceAccountToken(namespace, serviceAccount, "vault", 4 * 3600);
  place.logins.add({ name: `${role} jwt`, tryIt: () => loginToVault(place, "jwt", { role, jwt }) });
}

const loginToVault = ({ stranger }: Place, method: string, body: object): Promise<"accepted" | "refused"> =>
  judged(
    stranger.call("POST", `auth/${method}/login`, body),
    (error) => error instanceof VaultError && isNo(error.status),
  );

const isNo = (status: number): boolean => [400, 401, 403].includes(status);

const judged = (asked: Promise<unknown>, isRefusal: (error: unknown) => boolean): Promise<"accepted" | "refused"> =>
  asked.then(
    () => "accepted" as const,
    (error: unknown) => {
      if (isRefusal(error)) return "refused" as const;
      throw error;
    },
  );
