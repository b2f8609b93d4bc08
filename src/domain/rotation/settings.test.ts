import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { readSettings, specHash, type RotationSettings } from "./settings.ts";

const spec: SecretRotationSpec = {
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
};
const settingsOf = (more: Partial<SecretRotationSpec> = {}): RotationSettings => {
  const settings = readSettings({ ...spec, ...more });
  assert.ok(!("field" in settings), JSON.stringify(settings));
  return settings;
};

describe("settings", () => {
  it("mean for every absent field what its description in the CRD says", () => {
    const { verify, retire, deletion, progressDeadlineMs, rollback, source, schedule } = settingsOf();
    const hour = 3_600_000;
    assert.deepEqual(verify, { login: true, successes: 3, soakMs: 15_000 });
    assert.deepEqual(retire, { overlapMs: 24 * hour, disableAfterMs: 0, deleteAfterMs: 168 * hour });
    assert.deepEqual(deletion, { policy: "Delete", holdMs: 24 * hour, timeoutMs: hour, onTimeout: "HandOver" });
    assert.equal(progressDeadlineMs, 600_000);
    assert.equal(rollback, "Effective");
    assert.equal(source.exclusive, true);
    assert.equal(schedule, undefined);
  });

  it("say whose keys they are, and refuse what names nobody or two", () => {
    const identityRef = { name: "exporter" };
    const of = (awsAccessKey: SecretRotationSpec["source"]["awsAccessKey"], more: Partial<SecretRotationSpec> = {}) =>
      readSettings({ ...spec, ...more, source: awsAccessKey === undefined ? {} : { awsAccessKey } });
    const lake = { accountRef: { name: "lake" } };
    const settings = settingsOf({ identityRef, source: { awsAccessKey: { ...lake, exclusive: false } } });
    assert.deepEqual(settings.source, { of: "awsAccessKey", kind: "account", account: "lake", exclusive: false });
    assert.equal(settings.identity, "exporter");
    for (const wrong of [
      of(lake),
      of({ ...lake, userName: "billing", connectionRef: { name: "aws" } }, { identityRef }),
      of({ userName: "billing" }),
      of({ connectionRef: { name: "aws" } }),
      of({}),
    ]) {
      assert.ok("field" in wrong && wrong.field === "spec.source.awsAccessKey", JSON.stringify(wrong));
    }
  });

  it("read a schedule, and name the field of what is none", () => {
    const hour = 3_600_000;
    const every = settingsOf({ schedule: { every: "720h" } }).schedule;
    assert.deepEqual(every, { everyMs: 720 * hour, windows: [], jitterMs: 36 * hour });
    const tight = settingsOf({ schedule: { every: "200h" }, retire: { overlap: "24h", deleteAfter: "175h" } }).schedule;
    assert.equal(tight?.jitterMs, hour, "never so early that the one before still takes a slot");
    const { schedule } = settingsOf({
      schedule: {
        cron: "0 2 * * 1",
        timeZone: "Europe/Berlin",
        windows: [{ cron: "0 0 * * *", duration: "3h", mode: "Deny" }],
        jitter: "1h",
      },
    });
    assert.deepEqual(schedule, {
      cron: { pattern: "0 2 * * 1", timeZone: "Europe/Berlin" },
      windows: [{ cron: { pattern: "0 0 * * *", timeZone: "UTC" }, durationMs: 3 * hour, mode: "Deny" }],
      jitterMs: hour,
    });
    const wrong = (more: SecretRotationSpec["schedule"]): string => {
      const read = readSettings({ ...spec, ...(more === undefined ? {} : { schedule: more }) });
      return "field" in read ? read.field : "";
    };
    assert.equal(wrong({}), "spec.schedule");
    assert.equal(wrong({ every: "720h", cron: "0 2 * * 1" }), "spec.schedule");
    assert.equal(wrong({ cron: "61 2 * * 1" }), "spec.schedule.cron");
    assert.equal(wrong({ cron: "0 2 * * 1", timeZone: "Mars/Base" }), "spec.schedule.cron");
    assert.equal(
      wrong({ every: "720h", windows: [{ cron: "0 0 31 2 *", duration: "3h" }] }),
      "spec.schedule.windows[0]",
    );
  });

  it("adopt only where they are told to, and only with a login", () => {
    assert.equal(settingsOf().adopt, false);
    assert.equal(settingsOf({ adoption: { mode: "IfAnnotated" } }).adopt, true);
    const blind = readSettings({ ...spec, adoption: { mode: "IfAnnotated" }, verify: { mode: "None" } });
    assert.ok("field" in blind && blind.field === "spec.adoption");
  });

  it("order dependents by order and name, and fill in theirs", () => {
    const workload = (name: string) => ({ kind: "Deployment" as const, name });
    const { dependents } = settingsOf({
      dependents: [
        { name: "z", workload: workload("z"), order: 1 },
        { name: "b", workload: workload("b"), restart: { mode: "None" } },
        { name: "a", external: { confirm: "Annotation" }, timeout: "72h" },
      ],
    });
    assert.deepEqual(
      dependents.map(({ name, kind, order, timeoutMs }) => [name, kind, order, timeoutMs]),
      [
        ["a", "external", 0, 259_200_000],
        ["b", "workload", 0, 600_000],
        ["z", "workload", 1, 600_000],
      ],
    );
    assert.deepEqual(
      dependents.map((dependent) => dependent.kind === "workload" && dependent.restart),
      [false, false, true],
    );
  });

  it("name the first field that is no duration, although the schema would have refused it", () => {
    for (const [more, field] of [
      [{ retire: { overlap: "1d" } }, "spec.retire.overlap"],
      [{ retire: { overlap: "" } }, "spec.retire.overlap"],
      [{ retire: { deleteAfter: "-1h" } }, "spec.retire.deleteAfter"],
      [{ retire: { requireUnusedFor: "NaN" } }, "spec.retire.requireUnusedFor"],
      [{ schedule: { every: "8h0.5s" } }, "spec.schedule.every"],
      [{ verify: { soak: "15" } }, "spec.verify.soak"],
      [{ progressDeadline: "1e9h" }, "spec.progressDeadline"],
      [{ deletion: { holdFor: "999999h" } }, "spec.deletion.holdFor"],
    ] as const) {
      const found = readSettings({ ...spec, ...more });
      assert.ok("field" in found, field);
      assert.equal(found.field, field);
      assert.ok(found.message.startsWith(field));
    }
  });

  it("refuse a source that this version of the operator does not know", () => {
    const found = readSettings({ ...spec, source: {} });
    assert.ok("field" in found && found.field === "spec.source");
  });

  it("give the same hash and digests for the same spec in another order, and others for another", () => {
    const same = { dependents: spec.dependents, deliver: spec.deliver, source: spec.source };
    assert.equal(specHash(same), specHash(spec));
    assert.notEqual(specHash({ ...spec, verify: { successes: 1 } }), specHash(spec));
    const renamed = settingsOf({ deliver: [{ name: "other", kubernetesSecret: { name: "app" } }] });
    assert.equal(renamed.deliveries[0]?.digest, settingsOf().deliveries[0]?.digest);
    const keys = settingsOf({
      deliver: [{ name: "app", kubernetesSecret: { name: "app", keys: { accessKeyId: "ID" } } }],
    });
    assert.notEqual(keys.deliveries[0]?.digest, settingsOf().deliveries[0]?.digest);
  });
});
