import assert from "node:assert/strict";
import { coversAction, fieldOf, grantsPolicy, grantsRole, judgeAws, type Grant } from "./grants.ts";

describe("coversAction", () => {
  for (const [outer, inner, covered] of [
    ["s3:GetObject", "s3:GetObject", true],
    ["s3:GetObject", "S3:getobject", true],
    ["s3:*", "s3:Get*", true],
    ["s3:Get*", "s3:GetObject?ersion", true],
    ["s3:Get*", "s3:*", false],
    ["s3:Get*", "s3:G*", false],
    ["s3:Get*", "*", false],
    ["s3:?", "s3:*", false],
    ["s3:*Object", "s3:Get*Object", true],
    ["s3:*Object", "s3:GetObject*", false],
    ["s3:Get?bject", "s3:GetObject", true],
    ["s3:GetObject", "s3:Get?bject", false],
    ["sqs:*", "s3:Get", false],
    ["s3:**", "s3:x", true],
  ] as const) {
    it(`says that ${outer} ${covered ? "covers" : "does not cover"} ${inner}`, () => {
      assert.equal(coversAction(outer, inner), covered);
    });
  }

  it("never says yes where a word of the inner is none of the outer (random patterns)", () => {
    const random = seeded(7);
    const pattern = (): string => Array.from({ length: 1 + random(4) }, () => "ab*?"[random(4)] ?? "a").join("");
    for (let round = 0; round < 3000; round += 1) {
      const [outer, inner] = [pattern(), pattern()];
      if (!coversAction(outer, inner)) continue;
      for (let word = 0; word < 8; word += 1) {
        const text = inner.replaceAll(/[*?]/g, (sign) =>
          sign === "?" ? ("ab"[random(2)] ?? "a") : Array.from({ length: random(3) }, () => "ab"[random(2)]).join(""),
        );
        assert.ok(regexOf(outer).test(text), `${outer} was said to cover ${inner}, but not ${text}`);
      }
    }
  });
});

const regexOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll("*", "[ab]*").replaceAll("?", "[ab]")}$`);

const seeded = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
};

const grant = (more: Partial<Grant>): Grant => ({ name: "g", ...more });
const EDGE = "arn:aws:iam::1:policy/edge";
const OTHER = "arn:aws:iam::1:policy/other";
const user = (more: object) => ({ connectionRef: { name: "aws" }, user: more });

describe("grants", () => {
  it("of a role hold in the namespace, and in the whole cluster only where they say so", () => {
    const here = [grant({ roles: [{ kind: "ClusterRole", name: "view" }] })];
    const everywhere = [grant({ roles: [{ kind: "ClusterRole", name: "view", scope: "Cluster" }] })];
    const role = { kind: "ClusterRole", name: "view" } as const;
    assert.equal(grantsRole(here, role), true);
    assert.equal(grantsRole(here, { ...role, scope: "Cluster" }), false);
    assert.equal(grantsRole(everywhere, role), true);
    assert.equal(grantsRole(everywhere, { ...role, scope: "Cluster" }), true);
    assert.equal(grantsRole(here, { kind: "Role", name: "view" }), false);
  });

  it("of policies take a * at the end for any rest, and nowhere else", () => {
    assert.equal(grantsPolicy([grant({ policies: ["app-*"] })], "app-billing"), true);
    assert.equal(grantsPolicy([grant({ policies: ["app-*"] })], "my-app-billing"), false);
    assert.equal(grantsPolicy([grant({ policies: ["billing"] })], "billing-admin"), false);
    assert.equal(grantsPolicy([], "billing"), false);
  });

  it("of inline policies look at every allowed action, and at no denied one", () => {
    const aws = user({
      inlinePolicies: [
        { name: "a", statements: [{ effect: "Deny", actions: ["iam:*"], resources: ["*"] }] },
        {
          name: "b",
          statements: [
            { effect: "Allow", actions: ["s3:GetObject"], resources: ["*"] },
            { effect: "Allow", actions: ["s3:GetObject", "s3:PutObject"], resources: ["*"] },
          ],
        },
      ],
    });
    const { refused } = judgeAws(aws, "f", [grant({ inlineActions: ["s3:Get*"] })]);
    assert.deepEqual([...refused.keys()], ["inlinePolicy/b"]);
    assert.match(refused.get("inlinePolicy/b") ?? "", /s3:PutObject/);
  });

  it("with a boundary demand it where the spec has none, and refuse another", () => {
    const grants = [grant({ policies: ["p*"], permissionsBoundary: EDGE })];
    assert.deepEqual(judgeAws(user({ policies: ["p1"] }), "f", grants), { refused: new Map(), requiredBoundary: EDGE });
    assert.equal(judgeAws(user({ policies: ["p1"], permissionsBoundary: EDGE }), "f", grants).refused.size, 0);
    assert.equal(judgeAws(user({ policies: ["p1"], permissionsBoundary: OTHER }), "f", grants).refused.size, 1);
  });

  it("without a boundary demand none, also beside one that does", () => {
    const grants = [grant({ policies: ["p1"], permissionsBoundary: EDGE }), grant({ name: "h", policies: ["p1"] })];
    assert.deepEqual(judgeAws(user({ policies: ["p1"] }), "f", grants), { refused: new Map() });
  });

  it("that demand different boundaries are reconciled where one suits all, and refused where none does", () => {
    const both = [
      grant({ policies: ["p1"], permissionsBoundary: EDGE }),
      grant({ name: "h", policies: ["p1", "p2"], permissionsBoundary: OTHER }),
    ];
    assert.equal(judgeAws(user({ policies: ["p1", "p2"] }), "f", both).requiredBoundary, OTHER);
    const apart = [
      grant({ policies: ["p1"], permissionsBoundary: EDGE }),
      grant({ name: "h", policies: ["p2"], permissionsBoundary: OTHER }),
    ];
    assert.equal(judgeAws(user({ policies: ["p1", "p2"] }), "f", apart).refused.size, 2);
  });

  it("are told by the field that people have to change", () => {
    assert.equal(fieldOf({ name: "lake", aws: user({}) }), "spec.accounts[lake].aws.user");
    assert.equal(fieldOf({ name: "k", kubernetes: {} }), "spec.accounts[k].kubernetes");
  });
});
