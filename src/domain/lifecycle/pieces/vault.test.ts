import assert from "node:assert/strict";
import type { VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { PieceContext } from "./context.ts";
import { aliasNameIn, loginFactsIn, vaultNameOf, vaultPieces } from "./vault.ts";

const context: PieceContext = {
  cluster: "local",
  namespace: "payments",
  name: "billing.v2",
  account: "secrets",
  owner: { team: "payments", contact: "payments@example.org" },
  purpose: "Nightly invoices.",
  serviceAccountName: "billing",
  connection: {
    kind: "vault",
    namePrefix: "keyturn",
    appRoleMount: "approle",
    jwtMount: "clusters/local",
    host: "vault.example:8200",
  },
};
const account = (mode: "AppRole" | "JWT", more: Partial<VaultAccount> = {}): VaultAccount => ({
  connectionRef: { name: "vault" },
  login: { mode },
  ...more,
});
const refused = (run: () => unknown) =>
  assert.throws(run, (error) => error instanceof OperatorError && error.code === "InvalidSpec");

describe("vaultPieces", () => {
  it("are entity, owner, alias, login, then policies in order", () => {
    const pieces = vaultPieces(account("AppRole", { policies: ["b", "a/c"] }), context);
    assert.deepEqual(
      pieces.map((piece) => [piece.key, piece.class]),
      [
        ["principal", "principal"],
        ["owner", "attribute"],
        ["alias", "login"],
        ["login", "login"],
        ["policy/a/c", "grant"],
        ["policy/b", "grant"],
      ],
    );
  });

  it("fill in what is absent", () => {
    const [, , , appRole] = vaultPieces(account("AppRole"), context);
    assert.deepEqual(loginFactsIn(appRole!.value), {
      mode: "AppRole",
      mount: "approle",
      alias: "keyturn:local:payments:billing.v2:secrets",
      ttlSeconds: 3600,
    });
    const [, , alias, jwt] = vaultPieces(account("JWT"), context);
    assert.equal(aliasNameIn(alias!.value), "system:serviceaccount:payments:billing");
    assert.deepEqual(loginFactsIn(jwt!.value), {
      mode: "JWT",
      mount: "clusters/local",
      alias: "system:serviceaccount:payments:billing",
      audience: "vault",
      ttlSeconds: 3600,
    });
  });

  it("are the same for equal specs, in whatever order policies stand", () => {
    const [a, b] = [
      ["x", "y"],
      ["y", "x"],
    ].map((policies) => vaultPieces(account("AppRole", { policies }), context));
    assert.deepEqual(a, b);
  });

  it("keep names of different resources apart", () => {
    const names = [
      ["a", "b.c", "d"],
      ["a", "b", "c"],
      ["a", "b.c.d", "e"],
      ["a-b", "c", "d"],
    ].map(([namespace = "", name = "", account = ""]) =>
      vaultNameOf({
        ...context,
        namespace,
        name,
        account,
        connection: { namePrefix: "keyturn", appRoleMount: "", jwtMount: "" },
      }),
    );
    assert.equal(new Set(names).size, names.length);
    assert.equal(names[0], "keyturn.a.b.c.d");
  });

  it("refuse a JWT login without a ServiceAccount, a time to live that is none, and a connection of another kind", () => {
    refused(() => vaultPieces(account("JWT"), { ...context, serviceAccountName: undefined }));
    refused(() => vaultPieces(account("AppRole", { login: { mode: "AppRole", tokenTTL: "5s" } }), context));
    refused(() => vaultPieces(account("AppRole"), { ...context, connection: { kind: "kubernetes" } }));
  });
});
