import { OperatorError } from "../../../kernel/errors.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity } from "./contract.ts";
import { CUT_DOCUMENT, CUT_POLICY } from "./documents.ts";
import { readInline } from "./observe.ts";

/** Characters of all inline policies of one identity together; IAM does not count white space. */
const MOST_CHARACTERS = { user: 2048, role: 10_240 } as const;

/**
 * The cut is an inline policy as well, so whoever filled an identity's room with others could never be cut. Throws QuotaExceeded
 * where an inline policy would take that room; one that only gets shorter may always be written.
 */
export const demandRoomForCut = async (
  calls: AwsCalls,
  who: Identity,
  policy: { readonly name: string; readonly document: string },
  signal: AbortSignal,
): Promise<void> => {
  const standing = await readInline(calls, who, signal);
  const before = standing[policy.name];
  const wanted = lengthOf(policy.document);
  if (before !== undefined && wanted <= lengthOf(before)) return;
  const most = MOST_CHARACTERS[who.kind] - lengthOf(CUT_DOCUMENT);
  const others = Object.entries(standing).filter(([name]) => name !== policy.name && name !== CUT_POLICY);
  const all = others.reduce((sum, [, document]) => sum + lengthOf(document), wanted);
  if (all <= most) return;
  throw new OperatorError("QuotaExceeded", {
    publicMessage: `The inline policies of the IAM ${who.kind} ${who.name} would have more than ${most} characters, which leaves no room for the one that takes its rights away. Shorten them, or use a managed policy.`,
  });
};

const lengthOf = (document: string): number => document.replace(/\s/g, "").length;
