import assert from "node:assert/strict";
import type { CertificateRequest, KeyAlgorithm } from "../../../domain/rotation/source.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { FakeClock } from "../../../kernel/fake-clock.ts";
import { silentLogger } from "../../../kernel/logger.ts";
import { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { CallContext, CredentialSource } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import { FakePkiEngine } from "./fake-engine.ts";
import { missingPkiRights } from "./leases.ts";
import { pkiSource, PKI_FIELDS } from "./source.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const request: CertificateRequest = {
  commonName: "web.payments.example",
  dnsNames: ["web.payments.example", "*.web.payments.example"],
  ipAddresses: ["10.1.2.3", "2001:db8::1"],
  uris: ["spiffe://cluster/ns/payments/sa/web"],
  algorithm: "ECDSA-P256",
};

describe("PKI source", () => {
  const clock = new FakeClock();
  let engine: FakePkiEngine;
  let source: CredentialSource;
  let connection: VaultConnection;
  const of = (more: Partial<CertificateRequest> = {}): CredentialSource => {
    return pkiSource(connection, { namespace: "payments", role: "web", request: { ...request, ...more } }, clock);
  };

  beforeEach(() => {
    engine = new FakePkiEngine(() => clock.now());
    connection = {
      config: { pki: { mount: "pki" }, identities: { namePrefix: "keyturn" } },
      clock,
      use: (run: (session: VaultSession) => Promise<unknown>) => run({ pki: engine.calls } as unknown as VaultSession),
    } as unknown as VaultConnection;
    source = of();
  });

  const algorithms: readonly KeyAlgorithm[] = ["ECDSA-P256", "ECDSA-P384", "RSA-2048", "Ed25519"];
  for (const algorithm of algorithms) {
    it(`makes a key (${algorithm}), has it signed, and finds that all of it fits`, async () => {
      source = of({ algorithm });
      const issued = await source.issue(context);
      assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "usable" });
      assert.deepEqual(await source.negativeControl(issued.material, context), { kind: "refused" });
      const recognised = source.recognise?.(issued.material);
      assert.equal(recognised?.id, issued.id);
      assert.equal(recognised.fits, true);
      assert.equal(recognised.expiresAt.getTime(), issued.expiresAt?.getTime());
    });
  }

  const first = { inUse: [], first: true } as const;
  const mends = (error: unknown) =>
    error instanceof OperatorError &&
    error.code === "InvalidSpec" &&
    error.publicMessage.includes("vault patch pki/roles/keyturn.payments.web generate_lease=false");

  it("issues no first certificate from a role with generate_lease, and says what mends it", async () => {
    engine.generatesLeases = true;
    await assert.rejects(source.issue(context, undefined, first), mends);
    assert.equal(engine.signings, 0);
  });

  it("sees the lease in the answer where it may not read the role, and revokes that certificate", async () => {
    engine.roleRefusal = new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 });
    await source.issue(context, undefined, first);
    engine.generatesLeases = true;
    await assert.rejects(source.issue(context, undefined, first), mends);
    assert.deepEqual(
      [...engine.serials.values()].map(({ revoked }) => revoked),
      [false, true],
    );
  });

  it("renews what is there although the role has generate_lease, and reports it until the role is mended", async () => {
    const noted = async () => {
      source.caution?.(context);
      await new Promise((resolve) => setImmediate(resolve));
      return source.caution?.(context);
    };
    assert.deepEqual(await noted(), {});
    engine.generatesLeases = true;
    await source.issue(context);
    assert.ok((await noted())?.message?.includes("vault patch pki/roles/keyturn.payments.web generate_lease=false"));
    engine.generatesLeases = false;
    await clock.advance(3_600_000);
    assert.deepEqual(await noted(), {});
  });

  it("asks for a role once an hour, and says nothing of one that it may not read", async () => {
    engine.roleRefusal = new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 });
    for (let look = 0; look < 5; look += 1) {
      assert.equal(source.caution?.(context), undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(engine.roleReads, 1);
    assert.deepEqual(missingPkiRights(connection), ["pki/roles/keyturn.* (read)"]);
    engine.roleRefusal = undefined;
    await clock.advance(3_600_000);
    source.caution?.(context);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(missingPkiRights(connection), []);
  });

  it("sends the chain without its root, which goes into ca.crt", async () => {
    const fields = (await source.issue(context)).material.reveal();
    assert.equal(fields[PKI_FIELDS.certificate]?.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.equal(fields[PKI_FIELDS.authority]?.match(/BEGIN CERTIFICATE/g)?.length, 1);
  });

  it("counts the lifetime that was granted, not the one that was asked for", async () => {
    engine.maxTtlSeconds = 3600;
    const issued = await of({ ttlSeconds: 86_400 }).issue(context);
    assert.ok(Math.abs((issued.expiresAt?.getTime() ?? 0) - clock.now().getTime() - 3_600_000) < 2000);
  });

  it("refuses a certificate that lacks a name that was asked for, and says which", async () => {
    engine.left.add("10.1.2.3");
    await assert.rejects(
      source.issue(context),
      (error) =>
        error instanceof OperatorError && error.code === "InvalidSpec" && error.publicMessage.includes("10.1.2.3"),
    );
  });

  it("sees that a certificate was made for another spec", async () => {
    const { material } = await source.issue(context);
    assert.equal(of({ dnsNames: ["web.payments.example"] }).recognise?.(material)?.fits, false);
    assert.equal(of({ dnsNames: [...request.dnsNames, "more.example"] }).recognise?.(material)?.fits, false);
    assert.equal(of({ algorithm: "Ed25519" }).recognise?.(material)?.fits, false);
  });

  it("rejects a key of another certificate, a broken chain, and what has ended", async () => {
    const one = (await source.issue(context)).material.reveal();
    const two = (await source.issue(context)).material.reveal();
    const judge = async (fields: Readonly<Record<string, string>>) =>
      (await source.verify(new SecretMaterial(fields), clock.now(), context)).kind;
    assert.equal(await judge({ ...one, [PKI_FIELDS.key]: two[PKI_FIELDS.key] ?? "" }), "rejected");
    const leaf = /-----BEGIN[\s\S]+?-----END CERTIFICATE-----/.exec(one[PKI_FIELDS.certificate] ?? "")?.[0] ?? "";
    assert.equal(await judge({ ...one, [PKI_FIELDS.certificate]: leaf }), "rejected", "the intermediate is missing");
    assert.equal(await judge({ ...one, [PKI_FIELDS.authority]: "nonsense" }), "rejected");
    assert.equal(await judge({ ...one, [PKI_FIELDS.key]: "nonsense" }), "rejected");
    await clock.advance(80 * 3_600_000);
    assert.equal(await judge(one), "rejected", "ended");
  });

  it("recognises nothing in what is not whole", async () => {
    const fields = (await source.issue(context)).material.reveal();
    assert.equal(source.recognise?.(new SecretMaterial({ ...fields, [PKI_FIELDS.key]: "x" })), undefined);
    assert.equal(source.recognise?.(new SecretMaterial({ a: "b" })), undefined);
  });

  it("revokes a serial once, reads it back, and says what cannot be revoked", async () => {
    const issued = await source.issue(context);
    assert.deepEqual(await source.proveRefused(issued.material, context), { kind: "accepted" });
    assert.equal(await source.revoke(issued.id, context), "removed");
    assert.equal(await source.revoke(issued.id, context), "alreadyAbsent");
    assert.deepEqual(await source.proveRefused(issued.material, context), { kind: "refused" });
    engine.noStore = true;
    const other = await source.issue(context);
    await assert.rejects(
      source.revoke(other.id, context),
      (error) => error instanceof OperatorError && error.code === "NotFound",
    );
  });

  it("reaches roles of its own namespace only", () => {
    assert.throws(() => {
      const connection = {
        config: { pki: { mount: "pki" }, identities: { namePrefix: "keyturn" } },
      } as unknown as VaultConnection;
      pkiSource(connection, { namespace: "payments", role: "../other.web", request }, clock);
    }, /spec\.source/);
  });

  it("makes an RSA key of 4096 bits without holding up the event loop", async () => {
    const gaps: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      gaps.push(performance.now() - last);
      last = performance.now();
    }, 5);
    await of({ algorithm: "RSA-4096" }).issue(context);
    clearInterval(timer);
    assert.ok(Math.max(0, ...gaps) < 150, `longest gap ${Math.max(...gaps)} ms`);
  }).timeout(60_000);
});
