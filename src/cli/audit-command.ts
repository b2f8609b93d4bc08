import { pruneTrail } from "../audit/prune.ts";
import type { TrailFiles } from "../audit/files.ts";
import { verifyFolder, type TrailVerdict } from "../audit/trail.ts";
import type { TrailFinding } from "../audit/finding.ts";
import { parseDuration } from "../kernel/duration.ts";
import { text, WrongUse, type Given } from "./arguments.ts";
import { columns } from "./columns.ts";
import { EXIT } from "./doctor/finding.ts";
import { printed } from "./print.ts";

/** What a command prints, and its exit code. */
export interface Told {
  readonly out: string;
  readonly code: number;
}

export const auditVerify = async (trail: TrailFiles, { form }: Given): Promise<Told> => {
  const verdict = await verifyFolder(trail);
  return { out: printed(verdict, form, () => verdictText(verdict)), code: verdict.ok ? EXIT.fine : EXIT.found };
};

export const auditPrune = async (trail: TrailFiles, given: Given, now: Date): Promise<Told> => {
  const dryRun = given.values["dry-run"] === true;
  const result = await pruneTrail(trail, { ...limitsOf(given, now), now, dryRun });
  if (result.kind === "notWhole") {
    const table = (): string => `${findingsText(result.findings)}Nothing was pruned: the trail is not whole.\n`;
    return { out: printed(result, given.form, table), code: EXIT.found };
  }
  const table = (): string => {
    const rows = result.files.map(({ name, bytes }) => [name, String(bytes)]);
    const sum = `${result.files.length} file(s) ${dryRun ? "would leave" : "left"}.\n`;
    return rows.length === 0 ? sum : columns(["FILE", "BYTES"], rows) + sum;
  };
  return { out: printed(result, given.form, table), code: EXIT.fine };
};

const limitsOf = (given: Given, now: Date): { readonly keep?: number; readonly before?: Date } => {
  const keep = text(given, "keep");
  const age = text(given, "older-than");
  if (keep === undefined && age === undefined) throw new WrongUse("audit prune needs --keep or --older-than.");
  if (keep !== undefined && !/^\d{1,6}$/.test(keep)) throw new WrongUse("--keep must be a whole number.");
  const ms = age === undefined ? undefined : parseDuration(age);
  if (age !== undefined && ms === undefined) throw new WrongUse("--older-than must be a duration such as 720h.");
  return {
    ...(keep === undefined ? {} : { keep: Number(keep) }),
    ...(ms === undefined ? {} : { before: new Date(now.getTime() - ms) }),
  };
};

const verdictText = (verdict: TrailVerdict): string => {
  const { ok, findings, files, records, processes, left, from, to, unended } = verdict;
  const span = from === undefined ? "" : `, from ${from} to ${to ?? from}`;
  const begins = left === 0 ? "" : ` ${left} file(s) were pruned; the chain begins behind them.`;
  const open =
    unended === 0 ? "" : ` ${unended} act(s) have no outcome: their process ended in the middle of them, or is.`;
  const head = `${records} record(s) of ${processes} process(es) in ${files} file(s)${span}.${begins}${open}\n`;
  return ok
    ? `${head}The chain is whole. It is not signed: who can write the volume can write all of it anew.\n`
    : `${findingsText(findings)}${head}The trail is NOT whole: ${findings.length} finding(s).\n`;
};

const findingsText = (findings: readonly TrailFinding[]): string =>
  columns(
    ["FINDING", "FILE", "LINE", "WHAT"],
    findings.map(({ kind, file, line, what }) => [kind, file === "" ? "-" : file, String(line ?? "-"), what]),
  );
