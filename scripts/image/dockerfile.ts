/** A command of a RUN line: a text for the shell, or program and arguments. */
export type Command =
  { readonly form: "shell"; readonly text: string } | { readonly form: "exec"; readonly argv: readonly string[] };

export type Instruction =
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "copy"; readonly from?: string; readonly sources: readonly string[]; readonly to: string }
  | { readonly kind: "run"; readonly command: Command; readonly line: string }
  | { readonly kind: "env"; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "entrypoint" };

/** From one FROM to the next. */
export interface Stage {
  /** Behind AS; its number where there is none, as `COPY --from` counts them. */
  readonly name: string;
  /** An image, or the name of an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The stages of a Dockerfile, with the defaults of its ARGs.
 * Throws on everything that is not read here, so that no line is left out unseen; and on an image that nothing names.
 */
export const readDockerfile = (text: string): readonly Stage[] => {
  const args: Record<string, string | undefined> = {};
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(text)) {
    const [, word = "", rest = ""] = /^([A-Za-z]+)\s+(.*)$/s.exec(line) ?? [];
    const stage = stages.at(-1);
    if (word === "ARG" && stage === undefined) {
      const [name = "", value] = rest.split(/=(.*)/s);
      args[name] = value;
    } else if (word === "FROM") {
      const [, image = "", name = String(stages.length)] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ name, from: withArgs(image, args), instructions: [] });
    } else if (stage === undefined) throw notRead(line);
    else stage.instructions.push(instructionOf(word, rest, line));
  }
  return stages;
};

/** Without comments and empty lines; a line that ends with a backslash goes on in the next. */
const logicalLines = (text: string): readonly string[] =>
  text
    .split("\n")
    .filter((line) => !/^\s*(#.*)?$/.test(line))
    .join("\n")
    .replaceAll(/\\\s*\n/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

const withArgs = (image: string, args: Readonly<Record<string, string | undefined>>): string => {
  const whole = image.replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => {
    const value = args[name] ?? "";
    if (value === "") throw new Error(`FROM ${image}: ${name} has no default, so a build without arguments fails`);
    return value;
  });
  if (whole === "" || whole.includes("$")) throw notRead(`FROM ${image}`);
  return whole;
};

const instructionOf = (word: string, rest: string, line: string): Instruction => {
  switch (word) {
    case "WORKDIR":
      return { kind: "workdir", path: rest };
    case "USER":
      return { kind: "user", user: rest };
    case "ENTRYPOINT":
      return { kind: "entrypoint" };
    case "ENV":
      return { kind: "env", values: Object.fromEntries(rest.split(/\s+/).map((one) => settingOf(one, line))) };
    case "RUN":
      if (/^--|<</.test(rest)) throw notRead(line);
      return { kind: "run", command: commandOf(rest), line: rest };
    case "COPY":
      return copyOf(rest, line);
    default:
      throw notRead(line);
  }
};

const settingOf = (setting: string, line: string): readonly [string, string] => {
  const [, name, value] = /^(\w+)=([^"'\s$]*)$/.exec(setting) ?? [];
  if (name === undefined || value === undefined) throw notRead(line);
  return [name, value];
};

const commandOf = (rest: string): Command =>
  rest.startsWith("[") ? { form: "exec", argv: JSON.parse(rest) as readonly string[] } : { form: "shell", text: rest };

const copyOf = (rest: string, line: string): Instruction => {
  const [, from, paths = ""] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest) ?? [];
  const words = paths.split(/\s+/);
  const to = words.pop();
  if (to === undefined || words.length === 0 || words.some((path) => /^--|[*?["$]/.test(path))) throw notRead(line);
  return { kind: "copy", ...(from === undefined ? {} : { from }), sources: words, to };
};

const notRead = (line: string): Error => new Error(`the Dockerfile has a line that is not read here: ${line}`);
