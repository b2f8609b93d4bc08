import { httpClient } from "../stack/http.ts";
import type { TenantNames, TenantWorldOptions } from "./world.ts";

/** How an attempt ended at the API server. */
export type AtAdmission = "refused-at-admission" | "accepted";

/** One request, as the attacker sends it. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
  /** Absent means JSON, and for PATCH a merge patch. */
  readonly type?: "merge" | "json" | "apply";
  readonly headers?: Readonly<Record<string, string>>;
}

/** Somebody who may do everything in one namespace, and what they know of the others. */
export interface Attacker {
  readonly namespace: string;
  readonly username: string;
  readonly victim: string;
  /** UID of the victim's identity, which is no secret. */
  readonly victimUid: string;
  readonly operatorNamespace: string;
  readonly accountId: string;
  readonly names: TenantNames;
  /** Body and status of the answer; throws when the answer says nothing about right or wrong. */
  send(request: Request): Promise<{ readonly status: number; readonly body: string }>;
  /** `accepted` when at least one of the requests was. */
  attempt(...requests: readonly Request[]): Promise<AtAdmission>;
  /** A request of a cluster administrator who means no harm: what is there before an attack. */
  platform(request: Request): Promise<Record<string, unknown>>;
}

const types = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/** The attacker with a token of their ServiceAccount. */
export async function attackerOf(
  options: TenantWorldOptions,
  names: TenantNames,
  victimUid: string,
): Promise<Attacker> {
  const { stack, attacker: namespace, victim, operatorNamespace, accountId } = options;
  const http = httpClient(stack.kubernetes.url, stack.ca.pem);
  stack.onStop(() => Promise.resolve(http.close()));
  const own = await stack.kubernetes.client.serviceAccountToken(namespace, "mallory", undefined, 4 * 3600);
  const sendAs = (token: string, { method, path, body, type, headers }: Request) => {
    const kind = type === undefined ? (method === "PATCH" ? types.merge : "application/json") : types[type];
    return http.call({
      method,
      path,
      headers: { authorization: `Bearer ${token}`, accept: "application/json", "content-type": kind, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const send: Attacker["send"] = async (request) => {
    const answer = await sendAs(own, request);
    if (isAccepted(answer.status) || isRefused(answer)) return answer;
    throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.body.slice(0, 300)}`);
  };
  return {
    namespace,
    username: `system:serviceaccount:${namespace}:mallory`,
    victim,
    victimUid,
    operatorNamespace,
    accountId,
    names,
    send,
    async attempt(...requests) {
      const answers: AtAdmission[] = [];
      for (const request of requests)
        answers.push(isAccepted((await send(request)).status) ? "accepted" : "refused-at-admission");
      return answers.includes("accepted") ? "accepted" : "refused-at-admission";
    },
    async platform(request) {
      const answer = await sendAs(stack.kubernetes.adminToken, request);
      if (!isAccepted(answer.status))
        throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.body.slice(0, 300)}`);
      return JSON.parse(answer.body) as Record<string, unknown>;
    },
  };
}

const isAccepted = (status: number): boolean => status >= 200 && status < 300;

/** Server-side apply answers 500 where an object does not fit the type; it is refused all the same. A 404 is no refusal. */
const isRefused = ({ status, body }: { status: number; body: string }): boolean =>
  [400, 403, 422].includes(status) || (status === 500 && body.includes("failed to create typed patch object"));

const group = "/apis/keyturn.dev/v1alpha1";

/** Paths of the attacker's own namespace. */
export const lifecycles = ({ namespace }: Attacker): string =>
  `${group}/namespaces/${namespace}/serviceaccountlifecycles`;
export const rotations = ({ namespace }: Attacker): string => `${group}/namespaces/${namespace}/secretrotations`;

/** A ServiceAccountLifecycle of the attacker. */
export const identity = (
  name: string,
  accounts: readonly object[],
  more: { spec?: object; annotations?: object } = {},
) => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name, ...(more.annotations === undefined ? {} : { annotations: more.annotations }) },
  spec: {
    owner: { team: "mallory", contact: "mallory@example.com" },
    purpose: "Looks harmless",
    accounts,
    progressDeadline: "2s",
    ...more.spec,
  },
});

/** A SecretRotation of the attacker for an IAM user that exists. */
export const rotation = (name: string, connection: string, userName: string, deliver: readonly object[]) => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "SecretRotation",
  metadata: { name },
  spec: { source: { awsAccessKey: { connectionRef: { name: connection }, userName } }, deliver, dependents: [] },
});

/** A request that makes an identity with these accounts. */
export const creation = (attacker: Attacker, ...of: Parameters<typeof identity>): Request => ({
  method: "POST",
  path: lifecycles(attacker),
  body: identity(...of),
});

/** An account in the cluster with these roles. */
export const inCluster = (attacker: Attacker, roles: readonly object[], more: object = {}): object => ({
  name: "cluster",
  kubernetes: { connectionRef: { name: attacker.names.connections.kubernetes }, roles, ...more },
});

/** An IAM user. */
export const awsUser = (attacker: Attacker, user: object, connection = attacker.names.connections.aws): object => ({
  name: "aws",
  aws: { connectionRef: { name: connection }, user },
});

/** A Vault entity with an AppRole login. */
export const vaultEntity = (
  attacker: Attacker,
  policies: readonly string[],
  connection = attacker.names.connections.vault,
): object => ({ name: "vault", vault: { connectionRef: { name: connection }, policies, login: { mode: "AppRole" } } });
