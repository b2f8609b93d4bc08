import { OWNER, OWNER_UID } from "../api/v1alpha1/annotations.ts";
import { LIFECYCLE_DEFAULTS } from "../api/v1alpha1/defaults.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION, type SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE, type ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient, KubeObject, ResourceKind } from "../cluster/contract.ts";
import { listWatched } from "../cluster/list-watched.ts";
import { clusterRoleBindings, roleBindings, serviceAccounts } from "../cluster/resources.ts";
import {
  identityFacts,
  identityOwner,
  ledgerOwner,
  rotationOwner,
  type OwnerFacts,
} from "../domain/inventory/facts.ts";
import { unownedMarks, type Found, type ListedUser, type Unreached } from "../domain/inventory/inventory.ts";
import type { Mark } from "../domain/inventory/mark.ts";
import type { Watched } from "../domain/watched.ts";
import { toOperatorError } from "../kernel/errors.ts";
import type { CallContext, CredentialSource } from "../providers/contract.ts";
import { MANAGED_BY } from "../stores/kinds.ts";
import type { Metrics } from "../telemetry/contract.ts";
import { allows, allowsAny } from "./connections.ts";
import { leftOutOf, mapListed, nameOf, readableOf, type LeftOut, type Listed } from "../kernel/listed.ts";

/** What a survey may reach; it changes nothing anywhere. */
export interface SurveyPorts {
  readonly cluster: Pick<ClusterClient, "list">;
  readonly clusterName: string;
  readonly watched: Watched;
  /** What carries our owner mark at one provider. */
  marked(connection: ProviderConnection, context: CallContext): Promise<readonly Mark[]>;
  keysOf(
    connection: ProviderConnection,
    user: { readonly namespace: string; readonly userName: string },
  ): Pick<CredentialSource, "list">;
}

/** Looks everywhere: what is marked, whose keys there are, and the resources that all of it ought to belong to. */
export const takeInventory = async (ports: SurveyPorts, context: CallContext): Promise<Found> => {
  const [connections, before] = await Promise.all([connectionsOf(ports), resourcesOf(ports)]);
  const users = await listUsers(managedUsers(before), readableOf(connections), ports, context);
  const marks = await lookForMarks(ports, readableOf(connections), context);
  // Made or revoked while it was looked: whoever was there before or after is an owner.
  const after = await resourcesOf(ports);
  return {
    clusterName: ports.clusterName,
    namespaces: ports.watched,
    identities: after.identities.map(identityFacts),
    owners: [...ownersOf(before), ...ownersOf(after)],
    marks: marks.marks,
    users: users.users,
    unreached: [...marks.unreached, ...users.unreached, ...unreachedAmong(connections, after)],
    unread: [...before.unread, ...after.unread],
  };
};

/** The operator's own round: how much is marked as ours that belongs to nobody, by connection. */
export const survey = async (
  ports: SurveyPorts & { readonly metrics: Pick<Metrics, "unownedMarks"> },
  context: CallContext,
): Promise<void> => {
  const { log } = context;
  const connections = await connectionsOf(ports);
  const { marks, unreached } = await lookForMarks(ports, readableOf(connections), context);
  const resources = await resourcesOf(ports);
  const unowned = unownedMarks({
    clusterName: ports.clusterName,
    namespaces: ports.watched,
    marks,
    owners: ownersOf(resources),
    unread: resources.unread,
  });
  ports.metrics.unownedMarks(
    marks.map(({ connection }) => ({
      connection,
      count: unowned.filter((mark) => mark.connection === connection).length,
    })),
  );
  for (const { place, reason } of [...unreached, ...unreachedAmong(connections, resources)])
    log.warn("The survey could not look everywhere", { place, reason });
  if (unowned.length === 0) return;
  log.warn("Things outside carry the mark of a resource that does not exist", {
    count: unowned.length,
    first: unowned.slice(0, MOST_NAMED).map(({ kind, id, owner }) => `${kind} ${id} (${owner})`),
  });
};

const MOST_NAMED = 10;
/** Users asked about at once: IAM answers few requests a second. */
const LANES = 4;

interface Resources {
  readonly identities: readonly (ServiceAccountLifecycle & KubeObject)[];
  readonly rotations: readonly (SecretRotation & KubeObject)[];
  readonly orphans: readonly (OrphanedCredential & KubeObject)[];
  readonly unread: readonly LeftOut[];
}

const unreachedAmong = (
  connections: Listed<ProviderConnection & KubeObject>,
  { unread }: Resources,
): readonly Unreached[] =>
  [...leftOutOf(connections), ...unread].map((each) => ({
    place: nameOf(each),
    reason: "It cannot be read, so nothing that may be its own is called a stray.",
  }));

const connectionsOf = async ({ cluster, watched }: SurveyPorts): Promise<Listed<ProviderConnection & KubeObject>> => {
  const all = await cluster.list<ProviderConnection & KubeObject>(PROVIDER_CONNECTION, {});
  return mapListed(all, (items) => items.filter((connection) => allowsAny(connection, watched)));
};

const resourcesOf = async ({ cluster, watched }: SurveyPorts): Promise<Resources> => {
  const [identities, rotations, orphans] = await Promise.all([
    listWatched<ServiceAccountLifecycle & KubeObject>(cluster, SERVICE_ACCOUNT_LIFECYCLE, { watched }),
    listWatched<SecretRotation & KubeObject>(cluster, SECRET_ROTATION, { watched }),
    cluster.list<OrphanedCredential & KubeObject>(ORPHANED_CREDENTIAL, {}),
  ]);
  return {
    identities: readableOf(identities),
    rotations: readableOf(rotations),
    orphans: readableOf(orphans),
    unread: [...leftOutOf(identities), ...leftOutOf(rotations), ...leftOutOf(orphans)],
  };
};

const ownersOf = ({ identities, rotations, orphans }: Resources): readonly OwnerFacts[] => [
  ...identities.map(identityOwner),
  ...rotations.map(rotationOwner),
  ...orphans.map(ledgerOwner),
];

const lookForMarks = async (
  ports: SurveyPorts,
  connections: readonly ProviderConnection[],
  context: CallContext,
): Promise<{ readonly marks: Found["marks"]; readonly unreached: readonly Unreached[] }> => {
  const places = [
    { connection: LIFECYCLE_DEFAULTS.kubernetesConnection, place: "this cluster", look: () => kubernetesMarks(ports) },
    ...connections
      .filter(({ spec }) => spec.aws !== undefined || spec.vault !== undefined)
      .map((connection) => ({
        connection: connection.metadata.name,
        place: placeOf(connection),
        look: () => ports.marked(connection, context),
      })),
  ];
  const marks: Found["marks"][number][] = [];
  const unreached: Unreached[] = [];
  for (const { connection, place, look } of places) {
    if (context.signal.aborted) break;
    try {
      marks.push({ connection, marks: await look() });
    } catch (thrown) {
      unreached.push({ place, reason: toOperatorError(thrown).publicMessage });
    }
  }
  return { marks, unreached };
};

const placeOf = ({ metadata }: ProviderConnection): string => `ProviderConnection ${metadata.name}`;

/** ServiceAccounts and bindings that carry our label and an owner. */
const kubernetesMarks = async ({ cluster, watched }: SurveyPorts): Promise<readonly Mark[]> => {
  const listed = async (kind: ResourceKind, markKind: Mark["kind"]): Promise<readonly Mark[]> => {
    const objects = await listWatched(cluster, kind, {
      watched,
      labelSelector: `${MANAGED_BY.label}=${MANAGED_BY.value}`,
    });
    // A mark that cannot be read is not counted; that calls nothing a stray.
    return readableOf(objects).flatMap(({ metadata }) => {
      const owner = metadata.annotations?.[OWNER];
      if (owner === undefined) return [];
      const id = [metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/");
      return [{ kind: markKind, id, owner, ownerUid: metadata.annotations?.[OWNER_UID] }];
    });
  };
  const each = await Promise.all([
    listed(serviceAccounts, "KubernetesServiceAccount"),
    listed(roleBindings, "RoleBinding"),
    // Whoever runs for some namespaces has no rights in the whole cluster.
    ...(watched.length === 0 ? [listed(clusterRoleBindings, "ClusterRoleBinding")] : []),
  ]);
  return each.flat();
};

type ManagedUser = Omit<ListedUser, "credentials">;

/** IAM users of identities, and those that rotations name themselves. */
const managedUsers = ({ identities, rotations }: Resources): readonly ManagedUser[] => {
  const ofIdentities = identities.flatMap(({ metadata, spec, status }) =>
    (status?.accounts ?? []).flatMap(({ name, target, state, declaration }): readonly ManagedUser[] => {
      const userName = target.startsWith(AWS_USER) ? target.split("/")[2] : undefined;
      const connection = spec.accounts.find((account) => account.name === name)?.aws?.connectionRef.name;
      if (userName === undefined || state === "Gone") return [];
      return [
        {
          connection: connection ?? connectionIn(declaration),
          userName,
          namespace: metadata.namespace ?? "",
          name: metadata.name,
          target,
        },
      ];
    }),
  );
  const ofRotations = rotations.flatMap(({ metadata, spec }): readonly ManagedUser[] => {
    const source = spec.source.awsAccessKey;
    if (source?.connectionRef === undefined || source.userName === undefined) return [];
    return [
      {
        connection: source.connectionRef.name,
        userName: source.userName,
        namespace: metadata.namespace ?? "",
        name: metadata.name,
      },
    ];
  });
  return [...ofIdentities, ...ofRotations];
};

const AWS_USER = "aws-user/";

/** Of an account that the spec no longer has. */
const connectionIn = (declaration: string): string => {
  try {
    const parsed = JSON.parse(declaration) as {
      readonly aws?: { readonly connectionRef?: { readonly name?: unknown } };
    };
    const name = parsed.aws?.connectionRef?.name;
    return typeof name === "string" ? name : "";
  } catch {
    return "";
  }
};

const listUsers = async (
  wanted: readonly ManagedUser[],
  connections: readonly ProviderConnection[],
  ports: SurveyPorts,
  context: CallContext,
): Promise<{ readonly users: readonly ListedUser[]; readonly unreached: readonly Unreached[] }> => {
  const users: ListedUser[] = [];
  const unreached: Unreached[] = [];
  const rest = [...wanted];
  const lane = async (): Promise<void> => {
    for (let user = rest.shift(); user !== undefined && !context.signal.aborted; user = rest.shift()) {
      const { connection: name, namespace, userName } = user;
      const place = `keys of ${userName} through ProviderConnection ${name}`;
      const connection = connections.find(({ metadata }) => metadata.name === name);
      if (connection === undefined || !allows(connection, namespace)) {
        unreached.push({ place, reason: "The connection does not exist or does not allow the namespace." });
        continue;
      }
      try {
        const { credentials } = await ports.keysOf(connection, { namespace, userName }).list(context);
        users.push({ ...user, credentials });
      } catch (thrown) {
        const error = toOperatorError(thrown);
        // A user that is not there (any more, or yet) has no keys.
        if (error.code === "NotFound") users.push({ ...user, credentials: [] });
        else unreached.push({ place, reason: error.publicMessage });
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { users, unreached };
};
