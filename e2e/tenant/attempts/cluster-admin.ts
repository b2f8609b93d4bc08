import type { Attacker, AtAdmission, Request } from "../attacker.ts";
import { creation, identity, inCluster, lifecycles } from "../attacker.ts";
import type { TenantAttempt } from "../attempt.ts";
import { strayRights } from "../judge.ts";
import type { TenantWorld } from "../world.ts";

const BY = "keyturn.dev/changed-by";
const GROUPS = "keyturn.dev/changed-by-groups";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const admission = "/apis/admissionregistration.k8s.io/v1";
const clusterAdmin = { kind: "ClusterRole", name: "cluster-admin", scope: "Cluster" };
/** The strongest person of the cluster, as stamps would name them. */
const forged = {
  [BY]: "stack-admin",
  "keyturn.dev/changed-by-uid": "stack-admin",
  [GROUPS]: "system:masters\nsystem:authenticated",
};

const wins = async (world: TenantWorld): Promise<boolean> => (await strayRights(world)).length > 0;
const attempt = (
  name: string,
  expected: AtAdmission,
  run: (attacker: Attacker) => Promise<AtAdmission>,
): TenantAttempt => ({ name, kind: "ClusterAdmin", expected, run, wins });
/** An identity that asks for these roles. */
const asking = (name: string, ...roles: object[]): TenantAttempt =>
  attempt(name, "refused-at-admission", (attacker) =>
    attacker.attempt(creation(attacker, slug(name), [inCluster(attacker, roles)])),
  );
const slug = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 60)
    .replace(/-$/, "");
/** Requests to something that an attacker has no business with. */
const foreign = (name: string, requests: (attacker: Attacker) => readonly Request[]): TenantAttempt =>
  attempt(name, "refused-at-admission", (attacker) => attacker.attempt(...requests(attacker)));

/** The attacker's own identity without any right; what comes after is the attack. */
const innocent = async (attacker: Attacker, name: string): Promise<string> => {
  const request = creation(attacker, name, [inCluster(attacker, [])]);
  if ((await attacker.attempt(request)) !== "accepted") throw new Error("an identity without rights was refused");
  return `${lifecycles(attacker)}/${name}`;
};
/** An identity with a role that a cluster administrator gave it. */
const blessed = async (attacker: Attacker, name: string): Promise<string> => {
  const roles = [{ kind: "Role", name: attacker.names.heldBack }];
  await attacker.platform(creation(attacker, name, [inCluster(attacker, roles)]));
  return `${lifecycles(attacker)}/${name}`;
};

/** Attempts to get rights in the cluster that the attacker cannot give. */
export const clusterAdminAttempts: readonly TenantAttempt[] = [
  asking("cluster-admin in the whole cluster", clusterAdmin),
  asking("cluster-admin in the namespace", { kind: "ClusterRole", name: "cluster-admin" }),
  asking("admin in the whole cluster", { kind: "ClusterRole", name: "admin", scope: "Cluster" }),
  asking("a ClusterRole that they may not bind", { kind: "ClusterRole", name: "edit", scope: "Namespace" }),
  asking("a Role of the namespace that they may not bind", { kind: "Role", name: "held-back" }),
  asking("a controller's role", {
    kind: "ClusterRole",
    name: "system:controller:clusterrole-aggregation-controller",
    scope: "Cluster",
  }),
  asking("the operator's own role", { kind: "ClusterRole", name: "keyturn-operator", scope: "Cluster" }),
  attempt("cluster-admin at the eighth place of the list", "refused-at-admission", (attacker) => {
    const harmless = Array.from({ length: 7 }, (_, index) =>
      index === 0 ? { kind: "ClusterRole", name: attacker.names.reader } : { kind: "Role", name: `tenant-${index}` },
    );
    return attacker.attempt(creation(attacker, "eighth", [inCluster(attacker, [...harmless, clusterAdmin])]));
  }),
  attempt("a role that they may bind, in more than the grant says", "accepted", (attacker) =>
    attacker.attempt(
      creation(attacker, "wider", [
        inCluster(attacker, [{ kind: "ClusterRole", name: attacker.names.reader, scope: "Cluster" }]),
      ]),
    ),
  ),
  attempt("a kubernetes account through a connection of another kind", "accepted", (attacker) =>
    attacker.attempt(
      creation(attacker, "other-kind", [
        inCluster(attacker, [{ kind: "ClusterRole", name: attacker.names.reader, scope: "Cluster" }], {
          connectionRef: { name: attacker.names.connections.aws },
        }),
      ]),
    ),
  ),
  attempt("stamps that come with the object", "refused-at-admission", (attacker) => {
    const object = identity("forged", [inCluster(attacker, [clusterAdmin])], { annotations: forged });
    const path = `${lifecycles(attacker)}/forged?fieldManager=kubectl`;
    return attacker.attempt(
      { method: "POST", path: lifecycles(attacker), body: object },
      { method: "PATCH", type: "apply", path, body: object },
    );
  }),
  attempt("stamps put on afterwards, by every kind of patch", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "stamped-later");
    const live = JSON.parse((await attacker.send({ method: "GET", path })).body) as {
      metadata: { annotations: object };
    };
    const annotations = { ...live.metadata.annotations, ...forged };
    const add = (key: string): object => ({
      op: "add",
      path: `/metadata/annotations/${key.replace("/", "~1")}`,
      value: "system:masters",
    });
    return attacker.attempt(
      { method: "PATCH", path, body: { metadata: { annotations: forged } } },
      { method: "PATCH", path, body: { metadata: { annotations: { [BY]: "stack-admin" } } } },
      { method: "PATCH", path, body: { metadata: { annotations: { [BY]: null } } } },
      { method: "PATCH", type: "json", path, body: [add(GROUPS)] },
      {
        method: "PATCH",
        type: "apply",
        path: `${path}?fieldManager=mallory&force=true`,
        body: {
          apiVersion: "keyturn.dev/v1alpha1",
          kind: "ServiceAccountLifecycle",
          metadata: { annotations: forged },
        },
      },
      { method: "PUT", path, body: { ...live, metadata: { ...live.metadata, annotations } } },
    );
  }),
  attempt("stamps together with a new spec: theirs are written over", "accepted", async (attacker) => {
    const path = await innocent(attacker, "stamped-with-spec");
    const roles = [{ kind: "ClusterRole", name: attacker.names.reader, scope: "Cluster" }];
    return attacker.attempt({
      method: "PATCH",
      path,
      body: { metadata: { annotations: forged }, spec: { accounts: [inCluster(attacker, roles)] } },
    });
  }),
  attempt("stamps by way of the status subresource", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "stamped-by-status");
    return attacker.attempt({ method: "PATCH", path: `${path}/status`, body: { metadata: { annotations: forged } } });
  }),
  attempt("roles added after a harmless spec was stamped", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "edited");
    const body = { spec: { accounts: [inCluster(attacker, [clusterAdmin])] } };
    return attacker.attempt({ method: "PATCH", path, body });
  }),
  attempt("a status that says who asked", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "status-requesters");
    const requesters = [
      {
        privilege: "clusterBinding/ClusterRole/cluster-admin",
        username: "stack-admin",
        groups: ["system:masters"],
        generation: 1,
      },
    ];
    return attacker.attempt({ method: "PATCH", path: `${path}/status`, body: { status: { requesters } } });
  }),
  attempt("a status with a last known good that has more", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "status-good");
    const { spec } = identity("status-good", [inCluster(attacker, [clusterAdmin])]);
    const lastKnownGood = { generation: 1, specHash: "0", spec: JSON.stringify(spec) };
    return attacker.attempt({ method: "PATCH", path: `${path}/status`, body: { status: { lastKnownGood } } });
  }),
  attempt("another's identity deleted and made again with its roles", "refused-at-admission", async (attacker) => {
    const path = await blessed(attacker, "made-again");
    await attacker.send({ method: "DELETE", path });
    const roles = [{ kind: "Role", name: attacker.names.heldBack }];
    // Under another name, for the first one may still be on its way out; the ServiceAccount is the same.
    const again = identity("made-again-2", [inCluster(attacker, roles, { serviceAccountName: "made-again" })]);
    return attacker.attempt({ method: "POST", path: lifecycles(attacker), body: again });
  }),
  attempt("another's roles moved to an account of their own", "refused-at-admission", async (attacker) => {
    const path = await blessed(attacker, "moved");
    const roles = [{ kind: "Role", name: attacker.names.heldBack }];
    const own = { ...inCluster(attacker, roles, { serviceAccountName: "mallory" }), name: "other" };
    return attacker.attempt({ method: "PATCH", path, body: { spec: { accounts: [own] } } });
  }),
  attempt("the finalizer taken off, so that rights stay behind", "refused-at-admission", async (attacker) => {
    const path = await innocent(attacker, "finalizer");
    await attacker.platform({ method: "PATCH", path, body: { metadata: { finalizers: ["keyturn.dev/revocation"] } } });
    const off = { metadata: { finalizers: null } };
    const before = await attacker.attempt({ method: "PATCH", path, body: off });
    await attacker.send({ method: "DELETE", path });
    const after = await attacker.attempt({ method: "PATCH", path, body: off });
    return before === "accepted" ? before : after;
  }),
  foreign("the operator's ServiceAccount impersonated", (attacker) => [
    {
      ...creation(attacker, "as-operator", [inCluster(attacker, [clusterAdmin])]),
      headers: { "impersonate-user": `system:serviceaccount:${attacker.operatorNamespace}:keyturn` },
    },
  ]),
  foreign("a token of the operator's ServiceAccount", ({ operatorNamespace }) => [
    {
      method: "POST",
      path: `/api/v1/namespaces/${operatorNamespace}/serviceaccounts/keyturn/token`,
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 600 } },
    },
  ]),
  foreign("the admission policies taken away", () =>
    ["validatingadmissionpolicybindings/keyturn-bind", "mutatingadmissionpolicies/keyturn-stamp"].map((path) => ({
      method: "DELETE",
      path: `${admission}/${path}`,
    })),
  ),
  foreign("a grant written into a connection", ({ namespace, names }) => [
    {
      method: "PATCH",
      path: `/apis/keyturn.dev/v1alpha1/providerconnections/${names.connections.kubernetes}`,
      body: { spec: { grants: [{ name: namespace, roles: [clusterAdmin] }] } },
    },
  ]),
  foreign("the operator's right to bind made wider", () => [
    {
      method: "PATCH",
      path: `${RBAC}/clusterroles/keyturn-operator-grantable`,
      body: { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] },
    },
  ]),
  foreign("limits and the kill switch", ({ operatorNamespace }) =>
    ["keyturn-limits", "keyturn-kill-switch", "keyturn-read-only"].map((name) => ({
      method: "POST",
      path: `/api/v1/namespaces/${operatorNamespace}/configmaps`,
      body: { metadata: { name }, data: { engaged: "false" } },
    })),
  ),
  foreign("a RoleBinding of the operator's form, made by hand", (attacker) => [
    {
      method: "POST",
      path: `${RBAC}/namespaces/${attacker.namespace}/rolebindings`,
      body: {
        metadata: { name: `keyturn.${attacker.namespace}.planted.0123456789abcdef` },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ kind: "ServiceAccount", name: "mallory", namespace: attacker.namespace }],
      },
    },
  ]),
];
