import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Match } from "../../stack/fault-proxy.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { rotationOf } from "../lifecycle/fifty.ts";
import { byReview, byToken } from "./access.ts";
import { rotated } from "./cases-iam.ts";
import type { Leaver, LeaverCase } from "./leaver.ts";
import type { Access } from "./observer.ts";

// What stands in the way of a leaver of Kubernetes (A4), of Vault (A5), of several at once (A1), and what is not ours (N3).

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const anAccount = (site: IdentitySite): readonly Account[] => [site.kubernetesAccount({ roles: ["reader", "viewer"] })];
const inPath =
  (verb: string, part: string): Match =>
  (call) =>
    call.verb === verb && call.path.includes(part);

interface Subject {
  readonly kind: "ServiceAccount" | "User" | "Group";
  readonly name: string;
  readonly namespace?: string;
}

/** Somebody else binds the viewer of nodes' role, in a namespace or everywhere, to a subject; and what that lets the account do. */
const boundByOthers =
  (where: "here" | "elsewhere" | "cluster", subjectOf: (leaver: Leaver) => Subject, from: Access["from"]) =>
  async (leaver: Leaver): Promise<void> => {
    const { site, name, accesses } = leaver;
    const { stack } = site.lane.world;
    const kube = stack.kubernetes.client;
    const namespace = where === "here" ? site.namespace : `${site.namespace}-people`;
    const role = `others-${site.namespace}-${name}`;
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role };
    const rules = [{ apiGroups: [""], resources: ["services"], verbs: ["list"] }];
    const { kind } = subjectOf(leaver);
    const apiGroup = kind === "ServiceAccount" ? {} : { apiGroup: "rbac.authorization.k8s.io" };
    const binding = { metadata: { name: role }, roleRef, subjects: [{ ...apiGroup, ...subjectOf(leaver) }] };
    await kube.create(`${rbac}/clusterroles`, { metadata: { name: role }, rules });
    const folder = where === "cluster" ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/${namespace}/rolebindings`;
    await kube.create(folder, binding);
    leaver.onLift(async () => {
      await kube.delete(`${folder}/${role}`);
      await kube.delete(`${rbac}/clusterroles/${role}`);
    });
    const token = await kube.serviceAccountToken(site.namespace, name);
    site.values.add(token);
    const given = [
      byToken(site, token, name, `/api/v1/namespaces/${namespace}/services`, from),
      byReview(site, name, { namespace, resource: "services", verb: "list" }, from),
    ];
    await waitFor("the binding is in force", async () => {
      for (const one of given) if ((await one.tryIt()) !== "accepted") return false;
      return true;
    });
    // One list of bindings serves all leavers while it is younger than a resync of this site (at most a minute).
    await sleep(7000);
    accesses.push(...given);
  };

const foreign = (
  id: string,
  where: Parameters<typeof boundByOthers>[0],
  subjectOf: (leaver: Leaver) => Subject,
  ends: LeaverCase["ends"],
): LeaverCase => ({
  ...{ id: `kubernetes/${id}`, ends, accounts: anAccount, lifted: true, meanwhile: /./ },
  load: boundByOthers(where, subjectOf, "others"),
  says: { reason: "ForeignGrant", names: /others-/ },
});
const itself = ({ site, name }: Leaver): Subject => ({ kind: "ServiceAccount", name, namespace: site.namespace });

/** The binding that was made second is refused; the first goes all the same. */
const secondBinding: LeaverCase = {
  ...{ id: "kubernetes/second-binding-refused", ends: ["suspended", "decommissioned", "deleted"], accounts: anAccount },
  ...{ lifted: true, meanwhile: /nodes/ },
  refuse: async (leaver) => {
    const { site, name } = leaver;
    const { items } = await site.lane.world.stack.kubernetes.client.list(
      `${rbac}/namespaces/${site.namespace}/rolebindings`,
    );
    const mine = items.find((one) => JSON.stringify(one["subjects"] ?? []).includes(`"${name}"`));
    leaver.refuseByProxy("kubernetes", "DELETE rolebinding", inPath("DELETE", mine?.metadata.name ?? "no binding"));
  },
};
const clusterBinding: LeaverCase = {
  ...secondBinding,
  ...{ id: "kubernetes/cluster-binding-refused", ends: ["suspended", "expired"], meanwhile: /configmaps/ },
  refuse: async (leaver) => {
    const { items } = await leaver.site.lane.world.stack.kubernetes.client.list(`${rbac}/clusterrolebindings`);
    const { name, site } = leaver;
    const mine = items.find((one) =>
      JSON.stringify(one["subjects"] ?? []).includes(`"name":"${name}","namespace":"${site.namespace}"`),
    );
    leaver.refuseByProxy(
      "kubernetes",
      "DELETE clusterrolebinding",
      inPath("DELETE", mine?.metadata.name ?? "no binding"),
    );
  },
};

const goesWhole = (site: IdentitySite): readonly Account[] => {
  const [account] = anAccount(site);
  return [{ ...account!, kubernetes: { ...account?.kubernetes, onCut: "DeleteServiceAccount" } }];
};

const ofKubernetes: readonly LeaverCase[] = [
  secondBinding,
  clusterBinding,
  // Held for an hour, for it ends with the ServiceAccount.
  foreign("foreign-binding-elsewhere", "elsewhere", itself, ["suspended", "expired"]),
  foreign("foreign-cluster-binding", "cluster", itself, ["expired"]),
  foreign("subject-without-namespace", "here", ({ name }) => ({ kind: "ServiceAccount", name }), [
    "suspended",
    "expired",
  ]),
  foreign(
    "named-as-user",
    "elsewhere",
    ({ site, name }) => ({ kind: "User", name: `system:serviceaccount:${site.namespace}:${name}` }),
    ["suspended", "expired"],
  ),
  {
    ...{ id: "kubernetes/bound-by-group", ends: ["suspended", "decommissioned"], accounts: anAccount },
    load: boundByOthers(
      "elsewhere",
      ({ site }) => ({ kind: "Group", name: `system:serviceaccounts:${site.namespace}` }),
      "group",
    ),
  },
  { id: "kubernetes/account-deleted", ends: ["suspended", "expired", "deleted"], accounts: goesWhole },
  {
    ...{ id: "kubernetes/account-not-deleted", ends: ["suspended"], accounts: goesWhole, lifted: true, meanwhile: /./ },
    refuse: async (leaver) =>
      leaver.refuseByProxy("kubernetes", "DELETE serviceaccount", inPath("DELETE", `/serviceaccounts/${leaver.name}`)),
  },
];

const aVault = (site: IdentitySite): readonly Account[] => [site.vaultAccount({ policies: ["read"] })];
const aJwt = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount({ roles: ["reader"] }),
  site.vaultAccount({ policies: ["read"], mode: "JWT" }),
];

/** What somebody does to the entity, so that disabling it closes nothing. */
const entityIs =
  (how: "merged" | "deleted" | "renamed") =>
  async ({ site, entity, name, onLift }: Leaver): Promise<void> => {
    const { client } = site.lane.world.stack.vault;
    const found = await client.call("GET", `identity/entity/name/${entity}`);
    const { id } = (found?.["data"] ?? {}) as { id?: string };
    if (how === "deleted") await client.call("DELETE", `identity/entity/name/${entity}`);
    if (how === "renamed") await client.call("POST", `identity/entity/id/${id}`, { name: `old.${entity}` });
    const other = `${site.namespace}-other-${name}`;
    if (how === "merged") {
      await client.call("POST", `identity/entity/name/${other}`, { policies: [`${site.namespace}-read`] });
      const into = await client.call("GET", `identity/entity/name/${other}`);
      const { id: to } = (into?.["data"] ?? {}) as { id?: string };
      await client.call("POST", "identity/entity/merge", { from_entity_ids: [id], to_entity_id: to });
    }
    onLift(async () => {
      for (const one of [`old.${entity}`, other]) await client.call("DELETE", `identity/entity/name/${one}`);
    });
  };

const entityCase = (
  how: "merged" | "deleted" | "renamed",
  mode: "approle" | "jwt",
  ends: LeaverCase["ends"],
): LeaverCase => ({
  ...{ id: `vault/${mode}-entity-${how}`, ends, accounts: mode === "jwt" ? aJwt : aVault, staysAway: true },
  refuse: entityIs(how),
});

const ofVault: readonly LeaverCase[] = [
  entityCase("merged", "approle", ["suspended", "decommissioned"]),
  entityCase("deleted", "approle", ["suspended", "ledger"]),
  entityCase("renamed", "approle", ["expired", "deleted"]),
  entityCase("merged", "jwt", ["suspended"]),
  entityCase("deleted", "jwt", ["decommissioned"]),
  entityCase("renamed", "jwt", ["suspended"]),
  {
    ...{ id: "vault/entity-not-disabled", ends: ["suspended", "decommissioned", "left-out"], accounts: aVault },
    lifted: true,
    refuse: async (leaver) => {
      leaver.refuseByProxy(
        "vault",
        "disable the entity",
        (call, body) =>
          call.path.startsWith("/v1/identity/entity/") &&
          (call.path.includes(leaver.entity) || body.includes(leaver.entity)) &&
          /"disabled":\s*true/.test(body),
      );
    },
  },
  {
    ...{ id: "vault/login-role-not-deleted", ends: ["suspended"], accounts: aVault, lifted: true, staysAway: true },
    refuse: async (leaver) => {
      await entityIs("deleted")(leaver);
      leaver.refuseByProxy("vault", "DELETE login role", inPath("DELETE", `/role/${leaver.entity}`));
    },
  },
];

const everywhere = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount({ roles: ["reader"] }),
  site.awsUser({ policies: ["read"] }),
  site.vaultAccount({ policies: ["read"] }),
];

const ofSeveral: readonly LeaverCase[] = [
  {
    ...{ id: "all/iam-refuses-everything", ends: ["suspended", "decommissioned", "deleted"], accounts: everywhere },
    ...{ lifted: true, meanwhile: /ServiceAccount|secret id|Vault token|child token/ },
    refuse: async (leaver) =>
      leaver.refuseByProxy("aws", "any change", (call, body) => {
        const of = new URLSearchParams(body);
        return call.mutating && of.get("UserName") === leaver.user;
      }),
  },
  {
    ...{ id: "all/bindings-stay", ends: ["suspended", "expired"], accounts: everywhere, lifted: true },
    meanwhile: /key …|session|secret id|Vault token|child token/,
    refuse: async (leaver) => {
      const { site, name } = leaver;
      const { items } = await site.lane.world.stack.kubernetes.client.list(
        `${rbac}/namespaces/${site.namespace}/rolebindings`,
      );
      const mine = items.find((one) => JSON.stringify(one["subjects"] ?? []).includes(`"${name}"`));
      leaver.refuseByProxy("kubernetes", "DELETE rolebinding", inPath("DELETE", mine?.metadata.name ?? "no binding"));
    },
  },
  {
    ...{ id: "all/vault-refuses-everything", ends: ["suspended", "ledger"], accounts: everywhere, lifted: true },
    meanwhile: /ServiceAccount|key …|session/,
    refuse: async (leaver) =>
      leaver.refuseByProxy(
        "vault",
        "any change",
        (call, body) => call.kind === "write" && (call.path.includes(leaver.entity) || body.includes(leaver.entity)),
      ),
  },
  {
    ...{ id: "all/paused", ends: ["suspended", "deleted"], accounts: everywhere, staysAway: true },
    refuse: async ({ site, name }) => {
      const annotations = { "keyturn.dev/paused": "true" };
      await site.team.mergePatch(site.path(name), { metadata: { annotations } });
    },
  },
  {
    // The key that the rotation issued and the one that it would issue end with the identity, pause or not (A6).
    ...{ id: "all/rotation-paused", ends: ["suspended", "decommissioned", "expired", "deleted"], staysAway: true },
    accounts: (site) => [site.kubernetesAccount({ roles: ["reader"] }), site.awsUser({ policies: ["read"] })],
    load: rotated,
    refuse: async ({ site, name }) => {
      const annotations = { "keyturn.dev/paused": "true", "keyturn.dev/dry-run": "true" };
      const [path] = rotationOf(site, name);
      await site.team.mergePatch(path, { metadata: { annotations } });
    },
  },
  {
    ...{ id: "all/dry-run", ends: ["suspended", "decommissioned", "expired"], accounts: everywhere, staysAway: true },
    refuse: async ({ site, name }) => {
      const annotations = { "keyturn.dev/dry-run": "true" };
      await site.team.mergePatch(site.path(name), { metadata: { annotations } });
    },
  },
];

/** Somebody else's under the account's name, with our marks on it and without a claim: nothing is proven of it. */
const notOurs = (
  id: string,
  accounts: LeaverCase["accounts"],
  plant: (leaver: Leaver) => Promise<unknown>,
  ends: LeaverCase["ends"],
): LeaverCase => ({
  ...{ id: `not-ours/${id}`, ends, accounts, unproven: true, says: { reason: "NotOurs" } },
  async join(leaver) {
    const { site, name } = leaver;
    await plant(leaver);
    await site.apply(site.identity(name, leaver.accounts, { deletion: { holdFor: "1h", timeout: "60s" } }));
    await waitFor(
      `Conflict over ${name}`,
      async () => {
        const identity = await site.find(name);
        const told = ["Conflict", "Stalled", "Ready"].map((type) => identityCondition(identity, type));
        return told.some((one) => one?.type === "Conflict" || /Conflict|AlreadyExists/.test(one?.reason ?? ""));
      },
      { timeout: 30_000 },
    );
  },
  // What it has is not this identity's: nothing of it is gathered.
  leaving: [],
});
const marksOf = ({ site, name }: Leaver): Record<string, string> => ({
  "keyturn.dev/owner": `${site.namespace}/${site.namespace}/${name}`,
  "keyturn.dev/owner-uid": "11111111-2222-3333-4444-555555555555",
});

const ofOthers: readonly LeaverCase[] = [
  notOurs(
    "user",
    (site) => [site.awsUser({ policies: ["read"] })],
    (leaver) => {
      const { site, user } = leaver;
      const { client } = site.lane.world.stack.aws;
      return client.createUser(user, { path: `/keyturn/${site.namespace}/`, tags: marksOf(leaver) });
    },
    ["suspended", "decommissioned"],
  ),
  notOurs(
    "service-account",
    (site) => [site.kubernetesAccount({ roles: ["reader"] })],
    (leaver) => {
      const { site, name } = leaver;
      return site.lane.world.stack.kubernetes.client.create(`/api/v1/namespaces/${site.namespace}/serviceaccounts`, {
        metadata: { name, annotations: marksOf(leaver) },
      });
    },
    ["suspended"],
  ),
  notOurs(
    "entity",
    aVault,
    ({ site, entity }) =>
      site.lane.world.stack.vault.client.call("POST", `identity/entity/name/${entity}`, {
        metadata: { team: "theirs" },
      }),
    ["expired"],
  ),
];

export const clusterCases: readonly LeaverCase[] = [...ofKubernetes, ...ofVault, ...ofSeveral, ...ofOthers];
