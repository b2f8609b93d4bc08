import { generateKeyPair, randomBytes, randomInt, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { CharacterSet, ValueRules } from "../../domain/rotation/source.ts";
import { SecretMaterial } from "../../kernel/secret-material.ts";
import { rsaKeyPair } from "../rsa-keys.ts";

/** Symbols that need no quoting in URLs, shells and YAML's plain scalars are few; these are taken by most systems that ask for symbols. */
const CHARACTERS: Readonly<Record<CharacterSet, string>> = {
  Lower: "abcdefghijklmnopqrstuvwxyz",
  Upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  Digits: "0123456789",
  Symbols: "-_.~!*+=",
};

/** A new value by these rules, from the system's own source of randomness. */
export const generate = async (rules: ValueRules): Promise<SecretMaterial> => {
  switch (rules.kind) {
    case "password":
      return new SecretMaterial({ password: passwordOf(rules) });
    case "token":
      return new SecretMaterial({ token: `${rules.prefix}${randomBytes(rules.bytes).toString("base64url")}` });
    case "sshKey":
      return new SecretMaterial(await sshKeyOf(rules.algorithm));
  }
};

/**
 * A value by these rules that is in use nowhere, for the login that must be refused. Of RSA keys one serves the whole process: each takes seconds,
 * and every verification asks for one.
 */
export const generateWrong = async (rules: ValueRules): Promise<SecretMaterial> => {
  if (rules.kind !== "sshKey" || rules.algorithm !== "RSA-4096") return generate(rules);
  wrongRsa ??= generate(rules).catch((thrown: unknown) => {
    wrongRsa = undefined;
    throw thrown;
  });
  return wrongRsa;
};

let wrongRsa: Promise<SecretMaterial> | undefined;

/** At least one of each set, the rest of all of them; in an order that says nothing. */
const passwordOf = ({ length, characters }: Extract<ValueRules, { kind: "password" }>): string => {
  const sets = characters.map((set) => CHARACTERS[set]);
  const all = sets.join("");
  const chosen = [...sets, ...Array.from({ length: Math.max(0, length - sets.length) }, () => all)].map(
    (set) => set[randomInt(set.length)] ?? "",
  );
  for (let last = chosen.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    [chosen[last], chosen[other]] = [chosen[other] ?? "", chosen[last] ?? ""];
  }
  return chosen.join("");
};

const make = promisify(generateKeyPair);

/** On the thread pool: an RSA key takes seconds. */
const sshKeyOf = async (algorithm: "Ed25519" | "RSA-4096"): Promise<Readonly<Record<string, string>>> => {
  if (algorithm === "RSA-4096") {
    const { privateKey, publicKey } = await rsaKeyPair(4096);
    const { n = "", e = "" } = publicKey.export({ format: "jwk" });
    const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const wire = framed(Buffer.from("ssh-rsa"), mpint(bytesOf(e)), mpint(bytesOf(n)));
    return { privateKey: pem, publicKey: `ssh-rsa ${wire.toString("base64")}\n` };
  }
  const { privateKey, publicKey } = await make("ed25519");
  return ed25519Pair(privateKey, publicKey);
};

/** The format that OpenSSH reads Ed25519 keys in: PROTOCOL.key of its source. */
const ed25519Pair = (privateKey: KeyObject, publicKey: KeyObject): Readonly<Record<string, string>> => {
  const type = Buffer.from("ssh-ed25519");
  const open = bytesOf(publicKey.export({ format: "jwk" }).x ?? "");
  const seed = bytesOf(privateKey.export({ format: "jwk" }).d ?? "");
  const wire = framed(type, open);
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, framed(type, open, Buffer.concat([seed, open]), Buffer.alloc(0))]);
  // Filled up with 1, 2, 3 … to whole blocks of eight.
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const none = Buffer.from("none");
  const blob = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    framed(none, none, Buffer.alloc(0)),
    Buffer.from([0, 0, 0, 1]),
    framed(wire, Buffer.concat([secret, padding])),
  ]);
  const lines = blob
    .toString("base64")
    .replace(/(.{70})/g, "$1\n")
    .trimEnd();
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `ssh-ed25519 ${wire.toString("base64")}\n`,
  };
};

const bytesOf = (base64url: string): Buffer => Buffer.from(base64url, "base64url");

/** Each part with its length before it. */
const framed = (...parts: readonly Buffer[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );

/** A number whose first bit would be taken for a sign gets a zero before it. */
const mpint = (bytes: Buffer): Buffer =>
  ((bytes[0] ?? 0) & 0x80) === 0 ? bytes : Buffer.concat([Buffer.alloc(1), bytes]);
