import { OperatorError } from "../kernel/errors.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";

/** Which field of the material goes under which key of the place. */
export type KeyMapping = Readonly<Record<string, string>>;

/** What a spec leaves out keeps the key that the form has for the field; other fields are not the source's. */
export const keyMapping = (fields: KeyMapping, keys: KeyMapping | undefined): KeyMapping =>
  Object.fromEntries(Object.entries(fields).map(([field, key]) => [field, keys?.[field] ?? key]));

/** Throws InvalidSpec when two fields would go under one key, or one under a key that is not allowed there. */
export const checkMapping = (mapping: KeyMapping, field: string, allowed: (key: string) => boolean): void => {
  const keys = Object.values(mapping);
  for (const key of keys) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key) || key === "." || key.startsWith("..") || !allowed(key)) {
      throw new OperatorError("InvalidSpec", { publicMessage: `${field} holds a key name that is not allowed.` });
    }
  }
  if (new Set(keys).size !== keys.length) {
    throw new OperatorError("InvalidSpec", { publicMessage: `${field} puts two values under one key.` });
  }
};

/** The values under the place's keys. Throws when the material lacks a field: nothing half is ever written. */
export const mapped = (material: SecretMaterial, mapping: KeyMapping): Readonly<Record<string, string>> => {
  const fields = material.reveal();
  return Object.fromEntries(
    Object.entries(mapping).map(([field, key]) => {
      const value = fields[field];
      if (value === undefined || value === "") {
        throw new OperatorError("NotFound", { publicMessage: `The credential has no ${field} to deliver.` });
      }
      return [key, value];
    }),
  );
};

/** The way back: the material that stands under the place's keys; undefined when a field is missing, empty or no text. */
export const unmapped = (
  values: Readonly<Record<string, unknown>>,
  mapping: KeyMapping,
): SecretMaterial | undefined => {
  const fields = Object.entries(mapping).map(([field, key]) => [field, values[key]] as const);
  const whole = fields.filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "");
  return whole.length === fields.length ? new SecretMaterial(Object.fromEntries(whole)) : undefined;
};

/** Same keys with the same values, in any order. */
export const sameValues = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
};
