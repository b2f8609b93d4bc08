import assert from "node:assert/strict";
import type { Recorded } from "../../account.ts";
import { vaultError } from "../errors.ts";
import { CLOSED_AT, context, leaver, name } from "./bench.fake.ts";

const ALL_TOKEN_RIGHTS = ["auth/token/accessors", "auth/token/lookup-accessor", "auth/token/revoke-accessor"];

describe("tokens that a Vault account's login gave", () => {
  for (const mode of ["AppRole", "JWT"] as const) {
    it(`${mode}: end by their accessors with the closing where the entity is merged, and nobody else's do`, async () => {
      const { client, identity, login, logIn, close } = await leaver(mode);
      const own = logIn()!.accessor;
      identity.merge(name, "ledger");
      const there = logIn()!.accessor;
      identity.addAlias("ledger", "userpass", "jane");
      const { createdAt } = identity.tokens.get(own)!;
      const ledger = identity.entities.get("ledger")!.id;
      const theirs = { path: "auth/userpass/login", entityId: ledger, createdAt };
      identity.tokens.set("theirs", theirs);
      identity.tokens.set("another-role", { ...theirs, path: `auth/${login.mount}/login`, role: `${name}-2` });
      identity.tokens.set("another-mount", { ...theirs, path: "auth/other/login", role: name });
      assert.deepEqual([identity.works(own), identity.works(there)], [true, true]);
      const after = await close();
      assert.deepEqual([...identity.tokens.keys()].sort(), ["another-mount", "another-role", "theirs"]);
      assert.deepEqual([after.loginClosed, after.outstanding, after.notLooked], [true, [], []]);
      assert.equal((await client.observe(context, { leaving: true })).outstanding.length, 0);
    });

    it(`${mode}: one that was given after the look is found by the next one, and the login counts as open until it ends`, async () => {
      const { client, identity, record, login, close } = await leaver(mode);
      identity.entities.delete(name);
      await close();
      const late = { path: `auth/${login.mount}/login`, role: name, entityId: "another", createdAt: CLOSED_AT };
      identity.tokens.set("late", late);
      const closed: Recorded = { ...record, closedAt: CLOSED_AT };
      assert.equal((await client.observe(context, closed)).loginClosed, false);
      await client.closeLogin(context);
      assert.equal(identity.tokens.has("late"), false);
      assert.equal((await client.observe(context, closed)).loginClosed, true);
    });

    it(`${mode}: those of a later role of the same name are somebody else's`, async () => {
      const { client, identity, record, login, close } = await leaver(mode);
      identity.entities.delete(name);
      await close();
      const createdAt = new Date(CLOSED_AT.getTime() + 3_600_000);
      identity.tokens.set("later", { path: `auth/${login.mount}/login`, role: name, entityId: "another", createdAt });
      assert.equal((await client.observe(context, { ...record, closedAt: CLOSED_AT })).loginClosed, true);
    });

    for (const right of ALL_TOKEN_RIGHTS) {
      it(`${mode}: are named with their latest end where the operator may not use ${right}`, async () => {
        const { identity, logIn, close, rolePlace } = await leaver(mode);
        const token = logIn()!.accessor;
        identity.merge(name, "ledger");
        identity.missingRights.add(right);
        const role = identity.roles.get(rolePlace)!;
        role.settings = { ...role.settings, token_max_ttl: 7200 };
        const after = await close();
        assert.equal(identity.roles.has(rolePlace), false, "the login is closed all the same");
        assert.equal(identity.works(token), true);
        assert.equal(after.loginClosed, true);
        assert.deepEqual(
          after.notLooked.map(({ why, right: lacks }) => [why, lacks?.endsWith(right)]),
          [["NotAllowed", true]],
        );
        assert.deepEqual(
          after.outstanding.map(({ holdsUp, until }) => [holdsUp, until?.getTime()]),
          [[true, CLOSED_AT.getTime() + 7_200_000]],
        );
      });
    }
  }

  it("are revoked under a hold that says that somebody else may have them, although the entity is disabled", async () => {
    const { client, identity, record, logIn, close } = await leaver("JWT");
    const token = logIn()!.accessor;
    await client.cut(context, "Disable");
    assert.equal((await client.observe(context, record)).loginClosed, true);
    assert.equal((await client.observe(context, { ...record, revokeTokens: true })).loginClosed, false);
    const after = await close({ revokeTokens: true });
    assert.deepEqual([after.loginClosed, after.outstanding, identity.tokens.has(token)], [true, [], false]);
    assert.equal(identity.roles.size, 1, "the role stays");
  });

  it("hold the end up under such a hold where they may not be looked for", async () => {
    const { client, identity, record } = await leaver("JWT");
    identity.missingRights.add("auth/token/accessors");
    await client.cut(context, "Disable");
    const seen = await client.observe(context, { ...record, revokeTokens: true, cutAt: CLOSED_AT });
    assert.deepEqual([seen.loginClosed, seen.outstanding[0]?.holdsUp], [true, true]);
    assert.equal(seen.notLooked[0]?.right, "list auth/token/accessors");
  });

  it("are not looked for while nobody leaves, and not where the entity is there and disabled", async () => {
    const { client, vault, record } = await leaver("JWT");
    await client.observe(context, { externalId: record.externalId });
    await client.cut(context, "Disable");
    await client.observe(context, record);
    assert.equal(vault.log.includes("listAccessors"), false);
  });

  it("are not looked for after the entity was taken away in order, for Vault refuses them for ever", async () => {
    const { client, vault, record, desired } = await leaver("JWT");
    await client.observe(context, record);
    await client.cut(context, "Disable");
    for (const { key } of [...desired].reverse()) await client.remove(key, context);
    const seen = await client.observe(context, record);
    assert.deepEqual([seen.principal, seen.outstanding, seen.notLooked], ["absent", [], []]);
    assert.equal(vault.log.includes("listAccessors"), false);
  });

  it("do not count after an end in order that a crash has cut off: Vault refuses those of a deleted entity for ever", async () => {
    const { client, clientOf, identity, record, desired, logIn } = await leaver("JWT");
    const token = logIn()!.accessor;
    await client.observe(context, record);
    await client.cut(context, "Disable");
    for (const { key } of [...desired].reverse()) await client.remove(key, context);
    const seen = await clientOf({}).observe(context, record);
    assert.deepEqual([seen.loginClosed, seen.outstanding, seen.notLooked], [true, [], []]);
    assert.deepEqual([identity.tokens.has(token), identity.works(token)], [true, false]);
  });

  for (const how of ["merged", "deleted"] as const) {
    it(`are found where somebody has taken the role away after the entity was ${how}`, async () => {
      const { client, identity, record, rolePlace, logIn } = await leaver("JWT");
      const own = logIn()!.accessor;
      if (how === "merged") identity.merge(name, "ledger");
      else identity.entities.delete(name);
      const stray = logIn()!.accessor;
      identity.roles.delete(rolePlace);
      assert.equal((await client.observe(context, record)).loginClosed, false);
      await client.closeLogin(context);
      assert.deepEqual([identity.works(own), identity.works(stray)], [false, false]);
      assert.equal((await client.observe(context, record)).loginClosed, true);
    });
  }

  for (const where of ["role", "mount"] as const) {
    it(`may be batch tokens by the ${where}, which no list shows: these are named until they have ended`, async () => {
      const { identity, rolePlace, close } = await leaver("JWT");
      identity.entities.delete(name);
      identity.tuned.set("jwt", { givesBatchTokens: where === "mount", maxTtlSeconds: 3600 });
      const role = identity.roles.get(rolePlace)!;
      if (where === "role") role.settings = { ...role.settings, token_type: "batch" };
      const after = await close();
      assert.equal(identity.roles.size, 0);
      assert.match(after.outstanding[0]?.title ?? "", /batch tokens/);
      assert.equal(after.outstanding[0]?.until?.getTime(), CLOSED_AT.getTime() + 3_600_000);
      assert.equal(after.loginClosed, true);
    });
  }

  const LIVES: readonly (readonly [Record<string, number>, number | undefined, number])[] = [
    [{}, undefined, 2_764_800],
    [{}, 3600, 3600],
    [{ token_max_ttl: 1800 }, undefined, 1800],
    [{ token_max_ttl: 7200 }, 3600, 3600],
    [{ token_explicit_max_ttl: 600, token_period: 7200 }, 3600, 600],
    [{ token_period: 7200 }, 3600, 7200],
  ];
  for (const [settings, mount, life] of LIVES) {
    it(`live ${life} s at most by ${JSON.stringify(settings)} and a limit of ${mount ?? "the server"}`, async () => {
      const { client, identity, record, rolePlace } = await leaver("JWT");
      identity.entities.delete(name);
      if (mount !== undefined) identity.tuned.set("jwt", { maxTtlSeconds: mount });
      const role = identity.roles.get(rolePlace)!;
      role.settings = { ...role.settings, ...settings };
      const [former] = (await client.observe(context, record)).closes;
      assert.equal((JSON.parse(former!.value) as { longestLifeSeconds: number }).longestLifeSeconds, life);
    });
  }

  it("have an end that is not known where the server's limit may not be read; the missing right is named", async () => {
    const { identity, close } = await leaver("JWT");
    identity.entities.delete(name);
    for (const right of ["auth/token/accessors", "sys/mounts/auth/jwt/tune"]) identity.missingRights.add(right);
    const after = await close();
    assert.deepEqual([after.outstanding[0]?.holdsUp, after.outstanding[0]?.until], [true, undefined]);
  });

  it("are found among thousands, each looked up once, some at each look and the rest by the closing", async () => {
    const { client, identity, vault, record, logIn, close } = await leaver("JWT");
    for (let made = 0; made < 1000; made += 1) {
      identity.tokens.set(`t-${made}`, { path: "auth/other/login", entityId: "another", createdAt: CLOSED_AT });
    }
    identity.merge(name, "ledger");
    const own = logIn()!.accessor;
    assert.equal((await client.observe(context, record)).loginClosed, false);
    const lookUps = () => vault.log.filter((call) => call === "lookUpAccessor").length;
    assert.equal(lookUps(), 300);
    assert.equal((await close()).loginClosed, true);
    assert.deepEqual([identity.tokens.has(own), identity.tokens.size, lookUps()], [false, 1000, 1001]);
  });

  it("end in the next closing when the first one broke off between two of them", async () => {
    const { client, identity, vault, record, logIn } = await leaver("JWT");
    const tokens = [logIn(), logIn(), logIn()].map((token) => token!.accessor);
    identity.merge(name, "ledger");
    const { closes } = await client.observe(context, record);
    const lost = vaultError({ status: 503, errors: [] }, "revocation by accessor");
    vault.failNext("revokeAccessor", lost, "after");
    await assert.rejects(client.closeLogin(context));
    assert.equal(tokens.filter((token) => identity.tokens.has(token)).length, 2);
    const closed: Recorded = { ...record, former: closes, closedAt: CLOSED_AT };
    assert.equal((await client.observe(context, closed)).loginClosed, false);
    await client.closeLogin(context);
    assert.deepEqual([identity.tokens.size, (await client.observe(context, closed)).loginClosed], [0, true]);
  });

  it("one that ends while it is looked up is no missing right", async () => {
    const { client, identity, vault, record, logIn, close } = await leaver("JWT");
    const token = logIn()!.accessor;
    identity.merge(name, "ledger");
    await client.observe(context, record);
    identity.tokens.set("ending", { path: "auth/other/login", createdAt: CLOSED_AT });
    vault.failNext("lookUpAccessor", vaultError({ status: 403, errors: ["bad token"] }, "look-up of an accessor"));
    const after = await close();
    assert.deepEqual([identity.tokens.has(token), after.notLooked, after.loginClosed], [false, [], true]);
  });

  for (const call of ["listAccessors", "lookUpAccessor", "mayRevoke", "authMounts"]) {
    it(`a ${call} that fails stops no closing; it is told, and the end waits`, async () => {
      const { identity, vault, rolePlace, logIn, close } = await leaver("JWT");
      identity.merge(name, "ledger");
      logIn();
      const sealed = vaultError({ status: 503, errors: [] }, call);
      for (let look = 0; look < 3; look += 1) vault.failNext(call, sealed);
      const after = await close();
      assert.equal(identity.roles.has(rolePlace), false);
      assert.equal(after.notLooked[0]?.why, "Failed");
      assert.equal(after.outstanding[0]?.holdsUp, true);
    });
  }

  it("a right that was refused is not asked for again within a minute, and never makes the operator log in anew", async () => {
    const { client, clock, identity, vault, record } = await leaver("JWT");
    identity.entities.delete(name);
    identity.missingRights.add("auth/token/accessors");
    for (let look = 0; look < 5; look += 1) await client.observe(context, record);
    const asked = () => vault.log.filter((call) => call === "listAccessors").length;
    assert.equal(asked(), 1);
    await clock.advance(60_001);
    await client.observe(context, record);
    assert.equal(asked(), 2);
    assert.equal(vault.log.filter((call) => call === "loginJwt").length, 1);
  });
});
