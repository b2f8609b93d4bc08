import type { TrailFinding } from "./finding.ts";
import { keyOf, type FileSummary, type OpenFacts } from "./summary.ts";
import { HEADS_FILE, LEFT_FILE, type FileHead, type LeftFile } from "./heads.ts";
import type { ChainHead } from "./record.ts";
import { placeOfName } from "./verify.ts";

export interface TrailLists {
  /** The files of `head.json`. */
  readonly heads: readonly FileHead[] | "absent" | "unreadable";
  readonly left: readonly LeftFile[];
  /** Lines of `left.jsonl` that make no sense. */
  readonly wrongLeft: number;
}

/** Everything about a trail that its chains, its list and its list of pruned files say. */
export interface TrailEvidence extends TrailLists {
  readonly files: readonly FileSummary[];
  readonly opens: readonly OpenFacts[];
}

/** What is wrong with a trail; empty when it is whole. */
export const findingsOf = (evidence: TrailEvidence): readonly TrailFinding[] => {
  const { files, left, heads } = evidence;
  if (files.length === 0 && left.length === 0 && heads === "absent")
    return [{ kind: "nothingThere", file: "", what: "The folder has no trail." }];
  return [
    ...files.flatMap(({ findings }) => findings),
    ...ofEpochs(evidence),
    ...ofLine(evidence),
    ...ofHeads(evidence),
    ...ofStarts(evidence),
    ...(evidence.wrongLeft > 0
      ? [
          {
            kind: "leftRecord",
            file: LEFT_FILE,
            what: `${evidence.wrongLeft} lines are not what prune wrote.`,
          } as const,
        ]
      : []),
  ];
};

/** The parts of each process's chain, in order. */
export const epochsOf = (files: readonly FileSummary[]): ReadonlyMap<string, readonly FileSummary[]> => {
  const epochs = new Map<string, FileSummary[]>();
  for (const file of [...files].sort((a, b) => a.part - b.part || (a.name < b.name ? -1 : 1)))
    epochs.set(file.epoch, [...(epochs.get(file.epoch) ?? []), file]);
  return epochs;
};

/** Between the files of one process. */
const ofEpochs = ({ files, left, opens }: TrailEvidence): TrailFinding[] => {
  const findings: TrailFinding[] = [];
  for (const [epoch, parts] of epochsOf(files)) {
    const gone = left.filter(
      ({ name }) => placeOfName(name)?.epoch === epoch && !files.some((file) => file.name === name),
    );
    let before: Pick<ChainHead, "seq" | "hash"> = newestOf(gone.map(({ head }) => head)) ?? { seq: 0, hash: "" };
    for (const [index, file] of parts.entries()) {
      const wrong = wrongStart(file, before);
      if (wrong !== undefined) findings.push(wrong);
      before = file.last ?? before;
      const told = opens.some(({ torn }) => torn?.file === file.name && torn.bytes === file.tornBytes);
      const crashed = index === parts.length - 1 && (told || !isFollowed(file, opens));
      if (file.tornBytes > 0 && !crashed)
        findings.push({ kind: "tornInside", file: file.name, what: `${file.tornBytes} bytes at its end are no line.` });
    }
  }
  return findings;
};

const isFollowed = ({ last, name }: FileSummary, opens: readonly OpenFacts[]): boolean =>
  opens.some(
    ({ head, torn }) => torn?.file === name || (head !== undefined && last !== undefined && head.epoch === last.epoch),
  );

const newestOf = (heads: readonly (ChainHead | undefined)[]): ChainHead | undefined =>
  heads.reduce((newest, head) => ((head?.seq ?? 0) > (newest?.seq ?? 0) ? head : newest), undefined);

const wrongStart = (
  { name, first }: FileSummary,
  before: Pick<ChainHead, "seq" | "hash">,
): TrailFinding | undefined => {
  if (first === undefined) return undefined;
  const { seq, prevHash } = first;
  const at = { file: name, line: 1 };
  if (seq > before.seq + 1)
    return { ...at, kind: "missingRecords", what: `Records ${before.seq + 1} to ${seq - 1} before it are missing.` };
  if (seq <= before.seq) return { ...at, kind: "duplicated", what: `It begins with record ${seq} once more.` };
  if (prevHash === before.hash) return undefined;
  return { ...at, kind: "otherChain", what: `Record ${seq} does not go on from the file before.` };
};

/** Between processes: one line from the first to the newest. */
const ofLine = ({ files, left, opens }: TrailEvidence): TrailFinding[] => {
  const findings: TrailFinding[] = [];
  const epochs = epochsOf(files);
  const pruned = new Map<string, ChainHead>();
  for (const { head } of left)
    if (head !== undefined && head.seq > (pruned.get(head.epoch)?.seq ?? 0)) pruned.set(head.epoch, head);
  const begun = left.some(({ name }) => !files.some((file) => file.name === name));
  const heirs = new Map<string, OpenFacts>();
  const root = begun ? undefined : opens.find(({ head }) => head === undefined);
  for (const open of opens) {
    const { head, file } = open;
    if (head === undefined) {
      if (open !== root)
        findings.push({ kind: "rootless", file, line: 1, what: "It names no chain before it and is not the first." });
      continue;
    }
    const before = heirs.get(keyOf(head));
    if (before !== undefined)
      findings.push({ kind: "forked", file, line: 1, what: `It goes on from the same record as ${before.file}.` });
    heirs.set(keyOf(head), open);
    const parts = epochs.get(head.epoch) ?? [];
    const last = newestOf([...parts.map((part) => part.last), pruned.get(head.epoch)]);
    const there = parts.some(({ found }) => found.has(keyOf(head)));
    const gone = left.some((entry) => entry.head !== undefined && keyOf(entry.head) === keyOf(head));
    const named = `record ${head.seq} of process ${head.epoch}`;
    if (!there && !gone) {
      const kind = last === undefined || last.seq >= head.seq ? "unknownHead" : "cut";
      findings.push({ kind, file, line: 1, what: `It goes on from ${named}, which is not there.` });
    } else if (last !== undefined && last.seq > head.seq)
      findings.push({ kind: "forked", file, line: 1, what: `It goes on from ${named}, behind which more follows.` });
  }
  for (const [epoch, parts] of epochs) {
    if (opens.some((open) => open.epoch === epoch) || pruned.has(epoch) || parts.every(({ records }) => records === 0))
      continue;
    findings.push({
      kind: "rootless",
      file: parts[0]?.name ?? "",
      what: `Process ${epoch} does not say how it found the trail.`,
    });
  }
  return findings;
};

/** Against `head.json`, which an operator before this version did not write. */
const ofHeads = (evidence: TrailEvidence): TrailFinding[] => {
  const { heads, left, files, opens } = evidence;
  const wrong = (what: string): TrailFinding => ({ kind: "headRecord", file: HEADS_FILE, what });
  if (heads === "unreadable") return [wrong("It is not what the operator wrote.")];
  if (heads === "absent") return opens.some((open) => open.files !== undefined) ? [wrong("It is missing.")] : [];
  const findings: TrailFinding[] = [];
  for (const expected of [...heads, ...left.filter(({ name }) => !heads.some((head) => head.name === name))]) {
    const file = files.find(({ name }) => name === expected.name);
    if (file !== undefined) findings.push(...ofHead(file, expected));
    else if (expected.bytes > 0 && !left.some(({ name }) => name === expected.name))
      findings.push({ kind: "missingFile", file: expected.name, what: "head.json has it, and nobody pruned it." });
  }
  for (const { name, epoch } of files) {
    const listed = [...heads, ...left].some((head) => head.name === name);
    if (!listed && !isFormer(evidence, epoch))
      findings.push({ kind: "unlisted", file: name, what: "head.json does not have it." });
  }
  return findings;
};

const ofHead = (file: FileSummary, { name, bytes, head }: FileHead): TrailFinding[] => {
  if (head === undefined) return [];
  const at = file.found.get(keyOf(head));
  if (at === bytes) return [];
  if (at === undefined && (file.last?.seq ?? 0) < head.seq)
    return [{ kind: "cut", file: name, what: `It ends before record ${head.seq}, which is on record.` }];
  return [
    { kind: "otherChain", file: name, what: `Record ${head.seq} at byte ${bytes} is not the one that is on record.` },
  ];
};

/** An operator of before, which kept no list, wrote it: it goes on from the newest record that is listed. */
const isFormer = ({ heads, opens }: TrailEvidence, epoch: string): boolean => {
  const open = opens.find((one) => one.epoch === epoch);
  const listed = heads === "absent" || heads === "unreadable" ? [] : heads;
  return (
    open !== undefined &&
    open.files === undefined &&
    open.head !== undefined &&
    !listed.some(({ head }) => head?.epoch === epoch)
  );
};

/** What each process said that it found. */
const ofStarts = ({ opens, files, left }: TrailEvidence): TrailFinding[] =>
  opens.flatMap((open): TrailFinding[] => [
    ...open.missing.map((name): TrailFinding => ({
      kind: "lossAtStart",
      file: name,
      what: `Process ${open.epoch} found it shorter than head.json said, or gone.`,
    })),
    ...(open.headRecord === "unreadable"
      ? [{ kind: "headRecord", file: HEADS_FILE, what: `Process ${open.epoch} could not read it.` } as const]
      : []),
    ...(open.headRecord === "absent" &&
    opens.some((other) => other.files !== undefined && other.epoch === open.head?.epoch)
      ? [{ kind: "headRecord", file: HEADS_FILE, what: `Process ${open.epoch} did not find it.` } as const]
      : []),
    ...(open.files ?? []).flatMap(([name, bytes]): TrailFinding[] => {
      const file = files.find((one) => one.name === name);
      if (file === undefined)
        return left.some((one) => one.name === name) || bytes === 0
          ? []
          : [{ kind: "missingFile", file: name, what: `Process ${open.epoch} still found it.` }];
      return file.size < bytes
        ? [
            {
              kind: "cut",
              file: name,
              what: `Process ${open.epoch} found it ${bytes} bytes long; it has ${file.size}.`,
            },
          ]
        : [];
    }),
  ]);
