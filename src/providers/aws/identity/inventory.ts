import type { Mark } from "../../../domain/inventory/mark.ts";
import type { CallContext } from "../../contract.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity } from "./contract.ts";
import { AWS_MARKS } from "./marks.ts";

/** Users and roles below a path that have an owner mark, whosever it is. Lists do not show tags, so each one is asked. */
export const markedIdentities = async (
  calls: AwsCalls,
  accountId: string,
  pathPrefix: string,
  context: CallContext,
): Promise<readonly Mark[]> => {
  const marks: Mark[] = [];
  for (const kind of ["user", "role"] as const) {
    for (const { name } of await calls.identity.list(kind, pathPrefix, context.signal)) {
      const mark = await markOf(calls, accountId, { kind, name }, context);
      if (mark !== undefined) marks.push(mark);
    }
  }
  return marks;
};

const markOf = async (
  calls: AwsCalls,
  accountId: string,
  who: Identity,
  context: CallContext,
): Promise<Mark | undefined> => {
  const found = await calls.identity.find(who, context.signal);
  const owner = found?.tags[AWS_MARKS.owner];
  if (found === undefined || owner === undefined) return undefined;
  const ownerUid = found.tags[AWS_MARKS.ownerUid];
  return {
    kind: who.kind === "user" ? "AwsUser" : "AwsRole",
    id: `aws-${who.kind}/${accountId}/${who.name}`,
    owner,
    ...(ownerUid === undefined ? {} : { ownerUid }),
  };
};
