import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FINDINGS, type FindingKind } from "./finding.ts";
import { trailFiles } from "./files.ts";
import { openAuditTrail } from "./chain.ts";
import { HEADS_FILE, headsOf, headsText } from "./heads.ts";
import { chained, lineOf, recordOf, type AuditDraft, type AuditRecord } from "./record.ts";
import { fileName, placeOfName, splitLines } from "./verify.ts";
import { verifyFolder, type TrailVerdict } from "./trail.ts";
import { systemClock } from "../kernel/clock.ts";

/** One forgery of a trail's copy. */
interface Tamper {
  readonly kind: string;
  readonly name: string;
  readonly run: (copy: Copy) => Promise<void>;
}

export interface TamperResult {
  readonly kind: string;
  readonly name: string;
  /** What verify said; empty: it was missed. */
  readonly found: readonly FindingKind[];
}

export interface TamperReport {
  /** The copy that nobody touched. */
  readonly untouched: TrailVerdict;
  readonly results: readonly TamperResult[];
}

/** A copy of a trail, to be forged. Throws where the trail is too short for the drill. */
class Copy {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Files with records, in the order of head.json. */
  async names(): Promise<readonly string[]> {
    const listed = headsOf(await readFile(join(this.folder, HEADS_FILE))) ?? [];
    const there = await readdir(this.folder);
    return listed.filter(({ name, bytes }) => there.includes(name) && bytes > 0).map(({ name }) => name);
  }

  /** `which`: 0 the oldest, -1 the newest. */
  async name(which: number): Promise<string> {
    const name = (await this.names()).at(which);
    if (name === undefined) throw new Error(`The trail has no file ${which}.`);
    return name;
  }

  async lines(name: string): Promise<string[]> {
    return [...splitLines(await readFile(join(this.folder, name))).lines];
  }

  async edit(which: number, change: (lines: string[]) => readonly string[]): Promise<void> {
    const name = await this.name(which);
    const lines = await this.lines(name);
    if (lines.length < 5) throw new Error(`${name} has only ${lines.length} records; the drill needs five.`);
    await this.write(name, change(lines));
  }

  async write(name: string, lines: readonly string[]): Promise<void> {
    await writeFile(join(this.folder, name), lines.map((line) => `${line}\n`).join(""));
  }

  async bytes(name: string): Promise<Buffer> {
    return readFile(join(this.folder, name));
  }

  /** The operator starts on what is there and writes a record. */
  async restart(): Promise<void> {
    const trail = await openAuditTrail({ files: trailFiles(this.folder), clock: systemClock });
    await trail.note({ action: "drill", subject: undefined, target: "-", passId: "", result: "OK" });
    await trail.close();
  }

  /** A chain of a made-up process, with right hashes. */
  async invent(
    first: Readonly<Record<string, unknown>>,
    options: { readonly epoch?: string; readonly part?: number } = {},
  ) {
    const epoch = options.epoch ?? "madeupepoch2";
    const base = recordAt(await this.lines(await this.name(-1)), 0);
    const draft = draftOf(base);
    const open = chained({ ...draft, phase: "recover", action: "open", facts: first }, { epoch, seq: 0, hash: "" });
    const note = chained({ ...draft, phase: "note", action: "madeUp", facts: undefined }, open);
    const name = fileName(new Date(base.time), epoch, options.part ?? 1);
    await this.write(name, [open, note].map(lineOf));
  }
}

const recordAt = (lines: readonly string[], index: number): AuditRecord => {
  const record = recordOf(lines.at(index) ?? "");
  if (typeof record === "string") throw new Error("The drill's trail has an unreadable record.");
  return record;
};

/** The content alone, without its place in a chain. */
const draftOf = (record: AuditRecord): AuditDraft =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !PLACE.includes(key))) as unknown as AuditDraft;

const PLACE: readonly string[] = ["seq", "epoch", "prevHash", "hash"];

/** A record with other content and a hash that fits it. */
const rehashed = (line: string): string => {
  const { epoch, seq, prevHash, ...record } = recordAt([line], 0);
  const draft = draftOf({ ...record, epoch, seq, prevHash, target: `${record.target}x` });
  return lineOf(chained(draft, { epoch, seq: seq - 1, hash: prevHash }));
};

/** All records from one on written anew, so that the chain fits again. */
const rewritten = (lines: readonly string[], from: number): readonly string[] => {
  const out = lines.slice(0, from);
  for (const line of lines.slice(from)) {
    const record = recordAt([line], 0);
    const before = out.length === 0 ? undefined : recordAt(out, -1);
    const head = { epoch: record.epoch, seq: record.seq - 1, hash: before?.hash ?? record.prevHash };
    out.push(lineOf(chained({ ...draftOf(record), target: `${record.target}x` }, head)));
  }
  return out;
};

const without = (lines: readonly string[], index: number): readonly string[] => lines.toSpliced(index, 1);
const middle = (lines: readonly string[]): number => Math.floor(lines.length / 2);
const swapped = (lines: readonly string[], a: number, b: number): readonly string[] =>
  lines.map((line, index) => (index === a ? (lines[b] ?? line) : index === b ? (lines[a] ?? line) : line));

const headOfFile = async (copy: Copy, which: number, record = -1) => {
  const { epoch, seq, hash } = recordAt(await copy.lines(await copy.name(which)), record);
  return { epoch, seq, hash };
};

/** The head that a process names in its first record; the drill's trail has two processes at least. */
const namedHead = async (copy: Copy): Promise<unknown> => {
  for (const name of await copy.names()) {
    const head = recordAt(await copy.lines(name), 0).facts?.["head"];
    if (head !== undefined) return head;
  }
  throw new Error("The drill needs a trail of two processes.");
};

const TAMPERS: readonly Tamper[] = [
  ...[0, -1].flatMap((which): Tamper[] => {
    const where = which === 0 ? "oldest file" : "newest file";
    return [
      {
        kind: "rewritten",
        name: `a word changed, ${where}`,
        run: (copy) =>
          copy.edit(which, (lines) =>
            lines.map((line, at) => (at === middle(lines) ? line.replace('"target":"', '"target":"x') : line)),
          ),
      },
      {
        kind: "rewritten",
        name: `a record changed with its hash, ${where}`,
        run: (copy) =>
          copy.edit(which, (lines) => lines.map((line, at) => (at === middle(lines) ? rehashed(line) : line))),
      },
      {
        kind: "rewritten",
        name: `all records from the middle on, ${where}`,
        run: (copy) => copy.edit(which, (lines) => rewritten(lines, middle(lines))),
      },
      {
        kind: "rewritten",
        name: `the newest record with its hash, ${where}`,
        run: (copy) => copy.edit(which, (lines) => rewritten(lines, lines.length - 1)),
      },
      {
        kind: "removed",
        name: `a record in the middle, ${where}`,
        run: (copy) => copy.edit(which, (lines) => without(lines, middle(lines))),
      },
      {
        kind: "removed",
        name: `the first record, ${where}`,
        run: (copy) => copy.edit(which, (lines) => lines.slice(1)),
      },
      {
        kind: "cut",
        name: `the last record, ${where}`,
        run: (copy) => copy.edit(which, (lines) => lines.slice(0, -1)),
      },
      {
        kind: "cut",
        name: `the second half, ${where}`,
        run: (copy) => copy.edit(which, (lines) => lines.slice(0, middle(lines))),
      },
      { kind: "cut", name: `everything, ${where}`, run: (copy) => copy.edit(which, () => []) },
      {
        kind: "reordered",
        name: `two records swapped, ${where}`,
        run: (copy) => copy.edit(which, (lines) => swapped(lines, middle(lines), middle(lines) + 1)),
      },
      {
        kind: "reordered",
        name: `the last record to the front, ${where}`,
        run: (copy) => copy.edit(which, (lines) => [...lines.slice(-1), ...lines.slice(0, -1)]),
      },
      {
        kind: "duplicated",
        name: `a record twice, ${where}`,
        run: (copy) => copy.edit(which, (lines) => lines.toSpliced(middle(lines), 0, lines[middle(lines)] ?? "")),
      },
      {
        kind: "duplicated",
        name: `the last record twice, ${where}`,
        run: (copy) => copy.edit(which, (lines) => [...lines, ...lines.slice(-1)]),
      },
      {
        kind: "missing",
        name: `deleted, ${where}`,
        run: async (copy) => unlink(join(copy.folder, await copy.name(which))),
      },
      {
        kind: "missing",
        name: `renamed so that it is not seen, ${where}`,
        run: async (copy) => rename(join(copy.folder, await copy.name(which)), join(copy.folder, "hidden")),
      },
      {
        kind: "restarted",
        name: `cut, then the operator starts, ${where}`,
        run: async (copy) => {
          await copy.edit(which, (lines) => lines.slice(0, -1));
          await copy.restart();
        },
      },
      {
        kind: "restarted",
        name: `deleted, then the operator starts, ${where}`,
        run: async (copy) => {
          await unlink(join(copy.folder, await copy.name(which)));
          await copy.restart();
        },
      },
    ];
  }),
  {
    kind: "torn",
    name: "half a line behind a closed file",
    run: async (copy) => {
      const name = await copy.name(0);
      await writeFile(join(copy.folder, name), Buffer.concat([await copy.bytes(name), Buffer.from('{"act":"x')]));
    },
  },
  {
    kind: "forked",
    name: "a second process from the same record",
    run: async (copy) => copy.invent({ head: await namedHead(copy) }),
  },
  {
    kind: "forked",
    name: "a process from the middle of a chain",
    run: async (copy) => copy.invent({ head: await headOfFile(copy, 0, 1) }),
  },
  { kind: "madeUp", name: "a process that names no record", run: (copy) => copy.invent({}) },
  {
    kind: "madeUp",
    name: "a process that goes on from the newest record",
    run: async (copy) => copy.invent({ files: [], head: await headOfFile(copy, -1) }),
  },
  {
    kind: "otherChain",
    name: "a process that goes on from another trail",
    run: (copy) => copy.invent({ head: { epoch: "elsewhere", seq: 7, hash: "0".repeat(64) } }),
  },
  {
    kind: "otherChain",
    name: "a file's content put under another name",
    run: async (copy) => writeFile(join(copy.folder, await copy.name(-1)), await copy.bytes(await copy.name(0))),
  },
  {
    kind: "duplicatedFile",
    name: "a file as a later part of its process",
    run: async (copy) => {
      const name = await copy.name(0);
      const { part } = placeOfName(name) ?? { part: 1 };
      const later = name.replace(/\d{4,}\.jsonl$/, `${String(part + 7).padStart(4, "0")}.jsonl`);
      await writeFile(join(copy.folder, later), await copy.bytes(name));
    },
  },
  {
    kind: "duplicatedFile",
    name: "a file under a made-up process",
    run: async (copy) =>
      writeFile(
        join(copy.folder, "audit-20200101T000000Z-madeupepoch3-0001.jsonl"),
        await copy.bytes(await copy.name(0)),
      ),
  },
  {
    kind: "hidden",
    name: "abandonFile in another process's chain",
    run: async (copy) => {
      await copy.invent({ head: await headOfFile(copy, -1) });
      const target = await copy.name(0);
      const made = "audit-20200101T000000Z-madeupepoch4-0001.jsonl";
      const base = recordAt(await copy.lines(await copy.name(-1)), 0);
      const draft = draftOf(base);
      await copy.write(made, [
        lineOf(
          chained(
            { ...draft, phase: "recover", action: "abandonFile", target, facts: { goodBytes: 10 } },
            { epoch: "madeupepoch4", seq: 0, hash: "" },
          ),
        ),
      ]);
    },
  },
  { kind: "list", name: "head.json deleted", run: (copy) => unlink(join(copy.folder, HEADS_FILE)) },
  {
    kind: "list",
    name: "head.json deleted, then the operator starts",
    run: async (copy) => {
      await unlink(join(copy.folder, HEADS_FILE));
      await copy.restart();
    },
  },
  {
    kind: "list",
    name: "head.json with a word changed",
    run: async (copy) => {
      const path = join(copy.folder, HEADS_FILE);
      await writeFile(path, (await readFile(path, "utf8")).replace('"bytes":', '"bytes":1'));
    },
  },
  {
    kind: "list",
    name: "an older file taken from folder and head.json",
    run: async (copy) => {
      const gone = await copy.name(0);
      await unlink(join(copy.folder, gone));
      const heads = headsOf(await copy.bytes(HEADS_FILE)) ?? [];
      await writeFile(join(copy.folder, HEADS_FILE), headsText(heads.filter(({ name }) => name !== gone)));
    },
  },
];

/**
 * Forges copies of a real trail in every way that a hash chain can show, and has `verify` look at each. The trail needs two processes.
 * The folder itself is only read.
 */
/** `some`: which of the forgeries are made, of their number and kinds; absent: all. */
export const tamperDrill = async (
  folder: string,
  some: (all: readonly Pick<Tamper, "kind" | "name">[]) => readonly Pick<Tamper, "kind" | "name">[] = (all) => all,
): Promise<TamperReport> => {
  const work = await mkdtemp(join(tmpdir(), "keyturn-tamper-"));
  const copied = async (name: string): Promise<Copy> => {
    const to = join(work, name);
    // The list first: an operator that goes on writing makes files longer than the list says, never shorter.
    await mkdir(to);
    await cp(join(folder, HEADS_FILE), join(to, HEADS_FILE));
    for (const file of await readdir(folder)) if (file !== HEADS_FILE) await cp(join(folder, file), join(to, file));
    return new Copy(to);
  };
  try {
    const untouched = await verifyFolder(trailFiles((await copied("untouched")).folder));
    const results: TamperResult[] = [];
    const chosen = some(TAMPERS);
    for (const [index, { kind, name, run }] of TAMPERS.filter((one) => chosen.includes(one)).entries()) {
      const copy = await copied(String(index));
      await run(copy);
      const { findings } = await verifyFolder(trailFiles(copy.folder));
      results.push({ kind, name, found: [...new Set(findings.map((finding) => finding.kind))] });
      await rm(copy.folder, { recursive: true });
    }
    return { untouched, results };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

/** For tests: every kind of finding that a drill reported. */
export const kindsFound = (report: TamperReport): ReadonlySet<string> =>
  new Set(report.results.flatMap(({ found }) => found).filter((kind) => kind in FINDINGS));
