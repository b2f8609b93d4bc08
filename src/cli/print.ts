import { printYaml } from "../cluster/yaml.ts";
import type { Form } from "./commands.ts";

/** JSON and YAML show the whole; a table shows what people need. */
export const printed = (whole: unknown, form: Form, table: (wide: boolean) => string): string => {
  if (form === "json") return `${JSON.stringify(whole, null, 2)}\n`;
  return form === "yaml" ? printYaml(whole) : table(form === "wide");
};
