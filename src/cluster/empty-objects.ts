import { GROUP } from "../api/v1alpha1/meta.ts";
import type { ResourceKind } from "./contract.ts";

/**
 * Server-side apply leaves null where an applier sends `{}` for an object whose members it sent before. In our kinds' specs null and `{}`
 * mean the same, so it is `{}` that everything here reads. Answers the object itself when there is nothing to change.
 */
export const withEmptyObjects = <T extends object>(kind: Pick<ResourceKind, "group">, object: T): T => {
  if (kind.group !== GROUP || !("spec" in object)) return object;
  const spec = filled(object.spec);
  return spec === object.spec ? object : { ...object, spec };
};

const filled = (value: unknown): unknown => {
  if (value === null) return {};
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const items = value.map(filled);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const members = Object.entries(value);
  const after = members.map(([key, member]) => [key, filled(member)] as const);
  return after.every(([, member], index) => member === members[index]?.[1]) ? value : Object.fromEntries(after);
};
