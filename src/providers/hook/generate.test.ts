import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { generate } from "./generate.ts";

const password = async (length: number, characters: readonly ("Lower" | "Upper" | "Digits" | "Symbols")[]) =>
  (await generate({ kind: "password", length, characters })).reveal()["password"] ?? "";

describe("generated values", () => {
  it("are passwords of the length asked for, with at least one of each set and nothing else", async () => {
    for (let round = 0; round < 200; round += 1) {
      const text = await password(12, ["Lower", "Upper", "Digits", "Symbols"]);
      assert.equal(text.length, 12);
      for (const set of [/[a-z]/, /[A-Z]/, /[0-9]/, /[-_.~!*+=]/]) assert.match(text, set);
      assert.match(await password(16, ["Digits"]), /^[0-9]{16}$/);
    }
  });

  it("are passwords whose sets stand anywhere, and never the same one", async () => {
    const all = await Promise.all(Array.from({ length: 500 }, () => password(12, ["Lower", "Digits"])));
    assert.equal(new Set(all).size, all.length);
    // The first two are one of each set before they are shuffled.
    assert.ok(all.some((text) => /^[a-z][a-z]/.test(text)) && all.some((text) => /^[0-9]/.test(text)));
  });

  it("are tokens of that many bytes behind their prefix", async () => {
    const { token = "" } = (await generate({ kind: "token", bytes: 24, prefix: "kt_" })).reveal();
    assert.match(token, /^kt_[A-Za-z0-9_-]{32}$/);
  });

  it("are Ed25519 key pairs in OpenSSH's format, whose halves belong together", async () => {
    const { privateKey = "", publicKey = "" } = (await generate({ kind: "sshKey", algorithm: "Ed25519" })).reveal();
    const blob = Buffer.from(privateKey.replace(/-----[^-]+-----|\n/g, ""), "base64");
    assert.equal(blob.subarray(0, 15).toString(), "openssh-key-v1\0");
    const parts = partsOf(blob.subarray(15));
    assert.deepEqual(parts.slice(0, 3).map(String), ["none", "none", ""]);
    // One key, and then its public and its private half.
    const [open = Buffer.alloc(0), secret = Buffer.alloc(0)] = partsOf(blob.subarray(15 + 4 * 3 + 8 + 4));
    assert.equal(publicKey, `ssh-ed25519 ${open.toString("base64")}\n`);
    assert.equal(secret.length % 8, 0);
    assert.deepEqual(secret.subarray(0, 4), secret.subarray(4, 8));
    const [type, inside = Buffer.alloc(0), both = Buffer.alloc(0)] = partsOf(secret.subarray(8), 3);
    assert.equal(String(type), "ssh-ed25519");
    assert.deepEqual(both.subarray(32), inside);
    const [d, x] = [both.subarray(0, 32), inside].map((bytes) => bytes.toString("base64url"));
    const key = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", d: d ?? "", x: x ?? "" }, format: "jwk" });
    const data = Buffer.from("words");
    assert.ok(verify(null, data, createPublicKey(key), sign(null, data, key)));
  });

  it("are RSA key pairs, whose halves belong together", async function () {
    this.timeout(60_000);
    const { privateKey = "", publicKey = "" } = (await generate({ kind: "sshKey", algorithm: "RSA-4096" })).reveal();
    const [type, , modulus = Buffer.alloc(0)] = partsOf(Buffer.from(publicKey.split(" ")[1] ?? "", "base64"));
    assert.equal(String(type), "ssh-rsa");
    const { n = "" } = createPublicKey(createPrivateKey(privateKey)).export({ format: "jwk" });
    // With the zero before it that keeps it from being negative.
    assert.deepEqual(modulus, Buffer.concat([Buffer.alloc(1), Buffer.from(n, "base64url")]));
    assert.equal(Buffer.from(n, "base64url").length, 512);
  });
});

/** Parts with their lengths before them: as many, or all up to the end or to what is none. */
const partsOf = (bytes: Buffer, most = Infinity): readonly Buffer[] => {
  const parts: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length && parts.length < most;) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) break;
    parts.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
};
