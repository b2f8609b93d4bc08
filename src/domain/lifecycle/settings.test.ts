import assert from "node:assert/strict";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { without } from "../../kernel/without.ts";
import { at, settings, spec, text } from "./fixtures.fake.ts";
import { lifecycleSpecHash, readLeniently, readLifecycleSettings, wantedState } from "./settings.ts";

type Account = ServiceAccountLifecycleSpec["accounts"][number];
const aws = { connectionRef: { name: "aws" } };
const vault = { connectionRef: { name: "vault" } };

describe("the settings of an identity", () => {
  it("fill in what the spec leaves out", () => {
    const { owner, purpose, ...more } = settings();
    const rest = without(more, "accounts");
    assert.deepEqual([owner, purpose], [{ team: "payments", contact: "payments@example.com" }, "Exports invoices"]);
    assert.deepEqual(rest, {
      state: "Active",
      adopt: false,
      drift: "Enforce",
      progressDeadlineMs: 600_000,
      deletion: { policy: "Delete", holdMs: 86_400_000, timeoutMs: 3_600_000, onTimeout: "HandOver" },
      rollback: "Effective",
    });
  });

  it("take over what the spec says", () => {
    const read = settings({
      environment: "production",
      expiresAt: "2026-06-30T00:00:00+02:00",
      review: { every: "2160h" },
      adoption: { mode: "IfAnnotated" },
      drift: { mode: "Report" },
      deletion: { policy: "Disable", holdFor: "0s", timeout: "1m", onTimeout: "Block" },
      rollback: { mode: "None" },
    });
    assert.equal(read.owner.environment, "production");
    assert.equal(read.expiresAt?.toISOString(), "2026-06-29T22:00:00.000Z");
    assert.equal(read.reviewEveryMs, 2160 * 3_600_000);
    assert.deepEqual([read.adopt, read.drift, read.rollback], [true, "Report", "None"]);
    assert.deepEqual(read.deletion, { policy: "Disable", holdMs: 0, timeoutMs: 60_000, onTimeout: "Block" });
  });

  const wrong: readonly (readonly [string, Partial<ServiceAccountLifecycleSpec>, string])[] = [
    ["no account", { accounts: [] }, "spec.accounts"],
    ["an account twice", { accounts: [...spec().accounts, ...spec().accounts] }, "spec.accounts"],
    [
      "two ServiceAccounts",
      {
        accounts: [
          { name: "a", kubernetes: {} },
          { name: "b", kubernetes: {} },
        ],
      },
      "spec.accounts",
    ],
    ["an account at no provider", { accounts: [{ name: "a" }] }, "spec.accounts[a]"],
    ["an account at two", { accounts: [{ name: "a", kubernetes: {}, aws: { ...aws, user: {} } }] }, "spec.accounts[a]"],
    ["neither a user nor a role", { accounts: [{ name: "a", aws }] }, "spec.accounts[a].aws"],
    [
      "a role that nobody could assume",
      { accounts: [{ name: "a", aws: { ...aws, role: {} } }] },
      "spec.accounts[a].aws.role",
    ],
    [
      "a JWT login of no ServiceAccount",
      { accounts: [{ name: "a", vault: { ...vault, login: { mode: "JWT" } } }] },
      "spec.accounts[a].vault.login.mode",
    ],
    [
      "Vault's root policy",
      { accounts: [{ name: "a", vault: { ...vault, login: { mode: "AppRole" }, policies: ["root"] } }] },
      "spec.accounts[a].vault.policies",
    ],
    [
      "an inline policy of our name",
      {
        accounts: [
          {
            name: "a",
            aws: {
              ...aws,
              user: {
                inlinePolicies: [
                  { name: "keyturn-cut", statements: [{ effect: "Allow", actions: ["*"], resources: ["*"] }] },
                ],
              },
            },
          },
        ],
      },
      "spec.accounts[a].aws.inlinePolicies",
    ],
    [
      "a Role in the whole cluster",
      { accounts: [{ name: "a", kubernetes: { roles: [{ kind: "Role", name: "r", scope: "Cluster" }] } }] },
      "spec.accounts[a].kubernetes.roles",
    ],
    [
      "a session of no duration",
      {
        accounts: [
          { name: "k", kubernetes: {} },
          { name: "a", aws: { ...aws, role: { maxSessionDuration: "1 hour" } } },
        ],
      },
      "spec.accounts[a].aws.role.maxSessionDuration",
    ],
    ["an hour that is none", { deletion: { holdFor: "a day" } }, "spec.deletion.holdFor"],
    ["a deadline that is none", { progressDeadline: "" }, "spec.progressDeadline"],
    ["an end that is no time", { expiresAt: "tomorrow" }, "spec.expiresAt"],
  ];
  for (const [what, more, field] of wrong) {
    it(`refuse ${what}, and name the field`, () => {
      const read = readLifecycleSettings(spec(more));
      assert.ok("field" in read);
      assert.equal(read.field, field);
      assert.ok(read.message.includes(field));
    });
  }

  it("refuse what status has no room for", () => {
    const statements = Array.from({ length: 40 }, (_, at) => ({
      effect: "Allow" as const,
      actions: ["s3:GetObject"],
      resources: [`arn:aws:s3:::${"x".repeat(1000)}${at}`],
    }));
    const large = (name: string): Account => ({
      name,
      aws: { ...aws, user: { inlinePolicies: [{ name: "own", statements }] } },
    });
    const one = readLifecycleSettings(spec({ accounts: [large("a")] }));
    assert.equal("field" in one ? one.field : "", "spec.accounts[a]");
    const half = statements.slice(0, 25);
    const several = ["a", "b", "c"].map((name): Account => ({
      name,
      aws: { ...aws, user: { inlinePolicies: [{ name: "own", statements: half }] } },
    }));
    const all = readLifecycleSettings(spec({ accounts: several }));
    assert.equal("field" in all ? all.field : "", "spec");
  });

  it("are obeyed as far as they can be understood", () => {
    const read = readLeniently(
      spec({ state: "Suspended", accounts: [], progressDeadline: "soon", expiresAt: "never" }),
    );
    assert.deepEqual([read.state, read.progressDeadlineMs, read.expiresAt], ["Suspended", 600_000, undefined]);
  });
});

describe("what makes two specs the same", () => {
  const hash = lifecycleSpecHash(spec());
  const same: readonly (readonly [string, Partial<ServiceAccountLifecycleSpec>])[] = [
    ["state", { state: "Suspended" }],
    ["expiry", { expiresAt: text("12:00:00") }],
    ["review", { review: { every: "1h" } }],
    ["deletion", { deletion: { holdFor: "1h" } }],
    ["drift", { drift: { mode: "Report" } }],
    ["rollback", { rollback: { mode: "None" } }],
    ["deadline", { progressDeadline: "1m" }],
  ];
  for (const [what, more] of same) {
    it(`is not their ${what}`, () => {
      assert.equal(lifecycleSpecHash(spec(more)), hash);
    });
  }
  const other: readonly (readonly [string, Partial<ServiceAccountLifecycleSpec>])[] = [
    ["owner", { owner: { team: "billing", contact: "b@example.com" } }],
    ["purpose", { purpose: "Something else" }],
    ["environment", { environment: "staging" }],
    ["accounts", { accounts: [{ name: "sa", kubernetes: {} }] }],
    ["adoption", { adoption: { mode: "IfAnnotated" } }],
  ];
  for (const [what, more] of other) {
    it(`is their ${what}`, () => {
      assert.notEqual(lifecycleSpecHash(spec(more)), hash);
    });
  }
});

describe("the state that is wanted", () => {
  const ends = settings({ state: "Suspended", expiresAt: text("12:00:00") });
  it("is the declared one until the identity expires", () => {
    assert.equal(wantedState(ends, at("11:59:59")), "Suspended");
  });
  it("is Decommissioned from that moment on", () => {
    assert.equal(wantedState(ends, at("12:00:00")), "Decommissioned");
  });
});
