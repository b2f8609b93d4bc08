import { existsSync, readFileSync } from "node:fs";
import { open, readFile, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { trailFiles } from "./audit/files.ts";
import { givenTo, text, WrongUse, type Given } from "./cli/arguments.ts";
import { auditPrune, auditVerify } from "./cli/audit-command.ts";
import { collect } from "./cli/bundle/collect.ts";
import { tarGz } from "./cli/bundle/tar.ts";
import { columns } from "./cli/columns.ts";
import { commandUsage, OPERATOR_COMMANDS, PLUGIN_COMMANDS, programUsage, type Command } from "./cli/commands.ts";
import { candidates, completionAnswer, completionScript } from "./cli/completion.ts";
import { examine, type DoctorPorts } from "./cli/doctor/examine.ts";
import { doctorExit, EXIT, type Finding } from "./cli/doctor/finding.ts";
import { doctorText } from "./cli/doctor/text.ts";
import { inventoryCommand, inventoryExit } from "./cli/inventory-command.ts";
import { inventoryText } from "./cli/inventory-text.ts";
import { act, type PluginPorts } from "./cli/plugin/act.ts";
import { show } from "./cli/plugin/show.ts";
import { printed } from "./cli/print.ts";
import { loadKubeConfig } from "./cluster/endpoint.ts";
import { KubernetesClient } from "./cluster/kubernetes-client.ts";
import { composeSurvey } from "./compose.ts";
import { connect } from "./connect.ts";
import { inventory } from "./domain/inventory/inventory.ts";
import { systemClock } from "./kernel/clock.ts";
import { toOperatorError } from "./kernel/errors.ts";
import { CONFIG_FLAG, flagLines, FLAGS, readOptions, readSettings, UnusableOptions, type Options } from "./options.ts";
import { ownMetrics } from "./own-metrics.ts";
import { gitOwner } from "./reconcilers/rewrite-spec.ts";
import { admissionProbe } from "./reconcilers/service-account-lifecycle/admission-probe.ts";
import { takeInventory } from "./reconcilers/survey.ts";
import { killSwitch } from "./stores/kill-switch.ts";
import { readOnlySwitch } from "./stores/read-only.ts";
import { createLogger } from "./telemetry/logger.ts";
import { PrometheusMetrics } from "./telemetry/metrics.ts";
import { Redactor } from "./telemetry/redactor.ts";
import { VERSION } from "./version.ts";

/** Of the operator's flags, those that say where to look; they are in the usage of commands. */
const SHOWN: readonly string[] = [
  "cluster-name",
  "operator-namespace",
  "service-account",
  "watch-namespace",
  "kubeconfig",
  "log-level",
];

export const readText = (path: string): string => readFileSync(path, "utf8");

/** Sockets that linger must not hold the process; what was printed must be out before it ends. */
export const endWith = (code: number): void => {
  process.stdout.write("", () => process.exit(code));
};

/** `keyturn COMMAND`; resolves with the exit code. */
export const operatorCommand = (args: readonly string[]): Promise<number> =>
  dispatch("keyturn", OPERATOR_COMMANDS, args, runOperatorCommand);

/** `kubectl keyturn COMMAND`; resolves with the exit code. */
export const pluginCommand = (args: readonly string[]): Promise<number> =>
  dispatch("kubectl-keyturn", PLUGIN_COMMANDS, args, (command, args) =>
    SHARED.includes(command.name) ? runOperatorCommand(command, args) : runPluginCommand(command, args),
  );

const SHARED: readonly string[] = ["inventory", "doctor", "support-bundle"];

type Run = (command: Command, args: readonly string[]) => Promise<number>;

const dispatch = async (
  program: string,
  commands: readonly Command[],
  [name = "", ...args]: readonly string[],
  run: Run,
): Promise<number> => {
  if (["", "help", "--help", "-h"].includes(name)) {
    process.stdout.write(programUsage(program, commands));
    return name === "" ? EXIT.usage : EXIT.fine;
  }
  if (name === "__complete") {
    const settings = [CONFIG_FLAG.name, ...FLAGS.map((flag) => flag.name)];
    process.stdout.write(completionAnswer(candidates(commands, settings, args)));
    return EXIT.fine;
  }
  try {
    const command = commands.find((one) => one.name === name);
    if (command === undefined)
      throw new WrongUse(`No command ${name}. Commands: ${commands.map((one) => one.name).join(", ")}.`);
    if (args.includes("--help") || args.includes("-h")) {
      process.stdout.write(commandUsage(program, command, command.settings === true ? flagLines(SHOWN) : []));
      return EXIT.fine;
    }
    if (name === "version") process.stdout.write(`${VERSION}\n`);
    else if (name === "completion") process.stdout.write(scriptFor(program, args));
    else return await run(command, args);
    return EXIT.fine;
  } catch (thrown) {
    if (thrown instanceof WrongUse || thrown instanceof UnusableOptions) {
      process.stderr.write(`${program} ${name}: ${thrown.message}\n`);
      return EXIT.usage;
    }
    process.stderr.write(`${program} ${name}: ${toOperatorError(thrown).publicMessage}\n`);
    return EXIT.blind;
  }
};

const scriptFor = (program: string, [shell = ""]: readonly string[]): string => {
  const script = completionScript(program, shell);
  if (script === undefined) throw new WrongUse("completion needs bash, zsh or fish.");
  return script;
};

const runOperatorCommand: Run = async (command, args) => {
  if (command.name === "inventory") return takenInventory(args);
  const given = givenTo(command, args);
  if (command.name === "config") return configCheck(given);
  if (command.name === "audit") return audit(given);
  const options = readOptions(given.rest, process.env, hostname(), readText);
  return command.name === "doctor" ? doctor(given, options) : supportBundle(given, options);
};

const audit = async (given: Given): Promise<number> => {
  const [word, ...rest] = given.rest;
  if (word !== "verify" && word !== "prune") throw new WrongUse("audit knows only verify and prune.");
  const { auditDir } = readOptions(rest, process.env, hostname(), readText);
  // A folder that is not there must not be made by a look.
  if (!existsSync(auditDir)) throw new WrongUse(`There is no folder ${auditDir} (--audit-dir).`);
  const files = trailFiles(auditDir);
  const { out, code } = await (word === "verify"
    ? auditVerify(files, given)
    : auditPrune(files, given, systemClock.now()));
  process.stdout.write(out);
  return code;
};

const configCheck = (given: Given): number => {
  const [word, ...rest] = given.rest;
  if (word !== "check") throw new WrongUse("config knows only check.");
  const { settings, problems, warnings } = readSettings({ args: rest, env: process.env, file: readText });
  const rows = settings.map(({ flag, value, origin }) => ({ name: flag.name, value, origin }));
  const table = (): string =>
    columns(
      ["SETTING", "VALUE", "FROM"],
      rows.map(({ name, value, origin }) => [name, value === "" ? "-" : value, origin]),
    ) + [...problems, ...warnings.map((line) => `warning: ${line}`)].map((line) => `${line}\n`).join("");
  process.stdout.write(printed({ settings: rows, problems, warnings }, given.form, table));
  return problems.length > 0 ? EXIT.found : EXIT.fine;
};

/** What every look needs; `close` ends its connections. */
const opened = (options: Options) => {
  const redactor = new Redactor();
  const clock = systemClock;
  // The result goes to stdout, so whatever else is said goes to stderr.
  const log = createLogger({ level: options.logLevel, clock, redactor, stream: process.stderr });
  const metrics = new PrometheusMetrics({ version: VERSION, process: false });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  return { redactor, clock, log, metrics, version: VERSION, signal: stop.signal };
};

const takenInventory = async (args: readonly string[]): Promise<number> => {
  const command = wrongUse(() => inventoryCommand(args));
  const options = readOptions(command.rest, process.env, hostname(), readText);
  const instruments = opened(options);
  const { redactor, clock, log, signal } = instruments;
  // Throws for a kubeconfig that cannot be read, in words that name it.
  const looking = wrongUse(() => composeSurvey(options, instruments));
  try {
    const result = inventory(await takeInventory(looking.ports, { signal, log }), clock.now());
    process.stdout.write(redactor.scrub(inventoryText(result, command.form)));
    return inventoryExit(result, command.check);
  } finally {
    await looking.close();
  }
};

const wrongUse = <T>(run: () => T): T => {
  try {
    return run();
  } catch (thrown) {
    throw new WrongUse(thrown instanceof Error ? thrown.message : "unusable arguments");
  }
};

const kubeConfig = (file: string | undefined, context?: string) =>
  wrongUse(() =>
    loadKubeConfig({ ...(file === undefined ? {} : { file }), ...(context === undefined ? {} : { context }) }),
  );

/** In the operator's Pod its logins and its audit folder are at hand; elsewhere they would be somebody else's. */
const inPod = ({ kubeconfig }: Options): boolean =>
  kubeconfig === undefined && process.env["KUBERNETES_SERVICE_HOST"] !== undefined;

const lookAround = async (
  options: Options,
  tryLogins: boolean,
): Promise<{
  readonly findings: readonly Finding[];
  readonly redactor: Redactor;
  readonly cluster: KubernetesClient;
}> => {
  const instruments = opened(options);
  const { redactor, clock, log, signal } = instruments;
  const cluster = new KubernetesClient({ config: kubeConfig(options.kubeconfig), clock, version: VERSION });
  const connections = connect(options, instruments, cluster);
  const {
    operatorNamespace,
    serviceAccount,
    watchNamespaces,
    fairnessLabel,
    leaseName,
    leaderElect,
    limits,
    auditDir,
  } = options;
  const ports: DoctorPorts = {
    cluster,
    serverVersion: () => cluster.serverVersion(),
    admissionMissing: () => admissionProbe(cluster, operatorNamespace, clock).missing(),
    login:
      tryLogins || inPod(options) ? (connection) => connections.sources.check(connection, { signal, log }) : undefined,
    auditWritable: inPod(options) ? () => writeOnce(auditDir) : undefined,
    killSwitch: () => killSwitch(cluster, operatorNamespace, clock).engaged(),
    readOnly: () => readOnlySwitch(cluster, { operatorNamespace, clock, always: options.readOnly }).state(),
    now: () => clock.now(),
    operatorNamespace,
    serviceAccount,
    watched: watchNamespaces,
    fairnessLabel,
    leaseName,
    leaderElect,
    limits,
    metricsAuth: options.metricsAuth,
  };
  try {
    return { findings: await examine(ports), redactor, cluster };
  } finally {
    await connections.close();
  }
};

const writeOnce = async (folder: string): Promise<void> => {
  const path = join(folder, `.doctor-${process.pid}`);
  const file = await open(path, "wx", 0o600);
  await file.close();
  await unlink(path);
};

const doctor = async (given: Given, options: Options): Promise<number> => {
  const { findings, redactor, cluster } = await lookAround(options, given.values["try-logins"] === true);
  await cluster.close();
  const out = printed(findings, given.form, (wide) => doctorText(findings, wide));
  process.stdout.write(redactor.scrub(out));
  return doctorExit(findings, given.values["strict"] === true);
};

/** Variables whose value may be a secret, whoever set them. */
const SECRET_NAME = /(SECRET|TOKEN|PASSW|CREDENTIAL|PRIVATE|_KEY$|API_?KEY)/i;

const supportBundle = async (given: Given, options: Options): Promise<number> => {
  const { settings } = readSettings({ args: given.rest, env: process.env, file: readText });
  const { findings, redactor, cluster } = await lookAround(options, false);
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && SECRET_NAME.test(name)) redactor.rememberText(value);
  }
  const log = text(given, "log");
  const url = text(given, "metrics-url");
  const own = inPod(options) ? async () => ownMetrics(options, (await readFile(POD_TOKEN, "utf8")).trim()) : undefined;
  const files = await collect({
    cluster,
    watched: options.watchNamespaces,
    settings,
    findings,
    versions: { keyturn: VERSION, node: process.version, platform: `${process.platform}/${process.arch}` },
    metrics: url === undefined ? own : () => fetched(url),
    log: log === undefined ? undefined : () => readFile(log, "utf8"),
    scrub: (line) => redactor.scrub(line),
  });
  await cluster.close();
  const path = text(given, "file") ?? "keyturn-support.tar.gz";
  await writeFile(path, tarGz(files, systemClock.now()), { mode: 0o600 });
  process.stdout.write(`${path}: ${[...files.keys()].map((name) => name.replace(/^.*?\//, "")).join(", ")}\n`);
  return EXIT.fine;
};

const POD_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const METRICS_DEADLINE_MS = 5000;

const fetched = async (url: string): Promise<string> => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(METRICS_DEADLINE_MS), redirect: "error" });
  if (!answer.ok) throw new Error(`the metrics answered ${answer.status}`);
  return answer.text();
};

const runPluginCommand: Run = async (command, args) => {
  const given = givenTo(command, args);
  const config = kubeConfig(text(given, "kubeconfig"), text(given, "context"));
  const cluster = new KubernetesClient({ config, clock: systemClock, version: VERSION });
  const ports: PluginPorts = {
    cluster,
    gitOwner,
    now: () => systemClock.now(),
    ask: answerTo,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
  };
  try {
    const looks = command.name === "status" || command.name === "plan";
    const { code, out } = await (looks ? show(command.name, given, ports) : act(command.name, given, ports));
    process.stdout.write(out);
    return code;
  } catch (thrown) {
    if (thrown instanceof WrongUse) throw thrown;
    const { code, publicMessage } = toOperatorError(thrown);
    process.stderr.write(`kubectl-keyturn ${command.name}: ${publicMessage}\n`);
    return REFUSED.includes(code) ? EXIT.found : EXIT.blind;
  } finally {
    await cluster.close();
  }
};

/** A line from the standard input, also where that is no terminal; undefined where it has ended. */
const answerTo = async (text: string): Promise<string | undefined> => {
  process.stdout.write(text);
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of lines) return line;
    return undefined;
  } finally {
    lines.close();
    process.stdin.destroy();
  }
};

/** The server answered, and its answer was no. */
const REFUSED: readonly string[] = ["NotFound", "PermissionDenied", "InvalidSpec", "Conflict"];
