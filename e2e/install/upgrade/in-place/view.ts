import { createHash } from "node:crypto";
import type { Outside, Thing } from "../../../lane/outside.ts";
import { compareOutside, readOutside } from "../../../lane/outside.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import type { Stack } from "../../../stack/stack.ts";
import { sleep } from "../../../stack/wait.ts";
import { NAMESPACE } from "../../installation.ts";

/** One container process of a pod that depends on a credential: another uid or count is another process. */
export interface PodFace {
  readonly uid: string;
  readonly restarts: number;
}

/** What stands outside the operator at one moment, by the providers' own word. No value of a secret is in it. */
export interface View {
  readonly things: Outside;
  readonly pods: ReadonlyMap<string, PodFace>;
}

/** What has become of a view, one line each. A line of the other three stands among `changed` too. */
export interface Changes {
  /** Pods that are gone, new or restarted, and workloads whose template has changed. */
  readonly restarts: readonly string[];
  /** Credentials, logins, grants and principals that were in force and are not. */
  readonly revocations: readonly string[];
  /** Credentials and values that are new or other ones. */
  readonly reissues: readonly string[];
  /** Every difference. */
  readonly changed: readonly string[];
}

/** Reads IAM, Vault, RBAC, Secrets, workloads and pods of these namespaces with the administrators' logins. */
export async function readView(stack: Stack, namespaces: readonly string[]): Promise<View> {
  const kube = stack.kubernetes.client;
  const parts = await Promise.all(
    namespaces.map(async (namespace) => {
      const [outside, workloads, pods] = await Promise.all([
        readOutside({ lane: { world: { stack } }, namespace, operatorNamespace: NAMESPACE }),
        kube.list(`/apis/apps/v1/namespaces/${namespace}/deployments`),
        kube.list(`/api/v1/namespaces/${namespace}/pods`),
      ]);
      const things = [...outside.values(), ...workloads.items.map(workloadThing)].map((thing): Thing => {
        // What Keyturn itself remembers is the same whichever namespace is looked at.
        const key = thing.key.startsWith("own/") ? thing.key : `${namespace}/${thing.key}`;
        return digested({ ...thing, key });
      });
      const faces = pods.items.map((pod) => [`${namespace}/pod/${pod.metadata.name}`, faceOf(pod)] as const);
      return { things, faces };
    }),
  );
  return {
    things: new Map(parts.flatMap(({ things }) => things.map((thing) => [thing.key, thing] as const))),
    pods: new Map(parts.flatMap(({ faces }) => faces)),
  };
}

/** A view that is the same when it is read again after `quietMs`. */
export async function viewAtRest(
  read: () => Promise<View>,
  { quietMs = 5000, timeoutMs = 120_000 }: { readonly quietMs?: number; readonly timeoutMs?: number } = {},
): Promise<View> {
  const end = performance.now() + timeoutMs;
  for (let before = await read(); ;) {
    await sleep(quietMs);
    const after = await read();
    const { changed } = changesBetween(before, after);
    if (changed.length === 0) return after;
    if (performance.now() > end) throw new Error(`It does not come to rest:\n${changed.slice(0, 20).join("\n")}`);
    before = after;
  }
}

/** Compares two views; `leaveOut` picks keys of what people have changed on purpose in between. */
export function changesBetween(before: View, after: View, leaveOut: (key: string) => boolean = () => false): Changes {
  const kept = <T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...map].filter(([key]) => !leaveOut(key)));
  const [old, now] = [kept(before.things), kept(after.things)];
  const [oldPods, nowPods] = [kept(before.pods), kept(after.pods)];
  const pods = [...new Set([...oldPods.keys(), ...nowPods.keys()])].flatMap((key) => {
    const [a, b] = [oldPods.get(key), nowPods.get(key)];
    if (a !== undefined && b !== undefined && a.uid === b.uid && a.restarts === b.restarts) return [];
    return [`${key} ${b === undefined ? "is gone" : a === undefined ? "is new" : "was restarted"}`];
  });
  const templates = [...old.keys()].filter((key) => isWorkload(key) && differ(old.get(key), now.get(key)));
  const [inForceBefore, inForceNow] = [inForce(old), inForce(now)];
  const known = allCredentials(old);
  return {
    restarts: [...pods, ...templates.map((key) => `${key} has another pod template`)],
    revocations: [...inForceBefore].filter((one) => !inForceNow.has(one)).map((one) => `${one} is no longer in force`),
    reissues: [
      ...[...allCredentials(now)].filter((one) => !known.has(one)).map((one) => `${one} is new`),
      ...[...now]
        .filter(([key, thing]) => hasOtherValue(old.get(key), thing))
        .map(([key]) => `${key} has another value`),
    ],
    changed: [...compareOutside(old, now, { ids: true, versions: false }), ...valueChanges(old, now), ...pods],
  };
}

const isWorkload = (key: string): boolean => key.includes("/workload/");
const isSecretPlace = (key: string): boolean => key.includes("/kubernetes/Secret/") || key.includes("/vault/kv/");

const differ = (a: Thing | undefined, b: Thing | undefined): boolean =>
  a?.id !== b?.id || JSON.stringify(a?.shape) !== JSON.stringify(b?.shape);

/** A path of KV shows no value here; another version of it is another one. */
const valueChanges = (old: Outside, now: Outside): readonly string[] =>
  [...now]
    .filter(([key, { version }]) => key.includes("/vault/kv/") && old.has(key) && old.get(key)?.version !== version)
    .map(([key, { version }]) => `${key} has version ${version} and had ${old.get(key)?.version ?? ""}`);

const hasOtherValue = (before: Thing | undefined, { key, shape, version }: Thing): boolean => {
  if (before === undefined || !isSecretPlace(key)) return false;
  if (key.includes("/vault/kv/")) return before.version !== version;
  const dataOf = (one: unknown): string => JSON.stringify((one as { readonly data?: unknown }).data);
  return dataOf(before.shape) !== dataOf(shape);
};

/** What lets somebody in or lets them do something, one line each, as long as it does. */
const inForce = (things: Outside): ReadonlySet<string> => new Set([...things.values()].flatMap(powersOf));

const powersOf = (thing: Thing): readonly string[] => {
  const { key, shape } = thing;
  const [, provider, kind] = key.split("/");
  switch (`${provider ?? ""}/${kind ?? ""}`) {
    case "aws/user": {
      const { attached, inline, groups } = shape as IamShape;
      const cut = isCut(inline);
      return [
        key,
        ...credentialIdsOf(thing)
          .filter(([, on]) => on)
          .map(([id]) => `${key} key ${id}`),
        ...(cut ? [] : [...attached, ...groups, ...inline.map(([name]) => name)].map((one) => `${key} grant ${one}`)),
      ];
    }
    case "aws/role": {
      const { attached, inline } = shape as IamShape;
      return [
        key,
        ...(isCut(inline) ? [] : [...attached, ...inline.map(([name]) => name)].map((one) => `${key} ${one}`)),
      ];
    }
    case "vault/entity": {
      const { disabled, policies } = shape as { readonly disabled?: boolean; readonly policies: readonly string[] };
      return disabled === true ? [key] : [key, `${key} open`, ...policies.map((one) => `${key} policy ${one}`)];
    }
    case "vault/approle":
      return [key, ...credentialIdsOf(thing).map(([id]) => `${key} secret id ${id}`)];
    case "vault/jwt-role":
    case "vault/kv":
    case "kubernetes/ServiceAccount":
    case "kubernetes/RoleBinding":
    case "kubernetes/ClusterRoleBinding":
    case "kubernetes/Secret":
      return [key];
    default:
      return [];
  }
};

interface IamShape {
  readonly attached: readonly string[];
  readonly inline: readonly (readonly [string, unknown])[];
  readonly groups: readonly string[];
}

/** An inline policy that denies everything: grants beside it give nothing. */
const isCut = (inline: IamShape["inline"]): boolean =>
  inline.some(([, document]) => {
    const statements = [(document as { readonly Statement?: unknown }).Statement].flat();
    return statements.some((one) => {
      const { Effect, Action, Condition } = one as Readonly<Record<string, unknown>>;
      return Effect === "Deny" && [Action].flat().includes("*") && Condition === undefined;
    });
  });

/** Ids that a provider gave to credentials, with whether each is switched on; as `readOutside` puts them into `id`. */
const credentialIdsOf = ({ key, id }: Thing): readonly (readonly [string, boolean])[] => {
  const ids = id.split(",").filter((one) => one !== "");
  if (key.includes("/aws/user/"))
    return ids.slice(1).map((one) => {
      const [name = "", status] = one.split(" ");
      return [name, status === "Active"] as const;
    });
  return key.includes("/vault/approle/") ? ids.map((one) => [one, true] as const) : [];
};

const allCredentials = (things: Outside): ReadonlySet<string> =>
  new Set([...things.values()].flatMap((thing) => credentialIdsOf(thing).map(([id]) => `${thing.key} ${id}`)));

const workloadThing = ({ kind = "Deployment", metadata, spec }: KubeObject): Thing => ({
  key: `workload/${kind}/${metadata.name}`,
  id: metadata.uid ?? "",
  version: "",
  shape: (spec as { readonly template: unknown }).template,
});

/** Values of Secrets go no further than here. */
const digested = (thing: Thing): Thing => {
  if (!thing.key.includes("/kubernetes/Secret/")) return thing;
  const shape = thing.shape as { readonly data?: Readonly<Record<string, string>> };
  const data = Object.entries(shape.data ?? {}).map(([name, value]) => [name, digestOf(value)] as const);
  return { ...thing, shape: { ...shape, data: Object.fromEntries(data) } };
};

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

const faceOf = ({ metadata, status }: KubeObject): PodFace => {
  const { containerStatuses = [] } = (status ?? {}) as {
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
  return {
    uid: metadata.uid ?? "",
    restarts: containerStatuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
  };
};
