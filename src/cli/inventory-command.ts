import { parseArgs } from "node:util";
import type { Inventory } from "../domain/inventory/inventory.ts";
import { EXIT } from "./doctor/finding.ts";
import type { OutputForm } from "./inventory-text.ts";

export interface InventoryCommand {
  readonly form: OutputForm;
  readonly check: boolean;
  readonly help: boolean;
  /** Flags of the operator: which cluster, which names, which namespace. */
  readonly rest: readonly string[];
}

const FORMS: readonly OutputForm[] = ["table", "wide", "json", "yaml"];

/** The flags of the command itself taken out of all others; throws an Error that names what is wrong. */
export const inventoryCommand = (args: readonly string[]): InventoryCommand => {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      output: { type: "string", short: "o" },
      check: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    // What is not known here is the operator's, and is judged with its flags.
    strict: false,
    tokens: true,
  });
  const form = FORMS.find((known) => known === (values.output ?? "table"));
  if (form === undefined) throw new Error(`--output must be one of ${FORMS.join(", ")}.`);
  const own = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== "option" || !OWN.includes(token.name)) continue;
    own.add(token.index);
    if (token.value !== undefined && !token.inlineValue) own.add(token.index + 1);
  }
  return {
    form,
    check: values.check === true,
    help: values.help === true,
    rest: args.filter((_, index) => !own.has(index)),
  };
};

const OWN: readonly string[] = ["output", "check", "help"];

/** What was found is certain, so it goes before what could not be seen. */
export const inventoryExit = (
  inventory: Pick<Inventory, "unowned" | "unknownCredentials" | "unreached">,
  check: boolean,
): number => {
  const found = inventory.unowned.length + inventory.unknownCredentials.length;
  if (check && found > 0) return EXIT.found;
  return inventory.unreached.length > 0 ? EXIT.blind : EXIT.fine;
};
