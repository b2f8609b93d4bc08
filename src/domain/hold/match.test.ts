import assert from "node:assert/strict";
import { claimOfTarget, heldBy, holdsTold, principalOf, type HoldInForce, type HoldQuestion } from "./match.ts";

const hold = (spec: Partial<HoldInForce["spec"]> = {}, targets: readonly string[] = []): HoldInForce => ({
  name: "leak",
  spec: { namespace: "payments", name: "billing", ...spec },
  targets,
});
const asked = (question: Partial<HoldQuestion> = {}): HoldQuestion => ({
  namespace: "payments",
  identity: "billing",
  targets: [],
  ...question,
});
const isHeld = (by: HoldInForce, question: HoldQuestion): boolean => heldBy([by], question) !== undefined;

describe("what a hold holds", () => {
  it("is the identity of its name, in its namespace", () => {
    assert.equal(isHeld(hold(), asked()), true);
    assert.equal(isHeld(hold(), asked({ namespace: "other" })), false);
    assert.equal(isHeld(hold(), asked({ identity: "other" })), false);
    assert.equal(isHeld(hold(), asked({ identity: undefined })), false);
    assert.equal(isHeld(hold(), asked({ identity: (name) => name === "billing" })), true);
  });

  it("is all of its namespace under *, also what names no identity", () => {
    assert.equal(isHeld(hold({ name: "*" }), asked({ identity: undefined })), true);
    assert.equal(isHeld(hold({ name: "*" }), asked({ namespace: "other" })), false);
  });

  it("is a target in any namespace and under any name", () => {
    const by = hold({}, ["aws-user/111122223333/app"]);
    assert.equal(
      isHeld(by, asked({ namespace: "other", identity: "x", targets: ["aws-user/111122223333/app"] })),
      true,
    );
    assert.equal(
      isHeld(by, asked({ namespace: "other", identity: "x", targets: ["aws-user/999999999999/app"] })),
      false,
    );
  });

  const same: readonly (readonly [string, string])[] = [
    ["aws-access-key/111122223333/App", "aws-user/111122223333/app"],
    ["kubernetes-token/in-cluster/payments.billing", "kubernetes-service-account/payments/billing"],
    ["vault-approle/vault:8200/-/payments.billing.kv", "vault-entity/vault:8200/-/keyturn.payments.billing.kv"],
  ];
  for (const [credential, account] of same) {
    it(`is ${credential} with ${account}, either way`, () => {
      assert.equal(principalOf(credential), principalOf(account));
      const elsewhere = (targets: readonly string[]) => asked({ namespace: "other", identity: undefined, targets });
      assert.equal(isHeld(hold({}, [account]), elsewhere([credential])), true);
      assert.equal(isHeld(hold({}, [credential]), elsewhere([account])), true);
    });
  }

  it("is no role for a user of its name, no other ServiceAccount and no other provider's account", () => {
    const claims = [
      "aws-user/1/app",
      "aws-role/1/app",
      "kubernetes-service-account/a/app",
      "kubernetes-service-account/b/app",
      "vault-pki/v/-/a.app",
      "vault-database/v/-/a.app",
      "hook-target/v/a.app",
      "vault-entity/v/-/plain",
    ];
    assert.equal(new Set(claims.map(principalOf)).size, claims.length);
  });

  it("is told by every hold, and compromised when one of them says so", () => {
    const found = heldBy(
      [
        { ...hold({ compromised: true }), name: "z" },
        { ...hold(), name: "a" },
      ],
      asked(),
    );
    assert.deepEqual(found, { names: ["a", "z"], compromised: true });
    assert.equal(heldBy([], asked()), undefined);
    assert.deepEqual(holdsTold([]), {});
    assert.equal(holdsTold(Array.from({ length: 40 }, (_, n) => `h${n}`)).holds?.length, 16);
  });
});

describe("a target that a hold names", () => {
  const kinds = [
    ["AwsUser", "aws-user/acc/x"],
    ["AwsRole", "aws-role/acc/x"],
    ["VaultEntity", "vault-entity/acc/x"],
    ["VaultAppRole", "vault-approle/acc/ns.x"],
    ["VaultDatabaseRole", "vault-database/acc/ns.x"],
    ["VaultPKIRole", "vault-pki/acc/ns.x"],
    ["KubernetesServiceAccount", "kubernetes-service-account/ns/x"],
    ["HookTarget", "hook-target/acc/ns.x"],
  ] as const;
  for (const [kind, claim] of kinds) {
    it(`is claimed as ${claim} (${kind})`, () => {
      assert.equal(claimOfTarget({ kind, name: "x", connectionRef: { name: "c" } }, "acc", "ns"), claim);
    });
  }
});
