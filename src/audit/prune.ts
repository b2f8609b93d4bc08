import type { TrailFiles } from "./files.ts";
import type { TrailFinding } from "./finding.ts";
import { LEFT_FILE, leftLine } from "./heads.ts";
import { findingsOf } from "./judge.ts";
import { readTrail } from "./trail.ts";
import type { FileSummary } from "./summary.ts";

/** Which closed files may leave: all but the newest so many files, or those whose newest record is older than a time. */
export interface PruneOptions {
  readonly keep?: number;
  readonly before?: Date;
  readonly now: Date;
  /** Only says what would leave. */
  readonly dryRun: boolean;
}

export type PruneResult =
  | { readonly kind: "pruned"; readonly files: readonly { readonly name: string; readonly bytes: number }[] }
  /** The trail is not whole; nothing was done, for it would hide the traces. */
  | { readonly kind: "notWhole"; readonly findings: readonly TrailFinding[] };

/**
 * Takes closed files away, oldest first, never the newest. Each is put on record before it is deleted: after a crash in between it is
 * still there, `verify` takes it as present, and the next prune deletes it.
 */
export const pruneTrail = async (trail: TrailFiles, options: PruneOptions): Promise<PruneResult> => {
  const evidence = await readTrail(trail);
  const findings = findingsOf(evidence);
  if (findings.length > 0) return { kind: "notWhole", findings };
  const { files, left } = evidence;
  const known = new Set(left.map(({ name }) => name));
  const leaving = oldest(files, (file, index) => known.has(file.name) || mayLeave(file, files.length - index, options));
  if (!options.dryRun)
    for (const { name, bytes, last } of leaving) {
      if (!known.has(name)) {
        const head = last === undefined ? {} : { head: { epoch: last.epoch, seq: last.seq, hash: last.hash } };
        await trail.appendTo(
          LEFT_FILE,
          Buffer.from(leftLine({ name, bytes, ...head, time: options.now.toISOString() })),
        );
      }
      await trail.remove(name);
    }
  return { kind: "pruned", files: leaving.map(({ name, bytes }) => ({ name, bytes })) };
};

/** Files from the oldest on, up to the first that stays: the chain that is left has no gap. The newest always stays. */
const oldest = (
  files: readonly FileSummary[],
  leaves: (file: FileSummary, index: number) => boolean,
): readonly FileSummary[] => {
  const closed = files.slice(0, -1);
  const end = closed.findIndex((file, index) => !leaves(file, index));
  return end === -1 ? closed : closed.slice(0, end);
};

/** `rank`: 1 is the newest file. */
const mayLeave = ({ last }: FileSummary, rank: number, { keep, before }: PruneOptions): boolean => {
  if (keep !== undefined && rank <= keep) return false;
  return before === undefined || last === undefined || new Date(last.time) < before;
};
