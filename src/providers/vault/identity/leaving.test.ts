import assert from "node:assert/strict";
import { loginFactsIn } from "../../../domain/lifecycle/pieces/vault.ts";
import type { FormerPiece } from "../../../domain/lifecycle/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { CLOSED_AT, context, leaver, name, setUp, type Leaver } from "./bench.fake.ts";

const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

/** What people and Vault's own deduplication do to an entity, after which disabling it closes nothing. */
const AWAY: Readonly<Record<string, (leaver: Leaver) => void>> = {
  "merged into another": ({ identity }) => identity.merge(name, "ledger"),
  "deleted by hand": ({ identity }) => void identity.entities.delete(name),
  "renamed by hand": ({ identity }) => identity.rename(name, "billing-old"),
  "made anew by somebody": ({ identity }) => {
    identity.entities.delete(name);
    identity.seed(name, { policies: ["theirs"] });
  },
  "there, with its alias on another": ({ identity, login }) => {
    const entity = identity.entities.get(name)!;
    entity.aliases = [];
    identity.addAlias("ledger", login.mount, login.alias);
  },
  "there, with its alias deleted": ({ identity }) => {
    identity.entities.get(name)!.aliases = [];
  },
};

describe("a Vault account that leaves", () => {
  for (const mode of ["AppRole", "JWT"] as const) {
    for (const [how, away] of Object.entries(AWAY)) {
      it(`${mode}, entity ${how}: it is not closed before its login role is gone, and then no login works`, async () => {
        const bench = await leaver(mode);
        const { client, identity, record, rolePlace, logIn, close } = bench;
        away(bench);
        if ((await client.observe(context, record)).principal === "ours") await client.cut(context, "Disable");
        assert.notEqual(logIn(), undefined, "the login lets in although our entity does not");
        const seen = await client.observe(context, record);
        assert.equal(seen.loginClosed, false);
        assert.deepEqual(
          seen.closes.map(({ key }) => key),
          ["login"],
        );
        assert.equal((await client.proveRefused([], context)).kind, "accepted");

        const others = structuredClone(identity.entities.get("ledger"));
        const after = await close();
        assert.equal(identity.roles.has(rolePlace), false);
        assert.equal(logIn(), undefined);
        assert.deepEqual([after.loginClosed, after.closes], [true, []]);
        assert.deepEqual(
          identity.entities.get("ledger"),
          others,
          "another's entity is left alone, with our alias on it",
        );
        assert.deepEqual(await client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
      });
    }

    it(`${mode}: it stays closed when it is closed again, also after an answer that was lost`, async () => {
      const { client, identity, record, vault, close } = await leaver(mode);
      identity.entities.delete(name);
      const { closes } = await client.observe(context, record);
      vault.failNext("deleteRole", new OperatorError("Timeout", { publicMessage: "x", ambiguous: true }), "after");
      await assert.rejects(client.closeLogin(context), OperatorError);
      assert.equal((await close({ former: closes })).loginClosed, true);
      await client.closeLogin(context);
    });

    it(`${mode}: comes back with the same role and role id, and its login finds its own entity`, async () => {
      const { client, identity, rolePlace, logIn, close, comeBack, desired } = await leaver(mode);
      const before = structuredClone(identity.roles.get(rolePlace)!);
      identity.entities.delete(name);
      await close();
      await comeBack();
      const after = identity.roles.get(rolePlace)!;
      assert.deepEqual(
        [after.settings, mode === "AppRole" && after.roleId],
        [before.settings, mode === "AppRole" && before.roleId],
      );
      assert.equal(after.secretIds.size, 0, "secret ids die with their role");
      const policies = desired.filter(({ key }) => key.startsWith("policy/")).map(({ key }) => key.slice(7));
      assert.deepEqual(logIn()?.policies, ["default", ...policies]);
      assert.equal((await client.observe(context)).loginClosed, false);
    });

    it(`${mode}: the role that was recorded at the closing is the role that is declared, and can be applied`, async () => {
      const { client, identity, record, rolePlace, piece } = await leaver(mode);
      identity.entities.get(name)!.aliases = [];
      const { closes } = await client.observe(context, record);
      const former = closes[0] as FormerPiece;
      const { longestLifeSeconds, ...facts } = JSON.parse(former.value) as Record<string, unknown>;
      assert.deepEqual(facts, loginFactsIn(piece("login").value));
      assert.equal(longestLifeSeconds, 2_764_800);
      await client.closeLogin(context);
      await client.apply({ ...piece("login"), value: former.value }, context, [piece("login")]);
      assert.equal(identity.roles.has(rolePlace), true);
      const login = (await client.observe(context)).pieces.find(({ key }) => key === "login");
      assert.equal(login?.value, piece("login").value);
    });

    it(`${mode}: an entity that is there and ours is disabled, and its role stays for the day when it comes back`, async () => {
      const { client, identity, record, rolePlace, logIn, close } = await leaver(mode);
      const token = logIn()!.accessor;
      const seen = await client.observe(context, record);
      assert.deepEqual([seen.loginClosed, seen.closes], [false, []]);
      const after = await close();
      assert.equal(after.loginClosed, true);
      assert.equal(logIn(), undefined);
      assert.equal(identity.roles.has(rolePlace), true);
      assert.deepEqual([identity.works(token), identity.tokens.has(token)], [false, true], "refused, and not revoked");
      await client.uncut(context, { ways: ["Disable"], boundary: undefined });
      assert.equal(identity.works(token), true, "Vault lets it in again (N4)");
    });

    it(`${mode}: says of a suspension that its tokens sleep, until when, and that nothing waits for them`, async () => {
      const { client, record } = await leaver(mode);
      await client.cut(context, "Disable");
      const { outstanding } = await client.observe(context, { ...record, cutAt: CLOSED_AT });
      assert.equal(outstanding.length, 1);
      assert.match(outstanding[0]!.title, /refused while the entity is disabled, and valid again when it is enabled/);
      assert.equal(outstanding[0]!.holdsUp, false);
      assert.equal(outstanding[0]!.until?.getTime(), CLOSED_AT.getTime() + 2_764_800_000);
    });

    it(`${mode}: does not delete the role before that was on record`, async () => {
      const { client, identity, record, rolePlace } = await leaver(mode);
      await client.observe(context, record);
      identity.merge(name, "ledger");
      await assert.rejects(
        client.closeLogin(context),
        (error) => error instanceof OperatorError && error.code === "Unavailable",
      );
      assert.equal(identity.roles.has(rolePlace), true);
    });

    it(`${mode}: leaves the role alone when another resource of Keyturn has the entity by now`, async () => {
      const { client, identity, record, close } = await leaver(mode);
      identity.entities.delete(name);
      const metadata = { "keyturn-owner": "local/payments/billing", "keyturn-owner-uid": "of-another-cluster" };
      identity.seed(name, { metadata });
      const before = identity.snapshot();
      const seen = await client.observe(context, record);
      assert.deepEqual([seen.principal, seen.conflicts.includes("login"), seen.closes], ["foreign", true, []]);
      assert.deepEqual(await client.proveRefused([], context), { kind: "accepted", what: `login role ${name}` });
      await close();
      await assert.rejects(client.remove("login", context), isConflict);
      assert.equal(identity.snapshot(), before);
    });

    it(`${mode}: leaves alone a role of its name that logs in somebody else, and does not call that a login of its own`, async () => {
      const { client, identity, record, rolePlace } = await leaver(mode);
      identity.entities.delete(name);
      const settings = { bound_subject: "system:serviceaccount:ledger:web" };
      identity.roles.set(rolePlace, { settings, roleId: "theirs", secretIds: new Map() });
      const before = identity.snapshot();
      const seen = await client.observe(context, record);
      assert.deepEqual([seen.conflicts, seen.closes, seen.loginClosed], [["login"], [], true]);
      await assert.rejects(client.remove("login", context), isConflict);
      assert.equal(identity.snapshot(), before);
    });

    it(`${mode}: does not prove anything of an entity that is not its own and was never on record`, async () => {
      const { client, identity } = setUp(mode);
      identity.seed(name, { disabled: true });
      await client.observe(context, { leaving: true });
      assert.equal((await client.proveRefused([], context)).kind, "accepted");
    });
  }

  it("JWT: closes by the role also where the role takes another claim for the alias", async () => {
    const { client, identity, record, rolePlace } = await leaver("JWT");
    await client.cut(context, "Disable");
    assert.equal((await client.observe(context, record)).loginClosed, true);
    const role = identity.roles.get(rolePlace)!;
    role.settings = { ...role.settings, user_claim: "jti" };
    assert.equal((await client.observe(context, record)).loginClosed, false);
    assert.equal((await client.proveRefused([], context)).kind, "accepted");
  });

  it("AppRole: an entity that Vault made by itself meanwhile has no way in any more", async () => {
    const { identity, logIn, close } = await leaver("AppRole");
    identity.entities.delete(name);
    const stray = logIn()!;
    assert.deepEqual(stray.policies, ["default"]);
    await close();
    assert.deepEqual([logIn(), identity.works(stray.accessor)], [undefined, false]);
  });
});
