import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { Account, AwsAccount, KubernetesAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { LIFECYCLE_DEFAULTS } from "../../api/v1alpha1/defaults.ts";

/**
 * What a ProviderConnection's grants let be given in one namespace. Pure; the words of a refusal name the field and the way out.
 * Nothing may be given that no grant names.
 */
export type Grant = NonNullable<ProviderConnection["spec"]["grants"]>[number];
type Role = NonNullable<KubernetesAccount["roles"]>[number];

export const grantsFor = (connection: ProviderConnection, namespace: string): readonly Grant[] =>
  (connection.spec.grants ?? []).filter(({ namespaces }) => namespaces?.includes(namespace) ?? true);

export const scopeOf = (role: { readonly scope?: "Namespace" | "Cluster" | undefined }): "Namespace" | "Cluster" =>
  role.scope ?? LIFECYCLE_DEFAULTS.roleScope;

/** A grant with scope Cluster lets the role be bound in the namespace as well. */
export const grantsRole = (grants: readonly Grant[], role: Role): boolean =>
  grants.some(({ roles }) =>
    (roles ?? []).some(
      (granted) =>
        granted.kind === role.kind &&
        granted.name === role.name &&
        (scopeOf(role) === "Namespace" || scopeOf(granted) === "Cluster"),
    ),
  );

/** Is every name that the pattern stands for (a * at the end is any rest) meant? `name` is one name. */
const named = (patterns: readonly string[] | undefined, name: string): boolean =>
  (patterns ?? []).some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );

export const grantsPolicy = (grants: readonly Grant[], policy: string): boolean =>
  grants.some(({ policies }) => named(policies, policy));

/**
 * Does `outer` let everything be done that `inner` does? Both are action patterns in which * and ? are wildcards. A wildcard of
 * `inner` is covered by one of `outer` only, never by letters, so the answer errs towards no. Actions have no case.
 */
export const coversAction = (outer: string, inner: string): boolean => covers(outer.toLowerCase(), inner.toLowerCase());

const covers = (outer: string, inner: string): boolean => {
  // reachable[i]: outer so far can stand for the first i characters of inner.
  let reachable = [true, ...Array.from(inner, () => false)];
  for (const sign of outer) {
    const next = Array.from({ length: inner.length + 1 }, () => false);
    for (let at = 0; at <= inner.length; at += 1) {
      if (sign === "*") next[at] = reachable[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0 && reachable[at - 1] === true)
        next[at] = sign === inner[at - 1] || (sign === "?" && inner[at - 1] !== "*");
    }
    reachable = next;
  }
  return reachable[inner.length] === true;
};

/** One thing that an AWS account is given, and where the spec says so. */
interface Atom {
  readonly key: string;
  readonly what: string;
  readonly field: string;
  readonly grants: readonly Grant[];
}

export interface AwsVerdict {
  /** Piece key → why it may not be given. */
  readonly refused: ReadonlyMap<string, string>;
  /** The boundary that the account must have, where its spec declares none. */
  readonly requiredBoundary?: string;
}

/**
 * What of an AWS account's privileges the grants cover. A grant with a permissionsBoundary covers only an identity that has this
 * boundary; where the spec declares none, the one that suits every privilege is demanded.
 */
export const judgeAws = (aws: AwsAccount, field: string, grants: readonly Grant[]): AwsVerdict => {
  const part = aws.user ?? aws.role;
  const atoms = atomsOf(aws, field, grants);
  const declared = part?.permissionsBoundary;
  const boundary = declared ?? suiting(atoms);
  const refused = new Map<string, string>();
  for (const atom of atoms) {
    if (refused.has(atom.key)) continue;
    const why = refusal(atom, boundary, `${field}.permissionsBoundary`);
    if (why !== undefined) refused.set(atom.key, why);
  }
  return { refused, ...(declared === undefined && boundary !== undefined ? { requiredBoundary: boundary } : {}) };
};

const atomsOf = (aws: AwsAccount, field: string, grants: readonly Grant[]): readonly Atom[] => {
  const part = aws.user ?? aws.role;
  const policies = (part?.policies ?? []).map((arn): Atom => ({
    key: `managedPolicy/${arn}`,
    what: `managed policy ${arn}`,
    field: `${field}.policies`,
    grants: grants.filter((grant) => named(grant.policies, arn)),
  }));
  const groups = (aws.user?.groups ?? []).map((group): Atom => ({
    key: `group/${group}`,
    what: `group ${group}`,
    field: `${field}.groups`,
    grants: grants.filter((grant) => named(grant.groups, group)),
  }));
  const inline = (part?.inlinePolicies ?? []).flatMap(({ name, statements }) =>
    statements
      .filter(({ effect }) => effect === "Allow")
      .flatMap(({ actions }) => actions)
      .map((action): Atom => ({
        key: `inlinePolicy/${name}`,
        what: `action ${action} of inline policy ${name}`,
        field: `${field}.inlinePolicies`,
        grants: grants.filter(({ inlineActions }) =>
          (inlineActions ?? []).some((outer) => coversAction(outer, action)),
        ),
      })),
  );
  return [...policies, ...groups, ...inline];
};

/** The first boundary under which everything may be given that needs one. */
const suiting = (atoms: readonly Atom[]): string | undefined => {
  const bound = atoms.filter(
    ({ grants }) => grants.length > 0 && grants.every((grant) => grant.permissionsBoundary !== undefined),
  );
  const candidates = bound[0]?.grants.map(({ permissionsBoundary }) => permissionsBoundary) ?? [];
  return candidates.find((boundary) =>
    bound.every(({ grants }) => grants.some(({ permissionsBoundary }) => permissionsBoundary === boundary)),
  );
};

/** A message has room for two ARNs. */
const MOST_SHOWN = 2;

const refusal = (atom: Atom, boundary: string | undefined, boundaryField: string): string | undefined => {
  if (atom.grants.length === 0) {
    return `No grant of the connection names ${atom.what} (${atom.field}) for this namespace; take it out, or have the platform's owners add it to spec.grants of the ProviderConnection.`;
  }
  const demanded = atom.grants.flatMap(({ permissionsBoundary }) =>
    permissionsBoundary === undefined ? [] : [permissionsBoundary],
  );
  if (demanded.length < atom.grants.length || (boundary !== undefined && demanded.includes(boundary))) return undefined;
  return `The grant that names ${atom.what} demands the permissions boundary ${[...new Set(demanded)].slice(0, MOST_SHOWN).join(" or ")}; set ${boundaryField} to it, or leave that field out.`;
};

/** `spec.accounts[lake].aws.user`: where people find it. */
export const fieldOf = (account: Account): string => {
  const provider = account.kubernetes !== undefined ? "kubernetes" : account.vault !== undefined ? "vault" : "aws";
  const part = account.aws === undefined ? "" : account.aws.user !== undefined ? ".user" : ".role";
  return `spec.accounts[${account.name}].${provider}${part}`;
};
