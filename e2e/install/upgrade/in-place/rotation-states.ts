import { identityObject } from "../../../lane/identity.ts";
import { askForRotation } from "../../../lane/rotation.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import { loginProbe } from "../../../stack/workload/manifest.ts";
import { waitFor } from "../../../stack/wait.ts";
import { onlyRead } from "./ground.ts";
import {
  addKeyByHand,
  annotate,
  clusterName,
  connections,
  declare,
  learnFromSecrets,
  pathOf,
  redeclare,
  remove,
} from "./place.ts";
import type { Spot } from "./place.ts";
import { hasVersion, onLedger, readRotation, rotationStands, tells } from "./state.ts";
import type { UpgradeState } from "./state.ts";

const kind = "SecretRotation";
type Spec = Readonly<Record<string, unknown>>;

export const userOf = ({ namespace, name }: Spot): string => `${namespace}-${name}`;
export const secretOf = ({ name }: Spot): string => `${name}-aws`;

const toSecret = (spot: Spot): object => ({
  name: "app",
  kubernetesSecret: {
    name: secretOf(spot),
    keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
  },
});
const toVault = ({ name }: Spot): object => ({
  name: "kv",
  vaultKV: { connectionRef: { name: connections.vault }, path: `${name}/aws` },
});

/** A rotation of an access key whose user is its own; waits are as short as may be unless `more` says otherwise. */
const rotation = (spot: Spot, more: Spec = {}): KubeObject => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind,
  metadata: { name: spot.name, namespace: spot.namespace },
  spec: {
    source: { awsAccessKey: { connectionRef: { name: connections.aws }, userName: userOf(spot) } },
    deliver: [toSecret(spot), toVault(spot)],
    dependents: [],
    verify: { successes: 1, soak: "0s" },
    retire: { overlap: "1s", deleteAfter: "0s" },
    progressDeadline: "24h",
    ...more,
  },
});

const user = async (spot: Spot, tag = "keyturn.dev/owner"): Promise<void> => {
  const { namespace, name } = spot;
  const whose = tag === "keyturn.dev/owner" ? `${clusterName}/${namespace}/${name}` : `${namespace}/${name}`;
  await spot.place.stack.aws.client.createUser(userOf(spot), {
    path: `/keyturn/${namespace}/`,
    tags: { [tag]: whose, team: "payments" },
  });
};

/** A user, a rotation of its key, and its first version in use. */
const issued = async (spot: Spot, more: Spec = {}): Promise<void> => {
  await user(spot);
  await issuedFor(spot, more);
};

/** The same, of a user that is there. */
const issuedFor = async (spot: Spot, more: Spec = {}): Promise<void> => {
  await declare(spot, rotation(spot, more));
  await hasVersion(spot, 1);
  await learnFromSecrets(spot);
};

/** Asks for the next version, which stops where the state says. */
const rotate = async (spot: Spot): Promise<void> => {
  await askForRotation(spot.place.stack.kubernetes.client, pathOf(spot, kind, spot.name));
};

const workload = ({ place, namespace, name }: Spot) => {
  const { stack } = place;
  return loginProbe({
    namespace,
    name,
    replicas: 1,
    secretName: `${name}-aws`,
    endpoint: stack.aws.url,
    caFile: stack.ca.file,
    intervalMs: 1000,
    probeLog: probeLogOf(stack.dir),
  });
};

/** Every workload of the run writes its attempts to log in here. */
export const probeLogOf = (dir: string): string => `${dir}/upgrade-probe.log`;

const dependent = ({ name }: Spot): Spec => ({
  dependents: [{ name: "app", workload: { kind: "Deployment", name }, timeout: "72h" }],
});

const withWorkload = async (spot: Spot, more: Spec = {}): Promise<void> => {
  const { path, object } = workload(spot);
  const { client } = spot.place.stack.kubernetes;
  await client.apply(path, object, "team");
  await issued(spot, { ...dependent(spot), ...more });
  await waitFor(
    `the workload of ${spot.name} is ready`,
    async () =>
      ((await client.get(path))["status"] as { readonly readyReplicas?: number } | undefined)?.readyReplicas === 1,
    { timeout: 60_000 },
  );
};

const opened = (version: number) => (status: { readonly rotation?: { readonly version: string } }) =>
  status.rotation?.version.startsWith(`${version}-`) === true;
const secondOpen = opened(2);
const inUse = (status: { readonly current?: { readonly version: string } }, number: number): boolean =>
  status.current?.version.startsWith(`${number}-`) === true;

/** Every place of the second rotation at which it can stand still, and what else a rotation may be in. */
export const rotationStates: readonly UpgradeState[] = [
  {
    name: "first-version",
    bring: (spot) => issued(spot, { schedule: { every: "720h" } }),
    stands: rotationStands((status) => inUse(status, 1) && status.nextRotationTime !== undefined),
  },
  {
    name: "rotated",
    async bring(spot) {
      await withWorkload(spot);
      await rotate(spot);
      await hasVersion(spot, 2);
    },
    stands: rotationStands((status) => inUse(status, 2) && tells(status, "OldCredentialRevoked", "ProvenByLogin")),
  },
  {
    name: "issuing",
    async bring(spot) {
      await user(spot);
      const source = { connectionRef: { name: connections.awsWithoutKeys }, userName: userOf(spot) };
      await declare(spot, rotation(spot, { source: { awsAccessKey: source } }));
    },
    stands: rotationStands((status) => opened(1)(status) && status.failures?.reason === "PermissionDenied"),
  },
  {
    name: "without-slot",
    async bring(spot) {
      await user(spot);
      // Before the first one: a key that appears while or just after one is issued is taken for an answer that came late.
      await addKeyByHand(spot, userOf(spot));
      await issuedFor(spot);
      await rotate(spot);
    },
    stands: rotationStands((status) => inUse(status, 1) && tells(status, "Stalled", "SlotsFull")),
  },
  {
    name: "verifying",
    async bring(spot) {
      await issued(spot);
      await redeclare(spot, kind, { verify: { successes: 2, soak: "1h" } });
      await rotate(spot);
    },
    stands: rotationStands((status) => secondOpen(status) && status.rotation?.verification?.successes === 1),
  },
  {
    name: "publishing",
    async bring(spot) {
      await issued(spot);
      await onlyRead(spot.place.stack, `kv/data/keyturn/${spot.namespace}/${spot.name}/aws`);
      await rotate(spot);
    },
    stands: rotationStands(
      (status) =>
        secondOpen(status) &&
        status.deliveries?.find(({ name }) => name === "app")?.version.startsWith("2-") === true &&
        status.failures?.reason === "PermissionDenied",
    ),
  },
  {
    name: "moving",
    async bring(spot) {
      await withWorkload(spot);
      await spot.place.stack.kubernetes.client.mergePatch(workload(spot).path, { spec: { paused: true } });
      await rotate(spot);
    },
    stands: rotationStands((status) => secondOpen(status) && tells(status, "DependentsUpdated", "DependentHeld")),
  },
  {
    name: "confirming",
    async bring(spot) {
      const outside = { name: "outside", external: { confirm: "Annotation" }, timeout: "72h" };
      await user(spot);
      await declare(spot, rotation(spot, { dependents: [outside], retire: { overlap: "24h" } }));
      const version = await waitFor(
        `${spot.name} waits for a confirmation`,
        async () => (await readRotation(spot))?.status?.current?.version,
        { timeout: 60_000 },
      );
      await annotate(spot, kind, { "confirmed.keyturn.dev/outside": version });
      await hasVersion(spot, 1);
      await learnFromSecrets(spot);
      await rotate(spot);
    },
    stands: rotationStands(
      (status) => secondOpen(status) && tells(status, "DependentsUpdated", "ExternalConfirmation"),
    ),
  },
  {
    name: "overlap",
    async bring(spot) {
      await withWorkload(spot, { retire: { overlap: "24h" } });
      await rotate(spot);
    },
    stands: rotationStands(
      (status) => inUse(status, 2) && status.rotation === undefined && tells(status, "OldCredentialRevoked", "Overlap"),
    ),
  },
  {
    name: "disabled",
    async bring(spot) {
      await issued(spot, { retire: { overlap: "1s", deleteAfter: "24h" } });
      await rotate(spot);
    },
    stands: rotationStands((status) => inUse(status, 2) && tells(status, "OldCredentialRevoked", "Disabled")),
  },
  {
    name: "paused-and-due",
    async bring(spot) {
      await issued(spot);
      await annotate(spot, kind, { "keyturn.dev/paused": "true" });
      await waitFor("it is paused", async () => tells((await readRotation(spot))?.status, "Paused", "AskedFor"));
      await rotate(spot);
    },
    stands: rotationStands((status) => inUse(status, 1) && tells(status, "Paused", "AskedFor")),
  },
  {
    name: "adopted-key",
    async bring(spot) {
      await user(spot, "keyturn.dev/adopt");
      const key = await addKeyByHand(spot, userOf(spot));
      const { client } = spot.place.stack.kubernetes;
      await client.create(`/api/v1/namespaces/${spot.namespace}/secrets`, {
        metadata: { name: secretOf(spot), annotations: { "keyturn.dev/adopt": `${spot.namespace}/${spot.name}` } },
        stringData: { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
      });
      await declare(spot, rotation(spot, { deliver: [toSecret(spot)], adoption: { mode: "IfAnnotated" } }));
    },
    stands: rotationStands((status) => status.current?.adopted === true),
  },
  {
    // Put under a hold before the way back.
    name: "key-under-hold",
    bring: (spot) => issued(spot),
    stands: rotationStands((status) => inUse(status, 1)),
  },
  {
    name: "kept-key",
    bring: (spot) => issued(spot, { deletion: { policy: "Retain" } }),
    stands: rotationStands((status) => inUse(status, 1)),
  },
  {
    name: "without-identity",
    async bring(spot) {
      const source = { awsAccessKey: { accountRef: { name: "lake" } } };
      await declare(spot, rotation(spot, { source, identityRef: { name: "nobody" } }));
    },
    stands: rotationStands((status) => tells(status, "Ready", "IdentityNotReady")),
  },
  {
    name: "key-by-the-page",
    async bring(spot) {
      const source = { connectionRef: { name: connections.awsByThePage }, userName: userOf(spot) };
      await issued(spot, { source: { awsAccessKey: source } });
      await rotate(spot);
      await hasVersion(spot, 2);
    },
    stands: rotationStands((status) => inUse(status, 2) && tells(status, "OldCredentialRevoked", "ProvenByLogin")),
  },
  {
    name: "certificate",
    async bring(spot) {
      const { namespace, name } = spot;
      const source = {
        connectionRef: { name: connections.vault },
        role: "web",
        dnsNames: [`${name}.${namespace}.example`],
      };
      const deliver = [{ name: "app", kubernetesSecret: { name: `${name}-tls` } }];
      await declare(
        spot,
        rotation(spot, { source: { vaultPKI: { ...source, ttl: "240h" } }, deliver, retire: undefined }),
      );
      await hasVersion(spot, 1);
    },
    stands: rotationStands((status) => inUse(status, 1)),
  },
  {
    name: "secret-id",
    async bring(spot) {
      const { namespace, name } = spot;
      await spot.place.stack.vault.client.call("POST", `auth/approle/role/keyturn.${namespace}.${name}`, {
        token_ttl: "5m",
      });
      const source = { vaultAppRole: { connectionRef: { name: connections.vault }, role: name } };
      const deliver = [{ name: "app", kubernetesSecret: { name: `${name}-vault` } }];
      await declare(spot, rotation(spot, { source, deliver, retire: { overlap: "24h" } }));
      await hasVersion(spot, 1);
      await learnFromSecrets(spot);
      await rotate(spot);
    },
    stands: rotationStands((status) => inUse(status, 2) && tells(status, "OldCredentialRevoked", "Overlap")),
  },
  {
    name: "stopped-key",
    async bring(spot) {
      const { namespace, name } = spot;
      const account = { name: "lake", aws: { connectionRef: { name: connections.aws }, user: {} } };
      const identity = (state: "Active" | "Suspended") => identityObject(namespace, name, [account], { state });
      await declare(spot, identity("Active"));
      const source = { awsAccessKey: { accountRef: { name: "lake" } } };
      await declare(spot, rotation(spot, { source, identityRef: { name } }));
      await hasVersion(spot, 1);
      await learnFromSecrets(spot);
      await declare(spot, identity("Suspended"));
    },
    stands: rotationStands((status) => tells(status, "Suspended", "IdentitySuspended") && inUse(status, 1)),
  },
  {
    name: "key-on-ledger",
    async bring(spot) {
      await issued(spot, { deletion: { holdFor: "24h" } });
      await remove(spot, kind);
    },
    stands: onLedger(kind, false),
  },
  {
    name: "last-permit",
    bring: (spot) => issued(spot, { deletion: { holdFor: "24h" } }),
    bringUnderLimit: (spot) => remove(spot, kind),
    // The limit lets one go; which of the copies that is does not matter, and the rest is held.
    stands: async (spot) => (await onLedger(kind, false)(spot)) || (await onLedger(kind, true)(spot)),
  },
  {
    name: "held-key",
    bring: (spot) => issued(spot, { deletion: { holdFor: "24h" } }),
    bringUnderLimit: (spot) => remove(spot, kind),
    stands: onLedger(kind, true),
  },
];
