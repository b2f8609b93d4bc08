import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { bundledPackages, cycloneDx, licenceList, packageFolders } from "./sbom.ts";

/**
 * One file for the image, so that it needs no node_modules. CommonJS dependencies inside an ES module call `require`, which
 * the banner makes. No source map: it would carry the sources of everything.
 */
const ROOT = join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    outfile: { type: "string", default: join(ROOT, "dist/keyturn.mjs") },
    parts: { type: "boolean", default: false },
  },
});

const BANNER = [
  'import { createRequire as keyturnCreateRequire } from "node:module";',
  'import { dirname as keyturnDirname } from "node:path";',
  'import { fileURLToPath as keyturnFileURLToPath } from "node:url";',
  "const require = keyturnCreateRequire(import.meta.url);",
  "const __filename = keyturnFileURLToPath(import.meta.url);",
  "const __dirname = keyturnDirname(__filename);",
].join("\n");

/** `env node` may be any Node; an old one would end in a stack trace. */
const PLUGIN_HEAD = `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) < 22) {
  process.stderr.write("kubectl-keyturn needs Node.js 22.19 or later; this is " + process.versions.node + ".\\n");
  process.exit(2);
}
`;
const bundle = (
  entry: string,
  outfile: string,
  { head = "", legalComments }: { readonly head?: string; readonly legalComments: "none" | "eof" },
) =>
  build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    sourcemap: false,
    // V8 keeps the source of what runs: without comments it is a third smaller, and one character outside ASCII would double it. Names
    // and lines stay, so that a stack trace can be read.
    legalComments,
    charset: "ascii",
    minifyWhitespace: true,
    lineLimit: 160,
    // Native and optional parts that are not there and not needed.
    external: ["bufferutil", "utf-8-validate"],
    banner: { js: `${head}${BANNER}` },
    metafile: true,
    logLevel: "warning",
  });
// The operator, and beside it the plugin that goes on a PATH.
const plugin = join(dirname(values.outfile), "kubectl-keyturn");
await mkdir(dirname(values.outfile), { recursive: true });
// The operator's licences are in a file beside it; the plugin goes alone.
const made = [
  await bundle("src/main.ts", values.outfile, { legalComments: "none" }),
  await bundle("src/kubectl-keyturn.ts", plugin, { head: PLUGIN_HEAD, legalComments: "eof" }),
];
await chmod(plugin, 0o755);
for (const [file, { bytes }] of made.flatMap(({ metafile }) => Object.entries(metafile.outputs))) {
  process.stdout.write(`${relative(process.cwd(), join(ROOT, file))}: ${(bytes / 1024 / 1024).toFixed(1)} MiB\n`);
}
// For an image, what is really in it: a list of parts (CycloneDX) and the licences.
if (values.parts) {
  const inputs = made.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const packages = await bundledPackages(ROOT, packageFolders(inputs));
  const own = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Record<
    "name" | "version" | "license",
    string
  >;
  const beside = (file: string): string => join(dirname(values.outfile), file);
  await writeFile(beside("keyturn.cdx.json"), cycloneDx(own, packages));
  await writeFile(beside("LICENSES.txt"), licenceList(packages));
  process.stdout.write(`${packages.length} packages of others in them: keyturn.cdx.json, LICENSES.txt\n`);
}
