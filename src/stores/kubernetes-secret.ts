import type { ClusterClient, NewObject, ObjectRef } from "../cluster/contract.ts";
import type { SecretType } from "../domain/rotation/source.ts";
import { OperatorError } from "../kernel/errors.ts";
import { without } from "../kernel/without.ts";
import type { DeliveryForm, DeliveryObservation, DeliveryOwner, DeliveryStore } from "./contract.ts";
import { ANNOTATIONS, MANAGED_BY, SECRETS, fromBase64, toBase64, type Secret } from "./kinds.ts";
import {
  checkMapping,
  DOCKER_CONFIG_KEY,
  keyMapping,
  laidOut,
  readBack,
  sameValues,
  type KeyMapping,
  type Layout,
} from "./material-keys.ts";
import { envNames } from "../kernel/env-names.ts";
import { canonicalJson } from "../kernel/ids.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";

export interface KubernetesSecretPlace {
  readonly name: string;
  readonly type?: SecretType | undefined;
  readonly registry?: { readonly server: string; readonly username?: string } | undefined;
  readonly keys?: KeyMapping | undefined;
  readonly format?: { readonly mode: "Keys" | "Env" | "JSON" | "Dotenv"; readonly key?: string } | undefined;
  readonly includePrevious?: boolean | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * One Secret in the resource's own namespace. It is ours when it carries both the owner's UID and our label; anything
 * else under that name is never written or deleted, but for one that asks to be adopted. In our Secret nothing but the credential
 * is kept: other keys are drift, and a Secret with other keys cannot be adopted.
 */
export const kubernetesSecretStore = (
  cluster: ClusterClient,
  owner: DeliveryOwner,
  place: KubernetesSecretPlace,
  form: DeliveryForm,
): DeliveryStore => {
  const mode = place.format?.mode ?? "Keys";
  const mapping = keyMapping(mode === "Env" ? envNames(form.fields) : form.fields, place.keys);
  const layout: Layout =
    place.registry !== undefined
      ? { mode: "DockerConfig", ...place.registry }
      : mode === "JSON" || mode === "Dotenv"
        ? { mode, key: place.format?.key ?? (mode === "JSON" ? "credential.json" : "credential.env") }
        : { mode: "Keys" };
  const suffix = mode === "Env" ? "_PREVIOUS" : "-previous";
  const render = (material: SecretMaterial): Readonly<Record<string, string>> => {
    const before = place.includePrevious === true ? form.beside?.(material) : undefined;
    const values = laidOut(material, mapping, layout);
    if (before === undefined) return values;
    const beside = Object.entries(laidOut(before, mapping, layout)).map(([key, value]) => [`${key}${suffix}`, value]);
    return { ...(Object.fromEntries(beside) as Readonly<Record<string, string>>), ...values };
  };
  const read = (secret: Secret) => readBack(decoded(secret.data ?? {}), mapping, layout);
  const { labels = {}, annotations: extra = {} } = place;
  const type = SECRET_TYPES[place.type ?? form.secretType];
  checkMapping(mapping, "deliver.kubernetesSecret.keys", () => true);
  const ref: ObjectRef = { kind: SECRETS, namespace: owner.namespace, name: place.name };
  const marks = {
    labels: { ...labels, [MANAGED_BY.label]: MANAGED_BY.value },
    annotations: {
      ...extra,
      // What is declared no longer is taken off by this list, and nothing of anybody else's.
      ...(hasExtra(labels, extra) ? { [ANNOTATIONS.declared]: declaredNames(labels, extra) } : {}),
      [ANNOTATIONS.owner]: `${owner.namespace}/${owner.name}`,
      [ANNOTATIONS.ownerUid]: owner.uid,
    },
  };
  /** Labels and annotations that stay: those of others, and not those that this resource declared before. */
  const others = ({ metadata }: Secret) => {
    const before = namesIn(metadata.annotations?.[ANNOTATIONS.declared]);
    return {
      labels: without(metadata.labels ?? {}, ...before.labels),
      annotations: without(metadata.annotations ?? {}, ...before.annotations, ANNOTATIONS.declared),
    };
  };
  const isDressed = ({ metadata }: Secret): boolean =>
    Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value) &&
    Object.entries(extra).every(([key, value]) => metadata.annotations?.[key] === value) &&
    metadata.annotations?.[ANNOTATIONS.declared] === marks.annotations[ANNOTATIONS.declared];

  /** Why it is not ours to write; undefined when it is. */
  const foreign = (secret: Secret): string | undefined => {
    const uid = secret.metadata.annotations?.[ANNOTATIONS.ownerUid];
    const labelled = secret.metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value;
    if (uid === undefined || !labelled) {
      return `Secret ${place.name} exists and was not made by Keyturn; delete it or choose another name`;
    }
    if (uid !== owner.uid && !owner.predecessors.includes(uid)) {
      return `Secret ${place.name} belongs to another SecretRotation; choose another name`;
    }
    return undefined;
  };
  const asksAdoption = ({ metadata: { annotations = {} } }: Secret): boolean =>
    annotations[ANNOTATIONS.adopt] === `${owner.namespace}/${owner.name}`;
  /** Nobody's mark of ours is on it, and it asks for this resource. */
  const mayAdopt = (secret: Secret): boolean =>
    secret.metadata.annotations?.[ANNOTATIONS.ownerUid] === undefined && asksAdoption(secret);
  const adoptable = (secret: Secret): DeliveryObservation => {
    const why = unwritable(secret);
    if (why !== undefined) return { kind: "foreign", why };
    const keys =
      layout.mode === "Keys"
        ? Object.values(mapping)
        : [layout.mode === "DockerConfig" ? DOCKER_CONFIG_KEY : layout.key];
    const material = read(secret);
    if (material === undefined || Object.keys(secret.data ?? {}).length !== keys.length) {
      const wanted = keys.join(" and ");
      return {
        kind: "foreign",
        why: `Secret ${place.name} asks to be adopted but does not hold exactly the keys ${wanted}; put others elsewhere, or name its keys in deliver.kubernetesSecret.keys`,
      };
    }
    const { uid, resourceVersion } = secret.metadata;
    return { kind: "adoptable", material, precondition: { kind: "secret", uid, resourceVersion, adopting: true } };
  };
  /** Why it cannot be written although it is ours. */
  const unwritable = (secret: Secret): string | undefined => {
    if (secret.metadata.deletionTimestamp !== undefined)
      return `Secret ${place.name} is being deleted; wait until it is gone`;
    if (secret.type !== undefined && secret.type !== type) {
      return `Secret ${place.name} is not of type ${type}; delete it or choose another name`;
    }
    if (secret.immutable === true) return `Secret ${place.name} is immutable; delete it or choose another name`;
    return undefined;
  };
  /** Marks and content are exactly what publishing would leave. */
  const isAsPublished = (secret: Secret, values: Readonly<Record<string, string>>): boolean =>
    secret.metadata.annotations?.[ANNOTATIONS.ownerUid] === owner.uid &&
    secret.metadata.annotations[ANNOTATIONS.owner] === marks.annotations[ANNOTATIONS.owner] &&
    sameValues(secret.data ?? {}, encoded(values)) &&
    isDressed(secret) &&
    (form.collect === undefined || isCollected(secret) === form.collect);
  const isCollected = ({ metadata: { ownerReferences = [] } }: Secret): boolean =>
    ownerReferences.some(({ uid }) => uid === owner.uid);
  const collector = { apiVersion: SECRET_ROTATION_API, kind: "SecretRotation", name: owner.name, uid: owner.uid };
  const owners = (before: Secret["metadata"]["ownerReferences"] = []) => {
    if (form.collect === undefined) return before;
    const others = before.filter(({ uid }) => uid !== owner.uid);
    return form.collect ? [...others, collector] : others;
  };
  const view = (secret: Secret): DeliveryObservation => {
    if (mayAdopt(secret)) return adoptable(secret);
    const why = foreign(secret) ?? unwritable(secret);
    if (why !== undefined) return { kind: "foreign", why };
    return {
      kind: "ours",
      version: secret.metadata.annotations?.[ANNOTATIONS.version] ?? "",
      material: read(secret),
      matches: (material) => isAsPublished(secret, render(material)),
      asksAdoption: asksAdoption(secret),
      precondition: {
        kind: "secret",
        uid: secret.metadata.uid,
        resourceVersion: secret.metadata.resourceVersion,
      },
    };
  };

  return {
    target: `secret/${owner.namespace}/${place.name}`,

    async observe() {
      const secret = await cluster.get<Secret>(ref);
      if (secret === undefined) return { kind: "absent", precondition: { kind: "secret" } };
      return view(secret);
    },

    async publish({ version, material }, precondition) {
      if (precondition.kind !== "secret") throw wrongKind();
      const data = encoded(render(material));
      const annotations = { ...marks.annotations, [ANNOTATIONS.version]: version };
      if (precondition.uid === undefined || precondition.resourceVersion === undefined) {
        const fresh: NewObject = {
          apiVersion: "v1",
          kind: "Secret",
          type,
          metadata: {
            name: place.name,
            namespace: owner.namespace,
            labels: marks.labels,
            annotations,
            ...(form.collect === true ? { ownerReferences: owners() } : {}),
          },
          data,
        };
        return view(await createOnly(cluster, ref, fresh));
      }
      const before = await cluster.get<Secret>(ref);
      if (before === undefined || before.metadata.uid !== precondition.uid) throw changed(place.name);
      const adopted = precondition.adopting === true && mayAdopt(before) && adoptable(before).kind === "adoptable";
      const mine = adopted ? undefined : foreign(before);
      const why = mine ?? unwritable(before);
      if (why !== undefined) throw new OperatorError("Conflict", { publicMessage: `${why}.` });
      // Foreign labels and annotations (of people and tools) stay; the resourceVersion is that of the observation, so what was
      // written since then, by anybody, refuses this write.
      const after = await cluster.replace<Secret>(ref, {
        ...before,
        type,
        metadata: {
          ...before.metadata,
          resourceVersion: precondition.resourceVersion,
          labels: { ...others(before).labels, ...marks.labels },
          annotations: { ...others(before).annotations, ...foundLabel(before), ...annotations },
          ...(form.collect === undefined ? {} : { ownerReferences: owners(before.metadata.ownerReferences) }),
        },
        data,
      });
      return view(after);
    },

    async withdraw() {
      const secret = await cluster.get<Secret>(ref);
      if (secret === undefined) return "alreadyAbsent";
      if (foreign(secret) !== undefined) return "foreign";
      const { uid, resourceVersion } = secret.metadata;
      return (await cluster.delete(ref, { uid, resourceVersion })) ? "removed" : "alreadyAbsent";
    },

    async giveBack(material) {
      const secret = await cluster.get<Secret>(ref);
      if (secret === undefined) return "alreadyAbsent";
      if (foreign(secret) !== undefined) return "untouched";
      const { labels = {}, annotations = {} } = secret.metadata;
      const found = annotations[ANNOTATIONS.foundLabel];
      await cluster.replace<Secret>(ref, {
        ...secret,
        metadata: {
          ...secret.metadata,
          labels: {
            ...without(labels, MANAGED_BY.label),
            ...(found === undefined ? {} : { [MANAGED_BY.label]: found }),
          },
          annotations: without(
            annotations,
            ANNOTATIONS.owner,
            ANNOTATIONS.ownerUid,
            ANNOTATIONS.version,
            ANNOTATIONS.foundLabel,
          ),
        },
        data: encoded(render(material)),
      });
      return "givenBack";
    },
  };
};

const SECRET_TYPES: Readonly<Record<SecretType, string>> = {
  Opaque: "Opaque",
  TLS: "kubernetes.io/tls",
  BasicAuth: "kubernetes.io/basic-auth",
  SSHAuth: "kubernetes.io/ssh-auth",
  DockerConfig: "kubernetes.io/dockerconfigjson",
};

type Names = Readonly<Record<"labels" | "annotations", readonly string[]>>;

const hasExtra = (...maps: readonly object[]): boolean => maps.some((map) => Object.keys(map).length > 0);

const declaredNames = (labels: object, annotations: object): string =>
  canonicalJson({ labels: Object.keys(labels).sort(), annotations: Object.keys(annotations).sort() });

/** Somebody else's text names nothing. */
const namesIn = (text: string | undefined): Names => {
  const none: Names = { labels: [], annotations: [] };
  if (text === undefined) return none;
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Names, unknown>>;
    const strings = (list: unknown): readonly string[] =>
      Array.isArray(list) ? list.filter((each): each is string => typeof each === "string") : [];
    return { labels: strings(value.labels), annotations: strings(value.annotations) };
  } catch {
    return none;
  }
};

const SECRET_ROTATION_API = "keyturn.dev/v1alpha1";

/** Somebody's label under the name of ours is remembered, to be put back. */
const foundLabel = ({ metadata: { labels = {} } }: Secret): Readonly<Record<string, string>> => {
  const found = labels[MANAGED_BY.label];
  return found === undefined || found === MANAGED_BY.value ? {} : { [ANNOTATIONS.foundLabel]: found };
};

const encoded = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, toBase64(value)]));

const decoded = (data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, fromBase64(value)]));

/** Somebody was first: a Conflict, so that the caller looks again. */
const createOnly = async (cluster: ClusterClient, ref: ObjectRef, object: NewObject): Promise<Secret> => {
  try {
    return await cluster.create<Secret>(ref, object);
  } catch (error) {
    if (error instanceof OperatorError && error.code === "AlreadyExists") throw changed(ref.name);
    throw error;
  }
};

const changed = (name: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `Secret ${name} was changed by somebody else in between.`,
    status: 409,
  });

const wrongKind = (): OperatorError =>
  new OperatorError("Unknown", { publicMessage: "Internal error: the precondition of another kind of store." });
