import type { AwsAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { Effect, ObservedPiece } from "../../../domain/lifecycle/piece.ts";
import { deniesEverything, documentEffect, togetherOf } from "../../../domain/policy-document/index.ts";
import { isRefusal, OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import type { AwsCalls } from "../sdk.ts";
import type { IamMemory, Topic } from "./memory.ts";
import { isNotFound, mustStop } from "./problems.ts";

/** What an object does; `missingRight` where the operator's login may not read it. */
export interface Judged {
  readonly effect: Effect;
  readonly missingRight?: string | undefined;
}

/** AWS's own policies that only deny; it puts the second on by itself when a key is found in public. */
const AWS_DENIALS = /^arn:[\w-]+:iam::aws:policy\/(AWSDenyAll|AWSCompromisedKeyQuarantine\w*)$/;
const AWS_OWNED = /^arn:[\w-]+:iam::aws:policy\//;

/** How long it is believed which version is the default one, and what a group has. */
const BELIEVED_MS = 600_000;
/** Policies of one group that are read; more are not judged. IAM allows ten attached ones. */
const MOST_OF_GROUP = 20;

const VERSIONS: Topic<string> = { name: "version" };
const DOCUMENTS: Topic<string> = { name: "document" };
const GROUPS: Topic<Judged> = { name: "group" };

export interface EffectReader {
  readonly calls: AwsCalls;
  readonly memory: IamMemory;
  readonly signal: AbortSignal;
  /** A policy or group that cannot be read for now is `Unread`, as one that may not be: it must not stop a leaver's look. */
  readonly tolerant: boolean;
  /** What may have changed since is asked again: for a leaver, and for a proof. */
  readonly fresh: boolean;
}

/** The effect of every grant that is not declared: of what stands there by others' hands, and of what was declared once. */
export const withEffects = (
  pieces: readonly ObservedPiece[],
  documents: Readonly<Record<string, string>>,
  declared: AwsAccount,
  reader: EffectReader,
): Promise<readonly ObservedPiece[]> => {
  const isDeclared = declaredIn(declared);
  return Promise.all(
    pieces.map(async (piece) =>
      piece.class !== "grant" || isDeclared(piece.key)
        ? piece
        : { ...piece, ...(await effectOf(piece.key, documents, reader)) },
    ),
  );
};

/** Does it only deny? What is declared is asked for an inline document alone: the rest of it is there to give. */
export const onlyDenies = ({ key, effect }: ObservedPiece, documents: Readonly<Record<string, string>>): boolean => {
  const [what, rest] = splitKey(key);
  if (what === "inlinePolicy") return documentEffect(documents[rest] ?? "") === "Denies";
  return effect === undefined ? AWS_DENIALS.test(rest) : effect === "Denies";
};

export const declaredIn = ({ user, role }: AwsAccount): ((key: string) => boolean) => {
  const rights = user ?? role ?? {};
  const keys = new Set([
    ...(rights.policies ?? []).map((arn) => `managedPolicy/${arn}`),
    ...(rights.inlinePolicies ?? []).map(({ name }) => `inlinePolicy/${name}`),
    ...(user?.groups ?? []).map((group) => `group/${group}`),
  ]);
  return (key) => keys.has(key);
};

/** By its document, of AWS's own by its name; what cannot be read does not count as denying. */
export const policyDeniesEverything = async (
  arn: string,
  reader: EffectReader,
): Promise<{ readonly denies: boolean; readonly missingRight?: string | undefined }> => {
  if (isDenyAll(arn)) return { denies: true };
  if (AWS_OWNED.test(arn)) return { denies: false };
  const read = await readable(() => documentOf(arn, reader), { tolerant: true });
  return "missingRight" in read ? { denies: false, ...read } : { denies: deniesEverything(read.value) };
};

export const isDenyAll = (arn: string): boolean => /^arn:[\w-]+:iam::aws:policy\/AWSDenyAll$/.test(arn);

/** `inlinePolicy/read` is `inlinePolicy` and `read`; an ARN has slashes of its own. */
export const splitKey = (key: string): readonly [string, string] => {
  const at = key.indexOf("/");
  return at < 0 ? [key, ""] : [key.slice(0, at), key.slice(at + 1)];
};

const effectOf = (key: string, documents: Readonly<Record<string, string>>, reader: EffectReader): Promise<Judged> => {
  const [what, rest] = splitKey(key);
  if (what === "inlinePolicy") return Promise.resolve({ effect: documentEffect(documents[rest] ?? "") });
  return what === "group" ? groupEffect(rest, reader) : policyEffect(rest, reader);
};

const policyEffect = async (arn: string, reader: EffectReader): Promise<Judged> => {
  if (AWS_OWNED.test(arn)) return { effect: AWS_DENIALS.test(arn) ? "Denies" : "Allows" };
  const read = await readable(() => documentOf(arn, reader), reader);
  return "missingRight" in read ? { effect: "Unread", ...read } : { effect: documentEffect(read.value) };
};

/** A version never changes; which one is in force does. */
const documentOf = async (arn: string, reader: EffectReader): Promise<string> => {
  const { calls, memory, signal } = reader;
  const known = memory.recall(VERSIONS, arn, believedMs(reader));
  const version = known ?? (await asked("iam:GetPolicy", calls.policies.defaultVersion(arn, signal)));
  if (known === undefined) memory.keep(VERSIONS, arn, version);
  const about = `${arn}@${version}`;
  const document =
    memory.recall(DOCUMENTS, about) ??
    (await asked("iam:GetPolicyVersion", calls.policies.document(arn, version, signal)));
  memory.keep(DOCUMENTS, about, document);
  return document;
};

const believedMs = ({ fresh }: EffectReader): number => (fresh ? 0 : BELIEVED_MS);

const groupEffect = async (group: string, reader: EffectReader): Promise<Judged> => {
  const known = reader.memory.recall(GROUPS, group, believedMs(reader));
  if (known !== undefined) return known;
  const read = await readable(() => groupPolicies(group, reader), reader);
  if ("missingRight" in read) return { effect: "Unread", ...read };
  reader.memory.keep(GROUPS, group, read.value);
  return read.value;
};

const groupPolicies = async (group: string, reader: EffectReader): Promise<Judged> => {
  const { calls, signal } = reader;
  const attached = await asked("iam:ListAttachedGroupPolicies", calls.policies.attachedToGroup(group, signal));
  const inline = await asked("iam:ListGroupPolicies", calls.policies.inlineOfGroup(group, signal));
  if (attached.length + inline.length > MOST_OF_GROUP) return { effect: "Unread" };
  const judged: Judged[] = [];
  for (const arn of attached) judged.push(await policyEffect(arn, reader));
  for (const name of inline) {
    const document = await asked("iam:GetGroupPolicy", calls.policies.groupDocument(group, name, signal));
    judged.push({ effect: documentEffect(document) });
  }
  const missingRight = judged.find((each) => each.missingRight !== undefined)?.missingRight;
  return {
    effect: togetherOf(judged.map(({ effect }) => effect)),
    ...(missingRight === undefined ? {} : { missingRight }),
  };
};

/** A refused read carries the right that it needs. */
class Unreadable extends OperatorError {
  readonly right: string;

  constructor(right: string, cause: OperatorError) {
    super(cause.code, cause);
    this.right = right;
  }
}

const asked = async <T>(right: string, request: Promise<T>): Promise<T> => {
  try {
    return await request;
  } catch (error) {
    throw mustStop(error) ? error : new Unreadable(right, toOperatorError(error));
  }
};

/** What is read, or why it is not: `missingRight` undefined where it is not for want of a right. Throws what the look must not go on with. */
const readable = async <T>(
  read: () => Promise<T>,
  { tolerant }: Pick<EffectReader, "tolerant">,
): Promise<{ readonly value: T } | { readonly missingRight: string | undefined }> => {
  try {
    return { value: await read() };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.code === "PermissionDenied") return { missingRight: error.right };
    if (tolerant || isNotFound(error) || isRefusal(error)) return { missingRight: undefined };
    throw error;
  }
};
