import { deepEqual, equal, match, throws } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CONFIG_FLAG, envOf, FLAGS, keyOf, readOptions, readSettings } from "./options.ts";
import { VERSION } from "./version.ts";

const root = join(import.meta.dirname, "..");

describe("options", () => {
  it("stand in docs/reference/flags.md as in the code", async () => {
    const page = await readFile(join(root, "docs/reference/flags.md"), "utf8");
    const rows = [...page.matchAll(/^\| `--([a-z-]+)` \| (.*) \|$/gm)].map(([, name, rest]) => `${name} | ${rest}`);
    deepEqual(rows, [
      ...FLAGS.map(({ name, fallback, allowed, help }) =>
        [
          name,
          `\`${envOf(name)}\``,
          `\`${keyOf(name)}\``,
          fallback === "" ? "–" : `\`${fallback}\``,
          allowed.words,
          help,
        ].join(" | "),
      ),
      `config | \`KEYTURN_CONFIG\` | – | – | a path | ${CONFIG_FLAG.help}`,
    ]);
  });

  it("take a flag before the environment, the environment before the file, and the file before the default", () => {
    const env = { KEYTURN_CLUSTER_NAME: "from-env", KEYTURN_RESYNC: "3m", KEYTURN_CONFIG: "/etc/k.yaml" };
    const file = "clusterName: from-file\nresync: 4m\nworkers: 3\nleaderElect: false\n";
    const options = readOptions(["--cluster-name", "from-flag"], env, "host", (path) => {
      equal(path, "/etc/k.yaml");
      return file;
    });
    equal(options.clusterName, "from-flag");
    equal(options.resyncMs, 180_000);
    equal(options.workers, 3);
    equal(options.leaderElect, false);
    equal(options.attributionWindowMs, 600_000);
    equal(options.leaseIdentity, "host");
  });

  it("are read from JSON too, and from an empty file", () => {
    equal(readOptions(["--config=f"], {}, "host", () => '{"workers": "5"}').workers, 5);
    equal(readOptions(["--config=f"], {}, "host", () => "").workers, 32);
  });

  it("tell of each where it came from", () => {
    const { settings } = readSettings({
      args: ["--config", "f", "--workers", "1"],
      env: { KEYTURN_RESYNC: "1m" },
      file: () => "logLevel: debug",
    });
    const origin = (name: string) => settings.find(({ flag }) => flag.name === name)?.origin;
    deepEqual(["workers", "resync", "log-level", "audit-dir"].map(origin), ["flag", "environment", "file", "default"]);
  });

  it("name everything that is wrong at once: the key, where it came from, and what is allowed", () => {
    const { problems } = readSettings({
      args: ["--config", "/etc/k.yaml", "--workers", "0"],
      env: { KEYTURN_LOG_LEVEL: "loud" },
      file: () => "resync: 1d\nworker: 4\nlimitGrants: [1]\n",
    });
    match(problems[0] ?? "", /^worker in \/etc\/k\.yaml is no setting\. Settings: clusterName, /);
    const rest = problems.join("\n");
    match(rest, /^limitGrants in \/etc\/k\.yaml must be one value, not a list, an object or nothing\.$/m);
    match(rest, /^resync in \/etc\/k\.yaml \(--resync\) must be a duration .*, not "1d"\.$/m);
    match(rest, /^--workers must be a whole number from 1 to 100, not "0"\.$/m);
    match(rest, /^KEYTURN_LOG_LEVEL \(environment, --log-level\) must be debug, info, warn or error, not "loud"\.$/m);
    equal(problems.length, 5);
  });

  for (const [title, text, message] of [
    ["a file that is no YAML", "a: [", /neither YAML nor JSON/],
    ["a file that is a list", "[1]", /keys and values/],
  ] as const) {
    it(`refuse ${title}`, () => {
      throws(() => readOptions(["--config", "f"], {}, "host", () => text), message);
    });
  }

  it("refuse a file that cannot be read, in words that name it", () => {
    const missing = (): string => {
      throw Object.assign(new Error("no"), { code: "ENOENT" });
    };
    throws(() => readOptions(["--config", "/nowhere"], {}, "host", missing), /--config: \/nowhere .*ENOENT/);
  });

  it("warn of a misspelt variable, and not of what Kubernetes makes from Services called keyturn", () => {
    const env = {
      KEYTURN_WORKER: "4",
      KEYTURN_SERVICE_HOST: "10.0.0.1",
      KEYTURN_PORT_8080_TCP_ADDR: "10.0.0.1",
      KEYTURN_METRICS_SERVICE_PORT_HTTP: "8080",
      KEYTURN_PORT: "tcp://10.0.0.1:8080",
    };
    deepEqual(readSettings({ args: [], env }).warnings, [
      "KEYTURN_WORKER in the environment is no setting and is not read.",
    ]);
  });

  it("have defaults that are allowed", () => {
    deepEqual(
      FLAGS.filter(({ fallback, allowed }) => !allowed.fits(fallback)).map(({ name }) => name),
      [],
    );
  });

  for (const [args, message] of [
    [["--resync", "0s"], /--resync must be a duration/],
    [["--resync", "1d"], /--resync must be a duration/],
    [["--workers", "0"], /--workers/],
    [["--cluster-name", "No Such"], /--cluster-name/],
    [["--log-level", "loud"], /--log-level/],
    [["--leader-elect", "yes"], /--leader-elect must be true or false/],
    [["--probe-address", "8080"], /--probe-address must be host:port/],
    [["--limit-grants", "1e3"], /--limit-grants must be a whole number from 0 to 5000/],
    [
      ["--fairness-label", "no label"],
      /--fairness-label must be a label's name such as example\.com\/tenant, or empty/,
    ],
    [["--fairness-label", "tenant=a"], /--fairness-label must be/],
    [["--fairness-label", "a/b/c"], /--fairness-label must be/],
    [["--fairness-label", "Example.com/tenant"], /--fairness-label must be/],
    [["--fairness-label", "a..b/tenant"], /--fairness-label must be/],
    [["--fairness-label", `example.com/${"x".repeat(64)}`], /--fairness-label must be/],
    [["--nonsense", "1"], /nonsense/],
  ] as const) {
    it(`refuse ${args.join(" ")} by its name`, () => {
      throws(() => readOptions(args, {}, "host"), message);
    });
  }

  it("take the name of any label for the fairness label, and none for no label", () => {
    const read = (name: string) => readOptions(["--fairness-label", name], {}, "host").fairnessLabel;
    for (const name of ["tenant", "example.com/tenant", "a.b-c.example/Team_1.x"]) equal(read(name), name);
    equal(read(""), undefined);
    equal(readOptions([], {}, "host").fairnessLabel, undefined);
  });

  it("show the version that package.json has", async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    equal(VERSION, version);
  });
});
