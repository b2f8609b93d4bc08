import type { Account, ServiceAccountLifecycleSpec } from "../../../../src/api/v1alpha1/service-account-lifecycle.ts";
import { identityCondition, identityObject, rests } from "../../../lane/identity.ts";
import { waitFor } from "../../../stack/wait.ts";
import { policyArn } from "./ground.ts";
import {
  addJwtByHand,
  addKeyByHand,
  addSecretIdByHand,
  addTokenByHand,
  annotate,
  connections,
  declare,
  redeclare,
  remove,
} from "./place.ts";
import type { Spot } from "./place.ts";
import { identityIs, identityStands, onLedger, readIdentity } from "./state.ts";
import type { UpgradeState } from "./state.ts";

const kind = "ServiceAccountLifecycle";

/** Names at IAM and Vault that follow from the resource's own. */
export const awsNameOf = ({ namespace, name }: Spot, account = "lake"): string => `${namespace}.${name}.${account}`;
export const vaultNameOf = ({ namespace, name }: Spot, account = "secrets"): string =>
  `keyturn.${namespace}.${name}.${account}`;

export const cluster = (roles: readonly ("reader" | "writer")[] = ["reader"], more: object = {}): Account => ({
  name: "cluster",
  kubernetes: { roles: roles.map((name) => ({ kind: "Role" as const, name })), ...more },
});

type AwsUser = NonNullable<NonNullable<Account["aws"]>["user"]>;
export const lake = (user: AwsUser = {}, connection: string = connections.aws): Account => ({
  name: "lake",
  aws: { connectionRef: { name: connection }, user: { policies: [policyArn("read")], groups: ["staff"], ...user } },
});
const job = (role: object = {}, connection: string = connections.aws): Account => ({
  name: "job",
  aws: { connectionRef: { name: connection }, role: { policies: [policyArn("read")], ...role } },
});
const secrets = (mode: "AppRole" | "JWT" = "AppRole"): Account => ({
  name: "secrets",
  vault: { connectionRef: { name: connections.vault }, policies: ["team-read"], login: { mode } },
});

type More = Partial<ServiceAccountLifecycleSpec>;
const identity = ({ namespace, name }: Spot, accounts: readonly Account[], more: More = {}) =>
  identityObject(namespace, name, accounts, { progressDeadline: "24h", deletion: { holdFor: "24h" }, ...more });

/** Declared, in force, and with a login of each of its accounts. */
const joined = async (spot: Spot, accounts: readonly Account[], more: More = {}): Promise<void> => {
  await declare(spot, identity(spot, accounts, more));
  await waitFor(
    `${spot.namespace}/${spot.name} has joined`,
    async () => {
      const found = await readIdentity(spot);
      if (rests(found, "Good")) return true;
      throw new Error(JSON.stringify(found?.status?.conditions).slice(0, 2000));
    },
    { timeout: 120_000, every: 250 },
  );
  const has = (member: "kubernetes" | "aws" | "vault") => accounts.find((one) => one[member] !== undefined)?.[member];
  const serviceAccount = (has("kubernetes") as { serviceAccountName?: string } | undefined)?.serviceAccountName;
  if (has("kubernetes") !== undefined) await addTokenByHand(spot, serviceAccount ?? spot.name);
  const iam = accounts.find((one) => one.aws?.user !== undefined)?.aws?.user;
  if (iam !== undefined) await addKeyByHand(spot, iam.name ?? awsNameOf(spot));
  for (const { vault } of accounts)
    if (vault?.login.mode === "AppRole") await addSecretIdByHand(spot, vaultNameOf(spot));
    else if (vault !== undefined) await addJwtByHand(spot, spot.name, vaultNameOf(spot));
};

const whole = [cluster(), lake(), secrets()] as const;

/** What an identity may be in when an upgrade comes. */
export const identityStates: readonly UpgradeState[] = [
  {
    name: "active",
    bring: (spot) => joined(spot, whole),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    // Put under a hold before the way back.
    name: "under-hold",
    bring: (spot) => joined(spot, whole),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    name: "web-identity",
    bring: (spot) => joined(spot, [cluster(), job(), secrets("JWT")]),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    name: "suspended",
    async bring(spot) {
      await joined(spot, whole);
      await redeclare(spot, kind, { state: "Suspended" });
    },
    stands: identityStands((found) => rests(found, "Suspended") && identityIs(found, "Suspended")),
  },
  {
    name: "in-the-hold",
    async bring(spot) {
      await joined(spot, whole);
      await redeclare(spot, kind, { state: "Decommissioned" });
    },
    stands: identityStands((found) => rests(found, "Offboarded")),
  },
  {
    name: "expired",
    async bring(spot) {
      await joined(spot, whole);
      await redeclare(spot, kind, { expiresAt: "2026-01-01T00:00:00Z" });
    },
    stands: identityStands((found) => identityIs(found, "Expired") && identityIs(found, "Offboarded")),
  },
  {
    name: "account-in-the-hold",
    async bring(spot) {
      await joined(spot, whole);
      await redeclare(spot, kind, { accounts: [cluster(), secrets()] });
    },
    stands: identityStands(
      (found) => found.status?.accounts?.some(({ name, state }) => name === "lake" && state === "Cut") === true,
    ),
  },
  {
    name: "retained",
    bring: (spot) => joined(spot, whole, { deletion: { policy: "Retain" } }),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    name: "declared-names",
    bring: (spot) =>
      joined(spot, [
        cluster(["reader"], { serviceAccountName: `${spot.name}-sa` }),
        lake({ name: `${spot.namespace}-${spot.name}-user` }),
        job({ name: `${spot.namespace}-${spot.name}-role` }),
      ]),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    name: "adopted-not-ours",
    async bring(spot) {
      const { client } = spot.place.stack.aws;
      const [UserName, mark] = [awsNameOf(spot), `${spot.namespace}/${spot.name}`];
      await client.createUser(UserName, { path: `/keyturn/${spot.namespace}/`, tags: { "keyturn.dev/adopt": mark } });
      await client.action("iam", "AttachUserPolicy", { UserName, PolicyArn: policyArn("read") });
      await addKeyByHand(spot, UserName);
      const policies = [policyArn("read"), policyArn("missing")];
      await declare(spot, identity(spot, [lake({ policies, groups: [] })], { adoption: { mode: "IfAnnotated" } }));
    },
    stands: identityStands((found) => identityIs(found, "Adopted") && (found.status?.failures?.count ?? 0) > 0),
  },
  {
    name: "paused-change",
    async bring(spot) {
      await joined(spot, whole);
      await annotate(spot, kind, { "keyturn.dev/paused": "true" });
      await waitFor("it is paused", async () => {
        const found = await readIdentity(spot);
        return found !== undefined && identityIs(found, "Paused");
      });
      await redeclare(spot, kind, { accounts: [cluster(["reader", "writer"]), lake(), secrets()] });
    },
    stands: identityStands(
      (found) => identityIs(found, "Paused") && found.status?.observedGeneration === found.metadata.generation,
    ),
  },
  {
    name: "planned-only",
    async bring(spot) {
      const object = identity(spot, whole);
      const annotations = { "keyturn.dev/dry-run": "true" };
      await declare(spot, { ...object, metadata: { ...object.metadata, annotations } });
    },
    stands: identityStands((found) => identityIs(found, "PlanOnly")),
  },
  {
    name: "reverted",
    async bring(spot) {
      await joined(spot, whole, { progressDeadline: "1s" });
      const policies = [policyArn("read"), policyArn("missing")];
      await redeclare(spot, kind, { accounts: [cluster(), lake({ policies }), secrets()] });
    },
    stands: identityStands((found) => rests(found, "Reverted")),
  },
  {
    name: "policy-by-hand",
    async bring(spot) {
      await joined(spot, whole, { drift: { mode: "Report" } });
      const parameters = { UserName: awsNameOf(spot), PolicyArn: policyArn("write") };
      await spot.place.stack.aws.client.action("iam", "AttachUserPolicy", parameters);
      await annotate(spot, kind, { "keyturn.dev/retry": "1" });
    },
    stands: identityStands((found) => identityCondition(found, "Drifted")?.reason === "Reported"),
  },
  {
    name: "by-the-page",
    bring: (spot) => joined(spot, [cluster(), lake({}, connections.awsByThePage), secrets()]),
    stands: identityStands((found) => rests(found, "Good")),
  },
  {
    name: "stopped-by-the-page",
    async bring(spot) {
      await joined(spot, [cluster(), lake({}, connections.awsByThePage), job({}, connections.awsByThePage)]);
      await redeclare(spot, kind, { state: "Suspended" });
    },
    stands: identityStands((found) => rests(found, "Suspended") && identityIs(found, "Suspended")),
  },
  {
    name: "on-ledger",
    async bring(spot) {
      await joined(spot, whole);
      await remove(spot, kind);
    },
    stands: onLedger(kind, false),
  },
  {
    name: "held-by-the-limit",
    bring: (spot) => joined(spot, whole),
    bringUnderLimit: (spot) => remove(spot, kind),
    stands: onLedger(kind, true),
  },
];
