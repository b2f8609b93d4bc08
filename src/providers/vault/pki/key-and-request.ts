import { generateKeyPair, sign, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { AsnSerializer } from "@peculiar/asn1-schema";
import { GeneralName } from "@peculiar/asn1-x509";
import {
  BitString,
  Constructed,
  fromBER,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Sequence,
  Set,
  Utf8String,
  type AsnType,
} from "asn1js";
import type { CertificateRequest, KeyAlgorithm } from "../../../domain/rotation/source.ts";
import { rsaKeyPair, type KeyPair } from "../../rsa-keys.ts";

const COMMON_NAME = "2.5.4.3";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
/** PKCS#9: the attribute in which a request carries extensions (RFC 2985). */
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
/** Class of a tag whose meaning the place gives. */
const CONTEXT = 3;
const RSA_WITH_SHA256 = "1.2.840.113549.1.1.11";

interface Algorithm {
  readonly make: () => Promise<KeyPair>;
  /** Undefined where the kind of key has a hash of its own. */
  readonly hash: string | undefined;
  /** The identifier of the signature's algorithm, and its parameters where it has any (RFC 5758, 4055, 8410). */
  readonly signature: () => Sequence;
}

const made = promisify(generateKeyPair);

const ecdsa = (namedCurve: string, hash: string, algorithm: string): Algorithm => ({
  make: () => made("ec", { namedCurve }),
  hash,
  signature: () => sequence(identifier(algorithm)),
});

const rsa = (modulusLength: number): Algorithm => ({
  make: () => rsaKeyPair(modulusLength),
  hash: "sha256",
  signature: () => sequence(identifier(RSA_WITH_SHA256), new Null()),
});

const ALGORITHMS: Readonly<Record<KeyAlgorithm, Algorithm>> = {
  "ECDSA-P256": ecdsa("P-256", "sha256", "1.2.840.10045.4.3.2"),
  "ECDSA-P384": ecdsa("P-384", "sha384", "1.2.840.10045.4.3.3"),
  "RSA-2048": rsa(2048),
  "RSA-3072": rsa(3072),
  "RSA-4096": rsa(4096),
  Ed25519: {
    make: () => made("ed25519"),
    hash: undefined,
    signature: () => sequence(identifier("1.3.101.112")),
  },
};

/**
 * A new private key (PEM, PKCS#8) and a request for a certificate of it (PEM, PKCS#10, RFC 2986). Keys are made and used on the thread pool, so that an
 * RSA key of 4096 bits does not hold up the event loop.
 */
export const keyAndRequest = async (
  request: CertificateRequest,
): Promise<{ readonly privateKey: string; readonly csr: string }> => {
  const { make, hash, signature } = ALGORITHMS[request.algorithm];
  const { publicKey, privateKey } = await make();
  const info = sequence(
    new Integer({ value: 0 }),
    subjectOf(request),
    fromBER(publicKey.export({ type: "spki", format: "der" })).result,
    attributesOf(request),
  );
  const value = await signed(hash, Buffer.from(info.toBER()), privateKey);
  const csr = sequence(info, signature(), new BitString({ valueHex: value }));
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csr: pem("CERTIFICATE REQUEST", Buffer.from(csr.toBER())),
  };
};

const sequence = (...value: AsnType[]): Sequence => new Sequence({ value });
const setOf = (value: AsnType): Set => new Set({ value: [value] });
const identifier = (value: string): ObjectIdentifier => new ObjectIdentifier({ value });

const subjectOf = ({ commonName }: CertificateRequest): Sequence =>
  commonName === undefined
    ? sequence()
    : sequence(setOf(sequence(identifier(COMMON_NAME), new Utf8String({ value: commonName }))));

/** Tagged [0]; empty where no names are asked for. */
const attributesOf = (request: CertificateRequest): Constructed => {
  const names = namesOf(request);
  const value = names.length > 0 ? [sequence(identifier(EXTENSION_REQUEST), setOf(sequence(alternative(names))))] : [];
  return new Constructed({ idBlock: { tagClass: CONTEXT, tagNumber: 0 }, value });
};

const alternative = (names: readonly GeneralName[]): Sequence => {
  const list = sequence(...names.map((name) => AsnSerializer.toASN(name)));
  return sequence(identifier(SUBJECT_ALTERNATIVE_NAME), new OctetString({ valueHex: list.toBER() }));
};

const namesOf = ({ dnsNames, ipAddresses, uris }: CertificateRequest): readonly GeneralName[] => [
  ...dnsNames.map((dNSName) => new GeneralName({ dNSName })),
  ...ipAddresses.map((iPAddress) => new GeneralName({ iPAddress })),
  ...uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
];

const signed = (hash: string | undefined, data: Buffer, key: KeyObject): Promise<ArrayBuffer> =>
  new Promise((resolve, reject) => {
    sign(hash, data, key, (error, signature) => {
      if (error === null) resolve(Uint8Array.from(signature).buffer);
      else reject(error);
    });
  });

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString("base64").replace(/(.{64})(?=.)/g, "$1\n")}\n-----END ${label}-----\n`;

/** As in the spec; undefined for what this version does not make. */
export const algorithmOf = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyAlgorithm | undefined => {
  if (asymmetricKeyType === "ed25519") return "Ed25519";
  if (asymmetricKeyType === "rsa") return byName(`RSA-${asymmetricKeyDetails?.modulusLength ?? 0}`);
  if (asymmetricKeyDetails?.namedCurve === "prime256v1") return "ECDSA-P256";
  return asymmetricKeyDetails?.namedCurve === "secp384r1" ? "ECDSA-P384" : undefined;
};

const byName = (name: string): KeyAlgorithm | undefined =>
  (Object.keys(ALGORITHMS) as KeyAlgorithm[]).find((known) => known === name);
