import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { isPlainPath, kvPath, vaultConfig } from "./config.ts";

const good = { address: "https://vault.example:8200", login: { jwt: { role: "keyturn" } } };

describe("vaultConfig", () => {
  it("fills in the defaults", () => {
    const config = vaultConfig(good);
    assert.deepEqual(config.kv, { mount: "kv", pathPrefix: "keyturn" });
    assert.deepEqual(config.jwt, { mount: "jwt", role: "keyturn", audience: "vault" });
    assert.deepEqual(config.identities, { namePrefix: "keyturn", appRoleMount: "approle", jwtMount: "jwt" });
    assert.equal(config.address.origin, "https://vault.example:8200");
  });

  const bad: readonly [string, unknown, string][] = [
    ["http", { ...good, address: "http://vault" }, "spec.vault.address"],
    ["user information", { ...good, address: "https://root:x@vault" }, "spec.vault.address"],
    ["a query", { ...good, address: "https://vault/?x" }, "spec.vault.address"],
    ["a link-local address", { ...good, address: "https://[fe80::1]:8200" }, "spec.vault.address"],
    ["a reserved mount", { ...good, kv: { mount: "sys" } }, "spec.vault.kv.mount"],
    ["a mount that climbs", { ...good, kv: { mount: "kv/../sys" } }, "spec.vault.kv.mount"],
    ["a prefix with slashes at its end", { ...good, kv: { pathPrefix: "keyturn/" } }, "spec.vault.kv.pathPrefix"],
    ["a name prefix with a dot", { ...good, identities: { namePrefix: "a.b" } }, "spec.vault.identities.namePrefix"],
    ["a mount that climbs", { ...good, identities: { appRoleMount: "../sys" } }, "spec.vault.identities.appRoleMount"],
    ["a mount with slashes", { ...good, identities: { jwtMount: "/jwt/" } }, "spec.vault.identities.jwtMount"],
    ["no login", { address: good.address }, "spec.vault.login"],
    ["no role", { ...good, login: { jwt: {} } }, "spec.vault.login.jwt.role"],
    [
      "an audience with a newline",
      { ...good, login: { jwt: { role: "r", audience: "a\nb" } } },
      "spec.vault.login.jwt.audience",
    ],
    ["a CA that is no PEM", { ...good, caBundle: "x" }, "spec.vault.caBundle"],
  ];
  for (const [what, spec, field] of bad) {
    it(`refuses ${what}, naming ${field}`, () => {
      assert.throws(
        () => vaultConfig(spec),
        (error) =>
          error instanceof OperatorError && error.code === "InvalidSpec" && error.publicMessage.startsWith(`${field} `),
      );
    });
  }
});

describe("kvPath", () => {
  const config = vaultConfig(good);

  it("puts a delivery under prefix and namespace", () => {
    assert.equal(kvPath(config, "payments", "billing/aws"), "keyturn/payments/billing/aws");
  });

  const dirty = [
    ...[
      "..",
      "a/..",
      "a/../../b",
      "%2e%2e",
      "%2e%2e/x",
      "a//b",
      "/a",
      "a/",
      "",
      ".",
      "a\\b",
      "a+b",
      "a*",
      "a?b",
      "a#b",
    ],
    ...[
      "A",
      "ä",
      "a\u2024\u2024b",
      "a ",
      " a",
      "a\n",
      "a\u0000b",
      "{{a}}",
      "${a}",
      "a".repeat(4096),
      "data/../x",
      "a\u202eb",
    ],
  ];
  for (const path of dirty) {
    it(`refuses the path ${JSON.stringify(path.slice(0, 20))}`, () => {
      assert.throws(() => kvPath(config, "payments", path), OperatorError);
      assert.equal(isPlainPath(path), false);
    });
  }

  it("refuses a namespace that is no name", () => {
    for (const namespace of ["..", "a/b", "", "A"]) assert.throws(() => kvPath(config, namespace, "x"), OperatorError);
  });
});
