import { GROUP } from "../api/v1alpha1/meta.ts";
import { canonicalJson, digest } from "../kernel/ids.ts";
import type { KubeObject, ObjectMeta } from "./contract.ts";

/** Annotations or labels of ours that one object may have; no resource needs as many. */
const MOST_MARKS = 64;
/** A stamp with the groups of its requester may be long; nothing else of ours is. */
const LONGEST_MARK = 16 * 1024;
const LONGEST_TEXT = 1024;
const MOST_MEMBERS = 64;
const REST = `digest.${GROUP}/rest`;

/**
 * The object as a cache keeps it: without annotations and labels of others, managed fields and owner references. Of our own marks, what is
 * longer or more than any use of ours counts as a digest, so that a change still shows.
 */
export const remembered = <T extends KubeObject>(object: T): T => {
  const { name, namespace, uid, resourceVersion, generation } = object.metadata;
  const { creationTimestamp, deletionTimestamp, finalizers, labels, annotations } = object.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion,
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...marksIn("labels", labels),
    ...marksIn("annotations", annotations),
  };
  return { ...object, metadata };
};

/** Equal values stay equal: long texts, and objects and lists with many members, become a digest of theirs. */
export const shortened = (value: unknown): unknown => {
  if (typeof value === "string") return value.length > LONGEST_TEXT ? digestText(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value);
  if (members.length > MOST_MEMBERS) return digestText(canonicalJson(value));
  if (Array.isArray(value)) return value.map(shortened);
  return Object.fromEntries(members.map(([key, member]) => [key, shortened(member)]));
};

const marksIn = (
  member: "labels" | "annotations",
  marks: Readonly<Record<string, string>> | undefined,
): Pick<ObjectMeta, "labels" | "annotations"> => {
  const own = Object.entries(marks ?? {}).filter(([key]) => isOurs(key));
  if (own.length === 0) return {};
  const kept = own
    .slice(0, MOST_MARKS)
    .map(([key, value]): [string, string] => [key, value.length > LONGEST_MARK ? digestText(value) : value]);
  const rest = own.slice(MOST_MARKS);
  return {
    [member]: { ...Object.fromEntries(kept), ...(rest.length === 0 ? {} : { [REST]: digest(rest) }) },
  };
};

/** `keyturn.dev/paused`, `confirmed.keyturn.dev/web`. */
const isOurs = (key: string): boolean => {
  const prefix = key.slice(0, Math.max(key.indexOf("/"), 0));
  return prefix === GROUP || prefix.endsWith(`.${GROUP}`);
};

const digestText = (text: string): string => `sha256:${digest(text)}`;
