import type { IdentitySite } from "../../lane/identity-site.ts";
import type { KubeClient } from "../../stack/kube.ts";

/** What the API server said to an attempt, and who of it refused. */
export type Answer = "accepted" | "refused by a policy" | "refused by RBAC" | "refused by the schema";

/** Requests of somebody who may edit a namespace and holds `bind` on nothing. */
export interface Editor {
  /** Throws for an answer that is neither yes nor no: then nothing has been tried. */
  send(method: string, path: string, body?: object, type?: string): Promise<Answer>;
  /** Merge patch of a resource. */
  patch(path: string, body: object): Promise<Answer>;
  /** JSON patch. */
  json(path: string, ...operations: readonly object[]): Promise<Answer>;
  /** Server-side apply, forced. */
  apply(path: string, body: object): Promise<Answer>;
  /** The whole object as it is, with another spec. */
  put(path: string, spec: object): Promise<Answer>;
  /** Merge patch of the annotations. */
  annotate(path: string, annotations: Readonly<Record<string, string>>): Promise<Answer>;
}

export function editorOf(site: IdentitySite, client: KubeClient): Editor {
  const send: Editor["send"] = async (method, path, body, type) => {
    const { status, body: text } = await client.raw(method, path, body, type);
    if (status >= 200 && status < 300) return "accepted";
    // 404, 409: what is asked for is not there, or no longer as it was; an attempt at nothing is none.
    if (status === 403 || status === 422) return refusedBy(text);
    throw new Error(`${method} ${path} in ${site.namespace}: ${status}: ${text.slice(0, 300)}`);
  };
  const patch: Editor["patch"] = (path, body) => send("PATCH", path, body, "application/merge-patch+json");
  return {
    send,
    patch,
    json: (path, ...operations) => send("PATCH", path, operations, "application/json-patch+json"),
    apply: (path, body) =>
      send("PATCH", `${path}?fieldManager=editor&force=true`, body, "application/apply-patch+yaml"),
    async put(path, spec) {
      for (let tries = 1; ; tries += 1)
        try {
          const live = await site.lane.world.stack.kubernetes.client.get(path);
          return await send("PUT", path, { ...live, spec: { ...(live["spec"] as object), ...spec } });
        } catch (error) {
          // The operator writes its status meanwhile.
          if (tries === 8 || !String(error).includes(": 409:")) throw error;
        }
    },
    annotate: (path, annotations) => patch(path, { metadata: { annotations } }),
  };
}

function refusedBy(text: string): Answer {
  if (text.includes("ValidatingAdmissionPolicy")) return "refused by a policy";
  return /cannot \w+ resource/.test(text) ? "refused by RBAC" : "refused by the schema";
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const apiGroup = "rbac.authorization.k8s.io";

/** The site's `intern` and `team` may do what an editor of the namespace may, and are administrators of the namespace beside it. */
export async function giveEditors(site: IdentitySite): Promise<void> {
  const kube = site.lane.world.stack.kubernetes.client;
  const people = `${site.namespace}-people`;
  const core = ["configmaps", "secrets", "serviceaccounts", "services", "pods"];
  const edit = [{ apiGroups: [""], resources: [...core, "serviceaccounts/token"], verbs: ["*"] }];
  const admin = [
    ...edit,
    { apiGroups: [apiGroup], resources: ["roles", "rolebindings"], verbs: ["*"] },
    { apiGroups: ["keyturn.dev"], resources: ["serviceaccountlifecycles", "secretrotations"], verbs: ["*"] },
  ];
  for (const [namespace, name, rules] of [
    [site.namespace, "editor", edit],
    [people, "admin", admin],
  ] as const) {
    await kube.create(`${rbac}/namespaces/${namespace}/roles`, { metadata: { name }, rules });
    await kube.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: `people-are-${name}` },
      roleRef: { apiGroup, kind: "Role", name },
      subjects: ["intern", "team"].map((one) => ({ kind: "ServiceAccount", name: one, namespace: people })),
    });
  }
}
