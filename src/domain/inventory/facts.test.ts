import assert from "node:assert/strict";
import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { identityFacts, ledgerOwner, rotationOwner } from "./facts.ts";

const sal = (status?: ServiceAccountLifecycle["status"]): ServiceAccountLifecycle => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name: "billing", namespace: "payments", uid: "u1", resourceVersion: "1" },
  spec: {
    owner: { team: "payments", contact: "p@example.com" },
    purpose: "Exports invoices",
    accounts: [{ name: "cluster", kubernetes: {} }],
  },
  ...(status === undefined ? {} : { status }),
});

describe("the facts of a resource", () => {
  it("call an identity pending that nobody has looked at, and name its accounts all the same", () => {
    const facts = identityFacts(sal());
    assert.equal(facts.state, "Pending");
    assert.equal(facts.ready, "Unknown");
    assert.deepEqual(facts.accounts, [{ name: "cluster", state: "Pending" }]);
  });

  it("hold accounts that are on record although the spec has them no more", () => {
    const record = { name: "old", target: "aws-user/1/x", declaration: "{}", pieces: [], state: "Leaving" as const };
    const { accounts } = identityFacts(sal({ state: "Active", accounts: [record] }));
    assert.deepEqual(
      accounts.map(({ name, state }) => `${name} ${state}`),
      ["old Leaving", "cluster Pending"],
    );
  });

  it("know every key that a rotation has on record, also the one that it has just replaced", () => {
    const status = {
      current: { version: "2-b", id: "AK2" },
      rotation: { credential: { id: "AK3" }, previous: { id: "AK1" } },
      pendingRevocations: [{ id: "AK0" }],
    };
    const rotation = {
      metadata: { name: "r", namespace: "n", uid: "u" },
      spec: {},
      status,
    } as unknown as SecretRotation;
    assert.deepEqual([...rotationOwner(rotation).credentialIds].sort(), ["AK0", "AK1", "AK2", "AK3"]);
  });

  it("know the keys that the ledger was given, and those that it found later", () => {
    const orphan = {
      spec: { origin: { namespace: "n", name: "r", uid: "u" }, credentials: [{ id: "AK1" }] },
      status: { credentials: [{ id: "AK1" }, { id: "AK2" }] },
    } as unknown as OrphanedCredential;
    assert.deepEqual(new Set(ledgerOwner(orphan).credentialIds), new Set(["AK1", "AK2"]));
    const accountsOnly = { spec: { origin: { namespace: "n", name: "i", uid: "u" } } } as unknown as OrphanedCredential;
    assert.deepEqual(ledgerOwner(accountsOnly).credentialIds, []);
  });
});
