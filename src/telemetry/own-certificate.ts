import { generateKeyPair, randomBytes, sign, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Extension,
  Extensions,
  GeneralName,
  id_ce_subjectAltName,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** A certificate chain and its private key, in PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface OwnCertificate extends KeyAndCertificate {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const COMMON_NAME = "2.5.4.3";
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const DAY_MS = 86_400_000;
const LIFE_MS = 30 * DAY_MS;
/** Clocks of readers may be behind. */
const EARLIER_MS = 3_600_000;
const SERIAL_BYTES = 16;

const makeKeys = promisify(generateKeyPair);
const makeSignature = promisify(sign) as (hash: string, data: Buffer, key: KeyObject) => Promise<Buffer>;

/** A new key (ECDSA P-256) and a certificate for 30 days, signed by itself, with `name` as its only name. */
export const ownCertificate = async (name: string, now: Date): Promise<OwnCertificate> => {
  const { publicKey, privateKey } = await makeKeys("ec", { namedCurve: "P-256" });
  const notBefore = new Date(now.getTime() - EARLIER_MS);
  const notAfter = new Date(now.getTime() + LIFE_MS);
  const signatureAlgorithm = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm,
    issuer: nameOf(name),
    validity: new Validity({ notBefore, notAfter }),
    subject: nameOf(name),
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
    extensions: new Extensions([alternativeName(name)]),
  });
  const signed = await makeSignature("sha256", Buffer.from(AsnConvert.serialize(tbsCertificate)), privateKey);
  const signatureValue = Uint8Array.from(signed).buffer;
  const der = AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm, signatureValue }));
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
    notBefore,
    notAfter,
  };
};

/** Positive, and of full length. */
const serialNumber = (): ArrayBuffer => {
  const bytes = Uint8Array.from(randomBytes(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.buffer;
};

const nameOf = (commonName: string): Name =>
  new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type: COMMON_NAME, value: new AttributeValue({ utf8String: commonName }) }),
    ]),
  ]);

const alternativeName = (dNSName: string): Extension =>
  new Extension({
    extnID: id_ce_subjectAltName,
    extnValue: new OctetString(AsnConvert.serialize(new SubjectAlternativeName([new GeneralName({ dNSName })]))),
  });
