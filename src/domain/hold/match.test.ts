import assert from "node:assert/strict";
import {
  claimOfTarget,
  heldBy,
  heldSentence,
  holdsTold,
  isToldHeld,
  principalOf,
  type HoldInForce,
  type HoldQuestion,
} from "./match.ts";

const hold = (spec: Partial<HoldInForce["spec"]> = {}, targets: readonly string[] = []): HoldInForce => ({
  name: "leak",
  spec: { namespace: "payments", name: "billing", reason: "leak", ...spec },
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
    assert.deepEqual(found, { names: ["a", "z"], reasons: ["leak", "leak"], compromised: true });
    assert.equal(heldBy([], asked()), undefined);
    assert.deepEqual(holdsTold([]), {});
  });

  it("is told by sixteen of them at most, and those that were told stay", () => {
    const all = Array.from({ length: 18 }, (_, n) => `h${String(n).padStart(2, "0")}`);
    const { holds } = holdsTold(all.slice(2));
    assert.deepEqual(holds, all.slice(2));
    assert.deepEqual(holdsTold(all, holds).holds, holds);
    assert.deepEqual(holdsTold(all.slice(0, 17), holds).holds, all.slice(0, 1).concat(all.slice(2, 17)));
    for (const name of all) assert.equal(isToldHeld(holds, name), true, name);
    assert.equal(isToldHeld(["h01"], "h02"), false);
    assert.equal(isToldHeld(undefined, "h02"), false);
  });

  it("is told with its reason, cut where it is long, and without one that is not known", () => {
    const sentence = "holds it; only who may delete that can bring it back.";
    assert.equal(heldSentence({ names: ["a"] }), `IdentityHold a ${sentence}`);
    assert.equal(
      heldSentence({ names: ["a"], reasons: ["Key in a log"] }),
      `IdentityHold a (Key in a log) ${sentence}`,
    );
    const [names, reasons] = [
      ["a", "b", "c", "d"],
      ["r".repeat(500), "s", "t", "u"],
    ];
    assert.equal(
      heldSentence({ names, reasons }),
      `IdentityHold a (${"r".repeat(160)} …), b (s), c (t) and 1 more ${sentence}`,
    );
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
