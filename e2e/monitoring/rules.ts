import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../lane/paths.ts";

/** The rules as they are shipped. */
export const RULES_FILE = join(root, "charts/keyturn/files/rules.yaml");

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Recording {
  readonly record: string;
  readonly expr: string;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly (Alert | Recording)[] }[];
}

export const readRules = async (): Promise<{
  readonly alerts: readonly Alert[];
  readonly recordings: readonly Recording[];
}> => {
  const { groups } = parse(await readFile(RULES_FILE, "utf8")) as RuleFile;
  const rules = groups.flatMap((group) => group.rules);
  return {
    alerts: rules.filter((rule): rule is Alert => "alert" in rule),
    recordings: rules.filter((rule): rule is Recording => "record" in rule),
  };
};
