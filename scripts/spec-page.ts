import { nodes, schemaOf, type Crd, type Schema } from "./samples.ts";

const BEGIN = "<!-- from crds/, by npm run generate -->";
const END = "<!-- end -->";

/** The page with the table of the CRD's fields between its two marks; what stands around it is written by hand. */
export const withFieldTable = (page: string, crd: Crd): string => {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page of ${crd.spec.names.kind} has no place for its table`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${fieldTable(crd)}\n${page.slice(end)}`;
};

const fieldTable = (crd: Crd): string => {
  const all = nodes(schemaOf(crd));
  const required = new Set(all.flatMap(({ path, schema }) => (schema.required ?? []).map((name) => `${path}.${name}`)));
  const rows = all
    .filter(({ path }) => path.startsWith("spec.") && !path.endsWith("[]") && !path.endsWith("{}"))
    .map(({ path, schema }) => {
      const cells = [
        `\`${path.slice("spec.".length)}\``,
        meaningOf(schema),
        boundsOf(schema),
        required.has(path) ? "required" : defaultOf(schema),
      ];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    });
  return ["| field of `spec` | meaning | bounds | when absent |", "|---|---|---|---|", ...rows, ""].join("\n");
};

const meaningOf = ({ description = "" }: Schema): string => description.replaceAll("\n", " ");

const defaultOf = ({ description = "" }: Schema): string =>
  /absent means (.+?)(?:[.;:](?:\s|$)|$)/i.exec(description)?.[1] ?? "–";

const DURATION = "^(([0-9]{1,5})h)?";

const boundsOf = (schema: Schema): string => {
  if (schema.enum !== undefined) return schema.enum.join(", ");
  if (schema.pattern?.startsWith(DURATION) === true) return "duration (720h, 1h30m, 15s)";
  if (schema.type === "integer") return `${schema.minimum ?? ""} to ${schema.maximum ?? "2^63-1"}`;
  if (schema.type === "array")
    return `${schema.minItems === undefined ? "" : `at least ${schema.minItems}, `}at most ${schema.maxItems ?? ""} items`;
  if (schema.type === "boolean") return "true, false";
  if (schema.format === "date-time") return "RFC 3339";
  if (schema.type === "string")
    return `at most ${schema.maxLength ?? ""} characters${schema.pattern === undefined ? "" : ", form checked"}`;
  return "–";
};
