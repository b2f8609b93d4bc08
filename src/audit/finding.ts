/** Kinds of what `keyturn audit verify` finds wrong, with their meaning; docs/reference/audit.md has the same list. */
export const FINDINGS = {
  nothingThere: "There is no trail in the folder.",
  unreadable: "A line is no record.",
  rewritten: "A record's content does not fit its hash.",
  missingRecords: "Sequence numbers are missing between two records, or before the first.",
  duplicated: "A record stands twice.",
  reordered: "A record stands behind a later one.",
  otherChain: "A record does not go on from the one before it: it is of another chain.",
  foreignRecord: "A record was written by another process than its file's name says.",
  tornInside: "A torn line that no crash explains.",
  missingFile: "A file that is on record is gone and was not pruned.",
  cut: "A file, or the chain of a process, ends before the record that is known of it.",
  unlisted: "A file stands in the folder that the operator did not make.",
  forked: "Two processes go on from the same record, or one goes on from the middle of another's chain.",
  rootless: "A chain names no chain before it although it is not the first.",
  unknownHead: "A chain goes on from a record that is neither there nor pruned.",
  lossAtStart: "The operator found at a start that records were gone.",
  headRecord: "head.json is missing, cannot be read, or is not what the operator wrote.",
  leftRecord: "A line of left.jsonl is not what prune wrote.",
} as const;

export type FindingKind = keyof typeof FINDINGS;

export interface TrailFinding {
  readonly kind: FindingKind;
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly what: string;
}
