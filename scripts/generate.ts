import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import type * as CrdGenerate from "@kubernetes-models/crd-generate";
import { parse } from "yaml";
import { schemaDigest } from "../src/cli/doctor/schema-digest.ts";
import { knownFields } from "./known-fields.ts";
import { monitoringFiles } from "./monitoring.ts";
import { OPTIONAL_ROLE_FILES } from "./optional-roles.ts";
import { rbacFiles } from "./rbac.ts";
import { readCrds } from "./samples.ts";
import { withFieldTable } from "./spec-page.ts";

/**
 * Makes everything that follows from crds/: TypeScript models, the copies that the chart and
 * kustomize need, and the tables of fields in docs/spec/; from src/cluster/rights.ts all about the operator's rights;
 * and from the chart's rules and dashboard those of kustomize.
 * With --verify it writes nowhere but a temporary folder and fails when the checkout differs.
 */
const ROOT = join(import.meta.dirname, "..");
const CRDS = join(ROOT, "crds");
const MODELS = "src/api/v1alpha1/generated";
const COPIES = ["charts/keyturn/files/crds", "config/crd/crds"];
const PAGES = "docs/spec";
const RBAC_PAGE = "docs/reference/rbac.md";

const readText = (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");
/** What follows from src/cluster/rights.ts, and from the chart's rules and dashboard: path → text. */
const FOLLOWERS: Readonly<Record<string, string>> = {
  ...rbacFiles(await readText(RBAC_PAGE), await Promise.all(OPTIONAL_ROLE_FILES.map(readText))),
  ...monitoringFiles(
    await readText("charts/keyturn/files/rules.yaml"),
    await readText("charts/keyturn/files/dashboard.json"),
  ),
};

// Its ESM build imports folders, which Node refuses; the CommonJS build works.
const { generate } = createRequire(import.meta.url)("@kubernetes-models/crd-generate") as typeof CrdGenerate;

const HEADER = "// Made from crds/ by `npm run generate`; do not edit.\n";

const kebab = (kind: string): string => kind.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();

/**
 * Keeps the interface of what crd-generate writes. Its class needs run-time packages, and its imports lack file extensions.
 * Everything becomes read-only, because an object read from a cache or the server is nobody's to change.
 */
const toModel = (kind: string, generated: string): string => {
  const start = generated.indexOf(`/**`);
  const end = generated.indexOf("\n}\n", generated.indexOf(`export interface I${kind} {`));
  if (start < 0 || end < 0) throw new Error(`crd-generate wrote no interface for ${kind}: has its output changed?`);
  const model = generated
    .slice(start, end + 3)
    .replace(`export interface I${kind} {`, `export interface ${kind} {`)
    .replace(/^(\s*)"([A-Za-z]+)"(\??):/gm, "$1readonly $2$3:")
    .replace(/\{\s*\[key: string\]: (\w+);\s*\}/g, "Readonly<Record<string, $1>>")
    .replace(/\{\s*\}/g, "Readonly<Record<string, never>>")
    .replace(/\bArray</g, "ReadonlyArray<")
    .replace(/readonly metadata\?: IObjectMeta;/, "readonly metadata: ResourceMeta;");
  if (!model.includes("readonly metadata: ResourceMeta;")) throw new Error(`no metadata in the model of ${kind}`);
  return `${HEADER}import type { ResourceMeta } from "../meta.ts";\n\n${model}`;
};

const makeInto = async (target: string): Promise<void> => {
  const scratch = await mkdtemp(join(tmpdir(), "keyturn-models-"));
  try {
    const files = (await readdir(CRDS)).filter((file) => file.endsWith(".yaml")).sort();
    const input = await Promise.all(files.map((file) => readFile(join(CRDS, file), "utf8")));
    await silently(() => generate({ input: input.join("\n---\n"), outputPath: scratch }));
    const made = join(scratch, "keyturn.dev", "v1alpha1");
    for (const file of (await readdir(made)).filter((name) => name !== "index.ts")) {
      const kind = file.replace(/\.ts$/, "");
      await put(join(target, MODELS, `${kebab(kind)}.ts`), toModel(kind, await readFile(join(made, file), "utf8")));
    }
    await put(join(target, MODELS, "crd-digests.ts"), crdDigests(input));
    for (const folder of COPIES) {
      await mkdir(join(target, folder), { recursive: true });
      for (const file of files) await copyFile(join(CRDS, file), join(target, folder, file));
    }
    for (const [path, text] of Object.entries(FOLLOWERS)) await put(join(target, path), text);
    const crds = await readCrds();
    await put(join(target, MODELS, "known-fields.ts"), `${HEADER}${knownFields(crds)}`);
    for (const crd of crds) {
      const page = join(PAGES, `${crd.spec.names.kind.toLowerCase()}.md`);
      await put(join(target, page), withFieldTable(await readFile(join(ROOT, page), "utf8"), crd));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** Name of each CRD → digest of its schema: by it `keyturn doctor` knows whether a cluster has the CRDs of this version. */
const crdDigests = (files: readonly string[]): string => {
  const lines = files.map((file) => {
    const crd = parse(file) as { metadata: { name: string }; spec: { versions: { schema: unknown }[] } };
    return `  "${crd.metadata.name}": "${schemaDigest(crd.spec.versions[0]?.schema)}",\n`;
  });
  return `${HEADER}export const CRD_DIGESTS: Readonly<Record<string, string>> = {\n${lines.join("")}};\n`;
};

/** crd-generate tells of each file that it writes; here they are drafts in a temporary folder. */
const silently = async (run: () => Promise<void>): Promise<void> => {
  const { log } = console;
  console.log = () => undefined;
  try {
    await run();
  } finally {
    console.log = log;
  }
};

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
};

/** Path → text of all that is generated, below one root. */
const collect = async (root: string): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for (const folder of [MODELS, ...COPIES, PAGES]) {
    const files = await readdir(join(root, folder)).catch(() => [] as string[]);
    for (const file of files) found.set(join(folder, file), await readFile(join(root, folder, file), "utf8"));
  }
  for (const path of Object.keys(FOLLOWERS)) {
    const text = await readFile(join(root, path), "utf8").catch(() => undefined);
    if (text !== undefined) found.set(path, text);
  }
  return found;
};

const differences = (wanted: ReadonlyMap<string, string>, present: ReadonlyMap<string, string>): readonly string[] => {
  const paths = [...new Set([...wanted.keys(), ...present.keys()])].sort();
  return paths.flatMap((path) => {
    const [want, have] = [wanted.get(path), present.get(path)];
    if (want === have) return [];
    if (want === undefined) return [`${path}: nothing makes it`];
    if (have === undefined) return [`${path}: missing`];
    const [wantLines, haveLines] = [want.split("\n"), have.split("\n")];
    const line = wantLines.findIndex((text, index) => text !== haveLines[index]);
    const at = line < 0 ? wantLines.length : line;
    return [`${path}:${at + 1}\n  - ${haveLines[at] ?? "(end of file)"}\n  + ${wantLines[at] ?? "(end of file)"}`];
  });
};

if (process.argv.includes("--verify")) {
  const scratch = await mkdtemp(join(tmpdir(), "keyturn-generate-"));
  try {
    await makeInto(scratch);
    const found = differences(await collect(scratch), await collect(ROOT));
    if (found.length > 0) {
      process.stderr.write(`Not what the sources make; run npm run generate:\n${found.join("\n")}\n`);
      process.exitCode = 1;
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
} else {
  // Made beside and then put in place file by file: whoever reads the checkout meanwhile finds the old or the new.
  const scratch = await mkdtemp(join(tmpdir(), "keyturn-generate-"));
  try {
    await makeInto(scratch);
    const made = await collect(scratch);
    for (const path of (await collect(ROOT)).keys()) if (!made.has(path)) await rm(join(ROOT, path));
    for (const [path, text] of made) {
      await put(join(ROOT, path), text);
      process.stdout.write(`${relative(".", join(ROOT, path))}\n`);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
