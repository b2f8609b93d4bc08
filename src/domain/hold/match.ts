import type { IdentityHoldSpec } from "../../api/v1alpha1/identity-hold.ts";

/** One hold as it is in force: its spec, and the claims of the targets that it names or has seen. */
export interface HoldInForce {
  readonly name: string;
  readonly spec: Pick<IdentityHoldSpec, "namespace" | "name" | "compromised" | "reason">;
  readonly targets: readonly string[];
}

/** What is asked about: a resource by its namespace, the identity that it is or names, and the claims of its targets. */
export interface HoldQuestion {
  readonly namespace: string;
  /** Name of the ServiceAccountLifecycle, or whether it is one of this name; undefined for a SecretRotation that names none. */
  readonly identity: string | ((name: string) => boolean) | undefined;
  readonly targets: readonly string[];
}

/** The holds that hold a resource, together. */
export interface HeldBy {
  /** In alphabetical order, at least one. */
  readonly names: readonly string[];
  /** One of them says that the credentials may be in other hands. */
  readonly compromised: boolean;
  /** Of each of them, for the team; absent while the holds have not been read. */
  readonly reasons?: readonly string[];
}

/** Everything is matched by name, never by UID: a resource that is deleted and made again is held as before. */
export const heldBy = (holds: readonly HoldInForce[], question: HoldQuestion): HeldBy | undefined => {
  const found = holds.filter((hold) => holdsByName(hold, question) || holdsByTarget(hold, question.targets));
  if (found.length === 0) return undefined;
  const sorted = [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    names: sorted.map(({ name }) => name),
    reasons: sorted.map(({ spec }) => spec.reason),
    compromised: found.some(({ spec }) => spec.compromised === true),
  };
};

export const holdsByName = (
  { spec }: Pick<HoldInForce, "spec">,
  { namespace, identity }: Pick<HoldQuestion, "namespace" | "identity">,
): boolean => {
  if (spec.namespace !== namespace) return false;
  if (spec.name === EVERYTHING) return true;
  return typeof identity === "function" ? identity(spec.name) : spec.name === identity;
};

/** All of the namespace. */
export const EVERYTHING = "*";

const holdsByTarget = ({ targets }: HoldInForce, claims: readonly string[]): boolean => {
  if (targets.length === 0) return false;
  const held = new Set(targets.map(principalOf));
  return claims.some((claim) => held.has(principalOf(claim)));
};

/**
 * The principal behind a claim: an access key is its user's, a token its ServiceAccount's. Two claims about one principal are held together.
 * Names of ServiceAccounts and short names of sources are a namespace's own.
 */
export const principalOf = (claim: string): string => {
  const [kind = "", ...rest] = claim.split("/");
  const path = rest.join("/");
  if (kind === "aws-access-key") return `aws-user/${lowered(path)}`;
  if (kind === "aws-user" || kind === "aws-role") return `${kind}/${lowered(path)}`;
  if (kind === "vault-entity") {
    // Named `<prefix>.<namespace>.<identity>.<account>`; its AppRole is known as `<namespace>.<identity>.<account>`.
    const at = path.lastIndexOf("/") + 1;
    const short = path.slice(path.indexOf(".", at) + 1);
    return path.includes(".", at) ? `vault-approle/${path.slice(0, at)}${short}` : claim;
  }
  const token = /^in-cluster\/([^./]+)\.(.+)$/.exec(path);
  return kind === "kubernetes-token" && token !== null
    ? `kubernetes-service-account/${token[1] ?? ""}/${token[2] ?? ""}`
    : claim;
};

/** IAM's names are unique without regard to case. */
const lowered = (path: string): string => path.toLowerCase();

type HoldTarget = NonNullable<IdentityHoldSpec["targets"]>[number];

/** The claim of a target that a hold names. `account`: which of the provider's accounts its connection leads to. */
export const claimOfTarget = ({ kind, name }: HoldTarget, account: string, namespace: string): string => {
  switch (kind) {
    case "AwsUser":
      return `aws-user/${account}/${name}`;
    case "AwsRole":
      return `aws-role/${account}/${name}`;
    case "VaultEntity":
      return `vault-entity/${account}/${name}`;
    case "VaultAppRole":
      return `vault-approle/${account}/${namespace}.${name}`;
    case "VaultDatabaseRole":
      return `vault-database/${account}/${namespace}.${name}`;
    case "VaultPKIRole":
      return `vault-pki/${account}/${namespace}.${name}`;
    case "KubernetesServiceAccount":
      return `kubernetes-service-account/${namespace}/${name}`;
    case "HookTarget":
      return `hook-target/${account}/${namespace}.${name}`;
  }
};

/** What status has room for. */
export const MOST_HOLDS_TOLD = 16;

/** As `status.holds` has them: absent when there is none. Those that it had stay; others find room after them. */
export const holdsTold = (
  names: readonly string[],
  before: readonly string[] = [],
): { readonly holds?: readonly string[] } => {
  const kept = before.filter((name) => names.includes(name));
  const added = names.filter((name) => !kept.includes(name)).sort();
  const told = [...kept, ...added].slice(0, MOST_HOLDS_TOLD).sort();
  return told.length === 0 ? {} : { holds: told };
};

/** Does a record say that this hold has taken effect? A full one says it of every hold. */
export const isToldHeld = (holds: readonly string[] | undefined, name: string): boolean =>
  holds !== undefined && (holds.includes(name) || holds.length >= MOST_HOLDS_TOLD);

/** One sentence for people. */
export const heldSentence = ({ names, reasons = [] }: Pick<HeldBy, "names" | "reasons">): string => {
  const told = names.slice(0, MOST_REASONS).map((name, at) => withReason(name, reasons[at]));
  const more = names.length - told.length;
  return `IdentityHold ${told.join(", ")}${more > 0 ? ` and ${more} more` : ""} holds it; only who may delete that can bring it back.`;
};

const MOST_REASONS = 3;
const LONGEST_REASON = 160;

const withReason = (name: string, reason: string | undefined): string => {
  if (reason === undefined) return name;
  return `${name} (${reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)} …` : reason})`;
};
