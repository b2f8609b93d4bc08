import assert from "node:assert/strict";
import { ORPHANED_CREDENTIAL } from "../api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION } from "../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION } from "../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../api/v1alpha1/service-account-lifecycle.ts";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { clusterRoleBindings, roleBindings, serviceAccounts } from "../cluster/resources.ts";
import { inventory } from "../domain/inventory/inventory.ts";
import type { Mark } from "../domain/inventory/mark.ts";
import { OperatorError } from "../kernel/errors.ts";
import type { Fields, Logger } from "../kernel/logger.ts";
import { survey, takeInventory, type SurveyPorts } from "./survey.ts";

const NOW = new Date("2026-11-24T12:00:00Z");
const LABELS = { "app.kubernetes.io/managed-by": "keyturn" };
const down = (): never => {
  throw new OperatorError("Unavailable", { publicMessage: "Vault cannot be reached." });
};

const setUp = (changed: Partial<SurveyPorts> = {}) => {
  const cluster = new FakeCluster();
  const connection = (name: string, spec: object, mode: object = { mode: "All" }): void => {
    cluster.seed({ kind: PROVIDER_CONNECTION, name }, { spec: { allowedNamespaces: mode, ...spec } });
  };
  const counted: { connection: string; count: number }[][] = [];
  const warned: { message: string; fields: Fields | undefined }[] = [];
  const nothing = (): void => undefined;
  const log: Logger = {
    debug: nothing,
    info: nothing,
    error: nothing,
    warn: (message, fields) => void warned.push({ message, fields }),
    with: () => log,
  };
  const ports = {
    cluster,
    clusterName: "prod",
    watched: [],
    marked: (): Promise<readonly Mark[]> => Promise.resolve([]),
    keysOf: () => ({ list: () => Promise.resolve({ credentials: [], providerTime: NOW }) }),
    metrics: {
      unownedMarks: (counts: readonly { connection: string; count: number }[]) => void counted.push([...counts]),
    },
    ...changed,
  };
  return { cluster, connection, counted, warned, ports, context: { signal: new AbortController().signal, log } };
};
type World = ReturnType<typeof setUp>;

const identity = ({ cluster }: World, name: string, accounts: readonly object[] = []): string =>
  cluster.seed(
    { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "payments", name },
    {
      spec: {
        owner: { team: "payments", contact: "p@example.com" },
        purpose: "x",
        accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } }],
      },
      status: { state: "Active", accounts },
    },
  ).metadata.uid;
const lake = { name: "lake", target: "aws-user/111122223333/lake", declaration: "{}", pieces: [], state: "Active" };
const keys = (...ids: string[]) => ({
  list: () =>
    Promise.resolve({ credentials: ids.map((id) => ({ id, createdAt: NOW, enabled: true })), providerTime: NOW }),
});

describe("the survey", () => {
  it("finds ServiceAccounts and bindings that carry our mark and belong to nobody, and counts them by place", async () => {
    const world = setUp();
    const uid = identity(world, "billing");
    const marks = (owner: string, ownerUid: string) => ({
      metadata: { labels: LABELS, annotations: { "keyturn.dev/owner": owner, "keyturn.dev/owner-uid": ownerUid } },
    });
    const { cluster } = world;
    cluster.seed(
      { kind: serviceAccounts, namespace: "payments", name: "billing" },
      marks("prod/payments/billing", uid),
    );
    cluster.seed({ kind: serviceAccounts, namespace: "payments", name: "theirs" }, { metadata: { labels: LABELS } });
    cluster.seed({ kind: roleBindings, namespace: "payments", name: "left" }, marks("prod/payments/billing", "dead"));
    cluster.seed({ kind: clusterRoleBindings, name: "left" }, marks("prod/gone/gone", "dead"));
    await survey(world.ports, world.context);
    assert.deepEqual(world.counted, [[{ connection: "in-cluster", count: 2 }]]);
    assert.deepEqual(world.warned[0]?.fields?.["first"], [
      "ClusterRoleBinding left (prod/gone/gone)",
      "RoleBinding payments/left (prod/payments/billing)",
    ]);
  });

  it("counts what it can see, and leaves out a place that it cannot look at", async () => {
    const world = setUp({
      marked: ({ metadata }) =>
        metadata.name === "vault"
          ? down()
          : Promise.resolve([{ kind: "AwsUser", id: "aws-user/1/x", owner: "prod/payments/gone", ownerUid: "u" }]),
    });
    world.connection("aws", { aws: {} });
    world.connection("vault", { vault: {} });
    world.connection("in-cluster", { kubernetes: {} });
    await survey(world.ports, world.context);
    assert.deepEqual(world.counted, [
      [
        { connection: "in-cluster", count: 0 },
        { connection: "aws", count: 1 },
      ],
    ]);
    assert.deepEqual(world.warned[0]?.fields, {
      place: "ProviderConnection vault",
      reason: "Vault cannot be reached.",
    });
  });

  it("changes nothing", async () => {
    const world = setUp({ keysOf: () => keys("AK1") });
    world.connection("aws", { aws: {} });
    identity(world, "billing", [lake]);
    await survey(world.ports, world.context);
    await takeInventory(world.ports, world.context);
    assert.deepEqual(
      world.cluster.calls.filter(({ verb }) => verb !== "list"),
      [],
    );
  });

  it("knows a resource that was made while it looked", async () => {
    const world = setUp({
      marked: () => {
        const uid = identity(world, "late");
        return Promise.resolve([{ kind: "AwsUser", id: "aws-user/1/x", owner: "prod/payments/late", ownerUid: uid }]);
      },
    });
    world.connection("aws", { aws: {} });
    assert.deepEqual(inventory(await takeInventory(world.ports, world.context), NOW).unowned, []);
  });

  it("for some namespaces asks nothing of the whole cluster but connections and the ledger", async () => {
    const world = setUp({ watched: ["payments", "shop"] });
    world.connection("aws", { aws: {} }, { mode: "Listed", names: ["web"] });
    const found = await takeInventory(world.ports, world.context);
    assert.deepEqual(
      found.marks.map(({ connection }) => connection),
      ["in-cluster"],
    );
    const wide = world.cluster.calls.filter(({ namespace }) => namespace === undefined).map(({ plural }) => plural);
    assert.deepEqual(new Set(wide), new Set(["providerconnections", "orphanedcredentials"]));
  });
});

describe("the inventory of keys", () => {
  it("names those that neither a rotation nor the ledger has on record", async () => {
    const world = setUp({ keysOf: () => keys("AKRUN", "AKOLD", "AKLEFT", "AKHAND") });
    world.connection("aws", { aws: {} });
    identity(world, "billing", [lake]);
    world.cluster.seed(
      { kind: SECRET_ROTATION, namespace: "payments", name: "billing-aws" },
      {
        spec: { source: { awsAccessKey: { accountRef: { name: "lake" } } } },
        status: { current: { id: "AKRUN" }, pendingRevocations: [{ id: "AKOLD" }] },
      },
    );
    world.cluster.seed(
      { kind: ORPHANED_CREDENTIAL, name: "x" },
      { spec: { origin: { namespace: "payments", name: "before", uid: "dead" }, credentials: [{ id: "AKLEFT" }] } },
    );
    const { unknownCredentials, identities } = inventory(await takeInventory(world.ports, world.context), NOW);
    assert.deepEqual(
      unknownCredentials.map(({ id, name, userName }) => [id, name, userName]),
      [["AKHAND", "billing", "lake"]],
    );
    assert.equal(identities[0]?.credentials, 4);
  });

  it("includes users that a rotation names itself", async () => {
    const asked: string[] = [];
    const world = setUp({
      keysOf: (_connection, { namespace, userName }) => {
        asked.push(`${namespace}/${userName}`);
        return keys("AKHAND");
      },
    });
    world.connection("aws", { aws: {} });
    world.cluster.seed(
      { kind: SECRET_ROTATION, namespace: "web", name: "r" },
      { spec: { source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "site" } } } },
    );
    const { unknownCredentials } = inventory(await takeInventory(world.ports, world.context), NOW);
    assert.deepEqual(asked, ["web/site"]);
    assert.equal(unknownCredentials[0]?.userName, "site");
  });

  it("says where it could not look: no connection, none for this namespace, a provider that does not answer", async () => {
    for (const [spec, reason] of [
      [undefined, /does not exist or does not allow/],
      [{ mode: "Listed", names: ["web"] }, /does not exist or does not allow/],
      [{ mode: "All" }, /cannot be reached/],
    ] as const) {
      const world = setUp({ keysOf: () => ({ list: () => Promise.resolve().then(down) }) });
      if (spec !== undefined) world.connection("aws", { aws: {} }, spec);
      identity(world, "billing", [lake]);
      const { unreached, unknownCredentials } = inventory(await takeInventory(world.ports, world.context), NOW);
      assert.equal(unreached.length, 1);
      assert.match(unreached[0]?.reason ?? "", reason);
      assert.deepEqual(unknownCredentials, []);
    }
  });

  it("takes a user that is not there for one without keys, not for a place that could not be looked at", async () => {
    const gone = new OperatorError("NotFound", { publicMessage: "No such user." });
    const world = setUp({ keysOf: () => ({ list: () => Promise.reject(gone) }) });
    world.connection("aws", { aws: {} });
    identity(world, "billing", [lake]);
    const { unreached, identities } = inventory(await takeInventory(world.ports, world.context), NOW);
    assert.deepEqual(unreached, []);
    assert.equal(identities[0]?.credentials, 0);
  });
});
