import type { AwsAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { inlineDocument, withoutScheme } from "../../../domain/lifecycle/pieces/aws.ts";
import { normalise, readDocument } from "../../../domain/policy-document/index.ts";
import { canonicalJson } from "../../../kernel/ids.ts";

/** Denies everything to the identity and to every session that it has already. */
export const CUT_DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }],
});

/** Nobody may assume the role: there is no Allow, and a Deny that says so to people. */
export const CLOSED_TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
});

/** Name of the inline policy that cuts; declared ones may not begin with it. */
export const CUT_POLICY = "keyturn-cut";

const CUT = normalise(CUT_DOCUMENT);

/**
 * An observed document in comparable form; one that cannot be read is like no declared one, and like itself. It is kept whole, so
 * that it can be put back where a cut took it away.
 */
export const comparable = (document: string): string => {
  try {
    return normalise(document);
  } catch {
    return canonicalJson({ unreadable: document });
  }
};

/** The document that `comparable` could not read; undefined for one that it could. */
const unreadIn = (value: string): string | undefined => {
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed !== "object" || parsed === null || !("unreadable" in parsed)) return undefined;
  return typeof parsed.unreadable === "string" ? parsed.unreadable : undefined;
};

export const isCut = (document: string | undefined): boolean => document !== undefined && comparable(document) === CUT;

/** A trust without an Allow lets nobody in. */
export const isClosed = (trust: string): boolean => {
  try {
    return readDocument(trust).Statement.every((statement) => statement.Effect === "Deny");
  } catch {
    return false;
  }
};

/**
 * What is sent for an inline policy: as it is declared, if it still says what the piece says (the form for comparing has actions
 * in lower case), else the piece's own text.
 */
export const inlineText = (account: AwsAccount, name: string, value: string): string => {
  const policies = account.user?.inlinePolicies ?? account.role?.inlinePolicies ?? [];
  const declared = policies.find((policy) => policy.name === name);
  if (declared === undefined) return unreadIn(value) ?? value;
  const document = inlineDocument(declared);
  return comparable(JSON.stringify(document)) === value ? JSON.stringify(document) : (unreadIn(value) ?? value);
};

/** What is sent for a trust: condition keys spelled as the issuer is, action as AWS spells it. */
export const trustText = (value: string, issuer: string | undefined): string => {
  if (issuer === undefined) return value;
  const spelled = withoutScheme(issuer);
  return value
    .replaceAll(`"${spelled.toLowerCase()}:`, `"${spelled}:`)
    .replaceAll('"sts:assumerolewithwebidentity"', '"sts:AssumeRoleWithWebIdentity"');
};
