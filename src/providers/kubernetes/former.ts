import type { FormerPiece } from "../../domain/lifecycle/record.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { IdentityObject, NewIdentityObject } from "./calls.ts";
import { withoutMarks } from "./marks.ts";

/** What a status has room for in one value (crds: `former[].value`), less what the rest of it may take. */
const MOST_BYTES = 16 * 1024;

type Content = Pick<NewIdentityObject, "labels" | "annotations" | "imagePullSecrets" | "automountServiceAccountToken">;

/**
 * What a ServiceAccount that is deleted at the cut had, so that the one that takes its place has it too: everything that people write on
 * one but its list of token Secrets, which die with it. Annotations that are too large for a record are left out, the largest first: a
 * leaver must not be kept by what somebody wrote on it.
 */
export const formerPrincipal = (found: IdentityObject): FormerPiece => {
  const { metadata, imagePullSecrets, automountServiceAccountToken } = found;
  const labels = Object.entries(metadata.labels ?? {});
  const annotations = Object.entries(withoutMarks(metadata.annotations ?? {}));
  const sizeOf = ([key, value]: readonly [string, string]): number => key.length + Buffer.byteLength(value);
  const smallestFirst = [...annotations].sort((a, b) => sizeOf(a) - sizeOf(b));
  for (;;) {
    const value = canonicalJson({
      labels: Object.fromEntries(labels),
      annotations: Object.fromEntries(smallestFirst),
      imagePullSecrets: (imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [{ name }])),
      ...(automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken }),
    });
    if (value.length <= MOST_BYTES) return { key: "principal", value };
    if (smallestFirst.pop() === undefined && labels.pop() === undefined)
      return { key: "principal", value: canonicalJson({ labels: {}, annotations: {}, imagePullSecrets: [] }) };
  }
};

/** What a record says that the ServiceAccount had; nothing where there is none. */
export const contentOf = (former: readonly FormerPiece[] | undefined): Content => {
  const value = former?.find(({ key }) => key === "principal")?.value;
  return { labels: {}, annotations: {}, ...(value === undefined ? {} : (JSON.parse(value) as Partial<Content>)) };
};
