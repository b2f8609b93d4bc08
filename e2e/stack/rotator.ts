import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lane/paths.ts";
import { httpClient } from "./http.ts";
import { freePort } from "./ports.ts";
import { serverOf } from "./server.ts";
import type { Server } from "./server.ts";
import type { Stack } from "./stack.ts";

/** The example rotator of config/samples, as somebody would run it. */
export interface Rotator {
  readonly url: string;
  readonly signingKey: string;
  readonly server: Server;
  /** Is this API key let in? */
  letsIn(apiKey: string): Promise<boolean>;
  /** By its own file: which of the holder's keys this is, and which there are. */
  idOf(holder: string, value: string): Promise<string | undefined>;
  idsOf(holder: string): Promise<readonly string[]>;
}

const started = new WeakMap<Stack, Promise<Rotator>>();

/** The stack's rotator, started when it is first asked for. */
export const ensureRotator = (stack: Stack): Promise<Rotator> => {
  const before = started.get(stack);
  if (before !== undefined) return before;
  const made = startRotator(stack);
  started.set(stack, made);
  return made;
};

async function startRotator(stack: Stack): Promise<Rotator> {
  const folder = join(stack.dir, "rotator");
  await mkdir(folder, { mode: 0o700 });
  const leaf = stack.ca.authority.issue({ cn: "rotator", names: ["localhost", "127.0.0.1"] });
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  await Promise.all([writeFile(cert, leaf.cert), writeFile(key, leaf.key, { mode: 0o600 })]);
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const signingKey = randomBytes(32).toString("base64url");
  const http = httpClient(url, stack.ca.pem);
  const server = serverOf(stack.supervisor, stack.dir, {
    name: "rotator",
    file: process.execPath,
    args: [join(root, "config/samples/rotator/rotator.mjs")],
    env: {
      SIGNING_KEY: signingKey,
      STATE: join(folder, "keys.json"),
      PLACES: join(folder, "places.json"),
      TLS_CERT: cert,
      TLS_KEY: key,
      HOST: "127.0.0.1",
      PORT: String(port),
    },
    ready: async () => (await http.call({ method: "GET", path: "/", headers: {} })).status === 401,
  });
  await server.start();
  stack.onStop(async () => {
    http.close();
    await server.kill9();
  });
  const state = join(folder, "keys.json");
  const keysOf = async (holder: string): Promise<readonly { readonly id: string; readonly login: string }[]> => {
    const text = await readFile(state, "utf8").catch(() => "[]");
    const all = JSON.parse(text) as readonly { readonly id: string; readonly holder: string; readonly login: string }[];
    return all.filter((key) => key.holder === holder);
  };
  return {
    url,
    signingKey,
    server,
    async letsIn(apiKey) {
      const headers = { authorization: `Bearer ${apiKey}` };
      const { status } = await http.call({ method: "GET", path: "/", headers });
      if (status !== 200 && status !== 401) throw new Error(`the rotator answered ${status}`);
      return status === 200;
    },
    async idOf(holder, value) {
      const logins = ["apiKey", "token"].map((field) =>
        createHash("sha256")
          .update(JSON.stringify([[field, value]]))
          .digest("hex"),
      );
      return (await keysOf(holder)).find(({ login }) => logins.includes(login))?.id;
    },
    idsOf: async (holder) => (await keysOf(holder)).map(({ id }) => id),
  };
}
