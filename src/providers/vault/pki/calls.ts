import { OperatorError } from "../../../kernel/errors.ts";
import { absentAsUndefined, dataIn, odd, record, stringsIn, textIn } from "../answers.ts";
import { isPlainName, isPlainPath } from "../config.ts";
import type { RawClient } from "../identity/calls.ts";

/** What Vault is asked to sign. Times in seconds. */
export interface SigningWish {
  readonly csr: string;
  readonly commonName: string | undefined;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly ttlSeconds: number | undefined;
}

/** All in PEM. */
export interface SignedCertificate {
  readonly certificate: string;
  readonly issuer: string;
  /** From the issuer upwards. */
  readonly chain: readonly string[];
  readonly serial: string;
  /** Vault made a lease of it (the role has generate_lease): it is revoked with the token that asked for it. */
  readonly leased: boolean;
}

/** The PKI engine at a mount, as far as it is used. */
export interface PkiCalls {
  sign(
    place: { readonly mount: string; readonly role: string },
    wish: SigningWish,
    signal: AbortSignal,
  ): Promise<SignedCertificate>;
  revoke(mount: string, serial: string, signal: AbortSignal): Promise<void>;
  /** Undefined when there is no such role. */
  readRole(
    place: { readonly mount: string; readonly role: string },
    signal: AbortSignal,
  ): Promise<{ readonly generatesLeases: boolean } | undefined>;
  /** Undefined when the engine does not know the serial (a role with no_store). */
  readCertificate(
    mount: string,
    serial: string,
    signal: AbortSignal,
  ): Promise<{ readonly revoked: boolean } | undefined>;
}

export const pkiCalls = (clientFor: (operation: string, signal: AbortSignal) => RawClient): PkiCalls => ({
  async sign({ mount, role }, wish, signal) {
    if (!isPlainPath(mount) || !isPlainName(role)) throw badPath();
    const operation = "signing of a certificate";
    const body = {
      csr: wish.csr,
      format: "pem",
      alt_names: wish.dnsNames.join(","),
      ip_sans: wish.ipAddresses.join(","),
      uri_sans: wish.uris.join(","),
      ...(wish.commonName === undefined ? {} : { common_name: wish.commonName }),
      ...(wish.ttlSeconds === undefined ? {} : { ttl: `${wish.ttlSeconds}s` }),
    };
    const answer = await clientFor(operation, signal).write(`${mount}/sign/${role}`, body);
    const data = dataIn(answer, operation);
    const lease = record(answer)["lease_id"];
    return {
      certificate: textIn(data, "certificate", operation),
      issuer: textIn(data, "issuing_ca", operation),
      chain: stringsIn(data, "ca_chain", operation),
      serial: serialIn(textIn(data, "serial_number", operation)),
      leased: typeof lease === "string" && lease !== "",
    };
  },
  async revoke(mount, serial, signal) {
    if (!isPlainPath(mount)) throw badPath();
    await clientFor("revocation of a certificate", signal).write(`${mount}/revoke`, {
      serial_number: serialIn(serial),
    });
  },
  async readRole({ mount, role }, signal) {
    if (!isPlainPath(mount) || !isPlainName(role)) throw badPath();
    const operation = "read of a PKI role";
    const found = await absentAsUndefined(clientFor(operation, signal).read(`${mount}/roles/${role}`));
    return found === undefined ? undefined : { generatesLeases: dataIn(found, operation)["generate_lease"] === true };
  },
  async readCertificate(mount, serial, signal) {
    if (!isPlainPath(mount)) throw badPath();
    const operation = "read of a certificate";
    const found = await absentAsUndefined(clientFor(operation, signal).read(`${mount}/cert/${serialIn(serial)}`));
    if (found === undefined) return undefined;
    const time = dataIn(found, operation)["revocation_time"];
    if (typeof time !== "number") throw odd(operation);
    return { revoked: time > 0 };
  },
});

const SERIAL = /^[0-9a-f]{2}(:[0-9a-f]{2}){0,31}$/;

/** `17:84:7f:5b…`: nothing else becomes part of a path. */
const serialIn = (text: string): string => {
  if (!SERIAL.test(text)) throw odd("answer about a certificate");
  return text;
};

const badPath = (): OperatorError =>
  new OperatorError("InvalidSpec", { publicMessage: "The name of a PKI mount or role is not of plain segments." });
