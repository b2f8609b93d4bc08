import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { givenTo, WrongUse } from "../arguments.ts";
import { PLUGIN_COMMANDS } from "../commands.ts";
import { act, type PluginPorts } from "./act.ts";
import { show } from "./show.ts";

const bench = () => {
  const cluster = new FakeCluster();
  const ports: PluginPorts = {
    cluster,
    gitOwner: () => undefined,
    now: () => new Date("2026-06-01T12:00:00Z"),
    ask: () => Promise.resolve(undefined),
    namespace: "a",
  };
  const run = (name: string, ...args: string[]) => {
    const command = PLUGIN_COMMANDS.find((one) => one.name === name);
    if (command === undefined) throw new Error(name);
    const given = givenTo(command, args);
    return name === "status" ? show(name, given, ports) : act(name, given, ports);
  };
  const seed = (name: string, spec: object) => cluster.seed({ kind: IDENTITY_HOLD, name }, { spec });
  return { cluster, run, seed };
};
const leak = { namespace: "payments", name: "billing", reason: "leak" };

describe("kubectl keyturn hold", () => {
  it("makes a hold that is named after what it holds", async () => {
    const { cluster, run } = bench();
    const { code, out } = await run("hold", "payments/billing", "--reason", "leak");
    equal(code, 0);
    match(out, /^IdentityHold payments\.billing \(payments\/billing\) is made/);
    deepEqual((cluster.mutations()[0]?.body as { spec: unknown }).spec, leak);
  });

  it("holds a whole namespace, what is compromised, and several targets", async () => {
    const { cluster, run } = bench();
    const targets = ["--target", "lake:AwsUser:billing", "--target", ":KubernetesServiceAccount:billing"];
    await run("hold", "payments/*", "--reason", " leak ", "--compromised", ...targets, "--target=db:HookTarget:a:b");
    const body = cluster.mutations()[0]?.body as { metadata: { name: string }; spec: unknown };
    equal(body.metadata.name, "payments");
    deepEqual(body.spec, {
      namespace: "payments",
      name: "*",
      targets: [
        { connectionRef: { name: "lake" }, kind: "AwsUser", name: "billing" },
        { kind: "KubernetesServiceAccount", name: "billing" },
        { connectionRef: { name: "db" }, kind: "HookTarget", name: "a:b" },
      ],
      reason: "leak",
      compromised: true,
    });
  });

  it("changes none that stands: the same is well, another is refused, and one beside it takes a name", async () => {
    const { cluster, run, seed } = bench();
    seed("payments.billing", leak);
    equal((await run("hold", "payments/billing", "--reason", "leak")).code, 0);
    const refused = await run("hold", "payments/billing", "--reason", "leak", "--compromised");
    equal(refused.code, 1);
    match(refused.out, /--name/);
    deepEqual(cluster.mutations(), []);
    equal((await run("hold", "payments/billing", "--reason", "other", "--name", "second")).code, 0);
  });

  it("refuses what names nothing, gives no reason, or names a target that cannot be", async () => {
    const { run } = bench();
    const reason = ["--reason", "r"];
    for (const words of [
      [...reason],
      ["billing", ...reason],
      ["payments/", ...reason],
      ["payments/a/b", ...reason],
      ["payments/a", "payments/b", ...reason],
      ["payments/billing"],
      ["payments/billing", "--reason", " "],
      ["payments/billing", ...reason, "--target", "lake:AwsUser"],
      ["payments/billing", ...reason, "--target", "lake:toString:x"],
      ["payments/billing", ...reason, "--target", ":AwsUser:x"],
    ])
      await rejects(async () => run("hold", ...words), WrongUse, words.join(" "));
  });
});

describe("kubectl keyturn unhold", () => {
  it("deletes by name and by what is held, that very hold", async () => {
    for (const word of ["payments.billing", "payments/billing"]) {
      const { cluster, run, seed } = bench();
      seed("payments.billing", leak);
      seed("payments", { ...leak, name: "*" });
      const { code, out } = await run("unhold", word);
      equal(code, 0);
      match(out, /payments\.billing \(payments\/billing\) is deleted/);
      deepEqual(
        cluster.mutations().map(({ verb, name }) => [verb, name]),
        [["delete", "payments.billing"]],
      );
    }
  });

  it("asks for the name where several hold the same, and deletes none", async () => {
    const { cluster, run, seed } = bench();
    seed("one", leak);
    seed("two", { ...leak, reason: "audit" });
    const { code, out } = await run("unhold", "payments/billing");
    equal(code, 1);
    match(out, /two: audit/);
    deepEqual(cluster.mutations(), []);
    match((await run("unhold", "one")).out, /stays held by two/);
  });

  it("says that nothing holds it", async () => {
    await rejects(bench().run("unhold", "payments/billing"), /No IdentityHold holds payments\/billing/);
  });
});

describe("kubectl keyturn status of what is held", () => {
  it("names the holds", async () => {
    const { cluster, run } = bench();
    const identity = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "a", name: "billing" };
    cluster.seed(identity, { spec: {}, status: { holds: ["a.billing"] } });
    match((await run("status")).out, /Held/);
    match((await run("status", "sal/billing")).out, /^Held by IdentityHold a\.billing/m);
    deepEqual((JSON.parse((await run("status", "sal/billing", "-o", "json")).out) as { holds: unknown }).holds, [
      "a.billing",
    ]);
  });
});
