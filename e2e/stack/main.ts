import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeEnvFile } from "./look-around.ts";
import { applyManifests } from "./manifests.ts";
import { startProcessKubelet } from "./process-kubelet.ts";
import { startStack } from "./stack.ts";

// `make stack`: the local stack with a process-kubelet and the CRDs, up until Ctrl-C.
const root = join(import.meta.dirname, "../..");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stack = await startStack({ say });
const ending = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
});
await startProcessKubelet(stack);
for (const folder of ["crds", "config"]) {
  const path = join(root, folder);
  if (!existsSync(path)) continue;
  const { applied, refused } = await applyManifests(stack.kubernetes.client, path);
  say(`${folder}/: ${applied.length} objects applied`);
  for (const line of refused) say(`${folder}/: ${line}`);
}

// Secrets go into a file that only the owner reads, not onto the terminal.
const envFile = await writeEnvFile(stack);
const { kubernetes, vault, aws } = stack;

say(`
kubernetes  ${kubernetes.url}
vault       ${vault.url}
aws         ${aws.url}  (IAM and STS)
logs        ${stack.logs}

In another terminal:

  . ${envFile}
  kubectl get namespaces
  vault kv list kv/
  aws iam list-users

Ctrl-C ends everything and deletes ${stack.dir}.`);

await ending;
say("\nstopping …");
await stack.stop();
say("stopped; nothing is left");
process.exit(0);
