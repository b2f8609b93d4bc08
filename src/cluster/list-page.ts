import { GROUP } from "../api/v1alpha1/meta.ts";
import type { OperatorError } from "../kernel/errors.ts";
import type { LeftOut } from "../kernel/listed.ts";
import { errorOfRubbish, type Asked } from "./api-errors.ts";
import type { KubeObject, ResourceKind } from "./contract.ts";
import { withEmptyObjects } from "./empty-objects.ts";
import { apiVersionOf } from "./resources.ts";

/** `next` is the token of the page that follows; empty after the last one. */
export interface Page {
  readonly items: readonly KubeObject[];
  readonly leftOut: readonly LeftOut[];
  readonly resourceVersion: string;
  readonly next: string;
}

/** A list's answer as a page; a member that is malformed is left out by name. Throws Unavailable when it is no list, or a member has no name. */
export const asPage = (asked: Asked, kind: ResourceKind, answer: Readonly<Record<string, unknown>>): Page => {
  const { raw, ...rest } = partsOf(asked, answer);
  const items: KubeObject[] = [];
  const leftOut: LeftOut[] = [];
  for (const item of raw) {
    const read = readMember(kind, item);
    // Without a name it cannot be reported, so the whole answer is not believed.
    if (read === undefined) throw noList(asked);
    if ("why" in read) leftOut.push(read);
    else items.push(read);
  }
  return { items, leftOut, ...rest };
};

/** An answer with metadata alone: each member counts as left out for its size. Throws as `asPage`. */
export const asNames = (asked: Asked, answer: Readonly<Record<string, unknown>>): Page => {
  const { raw, ...rest } = partsOf(asked, answer);
  const leftOut = raw.map((item) => {
    const named = leftOutAs("TooLarge", item);
    if (named === undefined) throw noList(asked);
    return named;
  });
  return { items: [], leftOut, ...rest };
};

/** The member as an object, or as one that is left out; undefined when not even its name can be read. */
export const readMember = (kind: ResourceKind, item: unknown): KubeObject | LeftOut | undefined => {
  if (metadataOf(item) !== undefined) {
    const object = withEmptyObjects(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, ...(item as object) });
    // Everything that reads our own kinds relies on a spec.
    if (kind.group !== GROUP || hasSpec(object)) return object as unknown as KubeObject;
  }
  return leftOutAs("Malformed", item);
};

/** The page with what is to be kept of each member. One on which `keep` throws lacks what every object of its kind has. */
export const keptOf = (page: Page, keep: (object: KubeObject) => KubeObject): Pick<Page, "items" | "leftOut"> => {
  const items: KubeObject[] = [];
  const leftOut = [...page.leftOut];
  for (const item of page.items) {
    try {
      items.push(keep(item));
    } catch {
      const { name, namespace, uid } = item.metadata;
      leftOut.push({ name, namespace, uid, why: "Malformed" });
    }
  }
  return { items, leftOut };
};

/** The metadata when it has what everything relies on. */
export const metadataOf = (
  value: unknown,
):
  | { readonly name: string; readonly namespace?: string; readonly uid: string; readonly resourceVersion: string }
  | undefined => {
  const metadata = rawMetadata(value);
  const { name, uid, resourceVersion } = metadata ?? {};
  const whole = [name, uid, resourceVersion].every(isText);
  return whole ? (metadata as { name: string; uid: string; resourceVersion: string }) : undefined;
};

const partsOf = (
  asked: Asked,
  { metadata, items }: Readonly<Record<string, unknown>>,
): { readonly raw: readonly unknown[]; readonly resourceVersion: string; readonly next: string } => {
  if (typeof metadata !== "object" || metadata === null) throw noList(asked);
  const { resourceVersion, continue: next } = metadata as { resourceVersion?: unknown; continue?: unknown };
  // An empty list is `[]`, and `null` from servers written in Go.
  const raw = items ?? [];
  if (!isText(resourceVersion) || !Array.isArray(raw)) throw noList(asked);
  return { raw: raw as readonly unknown[], resourceVersion, next: typeof next === "string" ? next : "" };
};

const noList = (asked: Asked): OperatorError => errorOfRubbish(asked, "answered with something that is no list");

const leftOutAs = (why: LeftOut["why"], item: unknown): LeftOut | undefined => {
  const { name, namespace, uid } = rawMetadata(item) ?? {};
  if (!isText(name)) return undefined;
  return { name, ...(isText(namespace) ? { namespace } : {}), ...(isText(uid) ? { uid } : {}), why };
};

const rawMetadata = (value: unknown): Readonly<Record<string, unknown>> | undefined => {
  const metadata = typeof value === "object" && value !== null && "metadata" in value ? value.metadata : undefined;
  return typeof metadata === "object" && metadata !== null
    ? (metadata as Readonly<Record<string, unknown>>)
    : undefined;
};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

const hasSpec = (object: object): boolean => {
  const spec = "spec" in object ? object.spec : undefined;
  return typeof spec === "object" && spec !== null;
};
