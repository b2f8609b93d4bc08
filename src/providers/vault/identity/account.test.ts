import assert from "node:assert/strict";
import type { VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { vaultPieces } from "../../../domain/lifecycle/pieces/vault.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { describeAccountClient, type AccountHarness } from "../../account-conformance.ts";
import { entityAccount, vaultAccount } from "./account.ts";
import { context, name, owner, setUp, type Mode } from "./bench.fake.ts";
import { markedEntities } from "./marked.ts";

const make = (mode: Mode) => async (): Promise<AccountHarness> => {
  const { vault, connection, client, clientOf, desired, declared, pieceContext, login, rolePlace, identity } =
    setUp(mode);
  // No other resource has this name; a rival is one whose login would be somebody else's.
  const rival = { ...owner, name: "rival", uid: "uid-r" };
  const rivalLogin = { ...login, alias: "rival", isOurs: (alias: string) => alias === "rival" };
  const changed: VaultAccount = { ...declared, login: { ...declared.login, tokenTTL: "2h" } };
  return {
    client,
    desired,
    changed: vaultPieces(changed, pieceContext),
    rival: entityAccount(connection, rival, { name, login: rivalLogin }),
    successor: clientOf({ uid: "uid-2", predecessors: ["uid-1"] }),
    mutations: () => vault.mutations().length,
    plant: async (adopt) => {
      const metadata = { theirs: "x", ...(adopt ? { "keyturn-adopt": "payments/billing" } : {}) };
      identity.seed(name, { policies: ["theirs"], metadata });
    },
    snapshot: () => Promise.resolve(identity.snapshot()),
    ...(mode === "AppRole"
      ? { addCredential: async () => identity.addSecretId(rolePlace, new Date("2026-01-01T00:00:00Z")) }
      : {}),
    addByHand: async () => {
      const entity = identity.entities.get(name)!;
      entity.policies = [...entity.policies, "by-hand"];
      return "policy/by-hand";
    },
    stripMarks: async () => {
      identity.entities.get(name)!.metadata = { theirs: "y" };
    },
  };
};

describeAccountClient("entity with an AppRole on a fake Vault", make("AppRole"));
describeAccountClient("entity with a JWT login on a fake Vault", make("JWT"), ["credentials"]);

const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

describe("entityAccount", () => {
  it("makes the entity with marks and owner record in its one write, without a policy", async () => {
    const { vault, client, desired, identity } = setUp();
    await client.apply(desired[0]!, context, desired);
    assert.deepEqual(identity.entities.get(name)?.metadata, {
      "keyturn-owner": "local/payments/billing",
      "keyturn-owner-uid": "uid-1",
      "keyturn-team": "payments",
      "keyturn-contact": "payments@example.org",
      "keyturn-purpose": "Nightly invoices: reads & writes.",
      "keyturn-environment": "production",
    });
    assert.deepEqual(identity.entities.get(name)?.policies, []);
    assert.deepEqual(vault.mutations(), ["writeEntity"]);
  });

  it("sends the marks with every write of the entity, for Vault makes what is not there any more", async () => {
    const { vault, client, identity, join, piece } = setUp();
    await join();
    await client.remove("policy/pki/issue", context);
    vault.interjections.push({ call: "writeEntity", run: () => identity.entities.delete(name) });
    await client.apply(piece("policy/pki/issue"), context, []);
    assert.equal(identity.entities.get(name)?.metadata["keyturn-owner-uid"], "uid-1");
  });

  it("pins an AppRole by a role id of its own, with no policy on the role", async () => {
    const { identity, rolePlace, join } = setUp();
    await join();
    const role = identity.roles.get(rolePlace);
    assert.equal(role?.roleId, "keyturn:local:payments:billing:secrets");
    assert.deepEqual([role.settings["token_policies"], role.settings["token_ttl"]], [[], 1800]);
    assert.deepEqual(
      identity.entities.get(name)?.aliases.map((alias) => [alias.mount, alias.name]),
      [["approle", "keyturn:local:payments:billing:secrets"]],
    );
  });

  it("pins a JWT login by subject and audience", async () => {
    const { identity, rolePlace, join } = setUp("JWT");
    await join();
    const { settings } = identity.roles.get(rolePlace)!;
    assert.deepEqual(
      [settings["bound_subject"], settings["bound_audiences"], settings["user_claim"]],
      ["system:serviceaccount:payments:billing", ["vault.example"], "sub"],
    );
  });

  it("follows an identity to another ServiceAccount: role and alias are changed, one request each", async () => {
    const { vault, client, declared, pieceContext, join, observed } = setUp("JWT");
    await join();
    const moved = vaultPieces(declared, { ...pieceContext, serviceAccountName: "billing-2" });
    for (const key of ["alias", "login"]) {
      const piece = moved.find((each) => each.key === key)!;
      const before = vault.mutations().length;
      await client.apply(piece, context, moved);
      assert.equal(vault.mutations().length, before + 1);
      assert.equal((await observed(key))?.value, piece.value);
    }
    assert.deepEqual((await client.observe(context)).conflicts, []);
  });

  it("takes a JWT account away although nobody knows its ServiceAccount any more", async () => {
    const { connection, join, declared } = setUp("JWT");
    await join();
    const client = vaultAccount(connection, owner, { name: "secrets", vault: declared }, {});
    assert.deepEqual((await client.observe(context)).conflicts, []);
    for (const key of ["login", "alias", "policy/read-invoices", "principal"]) {
      assert.equal(await client.remove(key, context), "removed");
    }
    assert.equal((await client.observe(context)).principal, "absent");
  });

  const tampered: readonly (readonly [Mode, string, unknown])[] = [
    ["AppRole", "token_policies", ["admin"]],
    ["AppRole", "bind_secret_id", false],
    ["AppRole", "token_max_ttl", 5],
    ["AppRole", "token_ttl", 86400],
    ["AppRole", "token_bound_cidrs", ["10.0.0.0/8"]],
    ["JWT", "token_policies", ["admin"]],
    ["JWT", "bound_audiences", ["vault.example", "another"]],
    ["JWT", "bound_audiences", null],
    ["JWT", "user_claim", "iss"],
    ["JWT", "groups_claim", "groups"],
    ["JWT", "bound_claims", { a: "b" }],
  ];
  for (const [mode, setting, value] of tampered) {
    it(`sees ${setting} = ${JSON.stringify(value)} of a ${mode} role as a difference, and puts it back`, async () => {
      const { identity, rolePlace, client, desired, join, piece, observed } = setUp(mode);
      await join();
      const role = identity.roles.get(rolePlace)!;
      role.settings = { ...role.settings, [setting]: value };
      assert.notEqual((await observed("login"))?.value, piece("login").value);
      await client.apply(piece("login"), context, desired);
      assert.equal((await observed("login"))?.value, piece("login").value);
    });
  }

  it("takes null, as servers have it, for none", async () => {
    const { identity, rolePlace, join, piece, observed } = setUp("JWT");
    await join();
    const role = identity.roles.get(rolePlace)!;
    role.settings = { ...role.settings, bound_claims: null, claim_mappings: null, token_policies: null, unknown: 7 };
    assert.equal((await observed("login"))?.value, piece("login").value);
  });

  for (const mode of ["AppRole", "JWT"] as const) {
    it(`leaves a ${mode} role under its name that logs in somebody else`, async () => {
      const { identity, rolePlace, client, desired, piece } = setUp(mode);
      await client.apply(piece("principal"), context, desired);
      identity.roles.set(rolePlace, {
        settings: { bound_subject: "system:serviceaccount:a:b" },
        roleId: "theirs",
        secretIds: new Map([["theirs", new Date(0)]]),
      });
      const before = identity.snapshot();
      const seen = await client.observe(context);
      assert.deepEqual([seen.conflicts, seen.credentials], [["login"], []]);
      await assert.rejects(client.apply(piece("login"), context, desired), isConflict);
      await assert.rejects(client.remove("login", context), isConflict);
      if (mode === "AppRole") await assert.rejects(client.removeCredential("theirs", context), isConflict);
      assert.equal(identity.snapshot(), before);
    });

    it(`never moves a ${mode} alias that another entity has`, async () => {
      const { identity, client, desired, login, piece } = setUp(mode);
      identity.seed("theirs", { policies: ["p"] });
      identity.addAlias("theirs", login.mount, login.alias);
      await client.apply(piece("principal"), context, desired);
      const before = identity.snapshot();
      assert.deepEqual((await client.observe(context)).conflicts, ["alias"]);
      await assert.rejects(client.apply(piece("alias"), context, desired), isConflict);
      assert.equal(await client.remove("alias", context), "alreadyAbsent");
      assert.equal(identity.snapshot(), before);
    });
  }

  it("leaves a JWT role under its name alone while it has no entity, also one for its own namespace", async () => {
    const { identity, rolePlace, client } = setUp("JWT");
    const theirs = { bound_subject: "system:serviceaccount:payments:another" };
    identity.roles.set(rolePlace, { settings: theirs, roleId: "", secretIds: new Map() });
    const seen = await client.observe(context);
    assert.deepEqual([seen.conflicts, seen.pieces], [["login"], []]);
    await assert.rejects(client.remove("login", context), isConflict);
    assert.equal(identity.roles.get(rolePlace)?.settings, theirs);
  });

  it("knows its JWT role by the entity on record, when somebody has deleted that", async () => {
    const { identity, client, join } = setUp("JWT");
    await join();
    const { externalId } = await client.observe(context);
    identity.entities.delete(name);
    const seen = await client.observe(context, { externalId });
    assert.deepEqual([seen.conflicts, seen.pieces.map(({ key }) => key)], [[], ["login"]]);
    assert.equal(await client.remove("login", context), "removed");
  });

  it("is not uncut by a write that was decided before the cut and comes after it", async () => {
    for (const late of ["apply", "giveBack", "owner"] as const) {
      const { vault, identity, client, join, piece, desired } = setUp();
      await join();
      await client.remove("policy/pki/issue", context);
      const cut = () => {
        identity.entities.get(name)!.disabled = true;
      };
      vault.interjections.push({ call: "writeEntity", run: cut });
      if (late === "apply") await client.apply(piece("policy/pki/issue"), context, desired);
      else if (late === "owner") await client.apply(piece("owner"), context, desired);
      else await client.giveBack(context);
      assert.equal(identity.entities.get(name)?.disabled, true, late);
    }
  });

  it("takes its AppRole alias back from an entity that Vault made by itself while ours was missing", async () => {
    const { identity, client, desired, login, join } = setUp();
    await join();
    identity.entities.delete(name);
    identity.seed("entity_0a1b2c3d");
    identity.addAlias("entity_0a1b2c3d", login.mount, login.alias);
    assert.deepEqual((await client.observe(context)).conflicts, []);
    await join();
    assert.deepEqual(
      (await client.observe(context)).pieces.map((piece) => piece.value).sort(),
      desired.map((piece) => piece.value).sort(),
    );
  });

  it("does not take the alias of a ServiceAccount from such an entity: another login may have made it", async () => {
    const { identity, client, login } = setUp("JWT");
    identity.seed("entity_0a1b2c3d");
    identity.addAlias("entity_0a1b2c3d", login.mount, login.alias);
    assert.deepEqual((await client.observe(context)).conflicts, ["alias"]);
  });

  it("shows another way to log in that was hung on its entity, and takes it off", async () => {
    const { identity, client, join, desired } = setUp();
    await join();
    const alias = identity.addAlias(name, "jwt", "mallory");
    const seen = (await client.observe(context)).pieces.find((piece) => piece.key === `alias/${alias.id}`);
    assert.equal(seen?.class, "login");
    assert.equal(await client.remove(`alias/${alias.id}`, context), "removed");
    assert.equal(await client.remove(`alias/${alias.id}`, context), "alreadyAbsent");
    assert.equal((await client.observe(context)).pieces.length, desired.length);
  });

  it("tells of groups that give the entity more", async () => {
    const { identity, client, join } = setUp();
    await join();
    identity.entities.get(name)!.groups = ["g-1"];
    assert.deepEqual((await client.observe(context)).foreignGrants, ["Vault group g-1"]);
  });

  it("keeps metadata and policies of others when it changes one thing", async () => {
    const { identity, client, join } = setUp();
    await join();
    const entity = identity.entities.get(name)!;
    entity.metadata = { ...entity.metadata, theirs: "x" };
    await client.cut(context, "Disable");
    await client.uncut(context, { ways: ["Disable"], boundary: undefined });
    assert.equal(identity.entities.get(name)?.metadata["theirs"], "x");
    assert.deepEqual([...identity.entities.get(name)!.policies].sort(), ["pki/issue", "read-invoices"]);
  });

  it("removes a field of the record that is not declared any more", async () => {
    const { identity, client, declared, pieceContext, join } = setUp();
    await join();
    const moved = vaultPieces(declared, { ...pieceContext, owner: { team: "ledger", contact: "l@example.org" } });
    await client.apply(moved[1]!, context, moved);
    assert.equal("keyturn-environment" in identity.entities.get(name)!.metadata, false);
    assert.equal(identity.entities.get(name)?.metadata["keyturn-team"], "ledger");
  });

  it("reads a secret id's time once, and lists a hundred at most", async () => {
    const { vault, identity, client, rolePlace, join } = setUp();
    await join();
    for (let made = 0; made < 103; made += 1) identity.addSecretId(rolePlace, new Date(made));
    assert.equal((await client.observe(context)).credentials.length, 100);
    await client.observe(context);
    assert.equal(vault.log.filter((call) => call === "lookUpSecretId").length, 100);
  });

  it("waits for the platform when the auth method is not mounted, and still sees the entity", async () => {
    const { identity, client, desired, piece } = setUp();
    await client.apply(piece("principal"), context, desired);
    identity.mounts.delete("approle");
    const seen = await client.observe(context);
    assert.deepEqual([seen.principal, seen.conflicts], ["ours", []]);
    await assert.rejects(
      client.apply(piece("alias"), context, desired),
      (error) => error instanceof OperatorError && error.code === "Unavailable",
    );
  });

  it("asks for the accessor anew when the auth method was mounted anew", async () => {
    const { identity, client, desired, piece, join } = setUp();
    await join();
    await client.remove("alias", context);
    identity.mounts.set("approle", "auth_approle_2");
    await assert.rejects(client.apply(piece("alias"), context, desired), OperatorError);
    await client.apply(piece("alias"), context, desired);
    assert.equal(identity.entities.get(name)?.aliases[0]?.mountAccessor, "auth_approle_2");
  });

  it("does not call refused what stands under another's marks, unless the id on record says that ours is gone", async () => {
    const { identity, client } = setUp();
    identity.seed(name);
    assert.equal((await client.proveRefused([], context)).kind, "accepted");
    await client.observe(context, { externalId: "the-one-we-made" });
    assert.equal((await client.proveRefused([], context)).kind, "refused");
  });
});

describe("markedEntities", () => {
  it("lists what carries an owner mark under the prefix, whosever it is", async () => {
    const { connection, identity, join } = setUp();
    await join();
    identity.seed("keyturn.x.y.z", { metadata: { "keyturn-owner": "other/x/y" } });
    identity.seed("keyturn.unmarked.a.b");
    identity.seed("theirs.a", { metadata: { "keyturn-owner": "other/x/y" } });
    assert.deepEqual(await markedEntities(connection, context, []), [
      {
        kind: "VaultEntity",
        id: `vault-entity/vault.example:8200/-/${name}`,
        owner: "local/payments/billing",
        ownerUid: "uid-1",
      },
      { kind: "VaultEntity", id: "vault-entity/vault.example:8200/-/keyturn.x.y.z", owner: "other/x/y" },
    ]);
  });
});
