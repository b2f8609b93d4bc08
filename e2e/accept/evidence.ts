import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ground } from "../lane/ground.ts";
import type { Call } from "../stack/fault-proxy.ts";
import { cacheFolder } from "../stack/toolchain.ts";
import type { Violation } from "./violation.ts";

/** Logs, audit and trace of a run that went wrong, in the cache: the stack's folder goes with the stack. */
export async function keepEvidence(
  id: string,
  site: Ground,
  { violations, calls, story }: { violations: readonly Violation[]; calls: readonly Call[]; story: readonly string[] },
): Promise<void> {
  const folder = join(cacheFolder(), "accept", "failures", `${id.replaceAll("/", "_")}-${Date.now()}`);
  const trace = calls.map(
    ({ at, server, verb, path, status }) =>
      `${new Date(at).toISOString()} ${server} ${verb} ${path.slice(0, 150)} ${status ?? "-"}`,
  );
  await cp(site.dir, folder, { recursive: true, filter: (path) => !path.endsWith("kubeconfig") });
  await writeFile(join(folder, "violations.json"), JSON.stringify(violations, undefined, 2));
  await writeFile(join(folder, "trace.txt"), trace.join("\n"));
  await writeFile(join(folder, "story.txt"), story.join("\n"));
}
