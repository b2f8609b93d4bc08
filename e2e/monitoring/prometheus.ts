import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { ended } from "../install/commands.ts";
import { root } from "../lane/paths.ts";
import { freePort } from "../stack/ports.ts";
import type { Stack } from "../stack/stack.ts";
import { waitFor } from "../stack/wait.ts";
import { RULES_FILE } from "./rules.ts";

/** A Prometheus of the machine's that scrapes operators. */
export interface Prometheus {
  readonly url: string;
  /** How many series an expression has now. */
  count(expr: string): Promise<number>;
  /** Names of alerts that fire, with the labels namespace and name. */
  firing(): Promise<readonly { readonly alert: string; readonly name: string }[]>;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

interface Monitor {
  readonly spec: {
    readonly endpoints: readonly {
      readonly scheme: string;
      readonly path: string;
      readonly honorLabels: boolean;
      readonly bearerTokenFile: string;
      readonly tlsConfig: { readonly insecureSkipVerify: boolean };
    }[];
  };
}

/** What config/monitoring has the Prometheus operator write for a ServiceMonitor, but for its interval and the token. */
const shippedScrape = async (): Promise<object> => {
  const monitor = parse(await readFile(join(root, "config/monitoring/service-monitor.yaml"), "utf8")) as Monitor;
  const [endpoint] = monitor.spec.endpoints;
  if (endpoint === undefined) throw new Error("config/monitoring has no endpoint");
  return {
    scheme: endpoint.scheme,
    metrics_path: endpoint.path,
    honor_labels: endpoint.honorLabels,
    tls_config: { insecure_skip_verify: endpoint.tlsConfig.insecureSkipVerify },
  };
};

/**
 * Starts Prometheus (a package of the system's) on loopback. The rules are the shipped ones but for their `for`, which become a
 * second: nobody waits two hours for a test. It ends with the stack.
 */
export async function startPrometheus(stack: Stack, targets: readonly string[], token: string): Promise<Prometheus> {
  const known = await ended("prometheus", ["--version"]);
  if (known.code !== 0) throw new Error("prometheus is not installed (Debian: apt-get install prometheus)");
  const dir = join(stack.dir, "prometheus");
  await mkdir(dir, { recursive: true });
  const rules = (await readFile(RULES_FILE, "utf8")).replaceAll(/^(\s+for:) \w+$/gm, "$1 1s");
  await writeFile(join(dir, "rules.yaml"), rules);
  await writeFile(join(dir, "token"), token, { mode: 0o600 });
  const shipped = await shippedScrape();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.yaml"],
    scrape_configs: [
      {
        job_name: "keyturn",
        ...shipped,
        authorization: { credentials_file: "token" },
        static_configs: targets.map((target, i) => ({ targets: [target], labels: { pod: `keyturn-${i}` } })),
      },
    ],
  };
  await writeFile(join(dir, "prometheus.yaml"), stringify(config));
  const port = await freePort();
  await stack.supervisor.start({
    file: "prometheus",
    args: [
      `--config.file=${join(dir, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    env: { PATH: process.env["PATH"] ?? "" },
    cwd: dir,
    log: join(stack.logs, "prometheus.log"),
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor("Prometheus is ready", async () => (await fetch(`${url}/-/ready`)).ok, { timeout: 30_000 });
  const ask = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as Answer<T>;
    if (answer.status !== "success") throw new Error(answer.error ?? `Prometheus does not answer ${path}`);
    return answer.data;
  };
  return {
    url,
    async count(expr) {
      const { result } = await ask<{ readonly result: readonly unknown[] }>(`query?query=${encodeURIComponent(expr)}`);
      return result.length;
    },
    async firing() {
      const { alerts } = await ask<{
        readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[];
      }>("alerts");
      return alerts
        .filter(({ state }) => state === "firing")
        .map(({ labels }) => ({
          alert: labels["alertname"] ?? "",
          name: [labels["namespace"], labels["name"]].filter((part) => part !== undefined).join("/"),
        }));
    },
  };
}
