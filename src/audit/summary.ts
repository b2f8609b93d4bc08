import type { TrailFinding } from "./finding.ts";
import { chainHeadOf, type FileHead } from "./heads.ts";
import { recordOf, type AuditRecord, type ChainHead } from "./record.ts";
import { placeOfName, splitLines } from "./verify.ts";

/** More of one file would hide the others. */
const MOST_FINDINGS = 5;

/** The first record of a process's chain: how it found the trail. */
export interface OpenFacts {
  readonly epoch: string;
  readonly file: string;
  readonly head?: ChainHead;
  /** The newest file then, and how many bytes at its end were torn. */
  readonly torn?: { readonly file: string; readonly bytes: number };
  /** Names and lengths of the files then; absent in records of b745cd6. */
  readonly files?: readonly (readonly [string, number])[];
  readonly missing: readonly string[];
  readonly unlisted: readonly string[];
  /** `head.json` was absent or unreadable. */
  readonly headRecord?: string;
}

/** What records say about other files than their own. */
export interface Tellings {
  readonly opens: readonly OpenFacts[];
  /** Lengths of the good parts of files, by name. */
  readonly abandoned: ReadonlyMap<string, number>;
}

export interface FileSummary {
  readonly name: string;
  readonly epoch: string;
  readonly part: number;
  /** Length of its whole records. */
  readonly bytes: number;
  readonly size: number;
  readonly tornBytes: number;
  readonly records: number;
  readonly first?: Pick<AuditRecord, "seq" | "prevHash" | "time" | "action" | "phase">;
  readonly last?: ChainHead & { readonly time: string };
  /** Which of the heads that were asked for are in it, by `keyOf`, and at which length. */
  readonly found: ReadonlyMap<string, number>;
  /** Acts that were begun and not ended, and ends whose begin is elsewhere. */
  readonly begun: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
  readonly findings: readonly TrailFinding[];
}

export const keyOf = ({ epoch, seq, hash }: ChainHead): string => `${epoch}/${seq}/${hash}`;

/** Reads only the records about the trail itself. Judges nothing. */
export const tellingsOf = (name: string, bytes: Uint8Array): Tellings => {
  const opens: OpenFacts[] = [];
  const abandoned = new Map<string, number>();
  for (const line of splitLines(bytes).lines.filter((text) => text.includes('"phase":"recover"'))) {
    const record = recordOf(line);
    if (typeof record === "string" || record.phase !== "recover") continue;
    const own = placeOfName(record.target)?.epoch === record.epoch;
    if (record.action === "abandonFile" && own) abandoned.set(record.target, Number(record.facts?.["goodBytes"]));
    if (record.action === "open") opens.push(openFacts(name, record));
  }
  return { opens, abandoned };
};

const openFacts = (name: string, { epoch, facts = {} }: AuditRecord): OpenFacts => {
  const { file, lostBytes, files, missing, unlisted, headRecord } = facts;
  const head = chainHeadOf(facts["head"]);
  return {
    epoch,
    file: name,
    ...(head === undefined ? {} : { head }),
    ...(typeof file === "string" ? { torn: { file, bytes: Number(lostBytes ?? 0) } } : {}),
    ...(Array.isArray(files) ? { files: files as readonly (readonly [string, number])[] } : {}),
    missing: Array.isArray(missing) ? missing.map((one: { readonly name: string }) => one.name) : [],
    unlisted: Array.isArray(unlisted) ? unlisted.map(String) : [],
    ...(typeof headRecord === "string" ? { headRecord } : {}),
  };
};

/**
 * One file's chain by itself. `goodBytes`: what follows is known to be a crash's. `wanted`: heads, by `keyOf`, that others name. After
 * a wrong line it goes on with the next that can be read, so that one finding hides no other.
 */
export const summaryOf = (
  { name, bytes: whole }: { readonly name: string; readonly bytes: Uint8Array },
  { goodBytes, wanted }: { readonly goodBytes: number | undefined; readonly wanted: ReadonlySet<string> },
): FileSummary | undefined => {
  const place = placeOfName(name);
  if (place === undefined) return undefined;
  const { lines, tornBytes } = splitLines(whole.subarray(0, goodBytes));
  const findings: TrailFinding[] = [];
  const found = new Map<string, number>();
  const seen = new Set<string>();
  const [begun, ended] = [new Set<string>(), new Set<string>()];
  let [first, last]: (AuditRecord | undefined)[] = [];
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    const record = recordOf(line);
    bytes += Buffer.byteLength(line) + 1;
    const wrong = typeof record === "string" ? WRONG_LINE[record] : wrongPlace(record, { before: last, seen, place });
    if (wrong !== undefined && findings.length < MOST_FINDINGS)
      findings.push({ kind: wrong[0], file: name, line: index + 1, what: wrong[1] });
    if (typeof record === "string") continue;
    first ??= record;
    last = record;
    seen.add(record.hash);
    const key = keyOf(record);
    if (wanted.has(key)) found.set(key, bytes);
    if (record.phase === "begin") begun.add(record.act);
    else if (!begun.delete(record.act)) ended.add(record.act);
  }
  return {
    ...{ name, ...place, bytes, size: whole.length, tornBytes, records: lines.length, found, begun, ended, findings },
    ...(first === undefined ? {} : { first }),
    ...(last === undefined ? {} : { last }),
  };
};

type Wrong = readonly [TrailFinding["kind"], string];

const WRONG_LINE: Readonly<Record<"unreadable" | "hashMismatch", Wrong>> = {
  unreadable: ["unreadable", "The line is no record."],
  hashMismatch: ["rewritten", "The record does not fit its hash."],
};

const wrongPlace = (
  record: AuditRecord,
  {
    before,
    seen,
    place,
  }: {
    readonly before: AuditRecord | undefined;
    readonly seen: ReadonlySet<string>;
    readonly place: { readonly epoch: string };
  },
): Wrong | undefined => {
  const { seq, epoch, prevHash, hash } = record;
  if (epoch !== place.epoch) return ["foreignRecord", `Record ${seq} was written by process ${epoch}.`];
  if (before === undefined) return undefined;
  if (seen.has(hash)) return ["duplicated", `Record ${seq} stands twice.`];
  if (seq <= before.seq) return ["reordered", `Record ${seq} stands behind record ${before.seq}.`];
  if (seq > before.seq + 1) return ["missingRecords", `Records ${before.seq + 1} to ${seq - 1} are missing.`];
  return prevHash === before.hash
    ? undefined
    : ["otherChain", `Record ${seq} does not go on from record ${before.seq}.`];
};

/** The heads that lists and chains name. */
export const wantedHeads = (heads: readonly FileHead[], opens: readonly OpenFacts[]): ReadonlySet<string> =>
  new Set([...heads, ...opens].flatMap(({ head }) => (head === undefined ? [] : [keyOf(head)])));
