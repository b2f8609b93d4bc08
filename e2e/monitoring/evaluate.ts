import { parseDuration } from "../../src/kernel/duration.ts";
import { STEP_MS, type Life } from "./life.ts";
import type { Alert } from "./rules.ts";

type Sample = { readonly key: string; readonly value: number };

const AGGREGATE = /^max(?: by \(([\w, ]+)\) )?\((\w+)\)/;

/**
 * When an alert begins to fire in a life, in milliseconds since its start; undefined: never. For rules that compare one aggregated gauge with
 * the time or with another one, which is what those that judge by deadlines do; promtool judges all of them (`accept -- install`).
 */
export const firesAt = (life: Life, rule: Alert): number | undefined => {
  const holds = condition(rule.expr.trim());
  const forMs = parseDuration(rule.for ?? "0s") ?? 0;
  const since = new Map<string, number>();
  for (let step = 0; step < life.steps; step += 1) {
    const now = step * STEP_MS;
    const true_ = holds(life, step);
    for (const key of since.keys()) if (!true_.has(key)) since.delete(key);
    for (const key of true_) {
      const began = since.get(key) ?? now;
      since.set(key, began);
      if (now - began >= forMs) return now;
    }
  }
  return undefined;
};

const condition = (expr: string): ((life: Life, step: number) => ReadonlySet<string>) => {
  const left = AGGREGATE.exec(expr);
  const rest = left === null ? "" : expr.slice(left[0].length).trim();
  if (left !== null && rest === "< time()")
    return (life, step) => keys(values(life, step, left).filter(({ value }) => value < (step * STEP_MS) / 1000));
  const right = rest.startsWith(">= ") ? AGGREGATE.exec(rest.slice(3)) : null;
  if (left !== null && right !== null && rest.slice(3) === right[0])
    return (life, step) => {
      const others = new Map(values(life, step, right).map(({ key, value }) => [key, value]));
      return keys(values(life, step, left).filter(({ key, value }) => value >= (others.get(key) ?? Infinity)));
    };
  throw new Error(`This expression is promtool's to evaluate: ${expr}`);
};

const keys = (samples: readonly Sample[]): ReadonlySet<string> => new Set(samples.map(({ key }) => key));

/** The greatest value of a metric at a step, by the labels that are kept. */
const values = (life: Life, step: number, [, by = "", metric = ""]: RegExpExecArray): readonly Sample[] => {
  const found = new Map<string, number>();
  for (const [series, samples] of life.scrapes) {
    const [name = "", labels = ""] = series.split("{");
    const value = samples[step];
    if (name !== metric || value === undefined) continue;
    const key = by
      .split(", ")
      .map((label) => new RegExp(`\\b${label}="([^"]*)"`).exec(labels)?.[1] ?? "")
      .join("/");
    found.set(key, Math.max(value, found.get(key) ?? -Infinity));
  }
  return [...found].map(([key, value]) => ({ key, value }));
};
