import { canonicalJson, digest } from "../kernel/ids.ts";
import { splitLines } from "./verify.ts";
import type { ChainHead } from "./record.ts";

/** The operator's list of its files, in the order in which it made them. */
export const HEADS_FILE = "head.json";
/** One line for each file that `keyturn audit prune` took away. */
export const LEFT_FILE = "left.jsonl";

/** A file of the trail: how much of it is known to be durable, and the record that this length ends with. */
export interface FileHead {
  readonly name: string;
  readonly bytes: number;
  /** Absent while the file has no record. */
  readonly head?: ChainHead;
}

/** A file that was pruned. */
export interface LeftFile extends FileHead {
  /** RFC 3339: when it was pruned. */
  readonly time: string;
}

export const headsText = (files: readonly FileHead[]): string => {
  const body = { format: 1, files };
  return `${canonicalJson({ ...body, digest: digest(body) })}\n`;
};

/** The files of `head.json`; undefined when it is not exactly what `headsText` writes. */
export const headsOf = (bytes: Uint8Array): readonly FileHead[] | undefined => {
  const parsed = parsedJson(new TextDecoder().decode(bytes));
  if (parsed === undefined) return undefined;
  const { digest: given, ...body } = parsed;
  const { files } = body;
  if (digest(body) !== given || !Array.isArray(files) || !files.every(isFileHead)) return undefined;
  return files;
};

/** One line of `left.jsonl`. It begins with a newline, so that it is a line of its own after a torn one. */
export const leftLine = (file: LeftFile): string => `\n${canonicalJson({ ...file, digest: digest(file) })}\n`;

/**
 * The files that left, and how many whole lines make no sense. A torn line is a crash's before its file was deleted; the next line's
 * newline ends it, so it shows as a line that is no complete JSON text.
 */
export const leftOf = (bytes: Uint8Array): { readonly left: readonly LeftFile[]; readonly wrong: number } => {
  const left = new Map<string, LeftFile>();
  let wrong = 0;
  for (const line of splitLines(bytes).lines.filter((text) => text !== "")) {
    const parsed = parsedJson(line);
    if (parsed === undefined) {
      if (line.endsWith("}")) wrong += 1;
      continue;
    }
    const { digest: given, ...file } = parsed;
    if (digest(file) === given && isFileHead(file) && "time" in file) left.set(file.name, file as unknown as LeftFile);
    else wrong += 1;
  }
  return { left: [...left.values()], wrong };
};

const parsedJson = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
};

const isFileHead = (value: unknown): value is FileHead => {
  if (typeof value !== "object" || value === null) return false;
  const { name, bytes, head } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === "string" && Number.isSafeInteger(bytes) && (head === undefined || chainHeadOf(head) !== undefined)
  );
};

/** A head as a record or a list names it; undefined when it is none. */
export const chainHeadOf = (value: unknown): ChainHead | undefined => {
  if (typeof value !== "object" || value === null) return undefined;
  const { epoch, seq, hash } = value as Readonly<Record<string, unknown>>;
  return typeof epoch === "string" && typeof seq === "number" && typeof hash === "string"
    ? { epoch, seq, hash }
    : undefined;
};
