import { OperatorError } from "../kernel/errors.ts";

/** InvalidSpec that names the field and says what is wrong with it; never repeats the value. */
export const invalidField = (field: string, problem: string): OperatorError =>
  new OperatorError("InvalidSpec", { publicMessage: `${field} ${problem}.` });

/**
 * One object of a spec that has been read as untrusted JSON. Each reader throws InvalidSpec naming the field; what the
 * schema of the CRD promises is asked for again, for the schema may be older than the code.
 */
export class SpecNode {
  readonly field: string;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown, field: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw invalidField(field, "must be an object");
    this.field = field;
    this.#members = value as Readonly<Record<string, unknown>>;
  }

  at(key: string): string {
    return `${this.field}.${key}`;
  }

  has(key: string): boolean {
    return this.#members[key] !== undefined && this.#members[key] !== null;
  }

  /** A string of the form, of at most `longest` characters; the fallback where it is absent, if there is one. */
  text(key: string, form: RegExp, options: { readonly fallback?: string; readonly longest?: number } = {}): string {
    const value = this.has(key) ? this.#members[key] : options.fallback;
    if (value === undefined) throw invalidField(this.at(key), "is required");
    if (typeof value !== "string") throw invalidField(this.at(key), "must be a string");
    if (value.length > (options.longest ?? 253)) throw invalidField(this.at(key), "is too long");
    if (!form.test(value)) throw invalidField(this.at(key), `must match ${form.source}`);
    return value;
  }

  optionalText(key: string, form: RegExp, longest = 253): string | undefined {
    return this.has(key) ? this.text(key, form, { longest }) : undefined;
  }

  node(key: string): SpecNode {
    if (!this.has(key)) throw invalidField(this.at(key), "is required");
    return new SpecNode(this.#members[key], this.at(key));
  }

  /** Objects of a list; none where it is absent. */
  nodes(key: string): readonly SpecNode[] {
    const list = this.#members[key] ?? [];
    if (!Array.isArray(list)) throw invalidField(this.at(key), "must be a list");
    return list.map((each, index) => new SpecNode(each, `${this.at(key)}[${index}]`));
  }

  /** Strings of a list of at most so many; undefined where it is absent. */
  texts(key: string, most: number, longest: number): readonly string[] | undefined {
    if (!this.has(key)) return undefined;
    const list = this.#members[key];
    const fits = (each: unknown): each is string => typeof each === "string" && each.length <= longest;
    if (!Array.isArray(list) || list.length > most || !list.every(fits))
      throw invalidField(this.at(key), "must be a list of strings that are not too long");
    return list;
  }

  /** False where it is absent. */
  flag(key: string): boolean {
    const value = this.#members[key] ?? false;
    if (typeof value !== "boolean") throw invalidField(this.at(key), "must be true or false");
    return value;
  }

  port(key: string, fallback: number): number {
    const value = this.has(key) ? this.#members[key] : fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 65_535)
      throw invalidField(this.at(key), "must be from 1 to 65535");
    return value;
  }

  /** An empty object where it is absent. */
  nodeOrEmpty(key: string): SpecNode {
    return new SpecNode(this.#members[key] ?? {}, this.at(key));
  }

  /** The one member that is there, of those named. */
  oneOf(keys: readonly string[]): string {
    const present = keys.filter((key) => this.has(key));
    const [only] = present;
    if (only === undefined || present.length > 1)
      throw invalidField(this.field, `must have exactly one of ${keys.join(", ")}`);
    return only;
  }
}

/** Certificates in PEM, 64 KiB at most: the size is judged before anything is parsed. */
export const caBundleOf = (node: SpecNode): string | undefined =>
  node.optionalText("caBundle", /^\s*-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\s*$/, 65_536);

/** A name as Kubernetes has them (RFC 1123 label). */
export const NAME_FORM = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Who a connection is: the name and the generation that its clients are cached by, and one member of its spec. */
export interface ConnectionSpec {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** `spec.aws` or `spec.vault`, as read from the cluster. */
  readonly spec: unknown;
}
