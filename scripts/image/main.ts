import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { admittedFiles } from "./docker-ignore.ts";
import { readDockerfile } from "./dockerfile.ts";
import { buildStages } from "./stages.ts";

// Carries out the Dockerfile's own RUN lines over what .dockerignore admits and COPY copies, in a temporary folder and without
// a container engine. Ends with 1 when one of them fails. What it cannot show: that the base images have what the lines need.

const ROOT = join(import.meta.dirname, "../..");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const into = await mkdtemp(join(tmpdir(), "keyturn-image-"));
try {
  // The image's user must get through.
  await chmod(into, 0o755);
  const stages = readDockerfile(await readFile(join(ROOT, "Dockerfile"), "utf8"));
  const admitted = await admittedFiles(ROOT, await readFile(join(ROOT, ".dockerignore"), "utf8"));
  say(`${admitted.length} files are admitted`);
  const asRoot = process.getuid?.() === 0;
  const { ran, skipped } = await buildStages({ stages, context: ROOT, admitted, into, asRoot, say });
  say(`${ran.length} RUN lines ran well, ${skipped.length} not run`);
  for (const { line, reason } of skipped) say(`  not run: ${line} (${reason})`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await rm(into, { recursive: true, force: true });
}
