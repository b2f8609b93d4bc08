import assert from "node:assert/strict";
import fc from "fast-check";
import { chained, lineOf, type AuditDraft, type AuditPhase, type AuditRecord } from "./record.ts";
import { splitLines, verifyChain } from "./verify.ts";

const draft = (phase: AuditPhase, act: string, action: string): AuditDraft => ({
  phase,
  action,
  act,
  subject: { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" },
  target: "key/AKIA1",
  passId: "p1",
  facts: { word: action },
  result: phase === "succeeded" ? "OK" : undefined,
  time: "2026-01-01T00:00:00.000Z",
  mono: 7,
});

const chainOf = (drafts: readonly AuditDraft[], epoch = "one"): readonly AuditRecord[] => {
  const records: AuditRecord[] = [];
  for (const each of drafts) {
    const last = records.at(-1);
    records.push(chained(each, { epoch, seq: last?.seq ?? 0, hash: last?.hash ?? "" }));
  }
  return records;
};

const someChain = fc
  .array(fc.string({ unit: "binary", maxLength: 12 }), { minLength: 2, maxLength: 8 })
  .map((actions) =>
    chainOf(actions.flatMap((action, at) => [draft("begin", `a${at}`, action), draft("succeeded", `a${at}`, action)])),
  );
const fileOf = (records: readonly AuditRecord[]) =>
  Buffer.from(records.map((record) => `${lineOf(record)}\n`).join(""));
const isGood = (bytes: Uint8Array, head: AuditRecord): boolean => {
  const { lines, tornBytes } = splitLines(bytes);
  return tornBytes === 0 && verifyChain(lines, head).ok;
};

describe("verifyChain", () => {
  it("finds nothing wrong with what was written, whatever the words in it", () => {
    fc.assert(
      fc.property(someChain, (records) => {
        const verdict = verifyChain(splitLines(fileOf(records)).lines, records.at(-1));
        assert.ok(verdict.ok);
        assert.deepEqual(verdict.unended, []);
        assert.equal(verdict.head?.seq, records.length);
      }),
    );
  });

  it("finds any single bit that was flipped", () => {
    fc.assert(
      fc.property(someChain, fc.nat(), fc.nat(7), (records, place, bit) => {
        const bytes = fileOf(records);
        const at = place % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
        return !isGood(bytes, records.at(-1)!);
      }),
      { numRuns: 500 },
    );
  });

  it("finds any byte that was taken away or put in", () => {
    fc.assert(
      fc.property(someChain, fc.nat(), fc.integer({ min: 0, max: 255 }), (records, place, byte) => {
        const bytes = fileOf(records);
        const at = place % bytes.length;
        const less = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        const more = Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)]);
        return !isGood(less, records.at(-1)!) && !isGood(more, records.at(-1)!);
      }),
      { numRuns: 300 },
    );
  });

  it("finds any line that was deleted, doubled or swapped with another", () => {
    fc.assert(
      fc.property(someChain, fc.nat(), fc.nat(), (records, one, two) => {
        const head = records.at(-1)!;
        const [i, j] = [one % records.length, two % records.length];
        const deleted = records.toSpliced(i, 1);
        const doubled = records.toSpliced(i, 0, records[i]!);
        const swapped = records.with(i, records[j]!).with(j, records[i]!);
        const bad = [deleted, doubled, ...(i === j ? [] : [swapped])];
        return bad.every((lines) => !isGood(fileOf(lines), head));
      }),
    );
  });

  it("finds lines of another chain that were put in, though each is good in itself", () => {
    const mine = chainOf([draft("begin", "a", "x"), draft("succeeded", "a", "x")]);
    const other = chainOf([draft("begin", "a", "y"), draft("succeeded", "a", "y")]);
    const verdict = verifyChain([lineOf(mine[0]!), lineOf(other[1]!)]);
    assert.deepEqual(verdict, { ok: false, break: { line: 1, kind: "prevHashMismatch" } });
    const stranger = chained(draft("begin", "b", "z"), { epoch: "two", seq: 2, hash: mine[1]!.hash });
    assert.deepEqual(verifyChain([...mine.map(lineOf), lineOf(stranger)]), {
      ok: false,
      break: { line: 2, kind: "epochChanged" },
    });
  });

  it("says where a chain breaks first, and why", () => {
    const records = chainOf([draft("begin", "a", "x"), draft("succeeded", "a", "x"), draft("begin", "b", "y")]);
    const lines = records.map(lineOf);
    assert.deepEqual(verifyChain(lines.toSpliced(1, 1)), { ok: false, break: { line: 1, kind: "seqGap" } });
    assert.deepEqual(verifyChain(lines.with(1, "{}")), { ok: false, break: { line: 1, kind: "unreadable" } });
    assert.deepEqual(verifyChain(lines.with(2, lines[2]!.replace('"y"', '"z"'))), {
      ok: false,
      break: { line: 2, kind: "hashMismatch" },
    });
    assert.deepEqual(verifyChain(lines.slice(0, 2), records[2]), {
      ok: false,
      break: { line: 2, kind: "headMismatch" },
    });
  });

  it("lists begins that have no outcome", () => {
    const verdict = verifyChain(
      chainOf([draft("begin", "a", "x"), draft("begin", "b", "y"), draft("failed", "a", "x")]).map(lineOf),
    );
    assert.ok(verdict.ok);
    assert.deepEqual(
      verdict.unended.map(({ act }) => act),
      ["b"],
    );
  });

  it("takes what follows the last newline for torn", () => {
    assert.deepEqual(splitLines(Buffer.from("a\nb\nc")), { lines: ["a", "b"], tornBytes: 1 });
    assert.deepEqual(splitLines(Buffer.from("abc")), { lines: [], tornBytes: 3 });
    assert.deepEqual(splitLines(Buffer.from("")), { lines: [], tornBytes: 0 });
  });
});
