import type { TrailFiles } from "./files.ts";
import { HEADS_FILE, headsOf, LEFT_FILE, leftOf, type FileHead } from "./heads.ts";
import { recordOf, type ChainHead } from "./record.ts";
import { epochOfName, splitLines } from "./verify.ts";

/** Longest list of files in one `open` record. */
const MOST_LISTED = 64;

/** The trail as a new process finds it. */
export interface Opening {
  /** For the first record of the new chain. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The files that are there, in the order of the chain; `head.json` goes on from these. */
  readonly files: readonly FileHead[];
}

/**
 * Reads what is there: the newest head, which the new chain names, and what is not as `head.json` says. The order is that of
 * `head.json`, not of the names: a clock that was set back makes a newer file's name the smaller one.
 */
export const openingOf = async (trail: TrailFiles): Promise<Opening> => {
  const present = new Set((await trail.names()).filter((name) => epochOfName(name) !== undefined));
  const heads = await readIfThere(trail, HEADS_FILE);
  const listed = heads === undefined ? undefined : headsOf(heads);
  const left = new Set(leftOf((await readIfThere(trail, LEFT_FILE)) ?? new Uint8Array()).left.map(({ name }) => name));
  const expected = (listed ?? []).filter(({ name }) => !left.has(name) || present.has(name));
  const known = new Map(expected.map((file) => [file.name, file]));
  const unlisted = [...present].filter((name) => !known.has(name)).sort();
  const order = [...expected.map(({ name }) => name).filter((name) => present.has(name)), ...unlisted];

  const newest = await newestHead(trail, order);
  const files: FileHead[] = [];
  const missing: { readonly name: string; readonly bytes: number; readonly found: number }[] = [];
  for (const file of expected) {
    if (!present.has(file.name) && file.bytes > 0) missing.push({ name: file.name, bytes: file.bytes, found: 0 });
  }
  for (const name of order) {
    const before = known.get(name);
    const size = await trail.size(name);
    if (before !== undefined && size < before.bytes) missing.push({ name, bytes: before.bytes, found: size });
    const last = name === order.at(-1);
    const file = before !== undefined && !last && size >= before.bytes ? before : await headOfFile(trail, name);
    if (before !== undefined && size >= before.bytes && file.bytes < before.bytes)
      missing.push({ name, bytes: before.bytes, found: file.bytes });
    files.push(file);
  }
  return {
    files,
    facts: {
      ...newest,
      files: files.slice(-MOST_LISTED).map(({ name, bytes }) => [name, bytes]),
      ...(missing.length === 0 ? {} : { missing }),
      ...(listed === undefined || unlisted.length === 0 ? {} : { unlisted }),
      ...(heads !== undefined && listed === undefined ? { headRecord: "unreadable" } : {}),
      ...(heads === undefined && order.length > 0 ? { headRecord: "absent" } : {}),
    },
  };
};

/** How far a file is good, and the record there. */
const headOfFile = async (trail: TrailFiles, name: string): Promise<FileHead> => {
  const { lines } = splitLines(await trail.read(name));
  const good = lines.findLastIndex((line) => typeof recordOf(line) !== "string");
  const last = recordOf(lines[good] ?? "");
  const bytes = lines.slice(0, good + 1).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  return typeof last === "string" ? { name, bytes: 0 } : { name, bytes, head: headOf(last) };
};

/** The newest good line of all files, and how many bytes after the newest file's last good line are torn. */
const newestHead = async (trail: TrailFiles, order: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
  let newest: { readonly file: string; readonly lostBytes: number } | undefined;
  for (const file of order.toReversed()) {
    const { bytes, head } = await headOfFile(trail, file);
    newest ??= { file, lostBytes: (await trail.size(file)) - bytes };
    // A file whose very first line was torn names no head: the one before it does.
    if (head !== undefined) return { ...newest, head };
  }
  return newest ?? {};
};

const headOf = ({ epoch, seq, hash }: ChainHead): ChainHead => ({ epoch, seq, hash });

/** Undefined when it is not there; throws what else is wrong. */
export const readIfThere = async (trail: TrailFiles, name: string): Promise<Uint8Array | undefined> =>
  (await trail.names()).includes(name) ? trail.read(name) : undefined;
