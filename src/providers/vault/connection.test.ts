import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { vaultConnections, type VaultConnections } from "./connection.ts";
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

  const denied = new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 });
  const refuse = (connections: VaultConnections) =>
    connections.connection(specOf()).use(() => Promise.reject(denied), context);

  it("keeps a token that is good: a hundred refused calls are their callers' affair, without a login", async () => {
    const { vault, connections } = setUp();
    for (let call = 0; call < 100; call += 1) await assert.rejects(refuse(connections), denied);
    assert.deepEqual([vault.logins.length, vault.liveTokens.size], [1, 1]);
    assert.equal(vault.log.filter((call) => call === "lookupSelf").length, 100);
  });

  it("looks a token up once for all whose calls were refused at once", async () => {
    const { vault, connections } = setUp();
    await Promise.all(Array.from({ length: 8 }, () => assert.rejects(refuse(connections), denied)));
    assert.deepEqual([vault.logins.length, vault.log.filter((call) => call === "lookupSelf").length], [1, 1]);
  });

  it("logs in for refusals once a minute, and the token that was refused is revoked", async () => {
    const { clock, vault, read } = setUp();
    // As where the role leaves the default policy out: the look-up itself is refused to a token that is good.
    vault.refusesLookup = true;
    const attempts = async () => {
      for (let call = 0; call < 20; call += 1) {
        vault.failNext("readData", denied);
        vault.failNext("readData", denied);
        await assert.rejects(read(), denied);
        vault.forgiveAll();
        await read();
      }
      return [vault.logins.length, vault.liveTokens.size];
    };
    assert.deepEqual(await attempts(), [2, 1]);
    await clock.advance(60_000);
    assert.deepEqual(await attempts(), [3, 1]);
  });

  it("blames no caller while Vault does not say whether the token is good", async () => {
    const { vault, connections } = setUp();
    vault.failNext("lookupSelf", new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true }));
    await assert.rejects(
      refuse(connections),
      (error) => error instanceof OperatorError && error.code === "Unavailable" && !error.ambiguous,
    );
    assert.equal(vault.logins.length, 1);
  });

  it("revokes a token that it replaces, but not under a running call", async () => {
    const { clock, vault, connections, read } = setUp();
    await connections.connection(specOf()).use(async (session) => {
      await clock.advance(401_000);
      await read();
      assert.deepEqual([vault.logins.length, vault.liveTokens.size], [2, 2]);
      await session.readData(place, context.signal);
    }, context);
    assert.equal(vault.liveTokens.size, 1);
    await read();
    assert.equal(vault.logins.length, 2);
  });

  it("replaces a token of a long lease within the hour, and keeps it where the login does not work then", async () => {
    const { clock, vault, read } = setUp();
    vault.leaseMs = 30 * 86_400_000;
    await read();
    await clock.advance(3_600_000);
    vault.failNext("loginJwt", new OperatorError("Unavailable", { publicMessage: "keys away" }));
    await read();
    await read();
    assert.deepEqual([vault.logins.length, vault.log.filter((call) => call === "loginJwt").length], [1, 2]);
    await clock.advance(60_000);
    await read();
    assert.deepEqual([vault.logins.length, vault.liveTokens.size], [2, 1]);
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
