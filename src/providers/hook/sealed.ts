import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPair, hkdfSync } from "node:crypto";
import { promisify } from "node:util";

/** One answer that only whoever asked can open: it may lie where others read it, such as in a pod's status. */
export interface SealedAnswer {
  /** X25519, SPKI in DER as base64: what the answer is sealed for. */
  readonly publicKey: string;
  /** Undefined where the text is not such an answer. */
  open(text: string): string | undefined;
}

export const SEAL_INFO = "keyturn.dev/hook/v1";

const makeKeyPair = promisify(generateKeyPair);
const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** X25519, HKDF-SHA-256 and AES-256-GCM, with a key of its own for each answer. `open` takes `<public key>.<nonce>.<ciphertext and tag>` in base64url. */
export const sealedAnswer = async (): Promise<SealedAnswer> => {
  const { publicKey, privateKey } = await makeKeyPair("x25519");
  return {
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    open(text) {
      try {
        const [key = "", nonce = "", sealed = ""] = text.trim().split(".");
        const bytes = Buffer.from(sealed, "base64url");
        const theirs = createPublicKey({ key: Buffer.from(key, "base64url"), format: "der", type: "spki" });
        const shared = diffieHellman({ privateKey, publicKey: theirs });
        const secret = Buffer.from(hkdfSync("sha256", shared, "", SEAL_INFO, KEY_BYTES));
        const cipher = createDecipheriv("aes-256-gcm", secret, Buffer.from(nonce, "base64url"));
        cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        return Buffer.concat([cipher.update(bytes.subarray(0, -TAG_BYTES)), cipher.final()]).toString();
      } catch {
        return undefined;
      }
    },
  };
};
