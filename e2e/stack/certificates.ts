import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** A certificate with its private key, both PEM. */
export interface Leaf {
  readonly cert: string;
  readonly key: string;
}

/** A test certificate authority: `pem` is what clients trust; `issue` makes a certificate for a server or a client. */
export interface Authority {
  readonly pem: string;
  issue(subject: Subject): Leaf;
}

/** Who a certificate is for: `o` is the Kubernetes group of a client certificate; names are DNS names or IPv4 addresses. */
export interface Subject {
  readonly cn: string;
  readonly o?: string;
  readonly names?: readonly string[];
}

const day = 24 * 3600 * 1000;

/** Makes a test CA. It lives for a week at most: nothing of it is meant to outlive one run of the stack. */
export function createAuthority(cn = "keyturn local stack CA"): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ca = certificate({
    subject: { cn },
    issuer: { cn },
    keys,
    issuerKey: keys.privateKey,
    issuerPublic: keys.publicKey,
    isCa: true,
  });
  return {
    pem: ca,
    issue(subject) {
      const leaf = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const cert = certificate({
        subject,
        issuer: { cn },
        keys: leaf,
        issuerKey: keys.privateKey,
        issuerPublic: keys.publicKey,
        isCa: false,
      });
      return { cert, key: leaf.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}

interface Fields {
  readonly subject: Subject;
  readonly issuer: Subject;
  readonly keys: { readonly publicKey: KeyObject };
  readonly issuerKey: KeyObject;
  readonly issuerPublic: KeyObject;
  readonly isCa: boolean;
}

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA and SHA-256, as PEM. */
function certificate(fields: Fields): string {
  const now = Date.now();
  const signatureAlgorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(serial),
    signatureAlgorithm,
    name(fields.issuer),
    sequence(utcTime(now - day), utcTime(now + 7 * day)),
    name(fields.subject),
    spki(fields.keys.publicKey),
    context(3, sequence(...extensions(fields))),
  );
  const signature = createSign("sha256").update(toBeSigned).sign(fields.issuerKey);
  const body = sequence(toBeSigned, signatureAlgorithm, bitString(signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${(body.match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

function extensions({ subject, keys, issuerPublic, isCa }: Fields): Buffer[] {
  const critical = Buffer.from([0x01, 0x01, 0xff]);
  const list = [
    sequence(oid("2.5.29.19"), critical, octetString(sequence(...(isCa ? [critical] : [])))),
    // keyUsage: a CA signs certificates and CRLs; a leaf signs (0x80 = digitalSignature).
    sequence(oid("2.5.29.15"), critical, octetString(tagged(0x03, Buffer.from(isCa ? [1, 0x06] : [7, 0x80])))),
    sequence(oid("2.5.29.14"), octetString(octetString(keyId(keys.publicKey)))),
    sequence(oid("2.5.29.35"), octetString(sequence(tagged(0x80, keyId(issuerPublic))))),
  ];
  if (!isCa)
    list.push(sequence(oid("2.5.29.37"), octetString(sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2")))));
  if (subject.names !== undefined && subject.names.length > 0)
    list.push(sequence(oid("2.5.29.17"), octetString(sequence(...subject.names.map(alternativeName)))));
  return list;
}

function alternativeName(value: string): Buffer {
  return /^\d+\.\d+\.\d+\.\d+$/.test(value)
    ? tagged(0x87, Buffer.from(value.split(".").map(Number)))
    : tagged(0x82, Buffer.from(value));
}

function name({ cn, o }: Subject): Buffer {
  const part = (type: string, value: string): Buffer =>
    tagged(0x31, sequence(oid(type), tagged(0x0c, Buffer.from(value))));
  return sequence(...(o === undefined ? [] : [part("2.5.4.10", o)]), part("2.5.4.3", cn));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function keyId(key: KeyObject): Buffer {
  return createHash("sha1").update(spki(key)).digest();
}

/** One DER value: tag, length, contents. */
function tagged(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), contents]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function context(n: number, contents: Buffer): Buffer {
  return tagged(0xa0 | n, contents);
}

function octetString(contents: Buffer): Buffer {
  return tagged(0x04, contents);
}

function bitString(contents: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), contents]));
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function utcTime(at: number): Buffer {
  return tagged(0x17, Buffer.from(new Date(at).toISOString().replace(/[-:T]/g, "").slice(2, 14) + "Z"));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}
