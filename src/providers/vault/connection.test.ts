import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { vaultConnections } from "./connection.ts";
import { FakeVault } from "./fake-calls.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const place = { mount: "kv", path: "keyturn/payments/aws" };
const specOf = (generation = 1) => ({
  name: "vault",
  uid: "u1",
  generation,
  spec: { address: "https://vault.example:8200", login: { jwt: { role: "keyturn", audience: "vault.example" } } },
});

const setUp = () => {
  const clock = new FakeClock();
  const vault = new FakeVault();
  const asked: unknown[] = [];
  const connections = vaultConnections({
    clock,
    requestToken: async (options) => {
      asked.push(options);
      return `jwt-${asked.length}`;
    },
    open: () => vault.calls(),
  });
  const read = () =>
    connections.connection(specOf()).use((session) => session.readData(place, context.signal), context);
  return { clock, vault, asked, connections, read };
};

describe("vaultConnections", () => {
  it("logs in with a ServiceAccount token for the audience, ten minutes long", async () => {
    const { vault, asked, read } = setUp();
    await read();
    assert.deepEqual(asked, [{ audiences: ["vault.example"], expirationSeconds: 600 }]);
    assert.deepEqual(vault.logins, [{ mount: "jwt", role: "keyturn", jwt: "jwt-1" }]);
  });

  it("makes one login for all who ask at once", async () => {
    const { vault, read } = setUp();
    await Promise.all([read(), read(), read()]);
    assert.equal(vault.logins.length, 1);
  });

  it("keeps the token for two thirds of its lease", async () => {
    const { clock, vault, read } = setUp();
    await read();
    await clock.advance(399_000);
    await read();
    assert.equal(vault.logins.length, 1);
    await clock.advance(2_000);
    await read();
    assert.equal(vault.logins.length, 2);
  });

  it("logs in again, once, when the token is refused, and repeats the call", async () => {
    const { vault, read } = setUp();
    await read();
    vault.liveTokens.clear();
    await Promise.all([read(), read()]);
    assert.equal(vault.logins.length, 2);
  });

  it("gives up as PermissionDenied after one new login", async () => {
    const { vault, connections } = setUp();
    const denied = new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 });
    let tries = 0;
    const attempt = connections.connection(specOf()).use(async () => {
      tries += 1;
      throw denied;
    }, context);
    await assert.rejects(attempt, denied);
    assert.deepEqual([tries, vault.logins.length], [2, 2]);
  });

  it("does not repeat a call whose outcome is unknown", async () => {
    const { vault, read } = setUp();
    vault.failNext("readData", new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true }));
    await assert.rejects(read(), (error) => error instanceof OperatorError && error.code === "Timeout");
    assert.equal(vault.log.filter((call) => call === "readData").length, 1);
  });

  it("does not remember a failed login", async () => {
    const { vault, read } = setUp();
    vault.failNext("loginJwt", new OperatorError("Unavailable", { publicMessage: "sealed", status: 503 }));
    await assert.rejects(read(), OperatorError);
    await read();
  });

  it("revokes the token of a generation that was replaced, and all on close", async () => {
    const { vault, connections, read } = setUp();
    await read();
    await connections.connection(specOf(2)).use((session) => session.readData(place, context.signal), context);
    assert.equal(vault.liveTokens.size, 1);
    await connections.close();
    assert.equal(vault.liveTokens.size, 0);
    assert.equal(vault.disposed, 2);
  });

  it("closes although Vault is away", async () => {
    const { vault, connections, read } = setUp();
    await read();
    vault.failNext("revokeSelf", new OperatorError("Unavailable", { publicMessage: "away" }));
    await connections.close();
    assert.equal(vault.disposed, 1);
  });

  it("lets a running call end before it revokes the token", async () => {
    const { vault, connections } = setUp();
    const connection = connections.connection(specOf());
    await connection.use(async (session) => {
      await connections.close();
      await session.readData(place, context.signal);
    }, context);
    assert.deepEqual([vault.liveTokens.size, vault.disposed], [0, 1]);
  });

  it("calls nothing for a pass that must stop", async () => {
    const { vault, connections } = setUp();
    const stopped = { ...context, signal: AbortSignal.abort() };
    await assert.rejects(
      connections.connection(specOf()).use(async () => 1, stopped),
      OperatorError,
    );
    assert.deepEqual(vault.log, []);
  });
});
