import assert from "node:assert/strict";
import { missingVaultRights } from "./rights.ts";

const identities = { namePrefix: "keyturn", appRoleMount: "approle-eu", jwtMount: "jwt" };
const all: Readonly<Record<string, readonly string[]>> = {
  "auth/token/accessors": ["list", "sudo"],
  "auth/token/lookup-accessor": ["update"],
  "auth/token/revoke-accessor": ["update"],
  "sys/mounts/auth/approle-eu/tune": ["read"],
  "sys/mounts/auth/jwt/tune": ["read"],
  "sys/policies/acl/keyturn": ["read"],
};
const missing = (told: Readonly<Record<string, readonly string[]>> | undefined) =>
  missingVaultRights(
    {
      capabilities(paths) {
        assert.deepEqual(paths, Object.keys(all));
        return Promise.resolve(told);
      },
    },
    identities,
    AbortSignal.timeout(1000),
  );

describe("rights that Vault says a login lacks", () => {
  it("are none when it has them all, or is root, or may not ask", async () => {
    assert.deepEqual(await missing(all), []);
    assert.deepEqual(await missing(Object.fromEntries(Object.keys(all).map((path) => [path, ["root"]]))), []);
    assert.deepEqual(await missing(undefined), []);
    assert.deepEqual(await missing({}), []);
  });

  it("are named by path and capability, as the page has them", async () => {
    const told = { ...all, "auth/token/accessors": ["list"], "sys/policies/acl/keyturn": ["deny"] };
    assert.deepEqual(await missing(told), ["auth/token/accessors (sudo)", "sys/policies/acl/* (read)"]);
    const denied = Object.fromEntries(Object.keys(all).map((path) => [path, ["deny"]]));
    assert.deepEqual(await missing(denied), [
      "auth/token/accessors (list, sudo)",
      "auth/token/lookup-accessor (update)",
      "auth/token/revoke-accessor (update)",
      "sys/mounts/auth/approle-eu/tune (read)",
      "sys/mounts/auth/jwt/tune (read)",
      "sys/policies/acl/* (read)",
    ]);
  });
});
