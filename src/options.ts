import { parseArgs } from "node:util";
import { parseDuration } from "./kernel/duration.ts";
import type { LimitSettings } from "./stores/limits.ts";

/** How the process is told to run. Every flag may also be given as KEYTURN_<FLAG>; the flag wins. */
export interface Options {
  readonly clusterName: string;
  readonly operatorNamespace: string;
  readonly serviceAccount: string;
  readonly watchNamespace: string | undefined;
  readonly leaseName: string;
  readonly leaseIdentity: string;
  readonly leaderElect: boolean;
  readonly kubeconfig: string | undefined;
  readonly probeAddress: string;
  readonly auditDir: string;
  readonly resyncMs: number;
  readonly attributionWindowMs: number;
  readonly workers: number;
  readonly limits: LimitSettings;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export interface Flag {
  readonly name: string;
  readonly fallback: string;
  readonly help: string;
}

/** The counter is one ConfigMap, which holds a mebibyte at most. */
const HIGHEST_LIMIT = 5000;

const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** docs/reference/flags.md shows the same table; a test compares them. */
export const FLAGS: readonly Flag[] = [
  {
    name: "cluster-name",
    fallback: "default",
    help: "name of this cluster in owner marks; two clusters that share an AWS account or a Vault need different ones",
  },
  {
    name: "operator-namespace",
    fallback: "keyturn-system",
    help: "namespace of the operator's own objects: claims, staging, lease, login Secrets",
  },
  { name: "service-account", fallback: "keyturn", help: "the operator's ServiceAccount, whose token logs in to Vault" },
  { name: "watch-namespace", fallback: "", help: "only resources of this namespace; empty is all" },
  { name: "lease-name", fallback: "keyturn", help: "name of the leader election Lease" },
  { name: "lease-identity", fallback: "", help: "who holds the Lease; empty is the host's name" },
  { name: "leader-elect", fallback: "true", help: "false runs without a Lease" },
  { name: "kubeconfig", fallback: "", help: "path of a kubeconfig; empty is the pod's own service account" },
  { name: "probe-address", fallback: "0.0.0.0:8080", help: "host:port of /healthz, /readyz and /metrics" },
  {
    name: "audit-dir",
    fallback: "/var/lib/keyturn/audit",
    help: "folder of the audit chain; it must be writable and outlive the pod",
  },
  { name: "resync", fallback: "10m", help: "how often everything is looked at without a cause, ± 10 %" },
  {
    name: "attribution-window",
    fallback: "10m",
    help: "how long after an intent closed an unknown key may still be its late answer",
  },
  { name: "workers", fallback: "8", help: "resources of a kind worked on at once" },
  {
    name: "limit-offboardings",
    fallback: "20",
    help: "accounts and credentials that may be taken out of use in ten minutes, in the whole cluster; 0 is no limit",
  },
  {
    name: "limit-grants",
    fallback: "100",
    help: "accounts that may be given anything in ten minutes, in the whole cluster; 0 is no limit",
  },
  {
    name: "limit-issues",
    fallback: "100",
    help: "credentials that may be issued in ten minutes, in the whole cluster; 0 is no limit",
  },
  { name: "log-level", fallback: "info", help: "debug, info, warn or error" },
];

/** Options from the command line and the environment; throws an Error that names the flag. */
export const readOptions = (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  hostname: string,
): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: Object.fromEntries(FLAGS.map(({ name }) => [name, { type: "string" as const }])),
    strict: true,
  });
  const text = (name: string): string => {
    const fallback = FLAGS.find((flag) => flag.name === name)?.fallback ?? "";
    const given = values[name] ?? env[`KEYTURN_${name.toUpperCase().replaceAll("-", "_")}`];
    return typeof given === "string" ? given : fallback;
  };
  const optional = (name: string): string | undefined => (text(name) === "" ? undefined : text(name));
  const duration = (name: string): number => {
    const ms = parseDuration(text(name));
    if (ms === undefined || ms === 0) throw new Error(`--${name} must be a duration such as 10m, not "${text(name)}".`);
    return ms;
  };
  const workers = Number(text("workers"));
  if (!Number.isInteger(workers) || workers < 1 || workers > 100)
    throw new Error("--workers must be a whole number from 1 to 100.");
  const limit = (name: string): number => {
    const count = text(name) === "" ? NaN : Number(text(name));
    if (Number.isInteger(count) && count >= 0 && count <= HIGHEST_LIMIT) return count;
    throw new Error(`--${name} must be a whole number from 0 (no limit) to ${HIGHEST_LIMIT}, not "${text(name)}".`);
  };
  const logLevel = LOG_LEVELS.find((level) => level === text("log-level"));
  if (logLevel === undefined) throw new Error("--log-level must be debug, info, warn or error.");
  const clusterName = text("cluster-name");
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(clusterName))
    throw new Error("--cluster-name must be lower case letters, digits, dots and hyphens, 63 at most.");
  return {
    clusterName,
    operatorNamespace: text("operator-namespace"),
    serviceAccount: text("service-account"),
    watchNamespace: optional("watch-namespace"),
    leaseName: text("lease-name"),
    leaseIdentity: optional("lease-identity") ?? hostname,
    leaderElect: text("leader-elect") !== "false",
    kubeconfig: optional("kubeconfig"),
    probeAddress: text("probe-address"),
    auditDir: text("audit-dir"),
    resyncMs: duration("resync"),
    attributionWindowMs: duration("attribution-window"),
    workers,
    limits: {
      offboarding: limit("limit-offboardings"),
      grant: limit("limit-grants"),
      issue: limit("limit-issues"),
    },
    logLevel,
  };
};
