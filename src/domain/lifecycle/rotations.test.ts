import assert from "node:assert/strict";
import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { accountHolding, belongsTo } from "./holders.ts";
import { leftInLedger, leftOf, viewRotations, waitingForRotations } from "./rotations.ts";

type Status = NonNullable<SecretRotation["status"]>;
const ended: Status = { suspension: { reason: "IdentityDecommissioned", since: "2026-01-01T11:00:00Z" } };
const current = { version: "3-a", id: "K3", issuedAt: "2026-01-01T11:00:00Z" };
const pending = {
  version: "2-a",
  id: "K2",
  why: "Superseded" as const,
  since: "2026-01-01T11:00:00Z",
  graceSeconds: 0,
  overlapSeconds: 0,
  deletedAt: "2026-01-01T11:00:00Z",
};
const open = {
  id: "r4",
  version: "4-a",
  trigger: "Scheduled" as const,
  openedAt: "2026-01-01T11:00:00Z",
  providerTime: "2026-01-01T11:00:00Z",
  knownIds: [],
  issuer: "me",
  attempt: 1,
  direction: "Forward" as const,
};
const vault = { connectionRef: { name: "vault" } };
const APP_ROLE: SecretRotation["spec"]["source"] = { vaultAppRole: { ...vault, role: "web" } };
const OF_ACCOUNT: SecretRotation["spec"]["source"] = { awsAccessKey: { accountRef: { name: "lake" } } };

const rotation = (
  status: Status | undefined,
  source: SecretRotation["spec"]["source"] = APP_ROLE,
  more: Partial<SecretRotation["metadata"]> = {},
  identityRef = { name: "exporter" },
): SecretRotation => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "SecretRotation",
  metadata: { name: "web", namespace: "payments", uid: "u", resourceVersion: "1", ...more },
  spec: { identityRef, source, deliver: [], dependents: [] },
  ...(status === undefined ? {} : { status }),
});

const entry = (
  spec: Partial<OrphanedCredential["spec"]>,
  status?: OrphanedCredential["status"],
): OrphanedCredential => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "OrphanedCredential",
  metadata: { name: "srot-u", uid: "o", resourceVersion: "1" },
  spec: {
    origin: { kind: "SecretRotation", namespace: "payments", name: "web", uid: "u" },
    target: "t",
    policy: "Delete",
    recordedAt: "2026-01-01T11:00:00Z",
    holdSeconds: 0,
    source: { declared: "{}" },
    credentials: [{ version: "3-a", id: "K3" }],
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
});
const state = (is: "Pending" | "Disabled" | "Deleted" | "Proven") => ({
  credentials: [{ version: "3-a", id: "K3", state: is }],
});
const AWS = { awsAccessKey: { connectionRef: { name: "aws" }, userName: "u", exclusive: true } };

describe("what SecretRotations of an identity that has ended still hold", () => {
  const rows: readonly (readonly [string, SecretRotation, string | undefined])[] = [
    ["nothing", rotation(ended), undefined],
    ["may be issuing at this moment", rotation(undefined), "has not taken note of the end"],
    [
      "is just coming back",
      rotation({ suspension: { ...ended.suspension!, resumedAt: "2026-01-01T11:00:00Z" } }),
      "has not taken note of the end",
    ],
    ["the one in use", rotation({ ...ended, current }), "holds credential 3-a"],
    [
      "the one in use, which has an end of its own",
      rotation({ ...ended, current: { ...current, expiresAt: "2026-01-02T00:00:00Z" } }),
      "holds credential 3-a (ends by itself at 2026-01-02T00:00:00Z)",
    ],
    ["an open rotation", rotation({ ...ended, rotation: open }), "has a rotation to credential 4-a open"],
    [
      "one whose death is not proven",
      rotation({ ...ended, pendingRevocations: [pending] }),
      "has not proven that credential 2-a is revoked",
    ],
    [
      "one that cannot be revoked",
      rotation({
        ...ended,
        pendingRevocations: [{ ...pending, id: "K1", version: "1-a" }, pending],
        revocationFailures: {
          count: 2,
          reason: "PermissionDenied",
          message: "Vault forbids it.",
          about: "K2",
          since: "2026-01-01T11:00:00Z",
          nextAttemptTime: "2026-01-01T11:00:00Z",
        },
      }),
      "has not proven that credential 2-a is revoked: Vault forbids it.",
    ],
    ["what is the account's, which is proven by itself", rotation({ ...ended, current }, OF_ACCOUNT), undefined],
    [
      "an open rotation of an account",
      rotation({ ...ended, rotation: open }, OF_ACCOUNT),
      "has a rotation to credential 4-a open",
    ],
    [
      "what a deletion has not handed over yet",
      rotation({ current }, APP_ROLE, { deletionTimestamp: "2026-01-01T11:00:00Z" }),
      "holds credential 3-a",
    ],
    [
      "nothing, and is being deleted",
      rotation(undefined, APP_ROLE, { deletionTimestamp: "2026-01-01T11:00:00Z" }),
      undefined,
    ],
  ];
  for (const [what, given, words] of rows) it(what, () => assert.equal(leftOf(given)?.words, words));

  const entries: readonly (readonly [string, OrphanedCredential, boolean])[] = [
    ["an entry that has just been written", entry({}), true],
    ["an entry without credentials", entry({ credentials: [] }), false],
    ["what was deleted and not proven", entry({}, state("Deleted")), true],
    ["what is proven", entry({}, state("Proven")), false],
    ["what has no switch", entry({}, state("Disabled")), true],
    ["a key that is switched off and held", entry({ source: AWS }, state("Disabled")), false],
    ["a key that is not switched off yet", entry({ source: AWS }, state("Pending")), true],
  ];
  for (const [what, given, left] of entries)
    it(`in the ledger: ${what}`, () => assert.equal(leftInLedger(given) !== undefined, left));

  it("names what a limit holds back", () => {
    assert.match(leftInLedger(entry({ held: "LimitReached" }))?.words ?? "", /a limit holds the entry back/);
  });
});

describe("the proof of an identity and its SecretRotations", () => {
  it("stands when none was asked for, or nothing is left", () => {
    assert.equal(waitingForRotations("Offboarded", undefined), undefined);
    assert.equal(waitingForRotations("Offboarded", viewRotations([rotation(ended)], [])), undefined);
  });

  it("waits and names them", () => {
    const told = waitingForRotations("Suspended", viewRotations([rotation({ ...ended, current })], [entry({})]));
    assert.deepEqual([told?.type, told?.status, told?.reason], ["Suspended", "False", "CredentialsAlive"]);
    assert.match(told?.message ?? "", /SecretRotation web holds credential 3-a; OrphanedCredential srot-u/);
  });

  it("names five, and says how many more there are", () => {
    const many = Array.from({ length: 7 }, (_, index) => rotation(undefined, APP_ROLE, { name: `web-${index}` }));
    assert.match(waitingForRotations("Offboarded", viewRotations(many, []))?.message ?? "", /web-4 .*; and 2 more\.$/);
  });

  it("is none when nobody could look", () => {
    const told = waitingForRotations("Offboarded", { kind: "notLooked", why: "Forbidden." });
    assert.deepEqual([told?.status, told?.reason], ["False", "NotLooked"]);
    assert.match(told?.message ?? "", /Forbidden/);
  });
});

describe("the SecretRotations that an identity answers for", () => {
  const spec: ServiceAccountLifecycle["spec"] = {
    owner: { team: "payments", contact: "payments@example.com" },
    purpose: "Exports invoices",
    accounts: [
      { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } },
      { name: "named", aws: { connectionRef: { name: "aws" }, user: { name: "legacy" } } },
      { name: "task", aws: { connectionRef: { name: "aws" }, role: { name: "tasks" } } },
      { name: "secrets", vault: { ...vault, login: { mode: "AppRole" } } },
      { name: "cluster", kubernetes: {} },
    ],
  };
  const removed = { name: "old", vault: { ...vault, login: { mode: "AppRole" as const } } };
  const record = (name: string, declaration: string) => ({
    name,
    target: name,
    declaration,
    pieces: [],
    state: "Leaving" as const,
  });
  const identity: ServiceAccountLifecycle = {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { name: "exporter", namespace: "payments", uid: "i", resourceVersion: "1" },
    spec,
    status: { accounts: [record("old", JSON.stringify(removed)), record("broken", "{")] },
  };
  const key = (connection: string, userName: string) => ({
    awsAccessKey: { connectionRef: { name: connection }, userName },
  });
  const token = (serviceAccountName: string) => ({
    kubernetesToken: { connectionRef: { name: "in-cluster" }, serviceAccountName },
  });
  const rows: readonly (readonly [string, SecretRotation["spec"]["source"], string | undefined])[] = [
    ["the user of an account", key("aws", "payments.exporter.lake"), "lake"],
    ["a user that the account names", key("aws", "legacy"), "named"],
    ["a user of that name elsewhere", key("aws-test", "legacy"), undefined],
    ["a role's name", key("aws", "tasks"), undefined],
    ["somebody else's user", key("aws", "other"), undefined],
    ["the AppRole of an account", { vaultAppRole: { ...vault, role: "exporter.secrets" } }, "secrets"],
    ["the AppRole of an account that has left the spec", { vaultAppRole: { ...vault, role: "exporter.old" } }, "old"],
    ["another AppRole", { vaultAppRole: { ...vault, role: "web" } }, undefined],
    ["its ServiceAccount", token("exporter"), "cluster"],
    ["another ServiceAccount", token("web"), undefined],
    ["a certificate", { vaultPKI: { ...vault, role: "exporter.secrets" } }, undefined],
  ];
  for (const [what, source, account] of rows)
    it(`hold ${what}: ${account ?? "no account"}`, () => {
      assert.equal(accountHolding(source, identity), account);
      assert.equal(belongsTo(rotation(ended, source, {}, { name: "decoy" }), identity), account !== undefined);
    });

  it("name it", () => {
    assert.ok(belongsTo(rotation(ended), identity));
    assert.ok(!belongsTo(rotation(ended, APP_ROLE, {}, { name: "other" }), identity));
  });
});
