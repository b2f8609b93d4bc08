import { X509Certificate, type KeyObject } from "node:crypto";
import type { CertificateRequest } from "../../../domain/rotation/source.ts";

/** What a set of PEM texts says, read once. */
export interface ReadCertificate {
  readonly leaf: X509Certificate;
  /** Behind the leaf, in the order in which they stand. */
  readonly intermediates: readonly X509Certificate[];
  readonly authority: X509Certificate;
}

/** Undefined where a part is no certificate. */
export const readCertificates = (bundle: string, authority: string): ReadCertificate | undefined => {
  try {
    const [leaf, ...intermediates] = split(bundle).map((pem) => new X509Certificate(pem));
    return leaf === undefined ? undefined : { leaf, intermediates, authority: authorityOf(authority) };
  } catch {
    return undefined;
  }
};

/** One authority signs for many: the last ones are read once. */
const authorityOf = (pem: string): X509Certificate => {
  const known = AUTHORITIES.get(pem);
  if (known !== undefined) return known;
  const read = new X509Certificate(pem);
  if (AUTHORITIES.size >= MOST_AUTHORITIES) AUTHORITIES.clear();
  AUTHORITIES.set(pem, read);
  return read;
};
const AUTHORITIES = new Map<string, X509Certificate>();
const MOST_AUTHORITIES = 32;

const split = (bundle: string): readonly string[] =>
  bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

/** Each one is signed by the next, and the last by the authority (RFC 5280, 6.1: signatures and names). */
export const isChain = ({ leaf, intermediates, authority }: ReadCertificate): boolean => {
  const links = [leaf, ...intermediates];
  return links.every((link, place) => {
    const issuer = links[place + 1] ?? authority;
    return issuer.ca && link.checkIssued(issuer) && link.verify(issuer.publicKey);
  });
};

export const fitsKey = ({ leaf }: ReadCertificate, key: KeyObject): boolean => leaf.checkPrivateKey(key);

export const isValidAt = ({ leaf, authority }: ReadCertificate, now: Date): boolean =>
  leaf.validFromDate <= now && now < leaf.validToDate && now < authority.validToDate;

/** The names that were asked for and are not in the certificate. */
export const missingNames = ({ leaf }: ReadCertificate, request: CertificateRequest): readonly string[] => {
  const present = namesOf(leaf);
  const wanted = [
    ...request.dnsNames.map((name) => `DNS:${name}`),
    ...request.ipAddresses.map((address) => `IP Address:${canonicalAddress(address)}`),
    ...request.uris.map((uri) => `URI:${uri}`),
  ];
  const missing = wanted.filter((name) => !present.has(name)).map((name) => name.replace(/^[^:]+:/, ""));
  const { commonName } = request;
  return commonName === undefined || leaf.subject.split("\n").includes(`CN=${commonName}`)
    ? missing
    : [...missing, commonName];
};

/** Names beyond what was asked for: the certificate was made for an earlier spec. The common name may stand among them (Vault puts it there). */
export const surplusNames = ({ leaf }: ReadCertificate, request: CertificateRequest): readonly string[] => {
  const wanted = new Set([
    ...request.dnsNames.map((name) => `DNS:${name}`),
    ...request.ipAddresses.map((address) => `IP Address:${canonicalAddress(address)}`),
    ...request.uris.map((uri) => `URI:${uri}`),
    ...["DNS", "email"].map((kind) => `${kind}:${request.commonName ?? ""}`),
  ]);
  return [...namesOf(leaf)].filter((name) => !wanted.has(name));
};

const namesOf = (leaf: X509Certificate): ReadonlySet<string> =>
  new Set(
    (leaf.subjectAltName ?? "")
      .split(", ")
      .filter((name) => name !== "")
      .map(normalised),
  );

const normalised = (name: string): string =>
  name.startsWith("IP Address:") ? `IP Address:${canonicalAddress(name.slice("IP Address:".length))}` : name;

/** IPv6 addresses have many forms; a URL has one for each. */
const canonicalAddress = (address: string): string =>
  address.includes(":") ? new URL(`http://[${address}]`).hostname : address;

/** As Vault writes serials. */
export const serialOf = ({ leaf }: ReadCertificate): string => {
  const hex = leaf.serialNumber.toLowerCase();
  return (hex.length % 2 === 0 ? hex : `0${hex}`).replace(/(..)(?=.)/g, "$1:");
};
