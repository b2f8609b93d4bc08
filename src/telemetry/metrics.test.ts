import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { METRICS, type MetricRow } from "./metric-table.ts";
import { PrometheusMetrics } from "./metrics.ts";

const setUp = () => new PrometheusMetrics({ version: "1.2.3", process: false });
const series = async (metrics: PrometheusMetrics, name: string): Promise<readonly string[]> =>
  (await metrics.render()).text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
const OBJECT = { namespace: "team-a", name: "db" };

describe("metrics", () => {
  it("are those of docs/reference/metrics.md, no more and no fewer, with the same type, labels and meaning", () => {
    const page = readFileSync(new URL("../../docs/reference/metrics.md", import.meta.url), "utf8");
    const documented = page.split("\n").filter((line) => line.startsWith("| `keyturn_"));
    const inCode = Object.values<MetricRow>(METRICS).map((row) => {
      const labels = row.labels.length === 0 ? "–" : row.labels.map((label) => `\`${label}\``).join(", ");
      return `| \`${row.name}\` | ${row.type} | ${labels} | ${row.help} |`;
    });
    assert.deepEqual(documented, inCode);
  });

  it("are all served, under the names that the table gives them", async () => {
    const { text, contentType } = await setUp().render();
    const served = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => `${match[1]} ${match[2]}`);
    assert.deepEqual(
      served.sort(),
      Object.values(METRICS)
        .map((row) => `${row.name} ${row.type}`)
        .sort(),
    );
    assert.match(contentType, /text\/plain/);
  });

  it("have the prefix when they are the process's own", async () => {
    const { text } = await new PrometheusMetrics({ version: "1", process: true }).render();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? "");
    assert.ok(names.length > 30);
    assert.deepEqual(
      names.filter((name) => !name.startsWith("keyturn_")),
      [],
    );
  });

  it("show the open breakers of each connection there is, and none of one that has gone", async () => {
    const metrics = setUp();
    let open = [
      { connection: "vault", host: 1, others: 12 },
      { connection: "aws", host: 0, others: 0 },
    ];
    metrics.breakersFrom(() => open);
    const line = (connection: string, of: string, count: number): string =>
      `keyturn_open_breakers{connection="${connection}",of="${of}"} ${count}`;
    const aws = [line("aws", "host", 0), line("aws", "others", 0)];
    assert.deepEqual(await series(metrics, "keyturn_open_breakers"), [
      line("vault", "host", 1),
      line("vault", "others", 12),
      ...aws,
    ]);
    open = open.slice(1);
    assert.deepEqual(await series(metrics, "keyturn_open_breakers"), aws);
  });

  it("show a condition's present status and no earlier one, and none of a condition that has gone", async () => {
    const metrics = setUp();
    const labels = { kind: "SecretRotation", ...OBJECT };
    const line = (type: string, status: string): string =>
      `keyturn_resource_condition{kind="SecretRotation",namespace="team-a",name="db",type="${type}",status="${status}"} 1`;
    metrics.conditions(labels, [
      { type: "Ready", status: "False" },
      { type: "Rotating", status: "True" },
    ]);
    assert.deepEqual(await series(metrics, "keyturn_resource_condition"), [
      line("Ready", "False"),
      line("Rotating", "True"),
    ]);
    metrics.conditions(labels, [{ type: "Ready", status: "True" }]);
    metrics.conditions(labels, [{ type: "Ready", status: "True" }]);
    assert.deepEqual(await series(metrics, "keyturn_resource_condition"), [line("Ready", "True")]);
    metrics.conditions(labels, []);
    assert.deepEqual(await series(metrics, "keyturn_resource_condition"), []);
  });

  it("forget every series of an object that is gone, and none of others", async () => {
    const metrics = setUp();
    for (const name of ["db", "other"]) {
      metrics.conditions(
        { kind: "SecretRotation", namespace: "team-a", name },
        ["Ready", "Stalled"].map((type) => ({ type, status: "True" })),
      );
      const [createdAt, nextRotationAt] = [new Date(5000), new Date(9000)];
      const late = { rotationDeadline: new Date(6000), revocationDueAt: new Date(7000) };
      metrics.credential({ namespace: "team-a", name }, { createdAt, nextRotationAt, ...late });
      metrics.pendingRevocations({ namespace: "team-a", name }, 2);
      metrics.providerKeys(
        { namespace: "team-a", name },
        { provider: "aws", identity: `of-${name}`, count: 1, staying: 1, quota: 2 },
      );
    }
    metrics.forget({ kind: "ProviderConnection", ...OBJECT });
    assert.equal((await series(metrics, "keyturn_pending_revocations")).length, 2);
    metrics.forget({ kind: "SecretRotation", ...OBJECT });
    const { text } = await metrics.render();
    assert.ok(!/"(?:of-)?db"/.test(text), text);
    assert.equal(text.match(/"of-other"/g)?.length, 3);
    assert.equal(text.match(/name="other"/g)?.length, 7);
    assert.match(text, /keyturn_credential_created_timestamp_seconds\{namespace="team-a",name="other"\} 5$/m);
  });

  it("take back a time that is not known any more", async () => {
    const metrics = setUp();
    const at = new Date(9000);
    metrics.credential(OBJECT, { nextRotationAt: at, rotationDeadline: at, revocationDueAt: at });
    metrics.credential(OBJECT, {});
    for (const name of ["credential_next_rotation", "rotation_deadline", "credential_revocation_due"])
      assert.deepEqual(await series(metrics, `keyturn_${name}_timestamp_seconds`), []);
  });

  it("say at each scrape whether read-only is on, and how much waits", async () => {
    const metrics = setUp();
    let now = { engaged: true, waiting: 7 };
    metrics.readOnlyFrom(() => now);
    const told = async () => {
      const { text } = await metrics.render();
      return text.split("\n").filter((line) => line.startsWith("keyturn_read_only"));
    };
    assert.deepEqual(await told(), ["keyturn_read_only 1", "keyturn_read_only_waiting 7"]);
    now = { engaged: false, waiting: 0 };
    assert.deepEqual(await told(), ["keyturn_read_only 0", "keyturn_read_only_waiting 0"]);
  });

  it("count and measure what they are told", async () => {
    const metrics = setUp();
    metrics.passEnded("rotations", "panicked", 0.02);
    metrics.stepEnded("rotations", "plan", 0.02);
    metrics.queueDepth("rotations", "rest", 4);
    metrics.ledgerFrom(() => ({ count: 3, due: 86_400_000, overflow: new Map([["team-a", 2]]) }));
    metrics.providerKeys(OBJECT, { provider: "aws", identity: "u", count: 1, staying: 1, quota: 2 });
    metrics.rotationEnded({ result: "Succeeded", provider: "aws" });
    metrics.rollback({ reason: "DependentUnhealthy" });
    metrics.dependentRestart({ result: "Started" });
    metrics.providerRequest({ provider: "aws", operation: "CreateAccessKey", code: "OK" }, 0.3);
    metrics.auditEvent({ result: "written" });
    metrics.rotationPhase({ phase: "verify" }, 20);
    const { text } = await metrics.render();
    for (const line of [
      'keyturn_build_info{version="1.2.3"} 1',
      'keyturn_reconcile_duration_seconds_count{controller="rotations",result="panicked"} 1',
      'keyturn_reconcile_step_duration_seconds_count{controller="rotations",step="plan"} 1',
      'keyturn_workqueue_depth{controller="rotations",lane="rest"} 4',
      "keyturn_orphaned_resources 3",
      'keyturn_overflow_entries{namespace="team-a"} 2',
      "keyturn_orphaned_resources_due_timestamp_seconds 86400",
      'keyturn_provider_keys{provider="aws",identity="u"} 1',
      'keyturn_provider_keys_staying{provider="aws",identity="u"} 1',
      'keyturn_provider_key_quota{provider="aws",identity="u"} 2',
      'keyturn_rotations_total{result="Succeeded",provider="aws"} 1',
      'keyturn_rollbacks_total{reason="DependentUnhealthy"} 1',
      'keyturn_dependent_restarts_total{result="Started"} 1',
      'keyturn_provider_requests_total{provider="aws",operation="CreateAccessKey",code="OK"} 1',
      'keyturn_provider_request_duration_seconds_sum{provider="aws",operation="CreateAccessKey"} 0.3',
      'keyturn_audit_events_total{result="written"} 1',
      'keyturn_rotation_phase_duration_seconds_bucket{le="15",phase="verify"} 0',
      'keyturn_rotation_phase_duration_seconds_bucket{le="30",phase="verify"} 1',
    ]) {
      assert.ok(text.split("\n").includes(line), line);
    }
  });
});
