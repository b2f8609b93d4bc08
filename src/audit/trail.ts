import type { TrailFiles } from "./files.ts";
import type { TrailFinding } from "./finding.ts";
import { HEADS_FILE, headsOf, LEFT_FILE, leftOf } from "./heads.ts";
import { epochsOf, findingsOf, type TrailEvidence, type TrailLists } from "./judge.ts";
import { readIfThere } from "./opening.ts";
import { summaryOf, tellingsOf, wantedHeads, type FileSummary, type Tellings } from "./summary.ts";
import { epochOfName } from "./verify.ts";

/** A trail, judged. */
export interface TrailVerdict {
  readonly ok: boolean;
  readonly findings: readonly TrailFinding[];
  readonly files: number;
  readonly records: number;
  /** Processes that wrote it, as far as it is there. */
  readonly processes: number;
  /** Files that were pruned. */
  readonly left: number;
  /** RFC 3339 of the first and the newest record that is there. */
  readonly from?: string;
  readonly to?: string;
  /** Acts without an outcome: their process was killed, or is in the middle of them. No finding. */
  readonly unended: number;
}

/** Reads the whole trail, one file at a time. Rejects when the folder cannot be read. */
export const verifyFolder = async (trail: TrailFiles): Promise<TrailVerdict> => {
  const evidence = await readTrail(trail);
  const { files, left } = evidence;
  const findings = findingsOf(evidence);
  const first = files.find((file) => file.first !== undefined)?.first;
  const last = files.findLast((file) => file.last !== undefined)?.last;
  const ended = new Set(files.flatMap((file) => [...file.ended]));
  return {
    ok: findings.length === 0,
    findings,
    files: files.length,
    records: files.reduce((sum, { records }) => sum + records, 0),
    processes: epochsOf(files).size,
    left: left.length,
    ...(first === undefined ? {} : { from: first.time }),
    ...(last === undefined ? {} : { to: last.time }),
    unended: files.flatMap(({ begun }) => [...begun]).filter((act) => !ended.has(act)).length,
  };
};

/** The files in the order of the chain: that of `head.json`, and then what it does not have. */
export const readTrail = async (trail: TrailFiles): Promise<TrailEvidence> => {
  const before = await readLists(trail);
  const names = (await trail.names()).filter((name) => epochOfName(name) !== undefined).sort();
  const lists = joined(before, await readLists(trail), names);
  const listed = listedNames(lists);
  const order = [...listed.filter((name) => names.includes(name)), ...names.filter((name) => !listed.includes(name))];
  const tellings: Tellings[] = [];
  for (const name of order) tellings.push(tellingsOf(name, await trail.read(name)));
  const opens = tellings.flatMap((telling) => telling.opens);
  const abandoned = new Map(tellings.flatMap((telling) => [...telling.abandoned]));
  const heads = [...(typeof lists.heads === "string" ? [] : lists.heads), ...lists.left];
  const wanted = wantedHeads(heads, opens);
  const files: FileSummary[] = [];
  for (const name of order) {
    const bytes = await trail.read(name);
    const torn = opens.find((open) => open.torn?.file === name)?.torn?.bytes ?? 0;
    const goodBytes = abandoned.get(name) ?? (torn > 0 ? bytes.length - torn : undefined);
    const summary = summaryOf({ name, bytes }, { goodBytes, wanted });
    if (summary !== undefined) files.push(summary);
  }
  return { ...lists, files, opens };
};

/**
 * An operator may write meanwhile, and a prune take files away. Lengths are those of the list that was read before the files; a file that
 * was begun after it is only known to be listed, and one that left since then is in the later list of those.
 */
const joined = (before: TrailLists, after: TrailLists, names: readonly string[]): TrailLists => {
  if (typeof before.heads === "string" || typeof after.heads === "string") return { ...after, heads: before.heads };
  const known = listedNames(before);
  const begun = after.heads.filter(({ name }) => !known.includes(name) && names.includes(name));
  return { ...after, heads: [...before.heads, ...begun.map(({ name }) => ({ name, bytes: 0 }))] };
};

const listedNames = ({ heads }: TrailLists): readonly string[] =>
  typeof heads === "string" ? [] : heads.map(({ name }) => name);

export const readLists = async (trail: TrailFiles): Promise<TrailLists> => {
  const heads = await readIfThere(trail, HEADS_FILE);
  const left = leftOf((await readIfThere(trail, LEFT_FILE)) ?? new Uint8Array());
  return {
    heads: heads === undefined ? "absent" : (headsOf(heads) ?? "unreadable"),
    left: left.left,
    wrongLeft: left.wrong,
  };
};
