import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from "@peculiar/x509";
import { OperatorError } from "../../../kernel/errors.ts";
import type { PkiCalls, SigningWish } from "./calls.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const YEAR_MS = 365 * 24 * 3_600_000;

/** A PKI engine in memory with a root and one intermediate that signs: certificates are real ones. */
export class FakePkiEngine {
  readonly serials = new Map<string, { revoked: boolean }>();
  /** Longest lifetime that the role grants. */
  maxTtlSeconds = 72 * 3600;
  /** Names that the role leaves out without a word. */
  readonly left = new Set<string>();
  noStore = false;
  generatesLeases = false;
  /** Throws this when the role is read. */
  roleRefusal: OperatorError | undefined;
  roleReads = 0;
  signings = 0;
  #authority: Promise<{ root: X509Certificate; issuer: X509Certificate; key: webcrypto.CryptoKey }> | undefined;
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  readonly calls: PkiCalls = {
    sign: (_place, wish) => this.#sign(wish),
    readRole: () => {
      this.roleReads += 1;
      if (this.roleRefusal !== undefined) return Promise.reject(this.roleRefusal);
      return Promise.resolve({ generatesLeases: this.generatesLeases });
    },
    revoke: (_mount, serial) => {
      const known = this.serials.get(serial);
      if (known === undefined)
        return Promise.reject(new OperatorError("InvalidSpec", { publicMessage: "Vault knows no such serial." }));
      known.revoked = true;
      return Promise.resolve();
    },
    readCertificate: (_mount, serial) => Promise.resolve(this.serials.get(serial)),
  };

  async #sign(wish: SigningWish) {
    this.signings += 1;
    const { root, issuer, key } = await (this.#authority ??= this.#makeAuthority());
    const request = new Pkcs10CertificateRequest(wish.csr);
    if (!(await request.verify()))
      throw new OperatorError("InvalidSpec", { publicMessage: "The request is not signed by its key." });
    const serial = `4${randomBytes(10).toString("hex").slice(1)}`;
    const from = new Date(this.#now().getTime() - 30_000);
    const ttl = Math.min(wish.ttlSeconds ?? this.maxTtlSeconds, this.maxTtlSeconds);
    const names = [
      ...[...wish.dnsNames, ...(wish.commonName === undefined ? [] : [wish.commonName])].map((value) => ({
        type: "dns" as const,
        value,
      })),
      ...wish.ipAddresses.map((value) => ({ type: "ip" as const, value })),
      ...wish.uris.map((value) => ({ type: "url" as const, value })),
    ].filter(({ value }) => !this.left.has(value));
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: request.subject,
      issuer: issuer.subject,
      notBefore: from,
      notAfter: new Date(this.#now().getTime() + ttl * 1000),
      publicKey: request.publicKey,
      signingKey: key,
      signingAlgorithm: ALGORITHM,
      extensions: [new SubjectAlternativeNameExtension(names)],
    });
    const text = serial.replace(/(..)(?=.)/g, "$1:");
    if (!this.noStore) this.serials.set(text, { revoked: false });
    return {
      certificate: certificate.toString("pem"),
      issuer: issuer.toString("pem"),
      chain: [issuer.toString("pem"), root.toString("pem")],
      serial: text,
      leased: this.generatesLeases,
    };
  }

  async #makeAuthority() {
    const dates = {
      notBefore: new Date(this.#now().getTime() - 60_000),
      notAfter: new Date(this.#now().getTime() + 10 * YEAR_MS),
    };
    const rootKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const ca = new BasicConstraintsExtension(true, undefined, true);
    const root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: "CN=root",
      keys: rootKeys,
      signingAlgorithm: ALGORITHM,
      extensions: [ca],
      ...dates,
    });
    const issuer = await X509CertificateGenerator.create({
      serialNumber: "02",
      subject: "CN=issuer",
      issuer: "CN=root",
      publicKey: keys.publicKey,
      signingKey: rootKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [ca],
      ...dates,
    });
    return { root, issuer, key: keys.privateKey };
  }
}
