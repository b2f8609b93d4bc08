import { toOperatorError } from "../../../kernel/errors.ts";
import type { AwsCalls } from "../sdk.ts";

/** No group has this name: a dot and a plus are allowed in one, and nobody takes both for it. */
const NO_GROUP = "keyturn.asks+for-rights";
const NO_POLICY = "none";
const FIRST_VERSION = "v1";

/**
 * IAM actions on `*` that judging what others have put on an identity needs, and that this login may not use. Each is asked for by one read:
 * of a policy that need not exist and of a group that does not (IAM answers NoSuchEntity to who may ask). Changes nothing. Throws what is no
 * answer about a right.
 */
export const missingIamRights = async (
  calls: Pick<AwsCalls, "policies">,
  denyPolicyArn: string,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const { policies } = calls;
  const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["iam:GetPolicy", () => policies.defaultVersion(denyPolicyArn, signal)],
    ["iam:GetPolicyVersion", () => policies.document(denyPolicyArn, FIRST_VERSION, signal)],
    ["iam:ListAttachedGroupPolicies", () => policies.attachedToGroup(NO_GROUP, signal)],
    ["iam:ListGroupPolicies", () => policies.inlineOfGroup(NO_GROUP, signal)],
    ["iam:GetGroupPolicy", () => policies.groupDocument(NO_GROUP, NO_POLICY, signal)],
  ];
  const missing: string[] = [];
  for (const [right, ask] of asked) if (!(await isAllowed(ask))) missing.push(right);
  return missing;
};

const isAllowed = async (ask: () => Promise<unknown>): Promise<boolean> => {
  try {
    await ask();
    return true;
  } catch (thrown) {
    const { code } = toOperatorError(thrown);
    if (code === "NotFound") return true;
    if (code === "PermissionDenied") return false;
    throw thrown;
  }
};
