/** One command of a page, and what it must print: lines in which `…` stands for anything, also for nothing and for several lines. */
export interface PageCommand {
  readonly command: string;
  readonly exitCode: number;
  readonly expected: string;
}

/** A file that the page has its reader save. */
export interface PageFile {
  readonly name: string;
  readonly text: string;
}

export type PageStep = ({ readonly kind: "command" } & PageCommand) | ({ readonly kind: "file" } & PageFile);

/**
 * What a reader of a page types, in its order. A block marked `console` has commands behind `$ `, each with what it prints; `# exit N` at
 * the end of one means that it must end with N. A block marked `yaml` is saved under the name that the text before it says
 * (`Save as NAME:`). Other blocks are for reading.
 */
export const stepsOfPage = (page: string): readonly PageStep[] => {
  const steps: PageStep[] = [];
  for (const found of page.matchAll(/^```(console|yaml)\n([\s\S]*?)^```$/gm)) {
    const [, language, text = ""] = found;
    if (language === "yaml") {
      const name = /[Ss]ave as `([\w.-]+)`:\s*$/.exec(page.slice(0, found.index))?.[1];
      if (name !== undefined) steps.push({ kind: "file", name, text });
      continue;
    }
    for (const part of text.split(/^\$ /m).slice(1)) steps.push({ kind: "command", ...commandOf(part) });
  }
  return steps;
};

const commandOf = (text: string): PageCommand => {
  const [line = "", ...output] = text.split("\n");
  const exit = / # exit (\d+)$/.exec(line);
  return {
    command: exit === null ? line : line.slice(0, exit.index),
    exitCode: Number(exit?.[1] ?? 0),
    expected: output.join("\n").trimEnd(),
  };
};

/** Has a command printed what its page says? Runs of blanks count as one, for columns are as wide as their content. */
export const isExpected = (expected: string, printed: string): boolean => {
  const blanks = (text: string): string =>
    text
      .split("\n")
      .map((line) => line.trimEnd().replaceAll(/[ \t]+/g, " "))
      .join("\n")
      .trim();
  const pattern = blanks(expected)
    .split("…")
    .map((literal) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[\\s\\S]*");
  return new RegExp(`^${pattern}$`).test(blanks(printed));
};
