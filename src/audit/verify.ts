import { recordOf, type AuditRecord, type ChainHead } from "./record.ts";

export type BreakKind = "unreadable" | "hashMismatch" | "seqGap" | "prevHashMismatch" | "epochChanged" | "headMismatch";

export interface ChainBreak {
  /** Index of the first line that is wrong; the number of lines when the end is. */
  readonly line: number;
  readonly kind: BreakKind;
}

export type ChainVerdict =
  | {
      readonly ok: true;
      readonly records: readonly AuditRecord[];
      readonly head: ChainHead | undefined;
      /** Begins without an outcome: acts whose end nobody recorded. Not a break of the chain; a person or a restart explains them. */
      readonly unended: readonly AuditRecord[];
    }
  | { readonly ok: false; readonly break: ChainBreak };

/**
 * Judges one epoch's lines in order. A chain alone cannot show that its newest lines were cut off: give `head`, from an anchor
 * or from the `recover` record of the next epoch.
 */
export const verifyChain = (
  lines: readonly string[],
  head?: { readonly seq: number; readonly hash: string },
): ChainVerdict => {
  const records: AuditRecord[] = [];
  for (const [index, line] of lines.entries()) {
    const record = recordOf(line);
    if (typeof record === "string") return broken(index, record);
    const before = records.at(-1);
    if (record.seq !== (before?.seq ?? 0) + 1) return broken(index, "seqGap");
    if (before !== undefined && record.epoch !== before.epoch) return broken(index, "epochChanged");
    if (record.prevHash !== (before?.hash ?? "")) return broken(index, "prevHashMismatch");
    records.push(record);
  }
  if (head !== undefined && records[head.seq - 1]?.hash !== head.hash) return broken(lines.length, "headMismatch");
  const last = records.at(-1);
  const ended = new Set(records.filter(({ phase }) => phase !== "begin").map(({ act }) => act));
  return {
    ok: true,
    records,
    head: last === undefined ? undefined : { epoch: last.epoch, seq: last.seq, hash: last.hash },
    unended: records.filter(({ phase, act }) => phase === "begin" && !ended.has(act)),
  };
};

/** Whole lines, and how many bytes follow the last newline (a torn record). */
export const splitLines = (bytes: Uint8Array): { readonly lines: readonly string[]; readonly tornBytes: number } => {
  const end = bytes.lastIndexOf(0x0a) + 1;
  const text = new TextDecoder().decode(bytes.subarray(0, end));
  return { lines: end === 0 ? [] : text.slice(0, -1).split("\n"), tornBytes: bytes.length - end };
};

export interface TrailEpoch {
  readonly epoch: string;
  readonly verdict: ChainVerdict;
  readonly tornBytes: number;
}

/**
 * Judges a whole directory: files by name in order, chains by epoch, and that each head named by a later epoch's `recover` record
 * is there. `tornBytes` after the last line of an epoch are a crash's; anywhere else they break the chain.
 */
export const verifyTrail = (
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): { readonly ok: boolean; readonly epochs: readonly TrailEpoch[]; readonly missingHeads: readonly ChainHead[] } => {
  const goodBytes = abandonedFiles(files);
  const byEpoch = new Map<string, { readonly lines: string[]; tornBytes: number }>();
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const epoch = epochOfName(file.name);
    if (epoch === undefined) continue;
    const entry = byEpoch.get(epoch) ?? { lines: [], tornBytes: 0 };
    byEpoch.set(epoch, entry);
    // A torn end that is followed by more of the same epoch is no crash's: it must be seen.
    if (entry.tornBytes > 0) entry.lines.push("");
    const { lines, tornBytes } = splitLines(file.bytes.subarray(0, goodBytes.get(file.name)));
    entry.lines.push(...lines);
    entry.tornBytes = tornBytes;
  }
  const epochs = [...byEpoch].map(([epoch, { lines, tornBytes }]) => ({
    epoch,
    tornBytes,
    verdict: verifyChain(lines),
  }));
  const missingHeads = epochs
    .flatMap(({ verdict }) => (verdict.ok ? verdict.records : []))
    .map((record) => headNamedBy(record))
    .filter((head) => head !== undefined)
    .filter((head) => {
      const named = epochs.find(({ epoch }) => epoch === head.epoch)?.verdict;
      return named?.ok !== true || named.records[head.seq - 1]?.hash !== head.hash;
    });
  return { ok: missingHeads.length === 0 && epochs.every(({ verdict }) => verdict.ok), epochs, missingHeads };
};

/** Files that could not be cut back after a failed write, with the length of their good part, as later records tell. */
const abandonedFiles = (files: readonly { readonly bytes: Uint8Array }[]): ReadonlyMap<string, number> =>
  new Map(
    files
      .flatMap(({ bytes }) => splitLines(bytes).lines)
      .filter((line) => line.includes('"abandonFile"'))
      .map((line) => recordOf(line))
      .filter((record) => typeof record !== "string")
      .filter((record) => record.phase === "recover" && record.action === "abandonFile")
      // A process abandons only files of its own; whose name is another epoch's is somebody's attempt to hide it.
      .filter((record) => epochOfName(record.target) === record.epoch)
      .map((record) => [record.target, Number(record.facts?.["goodBytes"])]),
  );

/** `audit-<UTC time>-<epoch>-<part>.jsonl`. */
export const fileName = (startedAt: Date, epoch: string, part: number): string =>
  `audit-${startedAt.toISOString().replace(/[-:]|\.\d+/g, "")}-${epoch}-${String(part).padStart(4, "0")}.jsonl`;

export const epochOfName = (name: string): string | undefined => placeOfName(name)?.epoch;

/** The process and the number of the file that a name stands for; undefined for a file that is none of a trail. */
export const placeOfName = (name: string): { readonly epoch: string; readonly part: number } | undefined => {
  const [, epoch, part] = /^audit-\d{8}T\d{6}Z-([a-z0-9]+)-(\d{4,})\.jsonl$/.exec(name) ?? [];
  return epoch === undefined ? undefined : { epoch, part: Number(part) };
};

const headNamedBy = (record: AuditRecord): ChainHead | undefined => {
  if (record.phase !== "recover") return undefined;
  const head = record.facts?.["head"];
  if (typeof head !== "object" || head === null) return undefined;
  const { epoch, seq, hash } = head as Readonly<Record<string, unknown>>;
  return typeof epoch === "string" && typeof seq === "number" && typeof hash === "string"
    ? { epoch, seq, hash }
    : undefined;
};

const broken = (line: number, kind: BreakKind): ChainVerdict => ({ ok: false, break: { line, kind } });
