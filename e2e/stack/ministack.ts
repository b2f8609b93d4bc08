import { createHash } from "node:crypto";
import { access, constants, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { awsClient } from "./aws.ts";
import type { AwsClient, AwsKey } from "./aws.ts";
import { freePort } from "./ports.ts";
import { serverOf } from "./server.ts";
import type { Stack } from "./stack.ts";
import { cacheFolder, longCommand } from "./toolchain.ts";

const version = "1.5.33";
const here = (file: string): string => fileURLToPath(new URL(`ministack/${file}`, import.meta.url));

/** A second AWS account, served by ministack: IAM and STS that evaluate boundaries, trust policies and sessions. */
export interface Ministack {
  readonly url: string;
  readonly region: string;
  readonly accountId: string;
  /** The account's root. */
  readonly admin: AwsKey;
  readonly client: AwsClient;
  clientFor(key: AwsKey): AwsClient;
}

/** What ministack needs of the stack that it is started beside. */
export type MinistackHost = Pick<Stack, "dir" | "ca" | "supervisor" | "onStop">;

/** Starts ministack beside a stack, with a certificate of its CA; it ends with the stack. Installs it at the first time. */
export async function startMinistack(stack: MinistackHost): Promise<Ministack> {
  const python = await ensureMinistack();
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const region = "us-east-1";
  const leaf = stack.ca.authority.issue({ cn: "ministack", names: ["localhost", "127.0.0.1"] });
  const [cert, key] = [join(stack.dir, "ministack.crt"), join(stack.dir, "ministack.key")];
  await Promise.all([writeFile(cert, leaf.cert), writeFile(key, leaf.key, { mode: 0o600 })]);
  const adminFile = join(stack.dir, "ministack-admin.json");
  const clientFor = (as: AwsKey): AwsClient => awsClient({ url, ca: stack.ca.pem, region, key: as });
  let admin: AwsKey = { accessKeyId: "", secretAccessKey: "" };
  const server = serverOf(stack.supervisor, stack.dir, {
    name: "ministack",
    file: python,
    args: [here("serve.py"), String(port), cert, key, adminFile],
    ready: async () => {
      admin = JSON.parse(await readFile(adminFile, "utf8")) as AwsKey;
      const client = clientFor(admin);
      try {
        return (await client.getCallerIdentity()) !== "";
      } finally {
        client.close();
      }
    },
  });
  await server.start();
  const client = clientFor(admin);
  stack.onStop(async () => {
    client.close();
    await server.kill9();
  });
  return { url, region, accountId: "123456789012", admin, client, clientFor };
}

/** The interpreter of the Python environment that has ministack; made in the project's cache when it is not there. */
export async function ensureMinistack(say: (line: string) => void = toStderr): Promise<string> {
  const folder = join(cacheFolder(), `ministack-${version}`);
  const python = join(folder, "bin", "python");
  const requirements = here("requirements.txt");
  const mark = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  if (await isComplete(folder, python, mark)) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(cacheFolder(), { recursive: true });
  await longCommand("making a Python environment", "python3", ["-m", "venv", folder], cacheFolder(), say);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements];
  await longCommand(`installing ministack ${version} (about half a minute)`, python, pip, cacheFolder(), say);
  // At the very end: an interrupted installation is made anew.
  await writeFile(join(folder, ".complete"), mark);
  return python;
}

async function isComplete(folder: string, python: string, mark: string): Promise<boolean> {
  try {
    await access(python, constants.X_OK);
    return (await readFile(join(folder, ".complete"), "utf8")) === mark;
  } catch {
    return false;
  }
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
