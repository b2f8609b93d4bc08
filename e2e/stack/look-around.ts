import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Stack } from "./stack.ts";

/** A file for `. FILE` that points kubectl, vault and aws at the stack; only the owner reads it, for it holds secrets. */
export async function writeEnvFile(stack: Stack): Promise<string> {
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
  };
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value}'\n`);
  const file = join(stack.dir, "env");
  await writeFile(file, [...lines, `alias kubectl='${tools.kubectl}'\n`, `alias vault='${tools.vault}'\n`].join(""), {
    mode: 0o600,
  });
  return file;
}
