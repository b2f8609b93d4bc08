import { parseArgs } from "node:util";
import { parseYaml } from "./cluster/yaml.ts";
import { parseDuration } from "./kernel/duration.ts";
import type { LimitSettings } from "./stores/limits.ts";
import type { MetricsAuth } from "./stores/metrics-auth.ts";

/**
 * How the process is told to run. Every flag may also be given as KEYTURN_<FLAG> and in a file (`--config`): the flag goes before the
 * environment, the environment before the file, the file before the default.
 */
export interface Options {
  readonly clusterName: string;
  readonly operatorNamespace: string;
  readonly serviceAccount: string;
  /** Namespaces that are looked at; empty means all. */
  readonly watchNamespaces: readonly string[];
  readonly leaseName: string;
  readonly leaseIdentity: string;
  readonly leaderElect: boolean;
  readonly kubeconfig: string | undefined;
  readonly probeAddress: string;
  readonly metricsAddress: string;
  /** Undefined: as the claims of before say. */
  readonly metricsAuth: MetricsAuth | undefined;
  /** Secret (kubernetes.io/tls) in the operator's namespace; undefined is a certificate of the operator's own. */
  readonly metricsSecret: string | undefined;
  readonly auditDir: string;
  /** Of the audit volume, in per cent: how much a namespace's resources may write a day; 0 is no limit. */
  readonly auditSharePercent: number;
  readonly resyncMs: number;
  readonly attributionWindowMs: number;
  readonly workers: number;
  /** Name of a label: namespaces with the same value share one turn. Undefined: every namespace has its own. */
  readonly fairnessLabel: string | undefined;
  readonly limits: LimitSettings;
  /** How long a change of a workload waits for others. */
  readonly restartDebounceMs: number;
  /** How many workloads roll at a time; 0 is no limit. */
  readonly maxConcurrentRollouts: number;
  /** Retain may keep ServiceAccounts whose spec names no connection. */
  readonly retainKubernetes: boolean;
  /** Nothing outside of status is changed, whatever the ConfigMap keyturn-read-only says. */
  readonly readOnly: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** What a setting may be: in words for messages and for the table, and as a test. */
export interface Allowed {
  readonly words: string;
  readonly fits: (text: string) => boolean;
}

export interface Flag {
  readonly name: string;
  readonly fallback: string;
  readonly allowed: Allowed;
  readonly help: string;
}

/** The counter is one ConfigMap, which holds a mebibyte at most. */
const HIGHEST_LIMIT = 5000;

const METRICS_AUTH = ["Reviewed", "None"] as const satisfies readonly MetricsAuth[];
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

const matching = (words: string, pattern: RegExp): Allowed => ({ words, fits: (text) => pattern.test(text) });
const anything: Allowed = { words: "any text", fits: () => true };
const path: Allowed = { words: "a path", fits: (text) => text !== "" && !text.includes("\0") };
const clusterName = matching(
  "lower case letters, digits, dots and hyphens, 63 at most",
  /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/,
);
const LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
const label = matching("a namespace's name", new RegExp(`^${LABEL}$`));
const labels = matching("names of namespaces with commas between, or empty", new RegExp(`^(${LABEL}(,${LABEL})*)?$`));
const objectName = matching("an object's name", /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
const labelName = matching(
  "a label's name such as example.com/tenant, or empty",
  /^$|^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
);
const secretName = matching("an object's name, or empty", /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$/);
const auth = matching("Reviewed, None or empty", /^(Reviewed|None)?$/);
const trueOrFalse = matching("true or false", /^(true|false)$/);
const level = matching("debug, info, warn or error", /^(debug|info|warn|error)$/);
const duration: Allowed = {
  words: "a duration such as 10m or 1h30m, more than 0s",
  fits: (text) => (parseDuration(text) ?? 0) > 0,
};
const pause: Allowed = {
  words: "a duration such as 10s, 10m at most",
  fits: (text) => (parseDuration(text) ?? Infinity) <= 600_000,
};
const address: Allowed = {
  words: "host:port; an IPv6 host in brackets",
  fits: (text) => {
    const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^:\s[\]]*):(\d{1,5})$/.exec(text)?.[1];
    return port !== undefined && Number(port) <= 65_535;
  },
};
const whole = (from: number, to: number): Allowed => ({
  words: `a whole number from ${from} to ${to}`,
  fits: (text) => /^\d{1,9}$/.test(text) && Number(text) >= from && Number(text) <= to,
});

/** docs/reference/flags.md shows the same table; a test compares them. */
export const FLAGS: readonly Flag[] = [
  {
    name: "cluster-name",
    fallback: "default",
    allowed: clusterName,
    help: "name of this cluster in owner marks; two clusters that share an AWS account or a Vault need different ones",
  },
  {
    name: "operator-namespace",
    fallback: "keyturn-system",
    allowed: label,
    help: "namespace of the operator's own objects: claims, staging, lease, login Secrets",
  },
  {
    name: "service-account",
    fallback: "keyturn",
    allowed: objectName,
    help: "the operator's ServiceAccount, whose token logs in to Vault",
  },
  {
    name: "watch-namespace",
    fallback: "",
    allowed: labels,
    help: "only resources of this namespace, or of several with commas between; empty is all",
  },
  { name: "lease-name", fallback: "keyturn", allowed: objectName, help: "name of the leader election Lease" },
  { name: "lease-identity", fallback: "", allowed: anything, help: "who holds the Lease; empty is the host's name" },
  { name: "leader-elect", fallback: "true", allowed: trueOrFalse, help: "false runs without a Lease" },
  {
    name: "kubeconfig",
    fallback: "",
    allowed: anything,
    help: "path of a kubeconfig; empty is the pod's own service account",
  },
  {
    name: "probe-address",
    fallback: "[::]:8080",
    allowed: address,
    help: "host:port of /healthz and /readyz, over plain HTTP; [::] is IPv4 alone where there is no IPv6",
  },
  {
    name: "metrics-address",
    fallback: "[::]:8443",
    allowed: address,
    help: "host:port of /metrics, over TLS; [::] is IPv4 alone where there is no IPv6",
  },
  {
    name: "metrics-auth",
    fallback: "",
    allowed: auth,
    help: "Reviewed asks readers of /metrics for a token (TokenReview, SubjectAccessReview); None asks nobody, and serves them at --probe-address too; empty is Reviewed, and None where there are claims of a version that did not ask",
  },
  {
    name: "metrics-secret",
    fallback: "",
    allowed: secretName,
    help: "Secret (tls.crt, tls.key) in the operator's namespace with the certificate for /metrics; empty is one that the operator makes and replaces by itself",
  },
  {
    name: "audit-dir",
    fallback: "/var/lib/keyturn/audit",
    allowed: path,
    help: "folder of the audit chain; it must be writable and outlive the pod",
  },
  {
    name: "audit-share",
    fallback: "2",
    allowed: whole(0, 100),
    help: "per cent of the audit volume that the resources of a namespace may fill a day (UTC), 5 MiB at least; over it what they add or change waits; 0 is no limit",
  },
  {
    name: "resync",
    fallback: "10m",
    allowed: duration,
    help: "how often everything is looked at without a cause, ± 10 %",
  },
  {
    name: "attribution-window",
    fallback: "10m",
    allowed: duration,
    help: "how long after an intent closed an unknown key may still be its late answer",
  },
  {
    name: "workers",
    fallback: "32",
    allowed: whole(1, 100),
    help: "resources of a kind and a namespace worked on at once; a quarter more is there for other namespaces, and ends have workers of their own",
  },
  {
    name: "fairness-label",
    fallback: "",
    allowed: labelName,
    help: "name of a label on namespaces: those with the same value share one turn; needs get, list and watch on namespaces; empty gives every namespace its own",
  },
  {
    name: "limit-offboardings",
    fallback: "20",
    allowed: whole(0, HIGHEST_LIMIT),
    help: "deleted or vanished resources whose access may end in ten minutes, in the whole cluster; 0 switches this limit and the one of the namespace off",
  },
  {
    name: "limit-offboardings-per-namespace",
    fallback: "5",
    allowed: whole(0, HIGHEST_LIMIT),
    help: "the same in one namespace, counted first; 0 is no limit",
  },
  {
    name: "limit-grants",
    fallback: "100",
    allowed: whole(0, HIGHEST_LIMIT),
    help: "identities that may be given anything in ten minutes, in the whole cluster; 0 is no limit",
  },
  {
    name: "limit-issues",
    fallback: "100",
    allowed: whole(0, HIGHEST_LIMIT),
    help: "resources that may issue credentials in ten minutes, in the whole cluster; 0 is no limit",
  },
  {
    name: "restart-debounce",
    fallback: "10s",
    allowed: pause,
    help: "how long a restart of a workload waits for others of the same workload; one that only one SecretRotation restarts does not wait",
  },
  {
    name: "max-concurrent-rollouts",
    fallback: "10",
    allowed: whole(0, 1000),
    help: "workloads that are restarted at a time, in the whole cluster; 0 is no limit",
  },
  {
    name: "retain-kubernetes",
    fallback: "false",
    allowed: trueOrFalse,
    help: "deletion.policy Retain may keep ServiceAccounts whose account names no connection; others ask the connection's spec.retain",
  },
  {
    name: "read-only",
    fallback: "false",
    allowed: trueOrFalse,
    help: "true changes nothing but status and events; false leaves it to the ConfigMap keyturn-read-only",
  },
  { name: "log-level", fallback: "info", allowed: level, help: "debug, info, warn or error" },
];

/** What a setting's value came from. */
export type Origin = "flag" | "environment" | "file" | "default";

export interface Setting {
  readonly flag: Flag;
  readonly value: string;
  readonly origin: Origin;
}

/** A configuration file that was read: its text is judged here. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** Where settings come from. `file` is called with the path of `--config`, and throws when it cannot be read. */
export interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: ((path: string) => string) | undefined;
}

export interface Settings {
  readonly settings: readonly Setting[];
  /** Everything that is wrong, each with the key, where it came from and what is allowed. */
  readonly problems: readonly string[];
  /** What is no error and looks like one. */
  readonly warnings: readonly string[];
}

/** Names the file; it cannot stand in the file itself. */
export const CONFIG_FLAG = {
  name: "config",
  help: "path of a YAML or JSON file with settings; the environment and flags go before it",
} as const;

export const envOf = (name: string): string => `KEYTURN_${name.toUpperCase().replaceAll("-", "_")}`;
/** `limit-grants` is `limitGrants` in the file. */
export const keyOf = (name: string): string =>
  name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Unusable options; the message holds every problem, one a line. */
export class UnusableOptions extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "UnusableOptions";
    this.problems = problems;
  }
}

/** Options from the command line, the environment and the file; throws UnusableOptions with everything that is wrong. */
export const readOptions = (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  hostname: string,
  file?: (path: string) => string,
): Options => {
  const { settings, problems } = readSettings({ args, env, file });
  if (problems.length > 0) throw new UnusableOptions(problems);
  return toOptions(settings, hostname);
};

/** Every setting with its origin, and all that is wrong with them. Throws nothing. */
export const readSettings = ({ args, env, file }: Given): Settings => {
  const line = readLine(args);
  const path = line.values[CONFIG_FLAG.name] ?? env[envOf(CONFIG_FLAG.name)];
  const read = path === undefined || path === "" ? NO_FILE : readFileOf(path, file);
  const settings = FLAGS.map((flag): Setting => {
    const { name, fallback } = flag;
    const found: readonly [string | undefined, Origin][] = [
      [line.values[name], "flag"],
      [env[envOf(name)], "environment"],
      [read.values[keyOf(name)], "file"],
    ];
    const [value, origin] = found.find(([given]) => given !== undefined) ?? [fallback, "default"];
    return { flag, value: value ?? fallback, origin };
  });
  const bad = settings
    .filter(({ flag, value, origin }) => origin !== "default" && !flag.allowed.fits(value))
    .map(
      (setting) => `${placeOf(setting, path)} must be ${setting.flag.allowed.words}, not "${shown(setting.value)}".`,
    );
  return { settings, problems: [...line.problems, ...read.problems, ...bad], warnings: strangers(env) };
};

/** `--workers`, `KEYTURN_WORKERS` or `workers in /etc/keyturn.yaml`: what somebody has to change. */
const placeOf = ({ flag, origin }: Setting, path: string | undefined): string => {
  if (origin === "environment") return `${envOf(flag.name)} (environment, --${flag.name})`;
  return origin === "file" ? `${keyOf(flag.name)} in ${path ?? ""} (--${flag.name})` : `--${flag.name}`;
};

/** A value that was put in the wrong place may be long, or a secret; what is wrong with it shows at its beginning. */
const shown = (value: string): string => (value.length > 40 ? `${value.slice(0, 20)}…` : value);

const readLine = (
  args: readonly string[],
): { readonly values: Readonly<Record<string, string | undefined>>; readonly problems: readonly string[] } => {
  const known = [CONFIG_FLAG.name, ...FLAGS.map(({ name }) => name)];
  try {
    const { values } = parseArgs({
      args: [...args],
      options: Object.fromEntries(known.map((name) => [name, { type: "string" as const }])),
      strict: true,
    });
    return { values: values, problems: [] };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : "Unusable flags.";
    return { values: {}, problems: [`${why} Flags: ${known.map((name) => `--${name}`).join(", ")}.`] };
  }
};

interface ReadFile {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly problems: readonly string[];
}
const NO_FILE: ReadFile = { values: {}, problems: [] };

const readFileOf = (path: string, read: ((path: string) => string) | undefined): ReadFile => {
  const bad = (why: string): ReadFile => ({ values: {}, problems: [`--${CONFIG_FLAG.name}: ${path} ${why}.`] });
  if (read === undefined) return bad("cannot be read here");
  let text: string;
  try {
    text = read(path);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown error";
    return bad(`cannot be read (${code})`);
  }
  // js-yaml knows no empty document.
  if (text.replaceAll(/^\s*(#.*)?$/gm, "") === "") return NO_FILE;
  let parsed: unknown;
  try {
    parsed = parseYaml(text);
  } catch {
    return bad("is neither YAML nor JSON");
  }
  if (parsed === undefined || parsed === null) return NO_FILE;
  if (typeof parsed !== "object" || Array.isArray(parsed)) return bad("must hold keys and values");
  return fileValues(path, parsed as Readonly<Record<string, unknown>>);
};

const fileValues = (path: string, parsed: Readonly<Record<string, unknown>>): ReadFile => {
  const known = FLAGS.map(({ name }) => keyOf(name));
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [key, value] of Object.entries(parsed)) {
    if (!known.includes(key)) problems.push(`${shown(key)} in ${path} is no setting. Settings: ${known.join(", ")}.`);
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      values[key] = String(value);
    else problems.push(`${key} in ${path} must be one value, not a list, an object or nothing.`);
  }
  return { values, problems };
};

/** KEYTURN_… that is nothing of ours: mostly a misspelling. Kubernetes makes such names from Services called keyturn…; they are left out. */
const strangers = (env: Readonly<Record<string, string | undefined>>): readonly string[] => {
  const known = [CONFIG_FLAG.name, ...FLAGS.map(({ name }) => name)].map(envOf);
  return Object.keys(env)
    .filter((name) => name.startsWith("KEYTURN_") && !known.includes(name) && !SERVICE_LINK.test(name))
    .sort()
    .map((name) => `${name} in the environment is no setting and is not read.`);
};

const SERVICE_LINK = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

const toOptions = (settings: readonly Setting[], hostname: string): Options => {
  const text = (name: string): string => settings.find(({ flag }) => flag.name === name)?.value ?? "";
  const optional = (name: string): string | undefined => (text(name) === "" ? undefined : text(name));
  const ms = (name: string): number => parseDuration(text(name)) ?? 0;
  return {
    clusterName: text("cluster-name"),
    operatorNamespace: text("operator-namespace"),
    serviceAccount: text("service-account"),
    watchNamespaces: listed(text("watch-namespace")),
    leaseName: text("lease-name"),
    leaseIdentity: optional("lease-identity") ?? hostname,
    leaderElect: text("leader-elect") === "true",
    kubeconfig: optional("kubeconfig"),
    probeAddress: text("probe-address"),
    metricsAddress: text("metrics-address"),
    metricsAuth: METRICS_AUTH.find((name) => name === text("metrics-auth")),
    metricsSecret: optional("metrics-secret"),
    auditDir: text("audit-dir"),
    auditSharePercent: Number(text("audit-share")),
    resyncMs: ms("resync"),
    attributionWindowMs: ms("attribution-window"),
    workers: Number(text("workers")),
    fairnessLabel: optional("fairness-label"),
    limits: {
      offboarding: Number(text("limit-offboardings")),
      offboardingPerNamespace: Number(text("limit-offboardings-per-namespace")),
      grant: Number(text("limit-grants")),
      issue: Number(text("limit-issues")),
    },
    restartDebounceMs: ms("restart-debounce"),
    maxConcurrentRollouts: Number(text("max-concurrent-rollouts")),
    retainKubernetes: text("retain-kubernetes") === "true",
    readOnly: text("read-only") === "true",
    logLevel: LOG_LEVELS.find((name) => name === text("log-level")) ?? "info",
  };
};

/** Each once, in the order in which they are written. */
const listed = (text: string): readonly string[] => [...new Set(text.split(",").filter((name) => name !== ""))];

/** Lines of a usage text. */
export const flagLines = (only: readonly string[] = FLAGS.map(({ name }) => name)): readonly string[] => [
  ...FLAGS.filter(({ name }) => only.includes(name)).map(
    ({ name, fallback, help }) => `  --${name.padEnd(20)} ${help}${fallback === "" ? "" : ` (${fallback})`}`,
  ),
  `  --${CONFIG_FLAG.name.padEnd(20)} ${CONFIG_FLAG.help}`,
];
