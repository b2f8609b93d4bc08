import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ended } from "../install/commands.ts";
import { cases } from "./cases.ts";
import type { AlertCase, Series } from "./cases.ts";
import { LIVES, STEP_MS } from "./life.ts";
import { RULES_FILE, readRules } from "./rules.ts";
import type { Alert } from "./rules.ts";

/** Which alerts have been tested both ways, and what promtool said of the others. */
export interface RulesTested {
  readonly alerts: number;
  readonly tested: number;
  readonly problems: readonly string[];
}

/** Runs `promtool test rules` over every alert, once where it must fire and once where it must not. */
export const testRules = async (): Promise<RulesTested> => {
  const { alerts } = await readRules();
  const folder = await mkdtemp(join(tmpdir(), "keyturn-rules-"));
  const problems: string[] = [];
  try {
    for (const alert of alerts) {
      const known = cases[alert.alert];
      const said = known === undefined ? "no case" : await testOne(folder, alert, known);
      if (said !== undefined) problems.push(`${alert.alert}: ${said}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { alerts: alerts.length, tested: alerts.length - problems.length, problems };
};

export interface LivesTested {
  readonly lives: number;
  readonly problems: readonly string[];
}

/** Runs every alert over every life of life.ts: each fires those that are named there, and no other. */
export const testLives = async (): Promise<LivesTested> => {
  const { alerts } = await readRules();
  const folder = await mkdtemp(join(tmpdir(), "keyturn-lives-"));
  const problems: string[] = [];
  try {
    for (const [i, { title, lived, fires }] of LIVES.entries()) {
      const life = await lived();
      const minutes = ((life.steps - 1) * STEP_MS) / 60_000;
      const tests = [
        {
          interval: `${STEP_MS / 60_000}m`,
          input_series: [...life.scrapes].map(([series, values]) => ({
            series,
            values: values.map((value) => value ?? "_").join(" "),
          })),
          promql_expr_test: alerts.map(({ alert }) => ({
            expr: `max by (alertname) (max_over_time(ALERTS{alertname="${alert}",alertstate="firing"}[${minutes}m]))`,
            eval_time: `${minutes}m`,
            exp_samples: alert in fires ? [{ labels: labelText({ alertname: alert }), value: 1 }] : [],
          })),
        },
      ];
      const file = join(folder, `life-${i}.yaml`);
      const evaluation_interval = `${STEP_MS / 60_000}m`;
      await writeFile(file, stringify({ rule_files: [RULES_FILE], evaluation_interval, tests }));
      const { code, stdout, stderr } = await ended("promtool", ["test", "rules", file]);
      if (code !== 0) problems.push(`${title}: ${`${stdout}${stderr}`.slice(0, 1500)}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { lives: LIVES.length, problems };
};

const testOne = async (folder: string, alert: Alert, known: AlertCase): Promise<string | undefined> => {
  const file = join(folder, `${alert.alert}.yaml`);
  const firing = { __name__: "ALERTS", alertname: alert.alert, alertstate: "firing", ...alert.labels, ...known.labels };
  const samples = [{ labels: labelText(firing), value: 1 }];
  const tests = [testOf(alert, known, known.fires, samples), testOf(alert, known, known.quiet, [])];
  await writeFile(file, stringify({ rule_files: [RULES_FILE], evaluation_interval: "1m", tests }));
  const { code, stdout, stderr } = await ended("promtool", ["test", "rules", file]);
  return code === 0 ? undefined : `${stdout}${stderr}`.slice(0, 1500);
};

const testOf = (alert: Alert, { at }: AlertCase, series: Series, samples: readonly object[]): object => ({
  interval: "1m",
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  promql_expr_test: [
    { expr: `ALERTS{alertname="${alert.alert}",alertstate="firing"}`, eval_time: at, exp_samples: samples },
  ],
});

const labelText = ({ __name__, ...labels }: Readonly<Record<string, string>>): string =>
  `${__name__ ?? ""}{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(", ")}}`;
