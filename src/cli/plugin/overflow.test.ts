import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { KEEP, RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { givenTo, WrongUse } from "../arguments.ts";
import { PLUGIN_COMMANDS } from "../commands.ts";
import { act } from "./act.ts";

const bench = (answer: string | undefined) => {
  const cluster = new FakeCluster();
  const asked: string[] = [];
  const run = (...args: string[]) => {
    const command = PLUGIN_COMMANDS.find(({ name }) => name === "overflow");
    if (command === undefined) throw new Error("overflow is no command");
    return act("overflow", givenTo(command, args), {
      cluster,
      gitOwner: () => undefined,
      now: () => new Date(0),
      namespace: "a",
      ask: (text) => {
        asked.push(text);
        return Promise.resolve(answer);
      },
    });
  };
  const seed = (
    name: string,
    namespace = "a",
    more: Partial<OrphanedCredential["metadata"]> = {},
    held = "LimitReached",
  ) => {
    const origin = { kind: "SecretRotation", namespace, name: `of-${name}`, uid: name };
    cluster.seed({ kind: ORPHANED_CREDENTIAL, name }, { metadata: more, spec: { origin, held } });
  };
  const marks = (): Record<string, unknown> =>
    Object.fromEntries(
      cluster
        .all<OrphanedCredential>(ORPHANED_CREDENTIAL)
        .filter(({ metadata }) => metadata.annotations !== undefined)
        .map(({ metadata }) => [metadata.name, metadata.annotations]),
    );
  return { cluster, asked, run, seed, marks };
};

describe("kubectl keyturn overflow", () => {
  for (const [word, mark] of [
    ["end", RELEASE],
    ["keep", KEEP],
  ] as const) {
    it(`${word} lists names and a count, asks for the count, and annotates what it has listed`, async () => {
      const { run, seed, asked, marks } = bench("2\n");
      seed("e1");
      seed("e2");
      seed("other", "b");
      seed("waits", "a", {}, "UntilEnd");
      const { code, out } = await run(word);
      equal(code, 0);
      match(asked[0] ?? "", /e1\s+SecretRotation\s+of-e1\s+not decided\n.*e2.*\nThese 2 of namespace a /);
      match(out, /^2 of 2/);
      deepEqual(marks(), { e1: { [mark]: "true" }, e2: { [mark]: "true" } });
    });
  }

  it("changes nothing without the right count, or without an answer", async () => {
    for (const answer of ["1", "yes", "", undefined]) {
      const { run, seed, marks } = bench(answer);
      seed("e1");
      seed("e2");
      const { code, out } = await run("end");
      equal(code, 1);
      match(out, /nothing was changed/);
      deepEqual(marks(), {});
    }
  });

  it("touches no entry that came while a person was asked, nor one that was made anew under its name", async () => {
    const made = bench("2");
    made.seed("e1", "a", { uid: "first" });
    made.seed("e2");
    const { cluster } = made;
    const list = cluster.list.bind(cluster);
    cluster.list = async (...args) => {
      const found = await list(...args);
      made.seed("later");
      cluster.drop({ kind: ORPHANED_CREDENTIAL, name: "e1" });
      made.seed("e1", "a", { uid: "second" });
      return found as never;
    };
    const { code, out } = await made.run("end");
    equal(code, 1);
    match(out, /^1 of 2: .*\nOrphanedCredential e1: /);
    deepEqual(made.marks(), { e2: { [RELEASE]: "true" } });
  });

  it("end is about what is kept, too; keep asks no second time", async () => {
    const kept = bench("1");
    kept.seed("e1", "a", { annotations: { [KEEP]: "true" } });
    match((await kept.run("keep")).out, /holds back nothing/);
    equal(kept.asked.length, 0);
    equal((await kept.run("end")).code, 0);
    deepEqual(kept.marks(), { e1: { [KEEP]: "true", [RELEASE]: "true" } });
  });

  it("is of the namespace that is named, and goes on where one entry is refused", async () => {
    const { run, seed, cluster, marks } = bench("2");
    seed("e1", "b");
    seed("e2", "b");
    const refused = new OperatorError("PermissionDenied", { publicMessage: "needs the verb keep" });
    cluster.failNext((call) => call.verb === "mergePatch", refused);
    const { code, out } = await run("keep", "-n", "b");
    equal(code, 1);
    match(out, /^1 of 2: .*\nOrphanedCredential e1: needs the verb keep\n$/);
    deepEqual(Object.keys(marks()), ["e2"]);
  });

  it("needs end or keep", async () => {
    await rejects(bench("1").run(), WrongUse);
    await rejects(bench("1").run("stop"), WrongUse);
  });
});
