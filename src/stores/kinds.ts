import type { KubeObject, ResourceKind } from "../cluster/contract.ts";

export const SECRETS: ResourceKind = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
export const CONFIG_MAPS: ResourceKind = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const MANAGED_BY = { label: "app.kubernetes.io/managed-by", value: "keyturn" } as const;
export const ROLE_LABEL = "keyturn.dev/role";
/** On claims, from the version on that reviews who reads its metrics: claims without it were made by a version before. */
export const CLAIM_FORM = { label: "keyturn.dev/claim-form", value: "2" } as const;

export const ANNOTATIONS = {
  owner: "keyturn.dev/owner",
  ownerUid: "keyturn.dev/owner-uid",
  version: "keyturn.dev/version",
  /** Names of the labels and annotations that the spec asks for. */
  declared: "keyturn.dev/declared-metadata",
  staged: "keyturn.dev/staged",
  adopt: "keyturn.dev/adopt",
  /** On a Secret that was adopted: what its managed-by label said before. */
  foundLabel: "keyturn.dev/found-managed-by",
} as const;

export const toBase64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
export const fromBase64 = (text: string): string => Buffer.from(text, "base64").toString("utf8");
