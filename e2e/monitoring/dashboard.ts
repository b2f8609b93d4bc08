import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lane/paths.ts";

export const DASHBOARD_FILE = join(root, "charts/keyturn/files/dashboard.json");

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** Every query of the dashboard, with its panel's title. */
export const dashboardQueries = async (): Promise<readonly { readonly panel: string; readonly expr: string }[]> => {
  const { panels } = JSON.parse(await readFile(DASHBOARD_FILE, "utf8")) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ panel: title, expr })));
};

/** As Grafana sends it: every namespace, and an interval of a minute. */
export const substituted = (expr: string): string =>
  expr.replaceAll("$namespace", ".*").replaceAll("$__rate_interval", "1m");
