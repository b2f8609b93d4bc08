import type { SecretMaterial } from "../kernel/secret-material.ts";

/** Shorter values would blot out ordinary words. */
const SHORTEST_VALUE = 8;
const MOST_VALUES = 512;
const REDACTED = "[redacted]";

/**
 * The last line of defence: takes known secret values out of a finished log line, in every form in which a library may have
 * written them. It remembers the values that went through this process lately; nothing may rely on it alone.
 */
export class Redactor {
  /** Value → its forms; the value used longest ago goes first. */
  readonly #forms = new Map<string, readonly string[]>();

  remember(material: SecretMaterial): void {
    Object.values(material.reveal()).forEach((value) => this.rememberText(value));
  }

  /** For single secrets that are no credential of a resource: tokens, passwords of connections. */
  rememberText(value: string): void {
    if (value.length < SHORTEST_VALUE) return;
    const forms = this.#forms.get(value) ?? formsOf(value);
    this.#forms.delete(value);
    this.#forms.set(value, forms);
    const oldest = this.#forms.keys().next();
    if (this.#forms.size > MOST_VALUES && oldest.done !== true) this.#forms.delete(oldest.value);
  }

  scrub(line: string): string {
    let clean = line;
    for (const forms of this.#forms.values()) {
      for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED);
    }
    return clean;
  }
}

/** Longest first, so that no form leaves a rest of a longer one behind. */
const formsOf = (value: string): readonly string[] => {
  // A JSON text inside a JSON text inside the line: each layer escapes the escapes of the one before.
  const once = insideJson(value);
  const twice = insideJson(once);
  const forms = [value, once, twice, insideJson(twice), encodeURIComponent(value), Buffer.from(value).toString("hex")];
  forms.push(...base64Forms(value));
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST_VALUE).sort((a, b) => b.length - a.length);
};

const insideJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/**
 * Base64 at each of the three places in which a value can stand behind other text (`user:` of a Basic header), less the
 * characters at the edges that its neighbours share; in the common and in the URL alphabet.
 */
const base64Forms = (value: string): readonly string[] => {
  const bytes = Buffer.from(value);
  const common = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const partial = (offset + bytes.length) % 3 !== 0 ? 1 : 0;
    return encoded.slice(Math.ceil((offset * 8) / 6), encoded.length - partial);
  });
  return [...common, ...common.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))];
};
