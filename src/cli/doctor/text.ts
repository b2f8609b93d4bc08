import { plain } from "../columns.ts";
import type { Finding, Result } from "./finding.ts";

const SIGNS: Readonly<Record<Result, string>> = { ok: "ok     ", warn: "warn   ", fail: "FAIL   ", unknown: "unknown" };

/** What is wrong, with why and what to do; `wide` shows what is well too. */
export const doctorText = (findings: readonly Finding[], wide: boolean): string => {
  const count = (result: Result): number => findings.filter((finding) => finding.result === result).length;
  const shown = findings.filter(({ result }) => wide || result !== "ok");
  const lines = shown.flatMap(({ result, what, why, next }) => [
    `${SIGNS[result]}  ${plain(what)}`,
    ...(why === undefined ? [] : [`         why: ${plain(why)}`]),
    ...(next === undefined ? [] : [`         do:  ${plain(next)}`]),
  ]);
  const sum = `${count("ok")} ok, ${count("warn")} warn, ${count("fail")} fail, ${count("unknown")} unknown`;
  return `${[...lines, sum].join("\n")}\n`;
};
