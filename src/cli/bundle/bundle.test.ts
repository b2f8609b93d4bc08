import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import { PROVIDER_CONNECTION } from "../../api/v1alpha1/provider-connection.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { configMaps, deployments, events, secrets } from "../../cluster/resources.ts";
import { readSettings } from "../../options.ts";
import { Redactor } from "../../telemetry/redactor.ts";
import { collect, type BundlePorts } from "./collect.ts";
import { tarGz } from "./tar.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** Every place in which somebody may have left one. */
const PLANTED = {
  secret: "in-a-Secret/of+the=cluster",
  lastApplied: "in-last-applied-configuration?",
  note: "in-an-annotation-of-somebody",
  label: "in-a-label",
  env: "in-the-environment-of-this-process/",
  configMap: "in-a-ConfigMap",
  workload: "in-the-env-of-a-workload",
  vaultToken: "hvs.CAESIJ0plantedplantedplantedplanted",
  url: "user:in-the-userinfo",
  log: "in-a-line-that-is-no-log",
  metric: "in-a-metric-of-somebody",
  event: "in-an-event-of-somebody",
};
const forms = (value: string): readonly string[] => [
  value,
  Buffer.from(value).toString("base64"),
  Buffer.from(value).toString("base64url"),
  encodeURIComponent(value),
];

const planted = (): FakeCluster => {
  const cluster = new FakeCluster();
  const data = { value: Buffer.from(PLANTED.secret).toString("base64") };
  cluster.seed({ kind: secrets, namespace: "keyturn-system", name: "login" }, { data });
  cluster.seed({ kind: configMaps, namespace: "keyturn-system", name: "c" }, { data: { value: PLANTED.configMap } });
  cluster.seed(
    { kind: deployments, namespace: "a", name: "d" },
    { spec: { template: { spec: { containers: [{ env: [{ name: "X", value: PLANTED.workload }] }] } } } },
  );
  cluster.seed(
    { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "a", name: "billing" },
    {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ServiceAccountLifecycle",
      metadata: {
        labels: { theirs: PLANTED.label },
        annotations: {
          "kubectl.kubernetes.io/last-applied-configuration": PLANTED.lastApplied,
          "example.com/note": PLANTED.note,
          "keyturn.dev/paused": "true",
        },
      },
      spec: { purpose: `Exports with ${PLANTED.vaultToken}` },
      status: { activity: "Waits." },
    },
  );
  cluster.seed(
    { kind: PROVIDER_CONNECTION, name: "vault" },
    { spec: { vault: { address: `https://${PLANTED.url}@vault.example.com` } } },
  );
  cluster.seed(
    { kind: IDENTITY_HOLD, name: "leak" },
    {
      metadata: { labels: { theirs: PLANTED.label }, annotations: { "example.com/note": PLANTED.note } },
      spec: { namespace: "a", name: "billing", reason: `Found ${PLANTED.vaultToken} in a log` },
      status: { targets: ["aws-user/123456789012/billing"] },
    },
  );
  const regarding = { apiVersion: "keyturn.dev/v1alpha1", kind: "SecretRotation", namespace: "a", name: "lake" };
  cluster.seed(
    { kind: events, namespace: "a", name: "e1" },
    { regarding, reportingController: "keyturn.dev/operator", reason: "Issued", note: "ours" },
  );
  cluster.seed(
    { kind: events, namespace: "a", name: "e2" },
    { regarding, reportingController: "somebody", note: PLANTED.event },
  );
  return cluster;
};

const ports = (cluster: FakeCluster): BundlePorts => {
  const redactor = new Redactor();
  redactor.rememberText(PLANTED.env);
  return {
    cluster,
    watched: [],
    settings: readSettings({
      args: ["--lease-identity", PLANTED.env],
      env: { KEYTURN_SECRET: PLANTED.env, AWS_SECRET_ACCESS_KEY: PLANTED.env },
    }).settings,
    findings: [{ id: "lease", what: "leader", result: "fail", why: `seen with ${PLANTED.env}`, next: "look" }],
    versions: { keyturn: "0.0.0" },
    metrics: () => Promise.resolve(`keyturn_up 1\ntheirs{x="${PLANTED.metric}"} 1\n`),
    log: () =>
      Promise.resolve(
        `{"time":"t","level":"info","message":"Keyturn starts."}\n${PLANTED.log}\n{"x":"${PLANTED.log}"}\n`,
      ),
    scrub: (text) => redactor.scrub(text),
  };
};

describe("the support bundle", () => {
  it("holds nothing that was planted, in no form", async () => {
    const whole = [...(await collect(ports(planted()))).values()].join("\n");
    const found = Object.entries(PLANTED).flatMap(([place, value]) =>
      forms(value)
        .filter((form) => whole.includes(form))
        .map((form) => `${place}: ${form}`),
    );
    deepEqual(found, []);
  });

  it("never asks for Secrets, ConfigMaps or workloads", async () => {
    const cluster = planted();
    await collect(ports(cluster));
    deepEqual([...new Set(cluster.calls.map(({ verb, plural }) => `${verb} ${plural}`))].sort(), [
      "list events",
      "list identityholds",
      "list orphanedcredentials",
      "list providerconnections",
      "list secretrotations",
      "list serviceaccountlifecycles",
    ]);
  });

  it("holds what helps: resources with status, our annotations, events, metrics, log, doctor", async () => {
    const files = await collect(ports(planted()));
    const text = (name: string): string => files.get(`keyturn-support/${name}`) ?? "";
    match(text("resources/serviceaccountlifecycles.json"), /"keyturn\.dev\/paused": "true"[\s\S]*Waits\./);
    match(text("resources/identityholds.json"), /Found \[redacted\] in a log[\s\S]*aws-user\/123456789012\/billing/);
    match(text("events.json"), /"note": "ours"/);
    equal(text("metrics.txt"), "keyturn_up 1\n");
    equal(text("log.jsonl"), '{"time":"t","level":"info","message":"Keyturn starts."}\n');
    match(text("doctor.txt"), /FAIL {5}leader/);
    match(text("settings.json"), /"origin": "flag"/);
  });

  it("says what it could not get, and holds the rest", async () => {
    const files = await collect({ ...ports(planted()), metrics: () => Promise.reject(new Error("no")) });
    ok(files.has("keyturn-support/metrics.txt.missing"));
    ok(files.has("keyturn-support/log.jsonl"));
  });

  it("is an archive whose headers add up", () => {
    const archive = gunzipSync(tarGz(new Map([["a/b.txt", "héllo"]]), new Date("2026-01-01T00:00:00Z")));
    equal(archive.byteLength, 4 * 512);
    equal(archive.subarray(0, 7).toString(), "a/b.txt");
    equal(parseInt(archive.subarray(124, 135).toString(), 8), 6);
    const sum = parseInt(archive.subarray(148, 154).toString(), 8);
    const blank = Buffer.from(archive.subarray(0, 512)).fill(" ", 148, 156);
    equal(
      sum,
      blank.reduce((total, byte) => total + byte, 0),
    );
    equal(archive.subarray(512, 518).toString("utf8"), "héllo");
    throws(() => tarGz(new Map([["x".repeat(100), ""]]), new Date(0)), /No name/);
  });

  for (const secret of [
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "https://x.example.com/?token=0123456789",
  ]) {
    it(`takes out ${secret.slice(0, 20)}…`, () => {
      const clean = withoutSecrets(`before ${secret} after`);
      match(clean, /^before .*\[redacted\] after$/s);
      ok(!clean.includes(secret.slice(-10)));
    });
  }

  it("leaves certificates, ARNs and names alone", () => {
    const text =
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE----- arn:aws:iam::111122223333:role/x s.short";
    equal(withoutSecrets(text), text);
  });
});
