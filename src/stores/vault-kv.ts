import { OperatorError } from "../kernel/errors.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";
import type { VaultConnection } from "../providers/vault/connection.ts";
import { kvPath } from "../providers/vault/config.ts";
import type { KvData, KvMetadata, VaultSession } from "../providers/vault/sdk.ts";
import type { CallContext } from "../providers/contract.ts";
import type { DeliveryForm, DeliveryObservation, DeliveryOwner, DeliveryStore } from "./contract.ts";
import { checkMapping, keyMapping, mapped, sameValues, unmapped, type KeyMapping } from "./material-keys.ts";

export interface VaultKvPlace {
  readonly path: string;
  readonly keys?: KeyMapping | undefined;
}

/** Keys inside the data that are ours; a spec may not use them. */
export const KV_RESERVED = { version: "keyturn-version", ownerUid: "keyturn-owner-uid" } as const;
/** Keys of custom_metadata. */
export const KV_MARKS = { owner: "keyturn-owner", ownerUid: "keyturn-owner-uid", cluster: "keyturn-cluster" } as const;

/**
 * One KV v2 path. How marks and content stay true to each other:
 *
 * - Vault has one atomic claim of a path: a data write with cas=0. A metadata write has no check, so two claimants who both saw
 *   "absent" could mark over each other. Hence the first act is the data write, and the data itself names the owner's UID.
 * - The version mark stands in the data too, so that content and mark are one write: a crash cannot part them.
 * - custom_metadata (owner, UID, cluster) follows: it outlives a soft delete, when the data cannot be read, and is what people
 *   see. A crash before it leaves a path whose data says whose it is; the next publish writes the marks.
 * - Where custom_metadata names an owner, it decides. Where it names none, the data's owner does. Data that names an owner other
 *   than ours is foreign in any case.
 */
export const vaultKvStore = (
  connection: VaultConnection,
  owner: DeliveryOwner,
  place: VaultKvPlace,
  form: DeliveryForm,
): DeliveryStore => {
  const mapping = keyMapping(form.fields, place.keys);
  const reserved: readonly string[] = Object.values(KV_RESERVED);
  checkMapping(mapping, "deliver.vaultKV.keys", (key) => !reserved.includes(key));
  const path = kvPath(connection.config, owner.namespace, place.path);
  const at = { mount: connection.config.kv.mount, path };
  const marks = {
    [KV_MARKS.owner]: `${owner.namespace}/${owner.name}`,
    [KV_MARKS.ownerUid]: owner.uid,
    [KV_MARKS.cluster]: owner.cluster,
  };
  const isOurs = (uid: string): boolean => uid === owner.uid || owner.predecessors.includes(uid);
  const contentOf = (version: string, material: SecretMaterial): Readonly<Record<string, string>> => ({
    ...mapped(material, mapping),
    [KV_RESERVED.version]: version,
    [KV_RESERVED.ownerUid]: owner.uid,
  });
  const isMarked = (custom: Readonly<Record<string, string>>): boolean =>
    Object.entries(marks).every(([key, value]) => custom[key] === value);

  /** Why it is not ours; undefined when it is. */
  const foreign = (metadata: KvMetadata, data: KvData | undefined): string | undefined => {
    const byMetadata = metadata.custom[KV_MARKS.ownerUid];
    const byData = data?.values[KV_RESERVED.ownerUid];
    if (byMetadata === undefined && typeof byData !== "string") {
      return `Vault path ${place.path} exists and was not made by Keyturn; delete it with its metadata or choose another path`;
    }
    const named = [byMetadata, byData].filter((uid) => uid !== undefined);
    return named.every((uid) => typeof uid === "string" && isOurs(uid))
      ? undefined
      : `Vault path ${place.path} belongs to another SecretRotation; choose another path`;
  };

  const look = async (session: VaultSession, signal: AbortSignal) => {
    const metadata = await session.readMetadata(at, signal);
    if (metadata === undefined) return undefined;
    const readable = metadata.currentVersion > 0 && !metadata.currentIsDeleted;
    const data = readable ? await session.readData(at, signal) : undefined;
    // A version written between the two reads: its own number goes into the check, so nothing is overwritten unseen.
    return { metadata, data, version: data?.version ?? metadata.currentVersion };
  };

  const markPath = async (session: VaultSession, custom: Readonly<Record<string, string>>, signal: AbortSignal) => {
    if (!isMarked(custom)) await session.writeCustomMetadata(at, { ...custom, ...marks }, signal);
  };

  return {
    target: `kv/${connection.account}/${path}`,

    observe: (context: CallContext): Promise<DeliveryObservation> =>
      connection.use(async (session): Promise<DeliveryObservation> => {
        const seen = await look(session, context.signal);
        if (seen === undefined) return { kind: "absent", precondition: { kind: "kv", version: 0 } };
        const { metadata, data, version } = seen;
        const why = foreign(metadata, data);
        if (why !== undefined) return { kind: "foreign", why };
        const marked = data?.values[KV_RESERVED.version];
        const marker = typeof marked === "string" ? marked : "";
        return {
          kind: "ours",
          version: marker,
          material: unmapped(data?.values ?? {}, mapping),
          matches: (material) =>
            data !== undefined && isMarked(metadata.custom) && sameValues(data.values, contentOf(marker, material)),
          precondition: { kind: "kv", version },
        };
      }, context),

    async publish({ version, material }, precondition, context) {
      if (precondition.kind !== "kv") throw wrongKind();
      const content = contentOf(version, material);
      await connection.use(async (session) => {
        if (precondition.version > 0) {
          // The check-and-set guards the content; the owner in custom_metadata is compared once more by itself.
          const custom = (await session.readMetadata(at, context.signal))?.custom ?? {};
          const uid = custom[KV_MARKS.ownerUid];
          if (uid !== undefined && !isOurs(uid)) throw changed(place.path);
        }
        await session.writeData(at, content, precondition.version, context.signal);
      }, context);
      // A session of its own: a refused mark must not repeat the data write, whose check would then fail on our own version.
      await connection.use(async (session) => {
        const custom = (await session.readMetadata(at, context.signal))?.custom ?? {};
        const uid = custom[KV_MARKS.ownerUid];
        if (uid !== undefined && !isOurs(uid)) throw changed(place.path);
        await markPath(session, custom, context.signal);
      }, context);
    },

    withdraw: ({ final }, context) =>
      connection.use(async (session) => {
        const seen = await look(session, context.signal);
        if (seen === undefined) return "alreadyAbsent";
        if (foreign(seen.metadata, seen.data) !== undefined) return "foreign";
        if (final) {
          await session.deleteEverything(at, context.signal);
          return "removed";
        }
        if (seen.data === undefined) return "alreadyAbsent";
        // After the soft delete only custom_metadata can say whose it is.
        await markPath(session, seen.metadata.custom, context.signal);
        await session.deleteLatest(at, context.signal);
        return "removed";
      }, context),
  };
};

const changed = (path: string): OperatorError =>
  new OperatorError("Conflict", { publicMessage: `Vault path ${path} was taken by somebody else in between.` });

const wrongKind = (): OperatorError =>
  new OperatorError("Unknown", { publicMessage: "Internal error: the precondition of another kind of store." });
