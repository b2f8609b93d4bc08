import { deepEqual, equal, match } from "node:assert/strict";
import { CRD_DIGESTS } from "../../api/v1alpha1/generated/crd-digests.ts";
import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import { PROVIDER_CONNECTION } from "../../api/v1alpha1/provider-connection.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { configMaps, leases, statefulSets } from "../../cluster/resources.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { CRDS, examine, POLICIES, POLICY_NAMES, type DoctorPorts } from "./examine.ts";
import { doctorExit, type Finding } from "./finding.ts";
import { stuckIn, type Patient } from "./stuck.ts";
import { doctorText } from "./text.ts";

const NOW = "2026-06-01T12:00:00Z";
const NAMESPACE = "keyturn-system";

/** A cluster in which all is well, except the schemas: those of real CRDs are compared in e2e/cli. */
const well = (): { readonly cluster: FakeCluster; readonly ports: DoctorPorts } => {
  const cluster = new FakeCluster(new FakeClock(NOW));
  cluster.allows = () => true;
  for (const name of Object.keys(CRD_DIGESTS)) {
    const status = { storedVersions: ["v1alpha1"], conditions: [{ type: "Established", status: "True" }] };
    cluster.seed({ kind: CRDS, name }, { spec: { versions: [{ name: "v1alpha1" }] }, status });
  }
  for (const [action, names] of [
    ["Deny", POLICY_NAMES.validating],
    ["Warn", POLICY_NAMES.warning],
  ] as const) {
    for (const name of names) {
      cluster.seed({ kind: POLICIES.validating, name }, {});
      cluster.seed(
        { kind: POLICIES.validatingBinding, name },
        { spec: { policyName: name, validationActions: [action] } },
      );
    }
  }
  cluster.seed({ kind: POLICIES.mutating, name: "keyturn-stamp" }, {});
  cluster.seed({ kind: POLICIES.mutatingBinding, name: "keyturn-stamp" }, { spec: { policyName: "keyturn-stamp" } });
  cluster.seed(
    { kind: leases, namespace: NAMESPACE, name: "keyturn" },
    { spec: { holderIdentity: "pod-1", leaseDurationSeconds: 15, renewTime: "2026-06-01T11:59:55Z" } },
  );
  const ports: DoctorPorts = {
    cluster,
    serverVersion: () => Promise.resolve({ major: "1", minor: "36+" }),
    admissionMissing: () => Promise.resolve(undefined),
    login: () => Promise.resolve(),
    auditWritable: () => Promise.resolve(),
    killSwitch: () => Promise.resolve(false),
    readOnly: () => Promise.resolve("off"),
    now: () => new Date(NOW),
    operatorNamespace: NAMESPACE,
    serviceAccount: "keyturn",
    watched: [],
    fairnessLabel: undefined,
    leaseName: "keyturn",
    leaderElect: true,
    limits: { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 100 },
    metricsAuth: undefined,
  };
  return { cluster, ports };
};

const troubles = (findings: readonly Finding[]): readonly string[] =>
  findings
    .filter(({ result, id }) => result !== "ok" && !id.startsWith("crds/"))
    .map(({ result, id }) => `${result} ${id}`);

describe("the doctor", () => {
  it("finds nothing where all is well", async () => {
    deepEqual(troubles(await examine(well().ports)), []);
  });

  it("asks for no right on namespaces without a fairness label", async () => {
    const { cluster, ports } = well();
    cluster.allows = ({ attributes }) => attributes.kind !== "resource" || attributes.resource !== "namespaces";
    deepEqual(troubles(await examine(ports)), []);
  });

  const cases: readonly [string, string, (bench: ReturnType<typeof well>) => Partial<DoctorPorts>][] = [
    [
      "an old server",
      "fail api/version, warn policies/keyturn-stamp",
      () => ({ serverVersion: () => Promise.resolve({ major: "1", minor: "29" }) }),
    ],
    [
      "a forged stamp that is accepted",
      "fail policies/in-force",
      () => ({ admissionMissing: () => Promise.resolve("a forged stamp is accepted") }),
    ],
    [
      "a policy without a binding",
      "fail policies/keyturn-bind",
      ({ cluster }) => {
        cluster.drop({ kind: POLICIES.validatingBinding, name: "keyturn-bind" });
        return {};
      },
    ],
    [
      "a warning that is never given",
      "warn policies/keyturn-retain",
      ({ cluster }) => {
        cluster.drop({ kind: POLICIES.validatingBinding, name: "keyturn-retain" });
        return {};
      },
    ],
    [
      "a right that is missing",
      "fail rights",
      ({ cluster }) => {
        cluster.allows = ({ attributes }) => attributes.verb !== "delete";
        return {};
      },
    ],
    [
      "a fairness label without its right",
      "fail rights",
      ({ cluster }) => {
        cluster.allows = ({ attributes }) => attributes.kind !== "resource" || attributes.resource !== "namespaces";
        return { fairnessLabel: "example.com/tenant" };
      },
    ],
    ["a leader that is silent", "fail lease", () => ({ leaseName: "other" })],
    ["read-only", "warn read-only", () => ({ readOnly: () => Promise.resolve("on") })],
    ["the kill switch", "warn kill-switch", () => ({ killSwitch: () => Promise.resolve(true) })],
    [
      "a limit that is reached",
      "warn limits/offboarding",
      ({ cluster }) => {
        const at = Date.parse(NOW) / 1000 - 60;
        cluster.seed(
          { kind: configMaps, namespace: NAMESPACE, name: "keyturn-limits" },
          { data: { offboarding: `0123456789abcdef@${at}` } },
        );
        return {};
      },
    ],
    ["metrics without a review, as declared", "warn metrics", () => ({ metricsAuth: "None" })],
    [
      "metrics without a review because of claims of before",
      "warn metrics",
      ({ cluster }) => {
        const labels = { "keyturn.dev/role": "claim" };
        cluster.seed({ kind: configMaps, namespace: NAMESPACE, name: "keyturn-claim-1" }, { metadata: { labels } });
        return {};
      },
    ],
    [
      "metrics without a review because the StatefulSet says so",
      "warn metrics",
      ({ cluster }) => {
        const containers = [{ name: "keyturn", args: ["--metrics-auth=None"] }];
        const spec = { template: { spec: { containers } } };
        cluster.seed({ kind: statefulSets, namespace: NAMESPACE, name: "keyturn" }, { spec });
        return {};
      },
    ],
    [
      "an audit folder that is full or read-only",
      "fail audit",
      () => ({ auditWritable: () => Promise.reject(Object.assign(new Error(), { code: "EROFS" })) }),
    ],
  ];
  for (const [title, expected, change] of cases) {
    it(`tells ${title}, why, and what to do`, async () => {
      const bench = well();
      const findings = await examine({ ...bench.ports, ...change(bench) });
      deepEqual(troubles(findings), expected.split(", "));
      for (const { result, why, next } of findings) {
        if (result !== "ok") equal(why === undefined || next === undefined, false);
      }
    });
  }

  it("tells of a hold that matches nothing", async () => {
    const { cluster, ports } = well();
    const conditions = [
      { type: "Unmatched", status: "True", reason: "MatchesNothing", message: "Nothing has the name of this hold." },
    ];
    cluster.seed({ kind: IDENTITY_HOLD, name: "leak" }, { spec: {}, status: { conditions } });
    const findings = await examine({ ...ports, login: () => Promise.resolve() });
    deepEqual(
      troubles(findings).filter((line) => line.includes("IdentityHold")),
      ["fail stuck/IdentityHold/leak/Unmatched"],
    );
  });

  it("names the rights that a connection's login lacks, in the operator's own words", async () => {
    const { cluster, ports } = well();
    const conditions = [
      { type: "Ready", status: "True", reason: "LoggedIn", message: "" },
      { type: "RightsMissing", status: "True", reason: "NotAllowed", message: "The login lacks iam:GetPolicy." },
    ];
    cluster.seed({ kind: PROVIDER_CONNECTION, name: "aws" }, { spec: {}, status: { conditions } });
    const findings = await examine({ ...ports, login: () => Promise.resolve() });
    deepEqual(troubles(findings), ["warn connections/aws/rights"]);
    equal(findings.find(({ id }) => id.endsWith("/rights"))?.why, "The login lacks iam:GetPolicy.");
  });

  it("tries the login of every connection, and beside it tells what the operator says", async () => {
    const { cluster, ports } = well();
    const conditions = [{ type: "Ready", status: "True", reason: "LoggedIn", message: "" }];
    cluster.seed({ kind: PROVIDER_CONNECTION, name: "aws" }, { spec: {}, status: { conditions } });
    const refused = new OperatorError("Unauthenticated", { publicMessage: "AWS refused the login." });
    deepEqual(troubles(await examine({ ...ports, login: () => Promise.reject(refused) })), [
      "fail connections/aws/login",
    ]);
    const away = await examine({ ...ports, login: undefined, auditWritable: undefined });
    deepEqual(troubles(away), ["unknown audit", "unknown connections/aws/login"]);
    equal(
      doctorExit(
        away.filter(({ id }) => !id.startsWith("crds/")),
        false,
      ),
      0,
    );
  });

  it("says unknown where it may not look, goes on, and ends with 3", async () => {
    const { cluster, ports } = well();
    const forbidden = new OperatorError("PermissionDenied", { publicMessage: "You may not." });
    cluster.failNext(({ plural }) => plural === "customresourcedefinitions", forbidden, "before", 9);
    const findings = await examine(ports);
    deepEqual(
      findings.filter(({ result }) => result !== "ok").map(({ id, result }) => `${result} ${id}`),
      ["unknown crds"],
    );
    equal(doctorExit(findings, false), 3);
  });

  it("stops at a server that does not answer", async () => {
    const away = new OperatorError("Unavailable", { publicMessage: "No answer." });
    const findings = await examine({ ...well().ports, serverVersion: () => Promise.reject(away) });
    deepEqual(
      findings.map(({ id, result }) => `${result} ${id}`),
      ["unknown api/version"],
    );
    equal(doctorExit(findings, false), 3);
  });

  it("counts warnings only when it is asked to, and what failed before what was not seen", () => {
    const of = (...results: Finding["result"][]): readonly Finding[] =>
      results.map((result) => ({ id: "x", what: "x", result }));
    deepEqual(
      [of("ok", "warn"), of("warn", "unknown"), of("fail", "unknown")].map((all) => [
        doctorExit(all, false),
        doctorExit(all, true),
      ]),
      [
        [0, 1],
        [3, 1],
        [1, 1],
      ],
    );
  });

  it("prints why and what to do, and what is well only on demand", () => {
    const findings: readonly Finding[] = [
      { id: "a", what: "A", result: "ok" },
      { id: "b", what: "B", result: "fail", why: "gone\u001b[2J", next: "bring it" },
    ];
    const narrow = doctorText(findings, false);
    match(narrow, /FAIL +B\n +why: gone.\[2J\n +do: +bring it\n1 ok, 0 warn, 1 fail, 0 unknown\n$/);
    equal(narrow.includes("\u001b"), false);
    match(doctorText(findings, true), /^ok +A\n/);
  });
});

describe("what cannot be read", () => {
  it("is named, and counts as found", async () => {
    const { cluster, ports } = well();
    cluster.seed({ kind: IDENTITY_HOLD, name: "leak" }, { spec: {} });
    cluster.unreadable.add("identityholds leak");
    const found = (await examine(ports)).filter(({ id }) => id.startsWith("unreadable/"));
    deepEqual(
      found.map(({ id, result }) => [id, result]),
      [["unreadable/IdentityHold/leak", "fail"]],
    );
    equal(doctorExit(found, false), 1);
  });
});

describe("what is stuck", () => {
  const patient = (
    conditions: readonly (readonly [string, string, string, string?])[],
    more: object = {},
  ): Patient => ({
    metadata: {
      namespace: "a",
      name: "x",
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2026-05-01T00:00:00Z",
    },
    status: {
      conditions: conditions.map(([type, status, reason, since = NOW]) => ({
        type,
        status,
        reason,
        message: "m",
        lastTransitionTime: since,
      })),
      ...more,
    },
  });
  const told = (one: Patient, kind = "SecretRotation"): readonly string[] =>
    stuckIn(kind, one, new Date(NOW)).map(({ id, result }) => `${result} ${id.slice(`stuck/${kind}/a/x/`.length)}`);

  const LONG_AGO = "2026-06-01T10:00:00Z";
  const cases: readonly [string, Patient, readonly string[]][] = [
    ["nothing of a resource that is well", patient([["Ready", "True", "Available"]]), []],
    [
      "Stalled at once, without Reconciling beside it",
      patient([
        ["Stalled", "True", "SlotsFull"],
        ["Reconciling", "True", "BackingOff", LONG_AGO],
      ]),
      ["fail Stalled"],
    ],
    [
      "Reverted and Conflict",
      patient([
        ["Reverted", "True", "InvalidSpec"],
        ["Conflict", "True", "NotOurs"],
      ]),
      ["fail Reverted", "fail Conflict"],
    ],
    ["Reconciling only when it is long", patient([["Reconciling", "True", "Progressing"]]), []],
    ["long Reconciling", patient([["Reconciling", "True", "Progressing", LONG_AGO]]), ["warn Reconciling"]],
    [
      "a dependent that has not moved for long",
      patient([["DependentsUpdated", "False", "DependentUnhealthy", LONG_AGO]]),
      ["warn DependentsUpdated"],
    ],
    [
      "a revocation that is refused, but not one that is held",
      patient([["OldCredentialRevoked", "False", "RevocationFailing"]]),
      ["fail OldCredentialRevoked"],
    ],
    ["no revocation that waits as declared", patient([["OldCredentialRevoked", "False", "Disabled", LONG_AGO]]), []],
    [
      "a revocation beyond its time",
      patient([["Ready", "True", "Available"]], {
        pendingRevocations: [
          { version: "v1", id: "AKIA1", since: "2026-05-20T00:00:00Z" },
          { version: "v2", id: "AKIA2", since: "2026-05-30T00:00:00Z" },
        ],
      }),
      ["warn Revocation/AKIA1"],
    ],
    ["a resource at which nobody has looked", patient([]), ["fail Unseen"]],
  ];
  for (const [title, one, expected] of cases) {
    it(`tells ${title}`, () => deepEqual(told(one), expected));
  }

  it("tells an old entry of the ledger", () => {
    deepEqual(told(patient([["Ready", "False", "Revoking"]]), "OrphanedCredential"), ["warn Old"]);
  });

  it("tells no entry that is in use until its end", () => {
    const inUse = patient([["Ready", "False", "KeptInUse"]]);
    const until = (time: string) => ({ ...inUse, spec: { until: time } });
    deepEqual(told(until("2026-12-31T00:00:00Z"), "OrphanedCredential"), []);
    deepEqual(told(until("2025-01-01T00:00:00Z"), "OrphanedCredential"), ["warn Old"]);
  });
});
