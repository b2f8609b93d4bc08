import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";

/**
 * One file for the image, so that it needs no node_modules. CommonJS dependencies inside an ES module call `require`, which
 * the banner makes. No source map: it would carry the sources of everything.
 */
const ROOT = join(import.meta.dirname, "..");
const { values } = parseArgs({ options: { outfile: { type: "string", default: join(ROOT, "dist/keyturn.mjs") } } });

const BANNER = [
  'import { createRequire as keyturnCreateRequire } from "node:module";',
  'import { dirname as keyturnDirname } from "node:path";',
  'import { fileURLToPath as keyturnFileURLToPath } from "node:url";',
  "const require = keyturnCreateRequire(import.meta.url);",
  "const __filename = keyturnFileURLToPath(import.meta.url);",
  "const __dirname = keyturnDirname(__filename);",
].join("\n");

await mkdir(dirname(values.outfile), { recursive: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ["src/main.ts"],
  outfile: values.outfile,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  sourcemap: false,
  legalComments: "eof",
  // Native and optional parts that are not there and not needed.
  external: ["bufferutil", "utf-8-validate"],
  banner: { js: BANNER },
  metafile: true,
  logLevel: "warning",
});
for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
  process.stdout.write(`${relative(process.cwd(), join(ROOT, file))}: ${(bytes / 1024 / 1024).toFixed(1)} MiB\n`);
}
