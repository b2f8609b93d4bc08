import assert from "node:assert/strict";
import { OperatorError } from "../../../kernel/errors.ts";
import { ABSENT } from "../errors.ts";
import { identityCalls, type RawClient } from "./calls.ts";
import { tokenCalls } from "./token-calls.ts";

const signal = new AbortController().signal;
const place = { mount: "approle", name: "keyturn.team.app.main" };

/** The door with prepared answers; `asked` holds "verb path body". */
const setUp = (...answers: unknown[]) => {
  const asked: string[] = [];
  const answer = (verb: string) => async (path: string, body?: unknown) => {
    asked.push([verb, path, ...(body === undefined ? [] : [JSON.stringify(body)])].join(" "));
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  const client: RawClient = {
    read: answer("read"),
    list: answer("list"),
    write: answer("write"),
    delete: answer("delete"),
  };
  return { asked, calls: identityCalls(() => client), tokens: tokenCalls(() => client) };
};
const absent = new OperatorError("NotFound", { publicMessage: "x", status: 404, serverCode: ABSENT });
const noMount = new OperatorError("NotFound", { publicMessage: "x", status: 404 });
const failsAs = (code: string) => (error: unknown) => error instanceof OperatorError && error.code === code;

describe("identityCalls", () => {
  const names = ["a..b", ".a", "a.", "a/../b", "a/b", "A", "a%2fb", "a b", "", "a".repeat(254), "a?b", "a\n"];
  for (const name of names) {
    it(`sends nothing for the name ${JSON.stringify(name.slice(0, 10))}`, async () => {
      const { asked, calls } = setUp();
      const bad = { mount: "approle", name };
      const attempts = [
        calls.readEntity(name, signal),
        calls.deleteEntity(name, signal),
        calls.writeEntity(name, { disabled: true, policies: [], metadata: {} }, signal),
        calls.readRole(bad, signal),
        calls.writeRole(bad, {}, signal),
        calls.deleteRole(bad, signal),
        calls.readRoleId(bad, signal),
        calls.listSecretIds(bad, signal),
        calls.destroySecretId(bad, "x", signal),
      ];
      for (const attempt of attempts) await assert.rejects(attempt, failsAs("InvalidSpec"));
      assert.deepEqual(asked, []);
    });
  }

  it("sends nothing for a mount or an alias id that is not plain", async () => {
    const { asked, calls } = setUp();
    for (const mount of ["../sys", "a//b", "", "A", "sys/../x"]) {
      await assert.rejects(calls.readRole({ mount, name: "a" }, signal), failsAs("InvalidSpec"));
    }
    for (const id of ["", "../../name/x", "a", "0".repeat(37)]) {
      await assert.rejects(calls.deleteAlias(id, signal), failsAs("InvalidSpec"));
    }
    assert.deepEqual(asked, []);
  });

  it("reads an entity with null for what is empty", async () => {
    const { asked, calls } = setUp({
      data: {
        id: "e1",
        name: "keyturn.a.b.c",
        disabled: true,
        aliases: null,
        policies: null,
        metadata: null,
        group_ids: null,
      },
    });
    assert.deepEqual(await calls.readEntity("keyturn.a.b.c", signal), {
      ...{ id: "e1", name: "keyturn.a.b.c", disabled: true, aliases: [], policies: [], metadata: {}, groups: [] },
    });
    assert.deepEqual(asked, ["read identity/entity/name/keyturn.a.b.c"]);
  });

  it("takes the mount of an alias out of its path", async () => {
    const alias = { id: "a1", name: "n", mount_accessor: "acc", mount_path: "auth/clusters/one/" };
    const { calls } = setUp({ data: { id: "e1", name: "x", aliases: [alias] } });
    assert.deepEqual((await calls.readEntity("x", signal))?.aliases, [
      { id: "a1", name: "n", mountAccessor: "acc", mount: "clusters/one" },
    ]);
  });

  it("reads what Vault says is absent as undefined, and passes a missing mount on", async () => {
    const { calls } = setUp(absent, absent, absent, absent, absent);
    assert.equal(await calls.readEntity("x", signal), undefined);
    assert.equal(await calls.readRole(place, signal), undefined);
    assert.deepEqual(await calls.listSecretIds(place, signal), []);
    assert.equal(await calls.lookUpSecretId(place, "x", signal), undefined);
    await calls.deleteRole(place, signal);
    await assert.rejects(setUp(noMount).calls.readRole(place, signal), failsAs("NotFound"));
  });

  it("takes an answer without a body for: nobody has the alias", async () => {
    const { asked, calls } = setUp(undefined);
    assert.equal(await calls.entityOfAlias({ name: "n", mountAccessor: "acc" }, signal), undefined);
    assert.deepEqual(asked, ['write identity/lookup/entity {"alias_name":"n","alias_mount_accessor":"acc"}']);
  });

  it("sends all of an entity, and whole roles", async () => {
    const { asked, calls } = setUp();
    await calls.writeEntity("x", { disabled: false, policies: ["p"], metadata: { a: "b" } }, signal);
    await calls.writeAlias({ name: "n", mountAccessor: "acc", entityId: "e1" }, signal);
    await calls.renameAlias("0".repeat(36), { name: "m", mountAccessor: "acc", entityId: "e1" }, signal);
    await calls.destroySecretId(place, "s1", signal);
    assert.deepEqual(asked, [
      'write identity/entity/name/x {"disabled":false,"policies":["p"],"metadata":{"a":"b"}}',
      'write identity/entity-alias {"name":"n","canonical_id":"e1","mount_accessor":"acc"}',
      `write identity/entity-alias/id/${"0".repeat(36)} {"name":"m","canonical_id":"e1","mount_accessor":"acc"}`,
      'write auth/approle/role/keyturn.team.app.main/secret-id-accessor/destroy {"secret_id_accessor":"s1"}',
    ]);
  });

  const odd: readonly (readonly [string, unknown])[] = [
    ["nothing", undefined],
    ["no data", {}],
    ["a list", { data: [] }],
    ["no id", { data: { name: "x" } }],
    ["policies that are no strings", { data: { id: "e", name: "x", policies: [1] } }],
    ["an alias without a name", { data: { id: "e", name: "x", aliases: [{ id: "a" }] } }],
  ];
  for (const [what, answer] of odd) {
    it(`does not believe an entity with ${what}`, async () => {
      await assert.rejects(setUp(answer).calls.readEntity("x", signal), failsAs("Unavailable"));
    });
  }

  it("does not take an answer that says nothing for: there is none", async () => {
    for (const answer of [undefined, {}, { data: {} }, { data: [] }]) {
      await assert.rejects(setUp(answer).calls.listEntities("", signal), failsAs("Unavailable"));
      await assert.rejects(setUp(answer).calls.listSecretIds(place, signal), failsAs("Unavailable"));
    }
    for (const answer of [undefined, {}, { data: [] }]) {
      await assert.rejects(setUp(answer).calls.readRole(place, signal), failsAs("Unavailable"));
      await assert.rejects(setUp(answer).calls.authMounts(signal), failsAs("Unavailable"));
    }
  });

  it("does not take a list with a warning for the whole of it", async () => {
    const partial = { data: { keys: ["a"] }, warnings: ["partial response due to timeout"] };
    await assert.rejects(setUp(partial).calls.listEntities("", signal), failsAs("Unavailable"));
    await assert.rejects(setUp(partial).calls.listSecretIds(place, signal), failsAs("Unavailable"));
    await assert.rejects(setUp(partial).tokens.listAccessors(signal), failsAs("Unavailable"));
    for (const warnings of [null, [], undefined]) {
      const whole = { data: { keys: ["a"] }, warnings };
      assert.deepEqual(await setUp(whole).calls.listEntities("", signal), ["a"]);
    }
  });

  it("reads the text of a policy, and asks for none with a name that could lead elsewhere", async () => {
    const { asked, calls } = setUp({ data: { name: "pki/issue", policy: 'path "a" {}' } }, absent);
    assert.equal(await calls.readPolicy("pki/issue", signal), 'path "a" {}');
    assert.equal(await calls.readPolicy("gone", signal), undefined);
    for (const name of ["..", "a/../b", "/a", "a//b", "a?b", "a%2fb", "", "a b"]) {
      await assert.rejects(calls.readPolicy(name, signal), failsAs("InvalidSpec"));
    }
    assert.deepEqual(asked, ["read sys/policies/acl/pki/issue", "read sys/policies/acl/gone"]);
  });

  it("reads the longest life of an auth method's tokens", async () => {
    const { asked, calls } = setUp({ data: { max_lease_ttl: 2764800 } }, { data: {} });
    assert.equal(await calls.longestLife("clusters/one", signal), 2_764_800);
    await assert.rejects(calls.longestLife("jwt", signal), failsAs("Unavailable"));
    await assert.rejects(calls.longestLife("../x", signal), failsAs("InvalidSpec"));
    assert.deepEqual(asked, ["read sys/mounts/auth/clusters/one/tune", "read sys/mounts/auth/jwt/tune"]);
  });

  it("knows mounts by their accessors, and passes over what has none", async () => {
    const { calls } = setUp({
      data: {
        "approle/": { accessor: "a1", config: { max_lease_ttl: 0, token_type: "default-service" } },
        "clusters/one/": { accessor: "j1", config: { max_lease_ttl: 3600, token_type: "default-batch" } },
        odd: 7,
      },
    });
    assert.deepEqual(
      [...(await calls.authMounts(signal))],
      [
        ["approle", { accessor: "a1", maxTtlSeconds: 0, givesBatchTokens: false }],
        ["clusters/one", { accessor: "j1", maxTtlSeconds: 3600, givesBatchTokens: true }],
      ],
    );
  });

  it("reads times of secret ids with nanoseconds, and passes over one that is none", async () => {
    const { calls } = setUp(
      { data: { creation_time: "2026-11-24T03:33:26.669070539Z" } },
      { data: { creation_time: "soon" } },
    );
    assert.equal((await calls.lookUpSecretId(place, "x", signal))?.createdAt.toISOString(), "2026-11-24T03:33:26.669Z");
    assert.equal(await calls.lookUpSecretId(place, "x", signal), undefined);
  });
});

describe("tokenCalls", () => {
  const ended = new OperatorError("InvalidSpec", { publicMessage: "x", status: 400 });
  const forbidden = new OperatorError("PermissionDenied", { publicMessage: "x", status: 403 });

  it("reads whose a token is: an AppRole's and a JWT role's name, the entity, the time", async () => {
    const facts = { path: "auth/approle/login", creation_time: 1_767_268_800, entity_id: "e1" };
    const { asked, tokens } = setUp(
      { data: { ...facts, meta: { role_name: "keyturn.a.b.c" } } },
      { data: { ...facts, path: "auth/jwt/login", entity_id: "", meta: { role: "keyturn.a.b.c" } } },
      { data: { ...facts, path: "auth/token/create", meta: null } },
    );
    const createdAt = new Date("2026-01-01T12:00:00Z");
    const role = "keyturn.a.b.c";
    assert.deepEqual(await tokens.lookUpAccessor("x", signal), { path: facts.path, role, entityId: "e1", createdAt });
    assert.deepEqual(await tokens.lookUpAccessor("y", signal), { path: "auth/jwt/login", role, createdAt });
    assert.deepEqual(await tokens.lookUpAccessor("z", signal), {
      path: "auth/token/create",
      entityId: "e1",
      createdAt,
    });
    assert.equal(asked[0], 'write auth/token/lookup-accessor {"accessor":"x"}');
  });

  it("takes an accessor that Vault does not know for a token that has ended, and a refusal for a refusal", async () => {
    const { tokens } = setUp(ended, ended, forbidden, {}, { data: { path: 7 } });
    assert.equal(await tokens.lookUpAccessor("x", signal), undefined);
    await tokens.revokeAccessor("x", signal);
    await assert.rejects(tokens.revokeAccessor("x", signal), failsAs("PermissionDenied"));
    await assert.rejects(tokens.lookUpAccessor("x", signal), failsAs("Unavailable"));
    await assert.rejects(tokens.lookUpAccessor("x", signal), failsAs("Unavailable"));
  });

  it("asks for its right to revoke without trying, and takes silence for yes", async () => {
    const path = "auth/token/revoke-accessor";
    const { asked, tokens } = setUp(
      { data: { [path]: ["update"] } },
      { data: { [path]: ["root"] } },
      { data: { [path]: ["deny"] } },
      forbidden,
    );
    const may = [];
    for (let times = 0; times < 4; times += 1) may.push(await tokens.mayRevoke(signal));
    assert.deepEqual(may, [true, true, false, true]);
    assert.equal(asked[0], `write sys/capabilities-self {"paths":["${path}"]}`);
  });
});
