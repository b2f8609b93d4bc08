import assert from "node:assert/strict";
import { CONDITIONS, type ConditionMeaning } from "../../api/v1alpha1/reasons.ts";
import type { OpenRotation, RotationStatus } from "./record.ts";
import { report, type ReportInput } from "./report.ts";

const now = new Date("2026-01-01T12:00:00Z");
const current = {
  version: "1-a",
  id: "K1",
  issuedAt: "2026-01-01T11:00:00Z",
  verifiedAt: "2026-01-01T11:01:00Z",
  publishedAt: "2026-01-01T11:02:00Z",
};
const idle = { kind: "waiting", wait: { type: "wait", for: "NextRotation" } } as const;
const waiting = (
  what:
    | "DependentRollout"
    | "Overlap"
    | "ClockSkew"
    | "Paused"
    | "Verification"
    | "ExternalConfirmation"
    | "IdentityNotReady"
    | "IdentitySuspended"
    | "IdentityDecommissioned",
) => ({ kind: "waiting", wait: { type: "wait", for: what, about: "web" } }) as const;
const failures = (reason: string, count = 1) => ({
  count,
  reason,
  message: "It was refused.",
  since: "2026-01-01T11:00:00Z",
  nextAttemptTime: "2026-01-01T13:00:00Z",
});
const rotation = (more: Partial<OpenRotation> = {}): OpenRotation => ({
  id: "r2",
  version: "2-b",
  trigger: "Requested",
  openedAt: "x",
  providerTime: "x",
  knownIds: [],
  issuer: "me",
  attempt: 1,
  direction: "Forward",
  ...more,
});
const told = (status: RotationStatus, more: Partial<ReportInput> = {}): readonly string[] =>
  (
    report({ status, situation: idle, generation: 3, now, login: true, checked: "has logged in", ...more })
      .conditions ?? []
  ).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);
const pending = {
  version: "0-z",
  id: "K0",
  why: "Superseded" as const,
  since: "x",
  graceSeconds: 0,
  overlapSeconds: 1,
};

const suspension = { reason: "IdentitySuspended", since: "x" } as const;

describe("the report", () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      "of a resource at rest",
      told({ current }),
      [
        "Ready=True Available",
        "Verified=True LoggedIn",
        "DependentsUpdated=True AllMoved",
        "OldCredentialRevoked=True NothingToRevoke",
      ],
    ],
    [
      "of a first issue",
      told({ rotation: rotation({ trigger: "FirstIssue" }) }, { situation: waiting("Verification") }),
      [
        "Ready=False FirstIssuePending",
        "Verified=False Pending",
        "DependentsUpdated=False NothingPublished",
        "OldCredentialRevoked=True NothingToRevoke",
        "Rotating=True FirstIssue",
        "Reconciling=True Progressing",
      ],
    ],
    [
      "stays Ready while a rotation fails",
      told({ current, rotation: rotation(), failures: failures("Unavailable") }, { situation: { kind: "failed" } }),
      [
        "Ready=True Available",
        "Verified=True LoggedIn",
        "DependentsUpdated=True AllMoved",
        "OldCredentialRevoked=True NothingToRevoke",
        "Rotating=True Requested",
        "Reconciling=True BackingOff",
      ],
    ],
    [
      "is not Ready while the current credential is lost",
      told({ current, rotation: rotation({ trigger: "Lost" }) }).slice(0, 1),
      ["Ready=False CredentialLost"],
    ],
    [
      "is not Ready before an undone deletion has had its key log in",
      told({ current: { ...current, resuming: true } }).slice(0, 1),
      ["Ready=False FirstIssuePending"],
    ],
    [
      "says that nobody asked for a login",
      told({ current }, { login: false }).slice(0, 2),
      ["Ready=True AvailableUnverified", "Verified=Unknown NotAsked"],
    ],
    [
      "says who is waited for",
      told({ current, rotation: rotation({ publishedAt: "x" }) }, { situation: waiting("DependentRollout") }).slice(
        2,
        3,
      ),
      ["DependentsUpdated=False DependentRollout"],
    ],
    [
      "says that it goes back",
      told({ current, rotation: rotation({ direction: "Back" }) }).slice(2, 3),
      ["DependentsUpdated=False GoingBack"],
    ],
    [
      "says that the overlap runs",
      told({ current, pendingRevocations: [pending] }, { situation: waiting("Overlap") }).slice(3),
      ["OldCredentialRevoked=False Overlap"],
    ],
    [
      "says that a key is disabled and held",
      told({ current, pendingRevocations: [{ ...pending, disabledAt: "x" }] }).slice(3),
      ["OldCredentialRevoked=False Disabled"],
    ],
    [
      "says that clocks disagree",
      told({ current, pendingRevocations: [pending] }, { situation: waiting("ClockSkew") }).slice(3),
      ["OldCredentialRevoked=False ClockSkew"],
    ],
    [
      "says that a revocation fails, and is Ready all the same",
      told({ current, pendingRevocations: [pending], revocationFailures: failures("Unavailable") }).filter((line) =>
        /^(Ready|Old)/.test(line),
      ),
      ["Ready=True Available", "OldCredentialRevoked=False RevocationFailing"],
    ],
    [
      "is Stalled when a refusal lasts",
      told({ failures: failures("PermissionDenied", 3) }, { situation: { kind: "failed" } }).filter((line) =>
        /^(Ready|Stalled)/.test(line),
      ),
      ["Ready=False PermissionDenied", "Stalled=True PermissionDenied"],
    ],
    [
      "is not Stalled by what is merely out of reach",
      told({ failures: failures("Unavailable", 30) }, { situation: { kind: "failed" } }).filter((line) =>
        line.startsWith("Stalled"),
      ),
      [],
    ],
    [
      "shows a conflict",
      told({ failures: failures("Conflict") }, { situation: { kind: "failed" } }).filter((line) =>
        line.startsWith("Conflict"),
      ),
      ["Conflict=True NotOurs"],
    ],
    [
      "shows that the identity is suspended, and that nothing is wrong",
      told({ current, suspension }, { situation: waiting("IdentitySuspended") }),
      [
        "Ready=False IdentitySuspended",
        "Verified=True LoggedIn",
        "DependentsUpdated=True AllMoved",
        "OldCredentialRevoked=True NothingToRevoke",
        "Suspended=True IdentitySuspended",
      ],
    ],
    [
      "shows that the identity has ended",
      told(
        { current, suspension: { ...suspension, reason: "IdentityDecommissioned" } },
        { situation: waiting("IdentityDecommissioned") },
      ).filter((line) => /Ready|Suspended/.test(line)),
      ["Ready=False IdentityDecommissioned", "Suspended=True IdentityDecommissioned"],
    ],
    [
      "does not call a key available that has not logged in since the identity came back",
      told({ current, suspension: { ...suspension, resumedAt: "x" } }).filter((line) => /Ready|Suspended/.test(line)),
      ["Ready=False Resuming", "Suspended=True Resuming"],
    ],
    [
      "shows that the identity is not ready",
      told({}, { situation: waiting("IdentityNotReady") }).filter((line) => /Ready|Stalled|Reconciling/.test(line)),
      ["Ready=False IdentityNotReady", "Reconciling=True Progressing"],
    ],
    [
      "keeps Ready while a credential works and the identity is not ready",
      told({ current }, { situation: waiting("IdentityNotReady") }).slice(0, 1),
      ["Ready=True Available"],
    ],
    [
      "shows what is adopted",
      told({ current: { ...current, adopted: true } }).slice(4),
      ["Adopted=True UntilFirstRotation"],
    ],
    [
      "shows at once that a limit holds it back",
      told({ current, failures: failures("LimitReached") }).filter((line) => line.startsWith("Stalled")),
      ["Stalled=True LimitReached"],
    ],
    [
      "shows at once that the kill switch is on",
      told({ current, failures: failures("KillSwitch") }).filter((line) => line.startsWith("Stalled")),
      ["Stalled=True KillSwitch"],
    ],
    ["shows that it is paused", told({ current }, { situation: waiting("Paused") }).slice(4), ["Paused=True AskedFor"]],
    ["shows foreign keys", told({ current }, { unmanaged: ["F1"] }).slice(4), ["Unmanaged=True UnknownCredential"]],
    [
      "shows that there is no way back",
      told({ current, rotation: rotation({ previousKept: "Unavailable" }) }).slice(-1),
      ["RollbackUnavailable=True PreviousValueLost"],
    ],
  ];
  for (const [sentence, found, expected] of rows) {
    it(sentence, () => {
      assert.deepEqual(found, expected);
      for (const line of found) {
        const [, type = "", reason = ""] = /^(\w+)=\w+ (\w+)$/.exec(line) ?? [];
        const meaning = (CONDITIONS as Readonly<Record<string, ConditionMeaning>>)[type];
        assert.ok(meaning?.reasons[reason] !== undefined, `${line} is not in reasons.ts`);
      }
    });
  }

  it("changes nothing when it is made again a minute later", () => {
    const first = report({
      status: { current },
      situation: idle,
      generation: 3,
      now,
      login: true,
      checked: "has logged in",
      unmanaged: ["F1"],
    });
    const later = {
      situation: idle,
      generation: 3,
      now: new Date("2026-01-01T12:01:00Z"),
      login: true,
      checked: "has logged in",
    };
    assert.deepEqual(report({ ...later, status: first, unmanaged: ["F1"] }), first);
    assert.deepEqual(report({ ...later, status: first }), first);
  });

  it("moves a transition time only when the status moves, and stamps every condition with the generation", () => {
    const first = report({
      status: {},
      situation: { kind: "failed" },
      generation: 3,
      now,
      login: true,
      checked: "has logged in",
    });
    const second = report({
      status: { ...first, failures: failures("NotFound") },
      situation: { kind: "failed" },
      generation: 4,
      now: new Date("2026-01-01T12:01:00Z"),
      login: true,
      checked: "has logged in",
    });
    const ready = second.conditions?.find(({ type }) => type === "Ready");
    assert.equal(ready?.reason, "NotFound");
    assert.equal(ready.lastTransitionTime, "2026-01-01T12:00:00Z");
    assert.ok(second.conditions?.every(({ observedGeneration }) => observedGeneration === 4));
    assert.equal(second.observedGeneration, 4);
  });

  it("keeps messages and activity within their bounds and free of times", () => {
    const status: RotationStatus = { current, failures: { ...failures("Conflict"), message: "x".repeat(5000) } };
    const made = report({
      status,
      situation: { kind: "failed" },
      generation: 1,
      now,
      login: true,
      checked: "has logged in",
    });
    assert.ok(made.conditions?.every(({ message }) => message.length <= 1024 && !/\d{2}:\d{2}:\d{2}/.test(message)));
    assert.ok((made.activity ?? "").length <= 256);
  });
});
