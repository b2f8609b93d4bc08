import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import { openAuditTrail, type AuditChainOptions } from "./chain.ts";
import type { AuditEntry } from "./contract.ts";
import { FakeTrailFiles } from "./fake-files.ts";
import { trailFiles } from "./files.ts";
import type { AuditRecord } from "./record.ts";
import { splitLines, verifyChain, verifyTrail } from "./verify.ts";

const entry = (action: string, onSinkFailure: AuditEntry["onSinkFailure"] = "FailClosed"): AuditEntry => ({
  action,
  subject: { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" },
  target: "awsAccessKey/123456789012/billing",
  passId: "pass1",
  facts: { key: "AKIA1" },
  onSinkFailure,
});
const refused = new OperatorError("Unavailable", { publicMessage: "x", status: 503, ambiguous: true });

const setUp = async (more: Partial<AuditChainOptions> = {}) => {
  const files = new FakeTrailFiles();
  const clock = new FakeClock();
  const told: string[] = [];
  const appended: AuditRecord[] = [];
  const options = { files, clock, epoch: "one", copy: (line: string) => void told.push(line), ...more };
  const trail = await openAuditTrail({ ...options, onAppend: (record) => void appended.push(record) });
  const shown = () => {
    const { ok, epochs } = verifyTrail(files.files());
    const records = epochs.flatMap(({ verdict }) =>
      verdict.ok ? verdict.records : assert.fail(JSON.stringify(verdict.break)),
    );
    return { ok, records, steps: records.map(({ action, phase }) => `${action} ${phase}`) };
  };
  return { files, clock, trail, told, appended, shown };
};

describe("the audit trail", () => {
  it("has a record before and one after an act, chained from the first line on", async () => {
    const { files, trail, told, appended, shown } = await setUp();
    const act = await trail.begin(entry("issue"));
    assert.deepEqual(shown().steps, ["open recover", "issue begin"]);
    await act.succeeded({ key: "AKIA2" });
    const second = await trail.begin(entry("publish"));
    await second.failed(refused);
    await trail.close();
    const { ok, records, steps } = shown();
    assert.equal(ok, true);
    assert.deepEqual(steps, ["open recover", "issue begin", "issue succeeded", "publish begin", "publish failed"]);
    assert.deepEqual(
      records.map(({ seq }) => seq),
      [1, 2, 3, 4, 5],
    );
    assert.equal(records[1]?.act, records[2]?.act);
    assert.deepEqual(
      [records[2]?.result, records[4]?.result, records[4]?.facts?.["ambiguous"]],
      ["OK", "Unavailable", true],
    );
    assert.deepEqual(told, splitLines(files.contents.get(files.trailNames()[0]!)!).lines);
    assert.deepEqual(
      appended.map(({ hash }) => hash),
      records.map(({ hash }) => hash),
    );
    assert.deepEqual(files.trailNames(), ["audit-20260101T000000Z-one-0001.jsonl"]);
  });

  it("writes what is asked for during an fsync together, with one more", async () => {
    const { files, trail, shown } = await setUp();
    let release = (): void => undefined;
    files.duringSync = () => new Promise<void>((done) => (release = done));
    let durable = 0;
    const first = trail.begin(entry("a")).then(() => (durable += 1));
    await new Promise(setImmediate);
    const rest = Promise.all(["b", "c", "d"].map((action) => trail.begin(entry(action)).then(() => (durable += 1))));
    await new Promise(setImmediate);
    assert.equal(durable, 0);
    files.duringSync = () => Promise.resolve();
    release();
    await first;
    await rest;
    assert.equal(files.syncs, 2);
    assert.deepEqual(shown().steps, ["open recover", "a begin", "b begin", "c begin", "d begin"]);
  });

  for (const fault of ["append", "tornAppend", "sync", "create"] as const) {
    it(`refuses a FailClosed act when ${fault} fails, and goes on without a gap`, async () => {
      const { files, trail, shown } = await setUp();
      if (fault !== "create") await (await trail.begin(entry("before"))).succeeded();
      files.faults.add(fault);
      await assert.rejects(
        trail.begin(entry("issue")),
        (error) =>
          error instanceof OperatorError &&
          error.code === "Unavailable" &&
          error.publicMessage.startsWith("The audit trail cannot be written") &&
          !error.ambiguous,
      );
      assert.equal(trail.healthy(), false);
      files.faults.clear();
      await (await trail.begin(entry("again"))).succeeded();
      assert.equal(trail.healthy(), true);
      assert.equal(shown().ok, true);
      assert.deepEqual(shown().steps.slice(-2), ["again begin", "again succeeded"]);
      assert.equal(shown().steps.includes("issue begin"), false);
    });

    it(`lets a Spool act go on when ${fault} fails, and writes it in order by itself later`, async () => {
      const { files, clock, trail, shown } = await setUp();
      files.faults.add(fault);
      const act = await trail.begin(entry("revoke", "Spool"));
      await act.succeeded({ key: "AKIA1" });
      await (await trail.begin(entry("disable", "Spool"))).failed(refused);
      assert.equal(trail.healthy(), false);
      files.faults.clear();
      await clock.advance(70_000);
      await new Promise(setImmediate);
      assert.equal(trail.healthy(), true);
      const { ok, steps } = shown();
      assert.equal(ok, true);
      assert.deepEqual(steps, ["open recover", "revoke begin", "revoke succeeded", "disable begin", "disable failed"]);
    });
  }

  it("says in every record who asked, by which generation and plan, and leaves out what is not known", async () => {
    const { trail, shown } = await setUp();
    const asked = { requester: { user: "lead", uid: "u-7" }, generation: 3, planDigest: "abc" };
    const subject = { ...entry("issue").subject, asked };
    await (await trail.begin({ ...entry("issue"), subject })).succeeded();
    const about = { subject, target: "key", passId: "p", facts: { proof: "ByLogin" } };
    await trail.note({ action: "proof:Refused", ...about, result: "OK" });
    await trail.note({ action: "killSwitch:Engaged", subject: undefined, target: "x", passId: "", result: "OK" });
    const { ok, records } = shown();
    assert.equal(ok, true);
    assert.deepEqual(
      records.map(({ phase, requester, generation, planDigest }) => [phase, requester?.user, generation, planDigest]),
      [
        ["recover", undefined, undefined, undefined],
        ["begin", "lead", 3, "abc"],
        ["succeeded", "lead", 3, "abc"],
        ["note", "lead", 3, "abc"],
        ["note", undefined, undefined, undefined],
      ],
    );
    assert.deepEqual(records[1]?.subject, entry("issue").subject);
  });

  it("keeps notes in memory while the disk is away, and no note fails", async () => {
    const { files, clock, trail, shown } = await setUp();
    files.faults.add("append");
    await trail.note({ action: "refusal", subject: undefined, target: "x", passId: "", result: "KillSwitch" });
    files.faults.clear();
    await clock.advance(70_000);
    await new Promise(setImmediate);
    assert.deepEqual(shown().steps, ["open recover", "refusal note"]);
  });

  it("keeps the outcome of a FailClosed act whose sink fails in between", async () => {
    const { files, clock, trail, shown } = await setUp();
    const act = await trail.begin(entry("issue"));
    files.faults.add("sync");
    await act.succeeded();
    files.faults.clear();
    await clock.advance(2_000);
    await new Promise(setImmediate);
    assert.deepEqual(shown().steps, ["open recover", "issue begin", "issue succeeded"]);
  });

  it("goes on in another file, and says how much of the old one is good, when it cannot even cut it back", async () => {
    const { files, trail, shown } = await setUp();
    await (await trail.begin(entry("before"))).succeeded();
    files.faults.add("tornAppend").add("truncate");
    await assert.rejects(trail.begin(entry("issue")), OperatorError);
    files.faults.clear();
    await trail.begin(entry("again"));
    assert.equal(files.trailNames().length, 2);
    const { ok, steps } = shown();
    assert.equal(ok, true);
    assert.deepEqual(steps.slice(-2), ["abandonFile recover", "again begin"]);
  });

  it("counts what does not fit into the spool, and says so when it works again", async () => {
    const { files, clock, trail, shown } = await setUp({ longestSpool: 3 });
    files.faults.add("append");
    for (let turn = 0; turn < 5; turn += 1) await (await trail.begin(entry(`revoke${turn}`, "Spool"))).succeeded();
    files.faults.clear();
    await clock.advance(70_000);
    await new Promise(setImmediate);
    const { ok, records } = shown();
    assert.equal(ok, true);
    const overflow = records.find(({ action }) => action === "spoolOverflow");
    assert.equal(overflow?.facts?.["lost"], 8);
    assert.equal(records.filter(({ phase }) => phase !== "recover").length, 2);
    assert.equal(trail.healthy(), true);
  });

  it("begins another file when one is full, with the chain going on", async () => {
    const { files, trail, shown } = await setUp({ longestFileBytes: 1_000 });
    for (let turn = 0; turn < 6; turn += 1) await (await trail.begin(entry(`act${turn}`))).succeeded();
    assert.ok(files.trailNames().length > 2);
    const { ok, records } = shown();
    assert.equal(ok, true);
    assert.equal(records.length, 13);
  });

  it("names the newest head and the torn bytes when a new process opens it", async () => {
    const { files, clock, trail } = await setUp();
    await (await trail.begin(entry("issue"))).succeeded();
    const [name] = files.trailNames();
    const whole = files.contents.get(name!)!;
    files.contents.set(name!, Buffer.concat([whole, Buffer.from('{"act":"one-')]));
    await clock.advance(5_000);
    const next = await openAuditTrail({ files, clock, epoch: "two" });
    await next.begin(entry("revoke", "Spool"));
    const trailSeen = verifyTrail(files.files());
    assert.equal(trailSeen.ok, true);
    assert.deepEqual(
      trailSeen.epochs.map(({ epoch, tornBytes }) => [epoch, tornBytes]),
      [
        ["one", 12],
        ["two", 0],
      ],
    );
    const second = trailSeen.epochs[1]?.verdict;
    assert.ok(second?.ok);
    assert.equal(second.records[0]?.facts?.["lostBytes"], 12);
    const head = second.records[0].facts["head"] as { epoch: string; seq: number };
    assert.deepEqual([head.epoch, head.seq], ["one", 3]);
  });

  it("shows that the end of an earlier epoch was cut off", async () => {
    const { files, clock, trail } = await setUp();
    await (await trail.begin(entry("issue"))).succeeded();
    await clock.advance(5_000);
    const next = await openAuditTrail({ files, clock, epoch: "two" });
    await next.begin(entry("revoke", "Spool"));
    const [name] = files.trailNames();
    const { lines } = splitLines(files.contents.get(name!)!);
    files.contents.set(
      name!,
      Buffer.from(
        lines
          .slice(0, -1)
          .map((line) => `${line}\n`)
          .join(""),
      ),
    );
    const seen = verifyTrail(files.files());
    assert.equal(seen.ok, false);
    assert.equal(seen.missingHeads[0]?.seq, 3);
  });

  it("is not stopped by facts that JSON cannot hold, nor by listeners that throw, and prints no material", async () => {
    const throwing = (): never => {
      throw new Error("listener");
    };
    const { files, trail, shown } = await setUp({ copy: throwing });
    const facts = { big: 1n, run: throwing };
    await (
      await trail.begin({ ...entry("issue"), facts })
    ).succeeded({ material: new SecretMaterial({ a: "canary" }), at: new Date(0) });
    assert.equal(shown().ok, true);
    assert.equal(Buffer.concat([...files.contents.values()]).includes("canary"), false);
  });

  it("refuses to begin after it was closed, and writes nothing when nothing was done", async () => {
    const { files, trail } = await setUp();
    await trail.close();
    await assert.rejects(trail.begin(entry("issue")), OperatorError);
    assert.equal(files.trailNames().length, 0);
  });

  it("is Unavailable when its directory cannot be read", async () => {
    const files = new FakeTrailFiles();
    files.names = () => Promise.reject(new Error("EACCES"));
    await assert.rejects(openAuditTrail({ files, clock: new FakeClock() }), OperatorError);
  });

  it("works on a real directory, readable by the operator alone", async () => {
    const directory = join(await mkdtemp(join(tmpdir(), "keyturn-audit-")), "trail");
    try {
      const trail = await openAuditTrail({ files: trailFiles(directory), clock: new FakeClock() });
      await Promise.all(
        Array.from({ length: 200 }, async (_, turn) => (await trail.begin(entry(`act${turn}`))).succeeded()),
      );
      await trail.close();
      const [name] = await readdir(directory);
      const { lines, tornBytes } = splitLines(await readFile(join(directory, name!)));
      const verdict = verifyChain(lines);
      assert.ok(verdict.ok);
      assert.deepEqual([verdict.records.length, verdict.unended.length, tornBytes], [401, 0, 0]);
      assert.equal((await stat(join(directory, name!))).mode & 0o777, 0o600);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
