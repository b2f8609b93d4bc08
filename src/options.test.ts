import { deepEqual, equal, throws } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FLAGS, readOptions } from "./options.ts";
import { VERSION } from "./version.ts";

const root = join(import.meta.dirname, "..");

describe("options", () => {
  it("stand in docs/reference/flags.md as in the code", async () => {
    const page = await readFile(join(root, "docs/reference/flags.md"), "utf8");
    const rows = [...page.matchAll(/^\| `--([a-z-]+)` \| (.*?) \| (.*?) \|$/gm)].map(([, name, fallback, help]) => ({
      name,
      fallback: fallback === "–" ? "" : fallback?.replaceAll("`", ""),
      help,
    }));
    deepEqual(rows, FLAGS);
  });

  it("take a flag before the environment, and the environment before the default", () => {
    const env = { KEYTURN_CLUSTER_NAME: "from-env", KEYTURN_RESYNC: "3m" };
    const options = readOptions(["--cluster-name", "from-flag"], env, "host");
    equal(options.clusterName, "from-flag");
    equal(options.resyncMs, 180_000);
    equal(options.attributionWindowMs, 600_000);
    equal(options.leaseIdentity, "host");
  });

  for (const [args, message] of [
    [["--resync", "0s"], /--resync must be a duration/],
    [["--resync", "1d"], /--resync must be a duration/],
    [["--workers", "0"], /--workers/],
    [["--cluster-name", "No Such"], /--cluster-name/],
    [["--log-level", "loud"], /--log-level/],
    [["--nonsense", "1"], /nonsense/],
  ] as const) {
    it(`refuse ${args.join(" ")} by its name`, () => {
      throws(() => readOptions(args, {}, "host"), message);
    });
  }

  it("show the version that package.json has", async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    equal(VERSION, version);
  });
});
