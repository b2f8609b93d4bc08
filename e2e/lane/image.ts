import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.ts";

/** How the image starts the operator, by the last stage of the Dockerfile. */
export interface ImageStart {
  /** Flags of Node itself. */
  readonly nodeArgs: readonly string[];
  /** Its environment, but for the cache of compiled code, which lies in the image. */
  readonly env: Readonly<Record<string, string>>;
}

/** Throws where the Dockerfile has another form than the one that is read here. */
export const imageStart = (dockerfile = readFileSync(join(root, "Dockerfile"), "utf8")): ImageStart => {
  const stage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  const [, command = "[]"] = /^ENTRYPOINT (\[.*\])$/m.exec(stage) ?? [];
  const [node, ...args] = JSON.parse(command) as readonly string[];
  if (node !== "/app/node" || args.at(-1) !== "/app/keyturn.mjs")
    throw new Error("the Dockerfile starts something else");
  const settings = [...stage.matchAll(/^ENV (.+)$/gm)].flatMap(([, line = ""]) => line.split(" "));
  const env = settings.map((setting) => setting.split("=") as [string, string]);
  return {
    nodeArgs: args.slice(0, -1),
    env: Object.fromEntries(env.filter(([name]) => name !== "NODE_COMPILE_CACHE")),
  };
};
