import { parseArgs } from "node:util";
import { FORMS, type Command, type Form } from "./commands.ts";

/** Wrong use of a command; the message is for people. */
export class WrongUse extends Error {}

export interface Given {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
  /** What the command does not know itself: the operator's flags. */
  readonly rest: readonly string[];
  readonly help: boolean;
  readonly form: Form;
}

/** The command's own flags taken out of all others. Throws WrongUse. */
export const givenTo = (command: Command, args: readonly string[]): Given => {
  const own = command.flags.map(({ name }) => name);
  const options = Object.fromEntries(
    command.flags.map(({ name, short, value, multiple = false }) => [
      name,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        multiple,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  const { values: found, tokens, positionals } = parsed(command, args, options);
  const values: Given["values"] = found;
  const used = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== "option" || (!own.includes(token.name) && token.name !== "help")) continue;
    if (options[token.name]?.type === "string" && token.value === undefined)
      throw new WrongUse(`--${token.name} needs a value.`);
    used.add(token.index);
    if (token.value !== undefined && !token.inlineValue) used.add(token.index + 1);
  }
  const form = values["output"] ?? "table";
  const known = FORMS.find((one) => one === form);
  if (known === undefined) throw new WrongUse(`--output must be one of ${FORMS.join(", ")}.`);
  return {
    values,
    positionals,
    rest: args.filter((_, index) => !used.has(index)),
    help: values["help"] === true,
    form: known,
  };
};

type Options = Readonly<
  Record<string, { readonly type: "boolean" | "string"; readonly multiple: boolean; readonly short?: string }>
>;

const parsed = (command: Command, args: readonly string[], options: Options) => {
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean", short: "h" } },
      // The operator's flags are judged with all settings.
      strict: command.settings !== true,
      allowPositionals: true,
      tokens: true,
    });
  } catch (thrown) {
    throw new WrongUse(thrown instanceof Error ? thrown.message : "unusable arguments");
  }
};

/** A string flag, or undefined. */
export const text = ({ values }: Given, name: string): string | undefined => {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
};

/** All that was given of a flag that may be given more than once. */
export const texts = ({ values }: Given, name: string): readonly string[] => {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
};
