import { LIFECYCLE_DEFAULTS } from "../../../api/v1alpha1/defaults.ts";
import type { AwsAccount, AwsRole, AwsUser } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { parseDuration } from "../../../kernel/duration.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson, hashName } from "../../../kernel/ids.ts";
import { normalise } from "../../policy-document/index.ts";
import type { Quota } from "../action.ts";
import type { Piece } from "../piece.ts";
import type { AwsFacts, PieceContext } from "./context.ts";
import { ownerValue } from "./owner.ts";

/** What the name of an IAM user or role follows from. */
export type AwsNamePlace = Pick<PieceContext, "namespace" | "name" | "account">;

type InlinePolicy = NonNullable<AwsUser["inlinePolicies"]>[number];

const LONGEST_NAME = 64;

/**
 * Pieces of an IAM user or role, in the order in which they are made: itself, its owner record and its boundary (all in the request
 * that makes it), the role's trust, then what it may do. Throws InvalidSpec for a role that nothing could be trusted to assume.
 */
export const awsPieces = (account: AwsAccount, context: PieceContext): readonly Piece[] => {
  const facts = awsFactsOf(context);
  const name = iamNameOf(account, context);
  const path = `${facts.pathPrefix}${context.namespace}/`;
  const { user, role } = account;
  const rights = user ?? role ?? {};
  const boundary = rights.permissionsBoundary ?? context.requiredBoundary;
  return [
    role === undefined
      ? { key: "principal", class: "principal", value: userValue(name, path), title: `IAM user ${path}${name}` }
      : {
          key: "principal",
          class: "principal",
          value: roleValue(name, path, maxSessionSecondsOf(role)),
          title: `IAM role ${path}${name}`,
        },
    { key: "owner", class: "attribute", value: ownerValue(context), title: "owner record" },
    ...(boundary === undefined ? [] : [boundaryPiece(boundary)]),
    ...(role === undefined ? [] : [trustPiece(normalise(trustDocument(role, context, facts)))]),
    ...sorted(rights.policies).map(managedPolicyPiece),
    ...[...(rights.inlinePolicies ?? [])]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((policy) => inlinePolicyPiece(policy.name, normalisedInline(policy))),
    ...sorted(user?.groups).map(groupPiece),
  ];
};

/**
 * The declared name, else `<namespace>.<resource>.<account>`; where IAM's 64 characters do not hold it, its beginning and a hash of
 * the whole.
 */
export const iamNameOf = (account: AwsAccount, place: AwsNamePlace): string => {
  const declared = account.user?.name ?? account.role?.name;
  if (declared !== undefined) return declared;
  const full = [place.namespace, place.name, place.account].join(".");
  if (full.length <= LONGEST_NAME) return full;
  const hash = hashName(place.namespace, place.name, place.account).slice(0, 16);
  return `${full.slice(0, LONGEST_NAME - 17)}.${hash}`;
};

/** A declared inline policy as IAM takes it. */
export const inlineDocument = (policy: InlinePolicy): object => ({
  Version: "2012-10-17",
  Statement: policy.statements.map(({ effect, actions, resources, conditions }) => ({
    Effect: effect,
    Action: actions,
    Resource: resources,
    ...(conditions === undefined ? {} : { Condition: conditions }),
  })),
});

/** Characters of the inline policy that cuts (`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`). */
const ROOM_FOR_CUT = 100;

/**
 * IAM's default quotas ("IAM and AWS STS quotas" of the IAM User Guide): managed policies ten a user or role, groups ten a user, inline
 * policies 2,048 characters a user and 10,240 a role, white space not counted; of those the cut needs its part.
 */
export const awsQuotas = (kind: "user" | "role"): readonly Quota[] => [
  { prefix: "managedPolicy/", most: 10, unit: "pieces", title: `managed policies of an IAM ${kind}` },
  ...(kind === "user" ? [{ prefix: "group/", most: 10, unit: "pieces", title: "groups of an IAM user" } as const] : []),
  {
    prefix: "inlinePolicy/",
    most: (kind === "user" ? 2048 : 10_240) - ROOM_FOR_CUT,
    unit: "characters",
    title: `characters of inline policies of an IAM ${kind}`,
  },
];

/** What only the ServiceAccount's tokens of this issuer and audience pass. */
const trustDocument = (role: AwsRole, context: PieceContext, facts: AwsFacts): object => {
  if (facts.issuer === undefined) {
    throw invalid(
      "spec.aws.webIdentity of the ProviderConnection is required for an IAM role; name this cluster's OIDC provider",
    );
  }
  if (context.serviceAccountName === undefined) {
    throw invalid(
      "aws.role needs a ServiceAccount that may assume it; add an account with kubernetes to this resource",
    );
  }
  const issuer = withoutScheme(facts.issuer);
  const subject = `system:serviceaccount:${context.namespace}:${context.serviceAccountName}`;
  const audience = role.audience ?? LIFECYCLE_DEFAULTS.awsAudience;
  const provider = `arn:${facts.partition ?? "aws"}:iam::${facts.accountId}:oidc-provider/${issuer}`;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: { StringEquals: { [`${issuer}:sub`]: subject, [`${issuer}:aud`]: audience } },
      },
    ],
  };
};

/** AWS's partitions, as its regions are named. */
export const partitionOf = (region: string): string => {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
};

/** As the OIDC provider of an account and its condition keys are named. */
export const withoutScheme = (issuer: string): string => issuer.replace(/^https:\/\//, "");

// The form that declared and observed pieces share.

export const userValue = (name: string, path: string): string => canonicalJson({ kind: "user", name, path });

export const roleValue = (name: string, path: string, maxSessionSeconds: number): string =>
  canonicalJson({ kind: "role", name, path, maxSessionSeconds });

/** Of a value that `roleValue` made. */
export const maxSessionSecondsIn = (value: string): number =>
  (JSON.parse(value) as { readonly maxSessionSeconds: number }).maxSessionSeconds;

export const boundaryPiece = (arn: string): Piece => ({
  key: "boundary",
  class: "restriction",
  value: JSON.stringify(arn),
  title: `permissions boundary ${nameInArn(arn)}`,
});

/** `document`: normalised. */
export const trustPiece = (document: string): Piece => ({
  key: "trust",
  class: "login",
  value: document,
  title: "trust policy",
});

export const managedPolicyPiece = (arn: string): Piece => ({
  key: `managedPolicy/${arn}`,
  class: "grant",
  value: "true",
  title: `managed policy ${nameInArn(arn)}`,
});

/** `document`: normalised. */
export const inlinePolicyPiece = (name: string, document: string): Piece => ({
  key: `inlinePolicy/${name}`,
  class: "grant",
  value: document,
  title: `inline policy ${name}`,
});

export const groupPiece = (name: string): Piece => ({
  key: `group/${name}`,
  class: "grant",
  value: "true",
  title: `group ${name}`,
});

/** `arn:aws:iam::aws:policy/job-function/ReadOnly` is `job-function/ReadOnly`. */
const nameInArn = (arn: string): string => arn.slice(arn.indexOf("/") + 1);

/** Names that begin so are Keyturn's own: a declared one could take the place of the policy that cuts all rights. */
const RESERVED = "keyturn";

const normalisedInline = (policy: InlinePolicy): string => {
  if (policy.name.startsWith(RESERVED)) {
    throw invalid(
      "aws inlinePolicies[].name must not begin with keyturn, which marks Keyturn's own; choose another name",
    );
  }
  try {
    return normalise(inlineDocument(policy));
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    throw invalid(`aws inlinePolicies[${policy.name}] cannot be read: ${thrown.publicMessage.replace(/\.$/, "")}`);
  }
};

const awsFactsOf = (context: PieceContext): AwsFacts => {
  if (context.connection.kind === "aws") return context.connection;
  throw invalid("aws.connectionRef must name a ProviderConnection with spec.aws");
};

const maxSessionSecondsOf = (role: AwsRole): number => {
  const ms = parseDuration(role.maxSessionDuration ?? LIFECYCLE_DEFAULTS.maxSessionDuration);
  if (ms === undefined || ms < 3_600_000 || ms > 43_200_000) {
    throw invalid("aws.role.maxSessionDuration must be from 1h to 12h");
  }
  return ms / 1000;
};

const sorted = (names: readonly string[] | undefined): readonly string[] => [...(names ?? [])].sort();

const invalid = (problem: string): OperatorError => new OperatorError("InvalidSpec", { publicMessage: `${problem}.` });
