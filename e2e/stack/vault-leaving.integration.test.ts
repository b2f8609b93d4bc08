import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { VaultAccount } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { PieceContext } from "../../src/domain/lifecycle/pieces/context.ts";
import { vaultPieces } from "../../src/domain/lifecycle/pieces/vault.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { AccountClient, Recorded } from "../../src/providers/account.ts";
import type { CallContext } from "../../src/providers/contract.ts";
import { appRoleSource } from "../../src/providers/vault/approle/source.ts";
import type { VaultConnection } from "../../src/providers/vault/connection.ts";
import { vaultAccount, vaultFacts } from "../../src/providers/vault/identity/account.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { loginWith, type VaultLogin } from "./vault-login.ts";
import { identityPolicy, leavingPolicy, vaultClient, VaultError } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const MODES = ["AppRole", "JWT"] as const;
type Mode = (typeof MODES)[number];

/**
 * Vault accounts that leave after somebody has merged, deleted or renamed their entity, on the real Vault and by real logins; with the rights of
 * docs/how-to/vault-policy.md, once with the optional ones and once without.
 */
describe("Vault accounts that leave a real Vault", function () {
  this.timeout(120_000);
  let stack: Stack;
  let login: VaultLogin;
  let made = 0;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    await stack.kubernetes.client.create("/api/v1/namespaces", { metadata: { name: "team" } });
    login = await loginWith(stack, identityPolicy() + leavingPolicy());
    const vault = stack.vault.client;
    await vault.call("POST", "sys/auth/approle", { type: "approle" });
    const read = (path: string) => ({ policy: `path "${path}" { capabilities = ["read"] }` });
    await vault.call("PUT", "sys/policies/acl/read-invoices", read("kv/data/team/invoices"));
    await vault.call("PUT", "sys/policies/acl/ledger-admin", read("kv/data/team/ledger"));
    for (const name of ["invoices", "ledger"])
      await vault.call("POST", `kv/data/team/${name}`, { data: { value: "1" } });
  });
  after(async () => {
    await login.close();
    await stack.stop();
  });

  /** With the optional rights of the page, or without. */
  const withRights = async (optional: boolean): Promise<VaultConnection> => {
    const policy = identityPolicy() + (optional ? leavingPolicy() : "");
    await stack.vault.client.call("PUT", "sys/policies/acl/team", { policy });
    // What is remembered of missing rights is remembered by connection.
    made += 1;
    return login.connection({ kv: { pathPrefix: `keyturn-${made}` } });
  };

  const as = (token: string) => vaultClient({ url: stack.vault.url, ca: stack.ca.pem, token: () => token });
  const statusOf = async (token: string, method: string, path: string, body?: object): Promise<number> => {
    try {
      await as(token).call(method, path, body);
      return 200;
    } catch (error) {
      if (error instanceof VaultError) return error.status;
      throw error;
    }
  };

  interface Leaver {
    readonly client: AccountClient;
    readonly pieces: ReturnType<typeof vaultPieces>;
    readonly record: Recorded;
    readonly entity: string;
    /** A real login with what the account had when it joined; the token, or undefined. */
    readonly logIn: () => Promise<string | undefined>;
    readonly role: string;
  }

  const joined = async (mode: Mode, connection: VaultConnection): Promise<Leaver> => {
    made += 1;
    const name = `leaver-${made}`;
    const entity = `keyturn.team.${name}.main`;
    const mount = mode === "AppRole" ? "approle" : "jwt";
    await stack.kubernetes.client.create("/api/v1/namespaces/team/serviceaccounts", { metadata: { name } });
    const declared: VaultAccount = {
      connectionRef: { name: "vault" },
      policies: ["read-invoices"],
      login: { mode, tokenTTL: "1h" },
    };
    const pieceContext: PieceContext = {
      cluster: "local",
      namespace: "team",
      name,
      account: "main",
      owner: { team: "payments", contact: "payments@example.org", environment: "production" },
      purpose: "invoices",
      serviceAccountName: name,
      connection: vaultFacts(connection.config),
    };
    const owner = { cluster: "local", namespace: "team", name, uid: `uid-${name}`, predecessors: [] };
    const pieces = vaultPieces(declared, pieceContext);
    const client = vaultAccount(connection, owner, { name: "main", vault: declared }, { serviceAccountName: name });
    for (const piece of pieces) await client.apply(piece, context, pieces);
    const { externalId } = await client.observe(context);
    const body =
      mode === "JWT"
        ? { role: entity, jwt: await stack.kubernetes.client.serviceAccountToken("team", name, "vault") }
        : { role_id: `keyturn:local:team:${name}:main`, secret_id: await newSecretId(entity) };
    const logIn = async (): Promise<string | undefined> => {
      try {
        const answer = await as("").call("POST", `auth/${mount}/login`, body);
        return (answer?.["auth"] as { client_token: string }).client_token;
      } catch (error) {
        if (error instanceof VaultError && (error.status === 400 || error.status === 403)) return undefined;
        throw error;
      }
    };
    const record: Recorded = { externalId, leaving: true };
    return { client, pieces, record, entity, logIn, role: `auth/${mount}/role/${entity}` };
  };

  const newSecretId = async (role: string): Promise<string> => {
    const answer = await stack.vault.client.call("POST", `auth/approle/role/${role}/secret-id`, {});
    return (answer?.["data"] as { secret_id: string }).secret_id;
  };
  const entityOf = async (name: string) =>
    (await stack.vault.client.call("GET", `identity/entity/name/${name}`))?.["data"] as
      { id: string; aliases: { id: string; name: string }[] | null; policies: string[] } | undefined;

  interface Away {
    readonly away: (leaver: Leaver, other: string) => Promise<void>;
    readonly putRight: (leaver: Leaver, other: string) => Promise<void>;
  }
  /** What is done to the entity, and how a person puts it right before the account comes back. */
  const AWAY: Readonly<Record<"merged" | "deleted" | "renamed", Away>> = {
    merged: {
      away: async ({ record }: Leaver, other: string) => {
        const to = await entityOf(other);
        const body = { from_entity_ids: [record.externalId], to_entity_id: to?.id };
        await stack.vault.client.call("POST", "identity/entity/merge", body);
      },
      putRight: async (_: Leaver, other: string) => {
        for (const alias of (await entityOf(other))?.aliases ?? [])
          await stack.vault.client.call("DELETE", `identity/entity-alias/id/${alias.id}`);
      },
    },
    deleted: {
      away: async ({ entity }: Leaver) => {
        await stack.vault.client.call("DELETE", `identity/entity/name/${entity}`);
      },
      /** Vault has invented an entity for the alias at the login meanwhile. */
      putRight: async ({ pieces }: Leaver) => {
        const alias = JSON.parse(pieces.find(({ key }) => key === "alias")!.value) as { mount: string; name: string };
        const mounts = (await stack.vault.client.call("GET", "sys/auth"))?.["data"] as Record<
          string,
          { accessor: string }
        >;
        const found = await stack.vault.client.call("POST", "identity/lookup/entity", {
          alias_name: alias.name,
          alias_mount_accessor: mounts[`${alias.mount}/`]?.accessor,
        });
        const name = (found?.["data"] as { name: string } | undefined)?.name;
        if (name !== undefined) await stack.vault.client.call("DELETE", `identity/entity/name/${name}`);
      },
    },
    renamed: {
      away: async ({ record, entity }: Leaver) => {
        await stack.vault.client.call("POST", `identity/entity/id/${record.externalId}`, { name: `${entity}-old` });
      },
      putRight: async ({ entity }: Leaver) => {
        await stack.vault.client.call("DELETE", `identity/entity/name/${entity}-old`);
      },
    },
  };

  for (const mode of MODES) {
    for (const [how, { away, putRight }] of Object.entries(AWAY)) {
      it(`${mode}, entity ${how}: the closing refuses every login and ends the tokens; the account comes back as it was`, async () => {
        const leaver = await joined(mode, await withRights(true));
        const { client, pieces, record, entity, logIn, role } = leaver;
        const other = `ledger-${made}`;
        await stack.vault.client.call("POST", `identity/entity/name/${other}`, { policies: ["ledger-admin"] });
        const bystander = await joined(mode, await withRights(true));
        const theirs = await bystander.logIn();
        const before = await logIn();
        ok(before !== undefined && theirs !== undefined);

        await away(leaver, other);
        const stray = await logIn();
        ok(stray !== undefined, "the login lets in although the entity of the name is gone");
        const standing = await entityOf(other);
        const seen = await client.observe(context, record);
        deepEqual([seen.principal, seen.loginClosed, seen.closes.length], ["absent", false, 1]);
        equal((await client.proveRefused([], context)).kind, "accepted");

        await client.closeLogin(context);
        const closed: Recorded = { ...record, former: seen.closes, closedAt: systemClock.now() };
        const after = await client.observe(context, closed);
        deepEqual([after.loginClosed, after.outstanding, after.notLooked], [true, [], []]);
        deepEqual(await client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
        equal(await logIn(), undefined);
        for (const token of [before, stray]) equal(await statusOf(token, "GET", "auth/token/lookup-self"), 403);
        equal(await statusOf(theirs, "GET", "auth/token/lookup-self"), 200, "nobody else's token ends");
        deepEqual(await entityOf(other), standing, "another's entity stays, with our alias on it");
        await client.closeLogin(context);

        await putRight(leaver, other);
        await client.observe(context, { externalId: record.externalId });
        await client.openLogin(context, pieces);
        for (const piece of pieces) await client.apply(piece, context, pieces);
        const back = await client.observe(context);
        deepEqual(back.pieces.map(({ value }) => value).sort(), pieces.map(({ value }) => value).sort());
        notEqual(back.externalId, record.externalId);
        if (mode === "AppRole") {
          equal(await logIn(), undefined, "its secret ids have died with the role");
          const answer = await stack.vault.client.call("GET", `${role}/role-id`);
          const { role_id: roleId } = answer?.["data"] as { role_id: string };
          const login = { role_id: roleId, secret_id: await newSecretId(entity) };
          equal(await statusOf("", "POST", "auth/approle/login", login), 200);
        } else {
          const token = await logIn();
          equal(await statusOf(token ?? "", "GET", "kv/data/team/invoices"), 200);
        }
      });
    }

    it(`${mode}: without the optional rights the login is closed all the same, and what lives on is named with its end`, async () => {
      const { client, record, logIn, ...leaver } = await joined(mode, await withRights(false));
      const needed = mode === "JWT" ? { role_type: "jwt", user_claim: "sub" } : {};
      await stack.vault.client.call("POST", leaver.role, { ...needed, token_max_ttl: "2h" });
      const other = `ledger-${made}`;
      await stack.vault.client.call("POST", `identity/entity/name/${other}`, { policies: ["ledger-admin"] });
      const token = (await logIn())!;
      await AWAY.merged.away({ client, record, logIn, ...leaver }, other);
      equal(await statusOf(token, "GET", "kv/data/team/ledger"), 200, "the token has the other entity's policies");
      const { closes } = await client.observe(context, record);
      await client.closeLogin(context);
      equal(await logIn(), undefined);
      const closedAt = systemClock.now();
      const after = await client.observe(context, { ...record, former: closes, closedAt });
      equal(after.loginClosed, true);
      deepEqual(
        after.notLooked.map(({ why, right }) => [why, right]),
        [["NotAllowed", "list auth/token/accessors"]],
      );
      deepEqual(
        after.outstanding.map(({ holdsUp, until }) => [holdsUp, until?.getTime()]),
        [[true, closedAt.getTime() + 7_200_000]],
      );
      equal(await statusOf(token, "GET", "kv/data/team/ledger"), 200, "it lives, and is named");
      notEqual(await statusOf(token, "POST", "auth/token/renew-self", {}), 200, "its role is gone: it is not renewed");
    });
  }

  it("revokes tokens of an entity that is disabled only where somebody else may have them", async () => {
    const { client, record, logIn } = await joined("AppRole", await withRights(true));
    const token = (await logIn())!;
    await client.cut(context, "Disable");
    const asleep = await client.observe(context, record);
    deepEqual([asleep.loginClosed, asleep.outstanding[0]?.holdsUp], [true, false]);
    await client.uncut(context, { ways: ["Disable"], boundary: undefined });
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 200, "it works again after a suspension (N4)");
    await client.cut(context, "Disable");
    equal((await client.observe(context, { ...record, revokeTokens: true })).loginClosed, false);
    await client.closeLogin(context);
    equal((await client.observe(context, { ...record, revokeTokens: true })).loginClosed, true);
    await client.uncut(context, { ways: ["Disable"], boundary: undefined });
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 403);
  });

  it("judges a policy that somebody put on its entity by its text, and says which right lacks", async () => {
    const vault = stack.vault.client;
    const texts = {
      "incident-deny": `path "kv/*" { capabilities = ["deny"] }`,
      "incident-both": `path "kv/data/x" { capabilities = ["read"] }\npath "kv/data/y" { capabilities = ["deny"] }`,
      "incident-allow": JSON.stringify({ path: { "kv/data/x": { capabilities: ["read"] } } }),
    };
    for (const [name, policy] of Object.entries(texts)) await vault.call("PUT", `sys/policies/acl/${name}`, { policy });
    for (const optional of [true, false]) {
      const { client, entity } = await joined("AppRole", await withRights(optional));
      await vault.call("POST", `identity/entity/name/${entity}`, {
        policies: ["read-invoices", ...Object.keys(texts)],
      });
      const { pieces } = await client.observe(context);
      const judged = pieces
        .filter(({ key }) => key.startsWith("policy/incident-"))
        .map(({ key, effect, missingRight }) => [key.slice(16), effect, missingRight !== undefined]);
      deepEqual(
        judged,
        optional
          ? [
              ["allow", "Allows", false],
              ["both", "Both", false],
              ["deny", "Denies", false],
            ]
          : [
              ["allow", "Unread", true],
              ["both", "Unread", true],
              ["deny", "Unread", true],
            ],
      );
    }
  });

  it("says of an AppRole that was deleted that it is not there, and lists nothing of one that was made anew", async () => {
    const connection = await withRights(true);
    const { client, pieces, entity, role } = await joined("AppRole", connection);
    const source = appRoleSource(
      connection,
      { namespace: "team", role: entity.slice("keyturn.team.".length) },
      systemClock,
    );
    const { id, material } = await source.issue(context, "rotation-1");
    await stack.vault.client.call("DELETE", role);
    const failure = await source.list(context).then(
      () => "none",
      (thrown: unknown) => String((thrown as { code?: unknown }).code),
    );
    equal(failure, "NotFound");
    equal(await source.revoke(id, context), "alreadyAbsent");
    equal((await source.proveRefused(material, context)).kind, "refused");
    for (const piece of pieces) await client.apply(piece, context, pieces);
    deepEqual((await source.list(context)).credentials, []);
    match((await source.issue(context, "rotation-2")).id, /^[0-9a-f-]{36}$/);
  });

  it("has the optional rights that docs/how-to/vault-policy.md says, word for word", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/how-to/vault-policy.md"), "utf8");
    ok(page.includes(leavingPolicy()), "the policy of the page is not the one that was tested");
  });
});
