import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { openAuditTrail } from "./chain.ts";
import { FakeTrailFiles } from "./fake-files.ts";
import type { TrailFiles } from "./files.ts";
import { HEADS_FILE, LEFT_FILE, leftOf } from "./heads.ts";
import { pruneTrail, type PruneOptions } from "./prune.ts";
import { chained, lineOf, type AuditDraft } from "./record.ts";
import { verifyFolder } from "./trail.ts";

const NOW = new Date("2026-03-01T00:00:00Z");
const options = (more: Partial<PruneOptions>): PruneOptions => ({ now: NOW, dryRun: false, ...more });

/** Each process writes 12 acts; files of 4 kB, so that each has several. */
const written = async (files: FakeTrailFiles, processes = 2): Promise<FakeTrailFiles> => {
  const clock = new FakeClock();
  for (let turn = 0; turn < processes; turn += 1) {
    await clock.advance(turn * 86_400_000);
    const trail = await openAuditTrail({ files, clock, longestFileBytes: 4_000 });
    for (let act = 0; act < 12; act += 1)
      await trail.note({ action: "drill", subject: undefined, target: `t${act}`, passId: "", result: "OK" });
    await trail.close();
  }
  return files;
};

const clone = (files: FakeTrailFiles): FakeTrailFiles => {
  const copy = new FakeTrailFiles();
  for (const [name, bytes] of files.contents) copy.contents.set(name, bytes);
  return copy;
};

/** The process dies at one of the mutations, before it or after half of it. */
const dying = (files: FakeTrailFiles, at: number, half: boolean): TrailFiles => {
  let mutations = 0;
  const dies = (): boolean => (mutations += 1) >= at;
  return {
    names: () => files.names(),
    read: (name) => files.read(name),
    size: (name) => files.size(name),
    create: (name) => files.create(name),
    replace: (name, bytes) => files.replace(name, bytes),
    async appendTo(name, bytes) {
      if (dies()) {
        if (half) await files.appendTo(name, bytes.subarray(0, Math.floor(bytes.length / 2)));
        throw new Error("killed");
      }
      await files.appendTo(name, bytes);
    },
    async remove(name) {
      if (dies()) {
        if (half) await files.remove(name);
        throw new Error("killed");
      }
      await files.remove(name);
    },
  };
};

describe("pruning the audit trail", () => {
  it("takes the oldest closed files away, keeps their names, lengths and heads, and verify begins there", async () => {
    const files = await written(new FakeTrailFiles());
    const before = files.trailNames();
    const result = await pruneTrail(files, options({ keep: 2 }));
    assert.equal(result.kind, "pruned");
    assert.deepEqual(files.trailNames(), before.slice(-2));
    const { left } = leftOf(files.contents.get(LEFT_FILE)!);
    assert.deepEqual(
      left.map(({ name }) => name),
      before.slice(0, -2),
    );
    assert.ok(left.every(({ bytes, head }) => bytes > 0 && head !== undefined));
    const verdict = await verifyFolder(files);
    assert.deepEqual([verdict.findings, verdict.left], [[], before.length - 2]);
  });

  it("goes by age, never takes the open file, and a dry run takes none", async () => {
    const files = await written(new FakeTrailFiles());
    const before = files.trailNames();
    const dry = await pruneTrail(files, options({ keep: 0, dryRun: true }));
    assert.ok(dry.kind === "pruned" && dry.files.length === before.length - 1);
    assert.deepEqual(files.trailNames(), before);
    const ofFirst = before.filter((name) => name.includes("20260101T"));
    await pruneTrail(files, options({ before: new Date("2026-01-01T12:00:00Z") }));
    assert.deepEqual(
      files.trailNames(),
      before.filter((name) => !ofFirst.includes(name)),
    );
    await pruneTrail(files, options({ keep: 0 }));
    assert.equal(files.trailNames().length, 1);
    assert.deepEqual((await verifyFolder(files)).findings, []);
  });

  it("goes on being whole when operators start, write and are pruned again", async () => {
    const files = await written(new FakeTrailFiles());
    await pruneTrail(files, options({ keep: 1 }));
    await written(files, 3);
    assert.deepEqual((await verifyFolder(files)).findings, []);
    await pruneTrail(files, options({ keep: 2 }));
    assert.deepEqual((await verifyFolder(files)).findings, []);
  });

  it("leaves a whole trail wherever it is killed, and the next prune ends what was begun", async () => {
    const whole = await written(new FakeTrailFiles());
    const total = whole.trailNames().length - 1;
    for (const half of [false, true])
      for (let at = 1; at <= 2 * total; at += 1) {
        const files = clone(whole);
        await assert.rejects(pruneTrail(dying(files, at, half), options({ keep: 0 })), /killed/);
        const about = `${half ? "half" : "before"} ${at}`;
        assert.deepEqual((await verifyFolder(files)).findings, [], about);
        await pruneTrail(files, options({ keep: 0 }));
        assert.equal(files.trailNames().length, 1, about);
        assert.deepEqual((await verifyFolder(files)).findings, [], about);
      }
  });

  it("does nothing to a trail that is not whole", async () => {
    const files = await written(new FakeTrailFiles());
    files.contents.delete(files.trailNames()[1]!);
    const before = files.trailNames();
    const result = await pruneTrail(files, options({ keep: 0 }));
    assert.equal(result.kind, "notWhole");
    assert.deepEqual(files.trailNames(), before);
  });

  it("finds a file that is gone although it is put on record by another's hand", async () => {
    const files = await written(new FakeTrailFiles());
    await pruneTrail(files, options({ keep: 2 }));
    const forged = Buffer.from(files.contents.get(LEFT_FILE)!.toString().replace('"bytes":', '"bytes":9'));
    files.contents.set(LEFT_FILE, forged);
    assert.equal((await verifyFolder(files)).ok, false);
  });
});

describe("a trail of the version before", () => {
  const draft = (more: Partial<AuditDraft>): AuditDraft => ({
    ...{ phase: "recover", action: "open", subject: undefined, target: "audit trail", passId: "", act: "" },
    ...{ result: "OK", time: "2026-01-01T00:00:00.000Z", mono: 0, facts: {} },
    ...more,
  });

  /** As b745cd6 wrote it: no list, and no word about who asked. */
  const former = (files: FakeTrailFiles, epoch: string, at: string, head?: object) => {
    const facts = head === undefined ? {} : { file: "x", lostBytes: 0, head };
    const open = chained(draft({ facts }), { epoch, seq: 0, hash: "" });
    const act = chained(draft({ phase: "begin", action: "issue", act: `${epoch}-1`, result: undefined }), open);
    files.contents.set(`audit-${at}-${epoch}-0001.jsonl`, Buffer.from(`${lineOf(open)}\n${lineOf(act)}\n`));
    return { epoch, seq: act.seq, hash: act.hash };
  };

  it("is whole, also after this version has gone on with it", async () => {
    const files = new FakeTrailFiles();
    former(files, "second", "20260101T000100Z", former(files, "first", "20260101T000000Z"));
    assert.deepEqual((await verifyFolder(files)).findings, []);
    await written(files);
    assert.ok(files.contents.has(HEADS_FILE));
    assert.deepEqual((await verifyFolder(files)).findings, []);
  });

  it("is whole on the way back and forth again", async () => {
    const files = await written(new FakeTrailFiles(), 1);
    const { epoch, seq, hash } = JSON.parse(
      files.contents.get(files.trailNames().at(-1)!)!.toString().trim().split("\n").at(-1)!,
    ) as { epoch: string; seq: number; hash: string };
    former(files, "back", "20260105T000000Z", { epoch, seq, hash });
    assert.deepEqual((await verifyFolder(files)).findings, []);
    await written(files, 1);
    assert.deepEqual((await verifyFolder(files)).findings, []);
  });
});
