// Answers one request as a Job (docs/reference/hook.md): it comes in KEYTURN_REQUEST, and the answer goes, sealed for whoever asked, into the file that
// KEYTURN_ANSWER_FILE names. To be used as it is.
import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { writeFileSync } from "node:fs";

const { KEYTURN_REQUEST = "", KEYTURN_ANSWER_FILE = "/dev/termination-log" } = process.env;

/** X25519, HKDF-SHA-256, AES-256-GCM: `<our public key>.<nonce>.<ciphertext and tag>`. The file lies where others read it too. */
const sealed = (text, answerKey) => {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const theirs = createPublicKey({ key: Buffer.from(answerKey, "base64"), format: "der", type: "spki" });
  const shared = diffieHellman({ privateKey, publicKey: theirs });
  const key = Buffer.from(hkdfSync("sha256", shared, "", "keyturn.dev/hook/v1", 32));
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const bytes = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  const parts = [publicKey.export({ format: "der", type: "spki" }), nonce, bytes];
  return parts.map((part) => part.toString("base64url")).join(".");
};

export const answer = async ({ verbs = {}, places = {} }) => {
  const asked = JSON.parse(KEYTURN_REQUEST);
  const verb = (asked.place === undefined ? verbs : places)[asked.verb];
  const known = asked.contract === "keyturn.dev/hook/v1" && verb !== undefined;
  const [status, body] = await (known ? Promise.resolve(asked).then(verb) : Promise.reject({ status: 400 })).then(
    (value) => [200, value],
    ({ status = 500 }) => [status, {}],
  );
  writeFileSync(KEYTURN_ANSWER_FILE, sealed(`${status} ${JSON.stringify(body)}`, asked.answerKey));
};
