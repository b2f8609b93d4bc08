import type { Attacker, AtAdmission } from "../attacker.ts";
import { creation, inCluster, lifecycles, rotation, rotations } from "../attacker.ts";
import type { TenantAttempt } from "../attempt.ts";
import { strayBindings, strayRights, strayValues, victimTouched } from "../judge.ts";
import type { TenantWorld } from "../world.ts";

const wins = async (world: TenantWorld): Promise<boolean> =>
  (await strayValues(world)).length > 0 ||
  (await strayBindings(world)).length > 0 ||
  (await strayRights(world)).length > 0 ||
  (await victimTouched(world));
const attempt = (
  name: string,
  expected: AtAdmission,
  run: (attacker: Attacker) => Promise<AtAdmission>,
): TenantAttempt => ({ name, kind: "OtherNamespaceSecret", expected, run, wins });
const core = ({ namespace }: Attacker): string => `/api/v1/namespaces/${namespace}`;
/** The marks that the operator puts on what belongs to the victim's identity. */
const marksOf = ({ victim, victimUid, names }: Attacker): object => ({
  "keyturn.dev/owner": `${victim}/${victim}/${names.victimIdentity}`,
  "keyturn.dev/owner-uid": victimUid,
});
const orphan = (attacker: Attacker): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "OrphanedCredential",
  metadata: { name: `planted-by-${attacker.namespace}` },
  spec: {
    origin: {
      kind: "SecretRotation",
      namespace: attacker.namespace,
      name: "planted",
      uid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
    },
    source: {
      awsAccessKey: {
        connectionRef: { name: attacker.names.connections.aws },
        userName: attacker.names.victimUser,
        exclusive: true,
      },
    },
    target: `aws-access-key/${attacker.accountId}/${attacker.names.victimUser}`,
    stagingUid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
    policy: "Delete",
    recordedAt: "2026-01-01T00:00:00Z",
    holdSeconds: 0,
    credentials: [],
    intents: [],
    deliveries: [],
    sequence: 1,
  },
});

/** Attempts to reach what lies in another namespace. */
export const secretAttempts: readonly TenantAttempt[] = [
  attempt("a delivery into another namespace by a field that there is not", "accepted", (attacker) => {
    const { connections, victimSecret } = attacker.names;
    // Without strict validation the field is dropped and said so in a warning.
    const deliver = [{ name: "app", kubernetesSecret: { name: victimSecret, namespace: attacker.victim } }];
    const body = rotation("to-other-namespace", connections.aws, "nobody", deliver);
    return attacker.attempt({ method: "POST", path: rotations(attacker), body });
  }),
  attempt("a delivery into another namespace by a name with a path", "refused-at-admission", (attacker) => {
    const { connections, victimSecret } = attacker.names;
    return attacker.attempt(
      ...[`../${attacker.victim}/${victimSecret}`, `${attacker.victim}/${victimSecret}`, "..%2fsecrets"].map(
        (name, index) => ({
          method: "POST" as const,
          path: rotations(attacker),
          body: rotation(`path-${index}`, connections.aws, "nobody", [{ name: "app", kubernetesSecret: { name } }]),
        }),
      ),
    );
  }),
  attempt("a ServiceAccount of another namespace, by its full name", "refused-at-admission", (attacker) =>
    attacker.attempt(
      ...[`system:serviceaccount:${attacker.victim}:default`, `${attacker.victim}/default`, "../default"].map(
        (name, index) =>
          creation(attacker, `other-account-${index}`, [inCluster(attacker, [], { serviceAccountName: name })]),
      ),
    ),
  ),
  attempt("things planted with the operator's marks", "refused-at-admission", (attacker) => {
    const metadata = (name: string): object => ({ name, annotations: marksOf(attacker) });
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${attacker.namespace}/rolebindings`;
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: attacker.names.reader };
    return attacker.attempt(
      { method: "POST", path: `${core(attacker)}/serviceaccounts`, body: { metadata: metadata("planted") } },
      { method: "POST", path: `${core(attacker)}/secrets`, body: { metadata: metadata("planted") } },
      { method: "POST", path: bindings, body: { metadata: metadata("planted"), roleRef } },
    );
  }),
  attempt("marks put on a thing of their own afterwards", "refused-at-admission", async (attacker) => {
    const path = `${core(attacker)}/serviceaccounts`;
    await attacker.send({ method: "POST", path, body: { metadata: { name: "marked-later" } } });
    const body = { metadata: { annotations: marksOf(attacker) } };
    return attacker.attempt({ method: "PATCH", path: `${path}/marked-later`, body });
  }),
  attempt("a ServiceAccount that asks to be adopted by another namespace's identity", "accepted", (attacker) => {
    const annotations = { "keyturn.dev/adopt": `${attacker.victim}/${attacker.names.victimIdentity}` };
    const body = { metadata: { name: attacker.names.victimIdentity, annotations } };
    return attacker.attempt({ method: "POST", path: `${core(attacker)}/serviceaccounts`, body });
  }),
  attempt("an identity that adopts whatever has its name", "accepted", (attacker) =>
    attacker.attempt(
      creation(attacker, "adopts", [inCluster(attacker, [], { serviceAccountName: "default" })], {
        spec: { adoption: { mode: "IfAnnotated" } },
      }),
    ),
  ),
  attempt("an entry of the ledger for a user of another namespace", "refused-at-admission", (attacker) =>
    attacker.attempt({
      method: "POST",
      path: "/apis/keyturn.dev/v1alpha1/orphanedcredentials",
      body: orphan(attacker),
    }),
  ),
  attempt("an object in another namespace", "refused-at-admission", (attacker) =>
    attacker.attempt(
      ...[attacker.victim, attacker.operatorNamespace].map((namespace) => ({
        ...creation(attacker, "elsewhere", [inCluster(attacker, [])]),
        path: lifecycles({ ...attacker, namespace }),
      })),
    ),
  ),
];
