import "reflect-metadata";
import assert from "node:assert/strict";
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";
import type { CertificateRequest, KeyAlgorithm } from "../../../domain/rotation/source.ts";
import { keyAndRequest } from "./key-and-request.ts";

const nothing: CertificateRequest = {
  dnsNames: [],
  ipAddresses: [],
  uris: [],
  algorithm: "ECDSA-P256",
};

describe("request for a certificate", () => {
  const made = async (more: Partial<CertificateRequest>) => {
    const { csr } = await keyAndRequest({ ...nothing, ...more });
    const request = new Pkcs10CertificateRequest(csr);
    assert.ok(await request.verify());
    const extension = request.getExtension("2.5.29.17");
    const names = extension === null ? [] : new SubjectAlternativeNameExtension(extension.rawData).names.items;
    return {
      subject: request.subject,
      names: names.map(({ type, value }) => `${type} ${value}`),
      hex: Buffer.from(request.rawData).toString("hex"),
    };
  };

  it("carries all its names: Vault takes them from here", async () => {
    const { subject, names } = await made({
      commonName: "web.example",
      dnsNames: ["web.example", "*.web.example"],
      ipAddresses: ["10.1.2.3", "2001:db8::1"],
      uris: ["spiffe://cluster/sa/web"],
    });
    assert.equal(subject, "CN=web.example");
    assert.deepEqual(names, [
      "dns web.example",
      "dns *.web.example",
      "ip 10.1.2.3",
      "ip 2001:db8::1",
      "url spiffe://cluster/sa/web",
    ]);
  });

  it("has an empty subject and an empty set of attributes where nothing is asked for", async () => {
    const { subject, names, hex } = await made({});
    assert.equal(subject, "");
    assert.deepEqual(names, []);
    assert.ok(hex.includes("a000300a06082a8648ce3d040302"), hex);
  });

  it("writes a common name in UTF-8", async () => {
    assert.equal((await made({ commonName: "Zürich" })).subject, "CN=Zürich");
  });

  /** RFC 4055 wants NULL there; RFC 5758 and RFC 8410 want nothing. */
  const identifiers: Readonly<Partial<Record<KeyAlgorithm, string>>> = {
    "ECDSA-P256": "300a06082a8648ce3d040302",
    "ECDSA-P384": "300a06082a8648ce3d040303",
    "RSA-2048": "300d06092a864886f70d01010b0500",
    Ed25519: "300506032b6570",
  };
  for (const [algorithm, identifier] of Object.entries(identifiers))
    it(`names the signature's algorithm, with parameters where they belong (${algorithm})`, async () => {
      const { hex } = await made({ algorithm: algorithm as KeyAlgorithm });
      assert.ok(hex.includes(`a000${identifier}03`), hex);
    });
});
