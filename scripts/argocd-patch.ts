import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

// Prints the merge patch of Argo CD's ConfigMap argocd-cm that brings the health scripts of config/argocd.

const FOLDER = join(import.meta.dirname, "../config/argocd");
const scripts = (await readdir(FOLDER)).filter((file) => file.endsWith(".lua")).sort();
const data: Record<string, string> = {};
for (const file of scripts)
  data[`resource.customizations.health.keyturn.dev_${file.replace(/\.lua$/, "")}`] = await readFile(
    join(FOLDER, file),
    "utf8",
  );
process.stdout.write(`${JSON.stringify({ data })}\n`);
