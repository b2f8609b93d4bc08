import { readdir } from "node:fs/promises";
import { join } from "node:path";

interface Pattern {
  readonly admits: boolean;
  readonly expression: RegExp;
  readonly text: string;
}

/**
 * Files below `root` that a .dockerignore lets into the build, as paths from there, sorted. Patterns as Docker reads them: the
 * last one that fits a path or a folder above it decides; `!` admits; `**` stands for any folders, `*` and `?` stay inside one.
 */
export const admittedFiles = async (root: string, ignoreText: string): Promise<readonly string[]> => {
  const patterns = readPatterns(ignoreText);
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const admitted = isAdmitted(path, patterns);
      if (!entry.isDirectory()) {
        if (admitted) found.push(path);
      } else if (admitted || patterns.some((pattern) => pattern.admits && mayReachInto(pattern, path)))
        await walk(path);
    }
  };
  await walk("");
  return found.sort();
};

const readPatterns = (text: string): readonly Pattern[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const admits = line.startsWith("!");
      const clean = line
        .slice(admits ? 1 : 0)
        .trim()
        .replaceAll(/^\/+|\/+$/g, "");
      return { admits, text: clean, expression: expressionOf(clean) };
    });

const expressionOf = (pattern: string): RegExp => {
  const parts = pattern.match(/\*\*\/|\*\*|\*|\?|[^*?]+/g) ?? [];
  const source = parts.map((part) => SPECIAL[part] ?? part.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")).join("");
  return new RegExp(`^${source}$`);
};

const SPECIAL: Readonly<Record<string, string>> = { "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" };

const isAdmitted = (path: string, patterns: readonly Pattern[]): boolean => {
  const segments = path.split("/");
  const selfAndAbove = segments.map((_, index) => segments.slice(0, index + 1).join("/"));
  return patterns.findLast(({ expression }) => selfAndAbove.some((one) => expression.test(one)))?.admits ?? true;
};

/** Whether it may fit something below this folder. */
const mayReachInto = ({ text }: Pattern, folder: string): boolean => {
  const wanted = text.split("/");
  const given = folder.split("/");
  if (wanted.includes("**")) return true;
  return wanted.length > given.length && given.every((name, index) => expressionOf(wanted[index] ?? "").test(name));
};
