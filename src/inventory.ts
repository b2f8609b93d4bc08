import { hostname } from "node:os";
import { inventoryCommand, INVENTORY_EXIT, inventoryExit, type InventoryCommand } from "./cli/inventory-command.ts";
import { inventoryText } from "./cli/inventory-text.ts";
import { composeSurvey } from "./compose.ts";
import { inventory } from "./domain/inventory/inventory.ts";
import { systemClock } from "./kernel/clock.ts";
import { toOperatorError } from "./kernel/errors.ts";
import { FLAGS, readOptions, type Options } from "./options.ts";
import { takeInventory } from "./reconcilers/survey.ts";
import { createLogger } from "./telemetry/logger.ts";
import { PrometheusMetrics } from "./telemetry/metrics.ts";
import { Redactor } from "./telemetry/redactor.ts";
import { VERSION } from "./version.ts";

/** Of the operator's flags, those that say where to look. */
const SHOWN: readonly string[] = [
  "cluster-name",
  "operator-namespace",
  "service-account",
  "watch-namespace",
  "kubeconfig",
  "log-level",
];

const usage = (): string =>
  [
    "keyturn inventory: who there is, and what nobody answers for. Reads only.",
    "",
    "  -o, --output           table, wide or json (table)",
    "  --check                exit with 1 when something unowned or unknown was found",
    ...FLAGS.filter(({ name }) => SHOWN.includes(name)).map(
      ({ name, fallback, help }) => `  --${name.padEnd(20)} ${help}${fallback === "" ? "" : ` (${fallback})`}`,
    ),
    "",
    "Exit: 0 looked everywhere, 1 found something (--check), 2 could not look everywhere, 3 unusable options.",
    "",
  ].join("\n");

const run = async (command: InventoryCommand, options: Options): Promise<number> => {
  const redactor = new Redactor();
  const clock = systemClock;
  // The result goes to stdout, so whatever else is said goes to stderr.
  const log = createLogger({ level: options.logLevel, clock, redactor, stream: process.stderr });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const metrics = new PrometheusMetrics({ version: VERSION, process: false });
  // Throws for a kubeconfig that cannot be read, in words that name it.
  const looking = composeSurvey(options, { clock, log, metrics, redactor, version: VERSION });
  try {
    const found = await takeInventory(looking.ports, { signal: stop.signal, log });
    const result = inventory(found, clock.now());
    process.stdout.write(redactor.scrub(inventoryText(result, command.form)));
    return inventoryExit(result, command.check);
  } catch (thrown) {
    process.stderr.write(`inventory: ${toOperatorError(thrown).publicMessage}\n`);
    log.debug("The inventory was not taken", { error: thrown });
    return INVENTORY_EXIT.incomplete;
  } finally {
    await looking.close();
  }
};

const main = async (): Promise<number> => {
  try {
    const command = inventoryCommand(process.argv.slice(2));
    if (command.help) {
      process.stdout.write(usage());
      return INVENTORY_EXIT.fine;
    }
    return await run(command, readOptions(command.rest, process.env, hostname()));
  } catch (thrown) {
    process.stderr.write(`inventory: ${thrown instanceof Error ? thrown.message : "unusable options"}\n`);
    return INVENTORY_EXIT.usage;
  }
};

// Sockets that linger must not hold the process; what was printed must be out before it ends.
const code = await main();
process.stdout.write("", () => process.exit(code));
