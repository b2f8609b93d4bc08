import { canonicalJson, digest } from "../kernel/ids.ts";
import type { Fields } from "../kernel/logger.ts";
import type { Asked, AuditSubject } from "./contract.ts";

/**
 * `begin` before an outside mutation, `succeeded` or `failed` after it; `recover` about the trail itself: where a new process
 * found it, what was torn off, what could not be kept. `note`: a fact that is no mutation (a proof, a refusal, a release).
 */
export type AuditPhase = "begin" | "succeeded" | "failed" | "recover" | "note";

/** The content of a record, before it has a place in the chain. Members of `Asked` are absent where unknown, as in b745cd6. */
export interface AuditDraft extends Asked {
  readonly phase: AuditPhase;
  readonly action: string;
  readonly subject: AuditSubject | undefined;
  /** The reference of what is acted on: key id, path, name. Never a value. */
  readonly target: string;
  readonly passId: string;
  readonly facts: Fields | undefined;
  /** Joins an outcome to its begin. */
  readonly act: string;
  /** "OK", or the FailureCode of a failed act. Undefined at begin. */
  readonly result: string | undefined;
  /** Wall time (RFC 3339) and monotonic milliseconds, both of the moment when it was asked for, not written. */
  readonly time: string;
  readonly mono: number;
}

export interface AuditRecord extends AuditDraft {
  /** From 1 in each epoch, without gaps. */
  readonly seq: number;
  /** A word for the process that wrote it. */
  readonly epoch: string;
  /** Hash of the record before; of the first one, "". */
  readonly prevHash: string;
  /** SHA-256 of the canonical JSON of everything else. */
  readonly hash: string;
}

/** The end of a chain: what the next record ties itself to. */
export interface ChainHead {
  readonly epoch: string;
  readonly seq: number;
  readonly hash: string;
}

export const chained = (draft: AuditDraft, head: ChainHead): AuditRecord => {
  const body = { ...draft, seq: head.seq + 1, epoch: head.epoch, prevHash: head.hash };
  return { ...body, hash: digest(body) };
};

/** One line of the file, without the newline. */
export const lineOf = (record: AuditRecord): string => canonicalJson(record);

/**
 * The record of a line, if the line is exactly what `lineOf` gives for it and the hash is right; else what is wrong. Nothing in a
 * line escapes the hash, not even its spaces.
 */
export const recordOf = (line: string): AuditRecord | "unreadable" | "hashMismatch" => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return "unreadable";
  }
  if (!isRecord(parsed) || canonicalJson(parsed) !== line) return "unreadable";
  const { hash, ...body } = parsed;
  return digest(body) === hash ? parsed : "hashMismatch";
};

const PHASES: readonly string[] = ["begin", "succeeded", "failed", "recover", "note"] satisfies readonly AuditPhase[];

const isRecord = (value: unknown): value is AuditRecord => {
  if (typeof value !== "object" || value === null) return false;
  const { seq, phase, epoch, prevHash, hash, act } = value as Readonly<Record<string, unknown>>;
  const texts = [epoch, prevHash, hash, act].every((text) => typeof text === "string");
  return texts && Number.isSafeInteger(seq) && typeof phase === "string" && PHASES.includes(phase);
};
