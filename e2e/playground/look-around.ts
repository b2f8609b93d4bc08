import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Stack } from "../stack/stack.ts";
import type { Playground } from "./playground.ts";

/**
 * A file for `. FILE` that points kubectl, vault and aws at the stack, and puts them and keyturn on the PATH; only the owner reads it,
 * for it holds secrets. Without a playground there is no operator to look at.
 */
export async function writeEnvFile(stack: Stack, playground?: Playground): Promise<string> {
  const { kubernetes, vault, aws, ca, tools } = stack;
  const env = {
    KUBECONFIG: kubernetes.adminKubeconfig,
    VAULT_ADDR: vault.url,
    VAULT_CACERT: ca.file,
    VAULT_TOKEN: vault.rootToken,
    AWS_ENDPOINT_URL: aws.url,
    AWS_CA_BUNDLE: ca.file,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: aws.admin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.admin.secretAccessKey,
    ...(playground === undefined
      ? {}
      : {
          EXAMPLES: playground.examples,
          AUDIT_DIR: playground.auditDir,
          METRICS_URL: playground.metricsUrl,
          LOGINS: playground.logins,
        }),
  };
  const programs = playground?.programs ?? join(stack.dir, "bin");
  await mkdir(programs, { recursive: true });
  for (const name of ["kubectl", "vault"] as const) await symlink(tools[name], join(programs, name));
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value}'\n`);
  const file = join(stack.dir, "env");
  await writeFile(file, [...lines, `export PATH='${programs}':"$PATH"\n`].join(""), { mode: 0o600 });
  return file;
}
