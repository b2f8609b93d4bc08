import { startStack } from "../stack/stack.ts";
import { writeEnvFile } from "./look-around.ts";
import { openPlayground } from "./playground.ts";

// `make stack`: the local stack with an operator that leads, connections and a team's namespace, up until Ctrl-C.
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const stack = await startStack({ say });
const ending = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
});
const opened = openPlayground(stack).catch(async (error: unknown) => {
  await stack.stop();
  throw error;
});
const playground = await Promise.race([opened, ending]);
if (playground !== undefined) {
  // Secrets go into a file that only the owner reads, not onto the terminal.
  const envFile = await writeEnvFile(stack, playground);
  const { kubernetes, vault, aws } = stack;
  say(`
kubernetes  ${kubernetes.url}
vault       ${vault.url}
aws         ${aws.url}  (IAM and STS)
logs        ${stack.logs}
operator    leads; ProviderConnections in-cluster, aws and vault are there, for namespace payments

In another terminal (bash):

  . ${envFile}
  kubectl get pconn

Then docs/getting-started.md. Ctrl-C ends everything and deletes ${stack.dir}.`);
  await ending;
}
say("\nstopping …");
await stack.stop();
say("stopped; nothing is left");
process.exit(0);
