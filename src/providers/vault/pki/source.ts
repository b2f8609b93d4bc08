import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { CertificateRequest } from "../../../domain/rotation/source.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { SecretMaterial } from "../../../kernel/secret-material.ts";
import type {
  CallContext,
  CredentialSource,
  IssuedCredential,
  ProviderCapabilities,
  RecognisedCredential,
  RefusalOutcome,
  VerifyOutcome,
} from "../../contract.ts";
import { NAME_FORM, invalidField } from "../../spec.ts";
import type { VaultConnection } from "../connection.ts";
import {
  fitsKey,
  isChain,
  isValidAt,
  missingNames,
  readCertificates,
  serialOf,
  surplusNames,
  type ReadCertificate,
} from "./chain.ts";
import { algorithmOf, keyAndRequest } from "./key-and-request.ts";
import { knownLeases, leaseWords, rememberLeases, roleMakesLeases } from "./leases.ts";

/** Names of the fields that a certificate's material has. */
export const PKI_FIELDS = { certificate: "certificate", key: "privateKey", authority: "caCertificate" } as const;

export const PKI_CAPABILITIES: ProviderCapabilities = {
  slots: 100,
  canDisable: false,
  materialShownOnce: true,
  reportsLastUse: false,
  lockout: false,
  controlCounts: false,
  leavesNothing: true,
  checksHere: true,
  marks: false,
  settleMs: 0,
};

export interface PkiTarget {
  readonly namespace: string;
  /** Short name. */
  readonly role: string;
  /** Absent: only revocation is asked for. */
  readonly request: CertificateRequest | undefined;
}

/** The name of a role in Vault: a namespace reaches its own only. */
export const roleName = (connection: Pick<VaultConnection, "config">, namespace: string, role: string): string => {
  if (!NAME_FORM.test(namespace) || !NAME_FORM.test(role))
    throw invalidField("spec.source.*.role", "cannot be part of a role's name");
  return `${connection.config.identities.namePrefix}.${namespace}.${role}`;
};

/**
 * Certificates of one role of Vault's PKI engine. The key is made here; what was signed is checked in memory, against its key, its names, its
 * issuer and the time, so nothing of it has to be asked of anybody. An answer that is lost leaves a certificate whose key nobody has.
 */
export const pkiSource = (connection: VaultConnection, target: PkiTarget, clock: Clock): CredentialSource => {
  const role = roleName(connection, target.namespace, target.role);
  const { mount } = connection.config.pki;
  const revoked = async (serial: string, context: CallContext) =>
    connection.use((session) => session.pki.readCertificate(mount, serial, context.signal), context);

  return {
    capabilities: PKI_CAPABILITIES,

    observeTarget: () => Promise.resolve({ exists: true, allowed: true }),
    markOwner: () => Promise.resolve(),
    list: () => Promise.resolve({ credentials: [], providerTime: clock.now() }),
    lastUse: () => Promise.resolve({ kind: "unknown" }),

    async issue(context, _rotationId, options): Promise<IssuedCredential> {
      const { request } = target;
      if (request === undefined) throw new OperatorError("Unknown", { publicMessage: "No certificate was asked for." });
      if (options?.first === true && (await roleMakesLeases(connection, role, context.log)) === true)
        throw refusedForLeases(connection, role);
      const { privateKey, csr } = await keyAndRequest(request);
      const { commonName, dnsNames, ipAddresses, uris, ttlSeconds } = request;
      const answer = await connection.use(
        (session) =>
          session.pki.sign(
            { mount, role },
            { csr, commonName, dnsNames, ipAddresses, uris, ttlSeconds },
            context.signal,
          ),
        context,
      );
      rememberLeases(connection, role, answer.leased);
      if (answer.leased && options?.first === true) {
        // Its key is thrown away here; where it may not be revoked either, it ends with the operator's token.
        await connection
          .use((session) => session.pki.revoke(mount, answer.serial, context.signal), context)
          .catch(() => undefined);
        throw refusedForLeases(connection, role);
      }
      // The root is what the reader trusts already; it goes into ca.crt, not into the chain that is sent.
      const [issuer = answer.issuer, ...above] = answer.chain;
      const authority = above.at(-1) ?? issuer;
      const between = [issuer, ...above].filter((pem) => pem.trim() !== authority.trim());
      const bundle = `${[answer.certificate, ...between].map((pem) => pem.trim()).join("\n")}\n`;
      const material = new SecretMaterial({
        [PKI_FIELDS.certificate]: bundle,
        [PKI_FIELDS.key]: privateKey,
        [PKI_FIELDS.authority]: `${authority.trim()}\n`,
      });
      const read = partsOf(material)?.read;
      if (read === undefined || serialOf(read) !== answer.serial) throw notWhole();
      const missing = missingNames(read, request);
      if (missing.length > 0) {
        throw new OperatorError("InvalidSpec", {
          publicMessage: `The PKI role ${role} grants a certificate without ${missing.slice(0, 3).join(", ")}; change the role, or what spec.source.vaultPKI asks for.`,
        });
      }
      return { id: answer.serial, material, issuedAt: clock.now(), expiresAt: read.leaf.validToDate };
    },

    recognise(material): RecognisedCredential | undefined {
      const parts = partsOf(material);
      const { request } = target;
      if (parts === undefined || request === undefined) return undefined;
      const { read, key } = parts;
      if (!fitsKey(read, key)) return undefined;
      const fits =
        missingNames(read, request).length === 0 &&
        surplusNames(read, request).length === 0 &&
        algorithmOf(key) === request.algorithm;
      return { id: serialOf(read), issuedAt: read.leaf.validFromDate, expiresAt: read.leaf.validToDate, fits };
    },

    caution({ log }) {
      const leases = knownLeases(connection, role, log);
      if (leases === undefined) return undefined;
      return leases ? { message: `${leaseWords(connection, role)}; then ask for a new certificate.` } : {};
    },

    verify(material): Promise<VerifyOutcome> {
      const parts = partsOf(material);
      const good =
        parts !== undefined &&
        fitsKey(parts.read, parts.key) &&
        isChain(parts.read) &&
        isValidAt(parts.read, clock.now());
      return Promise.resolve({ kind: good ? "usable" : "rejected" });
    },

    /** With another key of the same kind the same certificate must not fit. */
    negativeControl(material): Promise<RefusalOutcome> {
      const parts = partsOf(material);
      const accepted = parts !== undefined && fitsKey(parts.read, otherKey());
      return Promise.resolve({ kind: accepted ? "accepted" : "refused" });
    },

    /** The engine's own word, which the revocation list and OCSP follow. */
    async proveRefused(material, context): Promise<RefusalOutcome> {
      const parts = partsOf(material);
      if (parts === undefined) throw notWhole();
      if (parts.read.leaf.validToDate <= clock.now()) return { kind: "refused" };
      return { kind: (await revoked(serialOf(parts.read), context))?.revoked === true ? "refused" : "accepted" };
    },

    setEnabled: () =>
      Promise.reject(
        new OperatorError("InvalidSpec", { publicMessage: "A certificate cannot be disabled, only revoked." }),
      ),

    async revoke(id, context): Promise<"removed" | "alreadyAbsent"> {
      const before = await revoked(id, context);
      if (before === undefined) throw unknownSerial();
      if (before.revoked) return "alreadyAbsent";
      await connection.use((session) => session.pki.revoke(mount, id, context.signal), context);
      if ((await revoked(id, context))?.revoked === true) return "removed";
      throw new OperatorError("Unavailable", {
        publicMessage: "Vault revoked a certificate and does not say so yet; it is asked again.",
        ambiguous: true,
      });
    },
  };
};

interface Parts {
  readonly read: ReadCertificate;
  readonly key: KeyObject;
}

/** Parsed once for each value: it is checked, recognised and compared several times in a pass. */
const partsOf = (material: SecretMaterial): Parts | undefined => {
  if (!PARTS.has(material)) PARTS.set(material, readParts(material));
  return PARTS.get(material);
};

const PARTS = new WeakMap<SecretMaterial, Parts | undefined>();

const readParts = (material: SecretMaterial): Parts | undefined => {
  const fields = material.reveal();
  const certificate = fields[PKI_FIELDS.certificate];
  const key = fields[PKI_FIELDS.key];
  const authority = fields[PKI_FIELDS.authority];
  if (certificate === undefined || key === undefined || authority === undefined) return undefined;
  const read = readCertificates(certificate, authority);
  const privateKey = privateKeyOf(key);
  return read === undefined || privateKey === undefined ? undefined : { read, key: privateKey };
};

const privateKeyOf = (text: string) => {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
};

let other: ReturnType<typeof generateKeyPairSync>["privateKey"] | undefined;

/** One for the whole process: it only has to be nobody's. */
const otherKey = () => {
  other ??= generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  return other;
};

const refusedForLeases = (connection: VaultConnection, role: string): OperatorError =>
  new OperatorError("InvalidSpec", {
    publicMessage: `${leaseWords(connection, role)}. Until then nothing is issued from it.`,
  });

const notWhole = (): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: "Vault answered without a certificate that can be read; another one is asked for.",
    ambiguous: true,
  });

const unknownSerial = (): OperatorError =>
  new OperatorError("NotFound", {
    publicMessage:
      "Vault does not know the serial, so it cannot be revoked: its role has no_store. Set spec.source.vaultPKI.revocation.mode to Never, or change the role.",
  });
