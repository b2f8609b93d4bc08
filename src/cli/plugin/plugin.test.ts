import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { givenTo, WrongUse } from "../arguments.ts";
import { OPERATOR_COMMANDS, PLUGIN_COMMANDS } from "../commands.ts";
import { candidates, completionAnswer, completionScript, SHELLS } from "../completion.ts";
import { act, type PluginPorts } from "./act.ts";
import { referenceOf } from "./reference.ts";
import { show } from "./show.ts";

const rotation = { kind: SECRET_ROTATION, namespace: "a", name: "lake" };
const identity = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "a", name: "billing" };

const bench = (git?: string) => {
  const cluster = new FakeCluster();
  const ports: PluginPorts = {
    cluster,
    gitOwner: () => git,
    now: () => new Date("2026-06-01T12:00:00Z"),
    ask: () => Promise.resolve(undefined),
    namespace: "a",
  };
  const run = (name: string, ...args: string[]) => {
    const command = PLUGIN_COMMANDS.find((one) => one.name === name);
    if (command === undefined) throw new Error(name);
    const given = givenTo(command, args);
    return name === "status" || name === "plan" ? show(name, given, ports) : act(name, given, ports);
  };
  return { cluster, run };
};

describe("the plugin", () => {
  it("writes one annotation for rotate, and nothing else", async () => {
    const { cluster, run } = bench();
    cluster.seed(rotation, { spec: {} });
    equal((await run("rotate", "lake")).code, 0);
    deepEqual(
      cluster.mutations().map(({ verb, body }) => [verb, body]),
      [["mergePatch", { metadata: { annotations: { "keyturn.dev/rotate-at": "2026-06-01T12:00:00Z" } } }]],
    );
  });

  it("refuses a time that is none", async () => {
    await rejects(bench().run("rotate", "lake", "--at", "soon"), WrongUse);
  });

  it("suspends under the resourceVersion that it has read, so that no other change is lost", async () => {
    const { cluster, run } = bench();
    const { metadata } = cluster.seed(identity, { spec: {} });
    equal((await run("suspend", "billing")).code, 0);
    deepEqual(cluster.mutations()[0]?.body, {
      metadata: { resourceVersion: metadata.resourceVersion },
      spec: { state: "Suspended" },
    });
  });

  it("leaves an identity to Git where a mark shows it, unless it is forced", async () => {
    const { cluster, run } = bench("Label argocd.argoproj.io/instance");
    cluster.seed(identity, { spec: {} });
    const refused = await run("suspend", "billing");
    equal(refused.code, 1);
    match(refused.out, /^Label argocd\.argoproj\.io\/instance shows that Git owns/);
    deepEqual(cluster.mutations(), []);
    equal((await run("suspend", "billing", "--force")).code, 0);
    equal(cluster.mutations().length, 1);
  });

  it("does not wake what is decommissioned, and writes nothing that stands already", async () => {
    const { cluster, run } = bench();
    cluster.seed(identity, { spec: { state: "Decommissioned" } });
    equal((await run("resume", "billing")).code, 1);
    cluster.seed(identity, { spec: {} });
    equal((await run("resume", "billing")).code, 0);
    deepEqual(cluster.mutations(), []);
  });

  it("shows the plan of an identity, and says when it is of an older spec", async () => {
    const { cluster, run } = bench();
    const plan = { generation: 1, digest: "d", lines: ["+ cluster: principal"], omitted: 2 };
    cluster.seed(identity, { metadata: { generation: 2 }, spec: {}, status: { plan } });
    const { out } = await run("plan", "sal/billing");
    equal(out, "For generation 1; the spec is at 2.\n+ cluster: principal\nand 2 more\ndigest d\n");
    deepEqual(JSON.parse((await run("plan", "sal/billing", "-o", "json")).out), plan);
  });

  it("ends status with 1 while something needs a person", async () => {
    const { cluster, run } = bench();
    equal((await run("status")).code, 0);
    const conditions = [{ type: "Stalled", status: "True", reason: "SlotsFull", message: "m", lastTransitionTime: "" }];
    cluster.seed(rotation, { spec: {}, status: { conditions } });
    equal((await run("status")).code, 1);
    match((await run("status", "srot/lake")).out, /^do: Delete an access key/m);
  });

  it("takes kinds by short and long name, and a bare name where one kind makes sense", () => {
    deepEqual(referenceOf(["srot/lake"], "a"), rotation);
    deepEqual(referenceOf(["ServiceAccountLifecycle/billing"], "a"), identity);
    deepEqual(referenceOf(["lake"], "a", SECRET_ROTATION), rotation);
    for (const words of [[], ["lake"], ["pod/x"], ["srot/"], ["srot/a", "srot/b"]])
      throws(() => referenceOf(words, "a"), WrongUse, words.join(" "));
    throws(() => referenceOf(["sal/billing"], "a", SECRET_ROTATION), WrongUse);
  });
});

describe("completion", () => {
  const complete = (...words: string[]) => candidates(PLUGIN_COMMANDS, ["workers"], words);

  it("offers commands, flags, and the values of a flag", () => {
    deepEqual(complete("re"), ["retry", "resume"]);
    deepEqual(complete("suspend", "--fo"), ["--force"]);
    deepEqual(complete("status", "-o", ""), ["table", "wide", "json", "yaml"]);
    deepEqual(complete("doctor", "--work"), ["--workers"]);
    deepEqual(complete("completion", ""), ["bash", "zsh", "fish"]);
    deepEqual(complete("nonsense", ""), []);
    deepEqual(candidates(OPERATOR_COMMANDS, [], ["config", ""]), ["check"]);
  });

  it("answers as kubectl asks", () => {
    equal(completionAnswer(["a", "b"]), "a\nb\n:4\n");
  });

  it("has a script for every shell, and none for another", () => {
    for (const shell of SHELLS) match(completionScript("kubectl-keyturn", shell) ?? "", /kubectl-keyturn __complete/);
    equal(completionScript("kubectl-keyturn", "csh"), undefined);
  });
});
