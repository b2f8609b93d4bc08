import { generateKeyPairSync, sign } from "node:crypto";

/**
 * A P-256 key and a PKCS#10 request (RFC 2986) for one DNS name, written as DER by hand: nothing that a library would do besides. For
 * the floor alone.
 */
export function keyAndRequest(host: string): { readonly privateKey: string; readonly csr: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = list(set(list(COMMON_NAME, value(0x0c, Buffer.from(host)))));
  const extension = list(SUBJECT_ALT_NAME, value(0x04, list(value(0x82, Buffer.from(host)))));
  const attributes = value(0xa0, list(EXTENSION_REQUEST, set(list(extension))));
  const version = value(0x02, Buffer.from([0]));
  const info = list(version, name, publicKey.export({ type: "spki", format: "der" }), attributes);
  const signature = value(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", info, privateKey)]));
  const der = list(info, list(ECDSA_WITH_SHA256), signature);
  const body = der.toString("base64").replace(/.{1,64}/g, "$&\n");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csr: `-----BEGIN CERTIFICATE REQUEST-----\n${body}-----END CERTIFICATE REQUEST-----\n`,
  };
}

function value(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function list(...members: readonly Buffer[]): Buffer {
  return value(0x30, Buffer.concat(members));
}

function set(...members: readonly Buffer[]): Buffer {
  return value(0x31, Buffer.concat(members));
}

function identifier(hex: string): Buffer {
  return value(0x06, Buffer.from(hex, "hex"));
}

const COMMON_NAME = identifier("550403");
const SUBJECT_ALT_NAME = identifier("551d11");
const EXTENSION_REQUEST = identifier("2a864886f70d01090e");
const ECDSA_WITH_SHA256 = identifier("2a8648ce3d040302");
