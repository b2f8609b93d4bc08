import { generateKeyPair, sign, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  Attribute,
  AttributeTypeAndValue,
  AttributeValue,
  Extension,
  Extensions,
  GeneralName,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  id_ce_subjectAltName,
} from "@peculiar/asn1-x509";
import type { CertificateRequest, KeyAlgorithm } from "../../../domain/rotation/source.ts";

const COMMON_NAME = "2.5.4.3";
/** PKCS#9: the attribute in which a request carries extensions (RFC 2985). */
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const NULL = new Uint8Array([5, 0]).buffer;

interface Algorithm {
  readonly make: () => Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;
  /** Undefined where the kind of key has a hash of its own. */
  readonly hash: string | undefined;
  readonly signature: AlgorithmIdentifier;
}

const made = promisify(generateKeyPair);

const ecdsa = (namedCurve: string, hash: string, algorithm: string): Algorithm => ({
  make: () => made("ec", { namedCurve }),
  hash,
  signature: new AlgorithmIdentifier({ algorithm }),
});

const rsa = (modulusLength: number): Algorithm => ({
  make: () => made("rsa", { modulusLength }),
  hash: "sha256",
  signature: new AlgorithmIdentifier({ algorithm: "1.2.840.113549.1.1.11", parameters: NULL }),
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
    signature: new AlgorithmIdentifier({ algorithm: "1.3.101.112" }),
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
  const info = new CertificationRequestInfo({
    subject: subjectOf(request),
    subjectPKInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
  });
  const names = namesOf(request);
  if (names.length > 0) info.attributes.push(extensionRequest(names));
  const raw = AsnConvert.serialize(info);
  const csr = AsnConvert.serialize(
    new CertificationRequest({
      certificationRequestInfo: info,
      certificationRequestInfoRaw: raw,
      signatureAlgorithm: signature,
      signature: await signed(hash, Buffer.from(raw), privateKey),
    }),
  );
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csr: pem("CERTIFICATE REQUEST", Buffer.from(csr)),
  };
};

const subjectOf = ({ commonName }: CertificateRequest): Name =>
  commonName === undefined
    ? new Name()
    : new Name([
        new RelativeDistinguishedName([
          new AttributeTypeAndValue({ type: COMMON_NAME, value: new AttributeValue({ utf8String: commonName }) }),
        ]),
      ]);

const namesOf = ({ dnsNames, ipAddresses, uris }: CertificateRequest): readonly GeneralName[] => [
  ...dnsNames.map((dNSName) => new GeneralName({ dNSName })),
  ...ipAddresses.map((iPAddress) => new GeneralName({ iPAddress })),
  ...uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
];

const extensionRequest = (names: readonly GeneralName[]): Attribute => {
  const extension = new Extension({
    extnID: id_ce_subjectAltName,
    extnValue: new OctetString(AsnConvert.serialize(new SubjectAlternativeName([...names]))),
  });
  return new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(new Extensions([extension]))] });
};

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
