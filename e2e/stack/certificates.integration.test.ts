import { equal, ok, rejects, throws } from "node:assert/strict";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { without } from "../../src/kernel/without.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CertificateRequest, KeyAlgorithm } from "../../src/domain/rotation/source.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { pkiSource } from "../../src/providers/vault/pki/source.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { loginWith, type VaultLogin } from "./vault-login.ts";
import { mountPki, pkiPolicy, putPkiRole } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const request: CertificateRequest = {
  commonName: "web.team.example",
  dnsNames: ["web.team.example", "*.team.example"],
  ipAddresses: ["10.1.2.3", "2001:db8::1"],
  uris: ["spiffe://cluster/ns/team/sa/web"],
  ttlSeconds: 3600,
  algorithm: "ECDSA-P256",
};

/** The PKI source against the engine that it is made for, with the policy that the how-to names and no more. */
describe("certificates of a real Vault", function () {
  this.timeout(60_000);
  let stack: Stack;
  let login: VaultLogin;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const vault = stack.vault.client;
    login = await loginWith(stack, pkiPolicy());
    await mountPki(vault);
    for (const [role, more] of [
      ["web", {}],
      ["short", { max_ttl: "60s" }],
      ["unstored", { no_store: true }],
      ["plain", { allow_ip_sans: false, use_csr_sans: false }],
    ] as const)
      await putPkiRole(vault, { name: `keyturn.team.${role}`, domain: "team.example", more });
    await putPkiRole(vault, { name: "keyturn.other.web", domain: "team.example" });
  });
  after(async () => {
    await login.close();
    await stack.stop();
  });

  const of = (role: string, more: Partial<CertificateRequest> = {}): CredentialSource =>
    bare(role, { ...request, ...more });
  const bare = (role: string, asked: CertificateRequest): CredentialSource => {
    const connection = login.connection();
    return pkiSource(connection, { namespace: "team", role, request: asked }, systemClock);
  };

  const algorithms: readonly KeyAlgorithm[] = [
    "ECDSA-P256",
    "ECDSA-P384",
    "RSA-2048",
    "RSA-3072",
    "RSA-4096",
    "Ed25519",
  ];
  for (const algorithm of algorithms) {
    it(`signs a request for a key of ${algorithm}; it fits, and no other key does`, async () => {
      const source = of("web", { algorithm });
      const issued = await source.issue(context);
      equal((await source.verify(issued.material, issued.issuedAt, context)).kind, "usable");
      equal((await source.negativeControl(issued.material, context)).kind, "refused");
      const recognised = source.recognise?.(issued.material);
      equal(recognised?.id, issued.id);
      equal(recognised.fits, true);
    });
  }

  it("counts the lifetime that the role has granted", async () => {
    const { expiresAt } = await of("short").issue(context);
    ok(expiresAt !== undefined && expiresAt.getTime() - Date.now() <= 61_000);
  });

  it("revokes a serial once and reads it back; Vault says the same", async () => {
    const source = of("web");
    const { id, material } = await source.issue(context);
    equal((await source.proveRefused(material, context)).kind, "accepted");
    equal(await source.revoke(id, context), "removed");
    equal(await source.revoke(id, context), "alreadyAbsent");
    equal((await source.proveRefused(material, context)).kind, "refused");
    const seen = await stack.vault.client.call("GET", `pki/cert/${id}`);
    ok(Number((seen?.["data"] as { revocation_time?: number } | undefined)?.revocation_time) > 0);
  });

  const refused = (code: string, words: string) => (error: unknown) =>
    error instanceof OperatorError && error.code === code && error.publicMessage.includes(words);

  it("says which name a role does not allow, or has left out", async () => {
    await rejects(
      of("web", { dnsNames: ["elsewhere.example"] }).issue(context),
      refused("InvalidSpec", "does not allow a name"),
    );
    const unnamed = without(request, "commonName");
    await rejects(bare("web", unnamed).issue(context), refused("InvalidSpec", "common name"));
    await rejects(of("nobody").issue(context), OperatorError);
    await rejects(of("plain", { commonName: "web.team.example" }).issue(context), OperatorError);
  });

  it("says that a serial of a role with no_store cannot be revoked", async () => {
    const source = of("unstored");
    const { id } = await source.issue(context);
    await rejects(source.revoke(id, context), refused("NotFound", "no_store"));
  });

  it("says that a role does not exist, and reaches none of another namespace", async () => {
    await rejects(of("nobody").issue(context), OperatorError);
    throws(() => of("web.other"), OperatorError);
    throws(() => of("../other.web"), OperatorError);
  });
});
