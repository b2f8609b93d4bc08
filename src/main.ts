import { hostname } from "node:os";
import { openAuditTrail } from "./audit/chain.ts";
import { trailFiles, volumeSize } from "./audit/files.ts";
import { AuditVolume } from "./audit/volume.ts";
import { compose } from "./compose.ts";
import { systemClock } from "./kernel/clock.ts";
import { toOperatorError } from "./kernel/errors.ts";
import { OPERATOR_COMMANDS, programUsage } from "./cli/commands.ts";
import { flagLines, readOptions, UnusableOptions, type Options } from "./options.ts";
import { garbageCollector } from "./garbage.ts";
import { serveMetrics } from "./metrics.ts";
import { addressOf } from "./telemetry/listen.ts";
import { createLogger } from "./telemetry/logger.ts";
import { PrometheusMetrics } from "./telemetry/metrics.ts";
import { startProbes } from "./telemetry/probes.ts";
import { Redactor } from "./telemetry/redactor.ts";
import { endWith, operatorCommand, readText } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Exit codes: 0 stopped as asked, 1 a start that failed or a lost lease (start me again), 2 unusable options. */
const EXIT = { stopped: 0, failed: 1, usage: 2 } as const;

const usage = (): string =>
  [
    "keyturn [run] [flags]: a Kubernetes operator for non-human identities",
    "",
    ...flagLines(),
    "",
    programUsage("keyturn", OPERATOR_COMMANDS),
  ].join("\n");

const parse = (args: readonly string[]): Options | number => {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usage());
    return EXIT.stopped;
  }
  try {
    return readOptions(args, process.env, hostname(), readText);
  } catch (thrown) {
    const problems = thrown instanceof UnusableOptions ? thrown.problems : ["unusable options"];
    process.stderr.write(problems.map((problem) => `keyturn: ${problem}\n`).join(""));
    return EXIT.usage;
  }
};

const run = async (options: Options): Promise<number> => {
  const clock = systemClock;
  const redactor = new Redactor();
  const log = createLogger({ level: options.logLevel, clock, redactor, stream: process.stdout });
  const metrics = new PrometheusMetrics({ version: VERSION, process: true });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  process.on("unhandledRejection", (reason) => {
    log.error("Unhandled rejection", { error: reason });
  });
  process.on("uncaughtException", (error) => {
    log.error("Uncaught exception; the process ends and is started again", { error });
    process.exit(EXIT.failed);
  });
  try {
    const files = trailFiles(options.auditDir);
    const auditVolume = new AuditVolume({
      clock,
      size: () => volumeSize(options.auditDir),
      sharePercent: options.auditSharePercent,
    });
    await auditVolume.open(files);
    const audit = await openAuditTrail({
      files,
      clock,
      onAppend: (record, bytes) => {
        auditVolume.wrote(record, bytes);
      },
      copy: (line) => process.stdout.write(`${line}\n`),
      observe: (result) => {
        metrics.auditEvent({ result });
      },
    });
    const { manager, cluster } = compose(options, {
      clock,
      log,
      metrics,
      audit,
      auditVolume,
      redactor,
      version: VERSION,
      collectGarbage: garbageCollector(),
    });
    const served = serveMetrics({ options, clock, log, metrics, cluster });
    const probes = await startProbes({
      ...addressOf(options.probeAddress),
      clock,
      log,
      unhealthy: () => (manager.started() ? [] : ["watch loops have not started"]),
      missing: () => manager.missing(),
      openMetrics: () => served.open(),
    });
    log.info("Keyturn starts.", { version: VERSION, cluster: options.clusterName, probePort: probes.port });
    const end = await manager.run(stop.signal);
    await Promise.all([probes.close(), served.close()]);
    return end === "Stopped" ? EXIT.stopped : EXIT.failed;
  } catch (thrown) {
    log.error("Keyturn could not start.", { error: toOperatorError(thrown), cause: thrown });
    return EXIT.failed;
  }
};

const [first = "", ...others] = process.argv.slice(2);
// `keyturn --flag` and `keyturn run --flag` are the operator; every other word is a command.
if (first !== "" && first !== "run" && !first.startsWith("-")) {
  endWith(await operatorCommand(process.argv.slice(2)));
} else {
  const parsed = parse(first === "run" ? others : process.argv.slice(2));
  if (typeof parsed === "number") process.exitCode = parsed;
  // Sockets that linger must not hold the process once everything has been shut down.
  else process.exit(await run(parsed));
}
