import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CertificateRequest } from "../../src/domain/rotation/source.ts";
import type { CallContext } from "../../src/providers/contract.ts";
import { appRoleSource } from "../../src/providers/vault/approle/source.ts";
import { pkiSource } from "../../src/providers/vault/pki/source.ts";
import { startStack, type Stack } from "./stack.ts";
import { loginWith, type VaultLogin } from "./vault-login.ts";
import { identityPolicy, mountPki, pkiPolicy, putPkiRole } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const request: CertificateRequest = {
  commonName: "web.team.example",
  dnsNames: ["web.team.example"],
  ipAddresses: [],
  uris: [],
  ttlSeconds: 3600,
  algorithm: "ECDSA-P256",
};

/** The operator's own token, and what becomes of the things that were asked for with it. */
describe("the operator's token of a real Vault", function () {
  this.timeout(60_000);
  let stack: Stack;
  let login: VaultLogin;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const vault = stack.vault.client;
    login = await loginWith(stack, identityPolicy() + pkiPolicy());
    const methods = await vault.call("GET", "sys/auth");
    if (methods?.["approle/"] === undefined) await vault.call("POST", "sys/auth/approle", { type: "approle" });
    await mountPki(vault);
    await putPkiRole(vault, { name: "keyturn.team.web", domain: "team.example" });
    await putPkiRole(vault, { name: "keyturn.team.leased", domain: "team.example", more: { generate_lease: true } });
    await vault.call("POST", "auth/approle/role/keyturn.team.ci", { token_ttl: "5m" });
  });
  after(async () => {
    await login.close();
    await stack.stop();
  });

  /** Accessors of the tokens that the operator's role has given and that are alive. */
  const alive = async (): Promise<readonly string[]> => {
    const { client } = stack.vault;
    const list = (await client.call("GET", "auth/token/accessors?list=true"))?.["data"] as { keys: readonly string[] };
    const found = await Promise.all(
      list.keys.map(async (accessor) => {
        const seen = await client.call("POST", "auth/token/lookup-accessor", { accessor }).catch(() => undefined);
        const { meta } = (seen?.["data"] ?? {}) as { meta?: { role?: string } | null };
        return meta?.role === "team" ? [accessor] : [];
      }),
    );
    return found.flat();
  };
  const certificates = (role: string) =>
    pkiSource(login.connection(), { namespace: "team", role, request }, systemClock);
  const isRevoked = async (serial: string): Promise<boolean> => {
    const seen = await stack.vault.client.call("GET", `pki/cert/${serial}`);
    return Number((seen?.["data"] as { revocation_time?: number } | undefined)?.revocation_time) > 0;
  };
  const until = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; !(await ask()); tries += 1) {
      if (tries > 100) throw new Error(`not seen: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  it("stays through refused calls: they are their callers' affair", async () => {
    const connection = login.connection();
    const kv = { mount: "kv", path: "not/allowed" };
    for (let call = 0; call < 20; call += 1)
      await rejects(
        connection.use((session) => session.readData(kv, context.signal), context),
        (error) => error instanceof OperatorError && error.code === "PermissionDenied",
      );
    equal((await alive()).length, 1);
  });

  it("is replaced when it is revoked from outside; every certificate and secret id lives on", async () => {
    const source = certificates("web");
    const ids = appRoleSource(login.connection(), { namespace: "team", role: "ci" }, systemClock);
    const issued = [await source.issue(context), await source.issue(context)];
    const secrets = [await ids.issue(context, "r-1"), await ids.issue(context, "r-2")];
    const before = await alive();
    equal(before.length, 1);
    await stack.vault.client.call("POST", "auth/token/revoke-accessor", { accessor: before[0] });

    // The next call is refused, looked up, and repeated under a new token.
    const later = await source.issue(context);
    const after = await alive();
    deepEqual([after.length, after.includes(before[0] ?? "")], [1, false]);
    for (const { id } of [...issued, later]) equal(await isRevoked(id), false, id);
    for (const { material, issuedAt } of secrets) equal((await ids.verify(material, issuedAt, context)).kind, "usable");
    equal((await ids.list(context)).credentials.length, 2);
  });

  it("takes a certificate with it whose role has generate_lease: such a role is refused, reported, and mended by the command", async () => {
    const source = certificates("leased");
    const first = { inUse: [], first: true } as const;
    const mend = "vault patch pki/roles/keyturn.team.leased generate_lease=false";
    const refused = (error: unknown) => error instanceof OperatorError && error.publicMessage.includes(mend);
    await rejects(source.issue(context, undefined, first), refused);

    // One that there is already is renewed; and it is true what the report says.
    const { id } = await source.issue(context);
    ok(source.caution?.(context)?.message?.includes(mend));
    const [accessor] = await alive();
    notEqual(accessor, undefined);
    await stack.vault.client.call("POST", "auth/token/revoke-accessor", { accessor });
    await until("the certificate is revoked with the token", () => isRevoked(id));

    await stack.vault.client.call("PATCH", "pki/roles/keyturn.team.leased", { generate_lease: false });
    const role = (await stack.vault.client.call("GET", "pki/roles/keyturn.team.leased"))?.["data"] as {
      generate_lease: boolean;
      allowed_domains: readonly string[];
    };
    deepEqual([role.generate_lease, role.allowed_domains], [false, ["team.example"]], "and nothing else has changed");
  });
});
