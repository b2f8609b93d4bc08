import type { ClusterClient, ObjectRef } from "../cluster/contract.ts";
import { OperatorError } from "../kernel/errors.ts";
import { canonicalJson, hashName } from "../kernel/ids.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { DeliveryOwner, StagedVersion, Staging, StagingStore } from "./contract.ts";
import { ANNOTATIONS, MANAGED_BY, ROLE_LABEL, SECRETS, fromBase64, toBase64, type Secret } from "./kinds.ts";
import { mapListed } from "../kernel/listed.ts";

const ROLE = "staging";
const MOST_TRIES = 5;
/** A Secret holds 1 MiB; a credential is far below this. */
const LONGEST_VALUE = 64 * 1024;

export const stagingName = (ownerUid: string): string => `keyturn-staging-${hashName(ownerUid)}`;

/**
 * One Secret per resource in the operator's namespace: a data key per version (canonical JSON of the material's fields), and an
 * annotation that says which id is staged under which version. Written under resourceVersion, read back after each write.
 */
export const stagingStore = (cluster: ClusterClient, operatorNamespace: string): StagingStore => {
  const refOf = (ownerUid: string): ObjectRef => ({
    kind: SECRETS,
    namespace: operatorNamespace,
    name: stagingName(ownerUid),
  });
  const load = async (ownerUid: string): Promise<Secret | undefined> => {
    const secret = await cluster.get<Secret>(refOf(ownerUid));
    if (
      secret !== undefined &&
      (!isStaging(secret) || secret.metadata.annotations?.[ANNOTATIONS.ownerUid] !== ownerUid)
    ) {
      throw conflict("The staging Secret of this resource was made by somebody else.");
    }
    return secret;
  };

  /** Adds or repairs one version; false when there was nothing to write. */
  const write = async (owner: DeliveryOwner, entry: StagedVersion): Promise<boolean> => {
    const ref = refOf(owner.uid);
    const secret = await load(owner.uid);
    const index =
      secret === undefined ? new Map<string, IndexEntry>() : (indexOf(secret) ?? new Map<string, IndexEntry>());
    const present = index.get(entry.version);
    if (present !== undefined && present.id !== entry.id)
      throw conflict(`Another id is staged under version ${entry.version}.`);
    const before = secret === undefined ? undefined : stagedOf(secret, entry.version);
    if (before !== undefined && sameStaged(before, entry)) return false;
    if (before !== undefined && !before.material.equals(entry.material)) {
      throw conflict(`Another value is staged under version ${entry.version}.`);
    }
    index.set(entry.version, { id: entry.id, issuedAt: entry.issuedAt.toISOString() });
    const annotations = {
      ...secret?.metadata.annotations,
      [ANNOTATIONS.owner]: `${owner.namespace}/${owner.name}`,
      [ANNOTATIONS.ownerUid]: owner.uid,
      [ANNOTATIONS.staged]: canonicalJson(Object.fromEntries(index)),
    };
    const labels = { ...secret?.metadata.labels, [MANAGED_BY.label]: MANAGED_BY.value, [ROLE_LABEL]: ROLE };
    const data = { ...secret?.data, [entry.version]: encoded(entry.material) };
    if (secret === undefined) {
      const metadata = { name: ref.name, namespace: operatorNamespace, labels, annotations };
      await cluster.create<Secret>(ref, { apiVersion: "v1", kind: "Secret", type: "Opaque", metadata, data });
    } else {
      await cluster.replace<Secret>(ref, { ...secret, metadata: { ...secret.metadata, labels, annotations }, data });
    }
    return true;
  };

  const put = async (owner: DeliveryOwner, entry: StagedVersion): Promise<void> => {
    checkVersion(entry);
    const wrote = await retried(() => write(owner, entry));
    if (!wrote) return;
    const back = await load(owner.uid);
    const staged = back === undefined ? undefined : stagedOf(back, entry.version);
    if (staged === undefined || !sameStaged(staged, entry)) {
      throw new OperatorError("Unavailable", { publicMessage: "What was staged does not read back.", ambiguous: true });
    }
  };

  const keepOnly = (ownerUid: string, versions: readonly string[]): Promise<void> =>
    retried(async () => {
      const secret = await load(ownerUid);
      if (secret === undefined) return;
      const index = indexOf(secret) ?? new Map<string, IndexEntry>();
      const kept = (key: string): boolean => versions.includes(key);
      const data = Object.fromEntries(Object.entries(secret.data ?? {}).filter(([key]) => kept(key)));
      const entries = Object.fromEntries([...index].filter(([key]) => kept(key)));
      const { uid, resourceVersion } = secret.metadata;
      if (Object.keys(data).length === 0 && Object.keys(entries).length === 0) {
        await cluster.delete(refOf(ownerUid), { uid, resourceVersion });
        return;
      }
      if (
        Object.keys(data).length === Object.keys(secret.data ?? {}).length &&
        Object.keys(entries).length === index.size
      ) {
        return;
      }
      const annotations = { ...secret.metadata.annotations, [ANNOTATIONS.staged]: canonicalJson(entries) };
      await cluster.replace<Secret>(refOf(ownerUid), {
        ...secret,
        metadata: { ...secret.metadata, annotations },
        data,
      });
    });

  const read = async (ownerUid: string): Promise<Staging> => {
    const secret = await load(ownerUid);
    if (secret === undefined) return { versions: [], intact: true };
    const index = indexOf(secret);
    const named = [...(index?.keys() ?? [])];
    const versions = named.map((version) => stagedOf(secret, version)).filter((staged) => staged !== undefined);
    const unnamed = Object.keys(secret.data ?? {}).some((key) => index?.has(key) !== true);
    return { versions, intact: index !== undefined && versions.length === named.length && !unnamed };
  };

  return {
    read,
    put,
    keepOnly,

    async handOver(fromUid, to) {
      if (fromUid === to.uid) return;
      const { versions } = await read(fromUid);
      for (const entry of versions) await put(to, entry);
      await keepOnly(fromUid, []);
    },

    async listOwners() {
      const listed = await cluster.list<Secret>(SECRETS, {
        namespace: operatorNamespace,
        labelSelector: `${ROLE_LABEL}=${ROLE}`,
      });
      return mapListed(listed, (secrets) =>
        secrets.flatMap((secret) => {
          const uid = secret.metadata.annotations?.[ANNOTATIONS.ownerUid];
          const [namespace, name] = (secret.metadata.annotations?.[ANNOTATIONS.owner] ?? "").split("/");
          // A Secret whose name does not follow from its owner was not made here.
          if (!uid || !namespace || !name || secret.metadata.name !== stagingName(uid)) return [];
          const versions = [...(indexOf(secret) ?? [])].map(([version, { id }]) => ({ version, id }));
          return [{ namespace, name, uid, versions }];
        }),
      );
    },
  };
};

interface IndexEntry {
  readonly id: string;
  readonly issuedAt: string;
}

const isStaging = (secret: Secret): boolean => secret.metadata.labels?.[ROLE_LABEL] === ROLE;

const checkVersion = (entry: StagedVersion): void => {
  if (!/^[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,62}$/.test(entry.version) || entry.id === "") {
    throw new OperatorError("InvalidSpec", { publicMessage: "A version to be staged has no good name." });
  }
};

/** The annotation's map; undefined when it cannot be read. Entries that are not whole are left out. */
const indexOf = (secret: Secret): Map<string, IndexEntry> | undefined => {
  try {
    const parsed = JSON.parse(secret.metadata.annotations?.[ANNOTATIONS.staged] ?? "") as unknown;
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    const index = new Map<string, IndexEntry>();
    for (const [version, value] of Object.entries(parsed)) {
      const { id, issuedAt } = (value ?? {}) as { readonly id?: unknown; readonly issuedAt?: unknown };
      if (typeof id !== "string" || typeof issuedAt !== "string" || Number.isNaN(Date.parse(issuedAt)))
        return undefined;
      index.set(version, { id, issuedAt });
    }
    return index;
  } catch {
    return undefined;
  }
};

const stagedOf = (secret: Secret, version: string): StagedVersion | undefined => {
  const entry = indexOf(secret)?.get(version);
  const value = secret.data?.[version];
  if (entry === undefined || value === undefined || value.length > LONGEST_VALUE) return undefined;
  try {
    const fields = JSON.parse(fromBase64(value)) as unknown;
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return undefined;
    const members = Object.entries(fields);
    if (members.length === 0 || members.some(([, member]) => typeof member !== "string" || member === ""))
      return undefined;
    const material = new SecretMaterial(Object.fromEntries(members));
    return { version, id: entry.id, material, issuedAt: new Date(entry.issuedAt) };
  } catch {
    return undefined;
  }
};

const sameStaged = (a: StagedVersion, b: StagedVersion): boolean =>
  a.id === b.id && a.issuedAt.getTime() === b.issuedAt.getTime() && a.material.equals(b.material);

const encoded = (material: SecretMaterial): string => toBase64(canonicalJson(material.reveal()));

/** Runs again, on what is then there, when somebody wrote in between: a few times, then the Conflict stands. */
const retried = async <T>(run: () => Promise<T>): Promise<T> => {
  for (let turn = 1; ; turn += 1) {
    try {
      return await run();
    } catch (error) {
      const raced =
        error instanceof OperatorError &&
        (error.code === "AlreadyExists" || (error.code === "Conflict" && error.serverCode !== OURS));
      if (!raced || turn >= MOST_TRIES) throw error;
    }
  }
};

/** A contradiction that we found ourselves, in contrast to a write in between: trying again would not help. */
const OURS = "staging";
const conflict = (publicMessage: string): OperatorError =>
  new OperatorError("Conflict", { publicMessage, serverCode: OURS });
