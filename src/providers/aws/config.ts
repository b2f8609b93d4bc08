import { endpointOf } from "../endpoint.ts";
import { caBundleOf, NAME_FORM, SpecNode } from "../spec.ts";

/** How the operator itself logs in, before it takes a role. */
export type AwsLogin = { readonly kind: "defaultChain" } | { readonly kind: "secret"; readonly name: string };

export interface AwsConfig {
  readonly region: string;
  /** Where given, an operator that finds itself in another account does nothing. */
  readonly accountId: string | undefined;
  /** Begins and ends with "/". A namespace's users lie under `<pathPrefix><namespace>/`. */
  readonly pathPrefix: string;
  /** For private endpoints: used for IAM and STS alike. */
  readonly endpoint: URL | undefined;
  readonly caBundle: string | undefined;
  readonly login: AwsLogin;
  /** URL of the cluster's OIDC issuer, for roles. */
  readonly issuer: string | undefined;
  /** The policy that cuts as boundary or attachment; undefined: AWS's own AWSDenyAll. */
  readonly denyPolicyArn: string | undefined;
  readonly assumeRole: { readonly roleArn: string; readonly externalId: string | undefined } | undefined;
}

/** `spec.aws` of a ProviderConnection. Throws InvalidSpec that names the field. */
export const awsConfig = (spec: unknown): AwsConfig => {
  const aws = new SpecNode(spec, "spec.aws");
  return {
    region: aws.text("region", /^[a-z]{2}(-[a-z]+)+-\d$/, { longest: 32 }),
    accountId: aws.optionalText("accountId", /^\d{12}$/),
    pathPrefix: aws.text("pathPrefix", /^\/([A-Za-z0-9_-]+\/)*$/, { fallback: "/keyturn/", longest: 256 }),
    endpoint: aws.has("endpoint") ? endpointOf(aws, "endpoint") : undefined,
    caBundle: caBundleOf(aws),
    login: loginOf(aws.node("login")),
    issuer: aws.has("webIdentity")
      ? aws.node("webIdentity").text("issuer", /^https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[\w.~-]+)*$/, { longest: 255 })
      : undefined,
    denyPolicyArn: aws.optionalText("denyPolicyArn", DENY_POLICY, 640),
    assumeRole: aws.has("assumeRole") ? roleOf(aws.node("assumeRole")) : undefined,
  };
};

/** A managed policy of the account, or AWS's own that denies everything. */
const DENY_POLICY = /^arn:aws[a-z-]*:iam::(aws:policy\/AWSDenyAll|\d{12}:policy\/[\w+=,.@/-]+)$/;

const loginOf = (login: SpecNode): AwsLogin =>
  login.oneOf(["defaultChain", "secretRef"]) === "defaultChain"
    ? { kind: "defaultChain" }
    : { kind: "secret", name: login.node("secretRef").text("name", /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/) };

const roleOf = (role: SpecNode): AwsConfig["assumeRole"] => ({
  roleArn: role.text("roleArn", /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, { longest: 2048 }),
  externalId: role.optionalText("externalId", /^[\w+=,.@:/-]{2,1224}$/, 1224),
});

/** The only path under which a namespace's users may lie; the namespace is judged again, for it becomes part of a path. */
export const pathOfNamespace = (config: AwsConfig, namespace: string): string => {
  new SpecNode({ namespace }, "metadata").text("namespace", NAME_FORM);
  return `${config.pathPrefix}${namespace}/`;
};
