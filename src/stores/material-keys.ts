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

/** How the values of a Secret are laid out. */
export type Layout =
  | { readonly mode: "Keys" }
  /** All values in one text, under one key. */
  | { readonly mode: "JSON" | "Dotenv"; readonly key: string }
  /** What opens a registry, as kubelets read it. Without a user name it is the credential's own. */
  | { readonly mode: "DockerConfig"; readonly server: string; readonly username?: string | undefined };

export const DOCKER_CONFIG_KEY = ".dockerconfigjson";

/** What goes under the Secret's keys. */
export const laidOut = (
  material: SecretMaterial,
  mapping: KeyMapping,
  layout: Layout,
): Readonly<Record<string, string>> => {
  if (layout.mode === "DockerConfig") return { [DOCKER_CONFIG_KEY]: dockerConfig(material, layout) };
  const values = mapped(material, mapping);
  if (layout.mode === "Keys") return values;
  const names = Object.keys(values).sort();
  const text =
    layout.mode === "JSON"
      ? JSON.stringify(Object.fromEntries(names.map((name) => [name, values[name]])))
      : // Quoted as JSON is: line breaks and quotes of a value are escaped, so that one line is one value.
        names.map((name) => `${name}=${JSON.stringify(values[name])}\n`).join("");
  return { [layout.key]: text };
};

/** The way back; undefined where what stands there is not what this layout leaves. */
export const readBack = (
  values: Readonly<Record<string, string>>,
  mapping: KeyMapping,
  layout: Layout,
): SecretMaterial | undefined => {
  if (layout.mode === "DockerConfig") return fromDockerConfig(values[DOCKER_CONFIG_KEY], mapping, layout);
  if (layout.mode === "Keys") return unmapped(values, mapping);
  const text = values[layout.key];
  const parsed = text === undefined ? undefined : layout.mode === "JSON" ? objectIn(text) : linesIn(text);
  return parsed === undefined ? undefined : unmapped(parsed, mapping);
};

/** https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets */
const dockerConfig = (
  material: SecretMaterial,
  { server, username }: Extract<Layout, { mode: "DockerConfig" }>,
): string => {
  const fields = material.reveal();
  const [user, password] = [username ?? fields["username"], fields["password"] ?? fields["token"]];
  if (!user || !password)
    throw new OperatorError("NotFound", { publicMessage: "The credential has no user name and password to deliver." });
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [server]: { username: user, password, auth } } });
};

const fromDockerConfig = (
  text: string | undefined,
  mapping: KeyMapping,
  { server, username }: Extract<Layout, { mode: "DockerConfig" }>,
): SecretMaterial | undefined => {
  const auths = text === undefined ? undefined : objectIn(text)?.["auths"];
  const entry = (auths as Readonly<Record<string, unknown>> | undefined)?.[server];
  const { username: user, password } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof password !== "string" || typeof user !== "string") return undefined;
  if (username !== undefined && user !== username) return undefined;
  const values = { username: user, password, token: password };
  const fields = Object.keys(mapping);
  return unmapped(values, Object.fromEntries(fields.map((field) => [field, field])));
};

const objectIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
};

const linesIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  const entries = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => /^([^=]+)=("(?:.*)")$/.exec(line));
  if (entries.some((entry) => entry === null)) return undefined;
  return objectIn(`{${entries.map((entry) => `${JSON.stringify(entry?.[1] ?? "")}:${entry?.[2] ?? ""}`).join(",")}}`);
};
