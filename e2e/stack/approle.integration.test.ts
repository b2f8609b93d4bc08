import { equal, ok, rejects } from "node:assert/strict";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { describeCredentialSource } from "../../src/providers/conformance.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { appRoleSource } from "../../src/providers/vault/approle/source.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { loginWith, type VaultLogin } from "./vault-login.ts";
import { identityPolicy } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };

/** The AppRole source against the auth method that it is made for, with the policy that the how-to names and no more. */
describe("secret ids of a real Vault", function () {
  this.timeout(60_000);
  let stack: Stack;
  let login: VaultLogin;
  let roles = 0;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const vault = stack.vault.client;
    login = await loginWith(stack, identityPolicy());
    const methods = await vault.call("GET", "sys/auth");
    if (methods?.["approle/"] === undefined) await vault.call("POST", "sys/auth/approle", { type: "approle" });
  });
  after(async () => {
    await login.close();
    await stack.stop();
  });

  const sourceOf = async (settings: object = {}): Promise<CredentialSource> => {
    roles += 1;
    const role = `ci-${roles}`;
    await stack.vault.client.call("POST", `auth/approle/role/keyturn.team.${role}`, { token_ttl: "5m", ...settings });
    const connection = login.connection();
    return appRoleSource(connection, { namespace: "team", role }, systemClock);
  };

  describeCredentialSource("vaultAppRole", async () => ({ source: await sourceOf() }));

  it("knows the end that the role gives a secret id", async () => {
    const source = await sourceOf({ secret_id_ttl: "1h" });
    const issued = await source.issue(context, "r-1");
    const listed = (await source.list(context)).credentials[0];
    ok(Math.abs((issued.expiresAt?.getTime() ?? 0) - Date.now() - 3_600_000) < 10_000);
    ok(Math.abs((listed?.expiresAt?.getTime() ?? 0) - (issued.expiresAt?.getTime() ?? 0)) < 10_000);
  });

  it("is not locked out by negative controls, however many", async () => {
    const source = await sourceOf();
    const issued = await source.issue(context, "r-1");
    for (let round = 0; round < 8; round += 1)
      equal((await source.negativeControl(issued.material, context)).kind, "refused");
    equal((await source.verify(issued.material, issued.issuedAt, context)).kind, "usable");
  });

  it("is not locked out by dead ones, each followed by a good login", async () => {
    const source = await sourceOf();
    const [dead, alive] = [await source.issue(context, "r-1"), await source.issue(context, "r-2")];
    await source.revoke(dead.id, context);
    for (let round = 0; round < 8; round += 1) {
      equal((await source.proveRefused(dead.material, context)).kind, "refused");
      equal((await source.verify(alive.material, alive.issuedAt, context)).kind, "usable", `round ${round}`);
    }
  });

  it("sees Vault's own lock as a refusal: six dead logins in a row, and the good one is refused", async () => {
    const source = await sourceOf();
    const [dead, alive] = [await source.issue(context, "r-1"), await source.issue(context, "r-2")];
    await source.revoke(dead.id, context);
    for (let round = 0; round < 6; round += 1) await source.proveRefused(dead.material, context);
    equal((await source.verify(alive.material, alive.issuedAt, context)).kind, "rejected");
  });

  it("leaves no token behind after a login", async () => {
    const source = await sourceOf();
    const issued = await source.issue(context, "r-1");
    const tokens = async (): Promise<number> =>
      ((await stack.vault.client.call("LIST", "auth/token/accessors"))?.["data"] as { keys: string[] }).keys.length;
    const before = await tokens();
    await source.verify(issued.material, issued.issuedAt, context);
    equal(await tokens(), before);
  });

  it("says that a role does not exist", async () => {
    const connection = login.connection();
    const source = appRoleSource(connection, { namespace: "team", role: "nobody" }, systemClock);
    equal((await source.observeTarget(context)).exists, false);
    await rejects(source.issue(context, "r"), (error) => error instanceof OperatorError && error.code === "NotFound");
  });
});
