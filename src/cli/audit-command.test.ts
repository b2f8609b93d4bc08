import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openAuditTrail } from "../audit/chain.ts";
import { FakeTrailFiles } from "../audit/fake-files.ts";
import { FINDINGS } from "../audit/finding.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { givenTo, WrongUse } from "./arguments.ts";
import { auditPrune, auditVerify } from "./audit-command.ts";
import { OPERATOR_COMMANDS } from "./commands.ts";

const NOW = new Date("2026-03-01T00:00:00Z");
const given = (...args: readonly string[]) => {
  const command = OPERATOR_COMMANDS.find(({ name }) => name === "audit");
  assert.ok(command);
  return givenTo(command, args);
};
const trail = async (): Promise<FakeTrailFiles> => {
  const files = new FakeTrailFiles();
  const open = await openAuditTrail({ files, clock: new FakeClock(), longestFileBytes: 2000 });
  for (let turn = 0; turn < 12; turn += 1)
    await open.note({ action: "x", subject: undefined, target: `t${turn}`, passId: "", result: "OK" });
  await open.close();
  return files;
};

describe("keyturn audit", () => {
  it("verifies a whole trail, and names what is wrong with another, in words and as JSON", async () => {
    const files = await trail();
    const whole = await auditVerify(files, given("verify"));
    assert.equal(whole.code, 0);
    assert.match(whole.out, /13 record\(s\) of 1 process\(es\)[^]*The chain is whole\. It is not signed/);
    const gone = files.trailNames()[1]!;
    files.contents.delete(gone);
    const broken = await auditVerify(files, given("verify"));
    assert.equal(broken.code, 1);
    assert.match(broken.out, new RegExp(`missingFile +${gone}[^]*NOT whole`));
    const json = await auditVerify(files, given("verify", "-o", "json"));
    const { ok, findings } = JSON.parse(json.out) as { ok: boolean; findings: readonly { kind: string }[] };
    assert.equal(ok, false);
    assert.ok(findings.some(({ kind }) => kind === "missingFile"));
  });

  it("does not take an empty folder for a whole trail", async () => {
    const { out, code } = await auditVerify(new FakeTrailFiles(), given("verify"));
    assert.equal(code, 1);
    assert.match(out, /nothingThere/);
  });

  it("prunes by number or age, shows what leaves, and prunes no trail that is not whole", async () => {
    const files = await trail();
    const before = files.trailNames();
    const dry = await auditPrune(files, given("prune", "--keep", "1", "--dry-run"), NOW);
    assert.match(dry.out, /would leave\.\n$/);
    assert.deepEqual(files.trailNames(), before);
    const none = await auditPrune(files, given("prune", "--older-than", "2160h"), NOW);
    assert.equal(none.out, "0 file(s) left.\n");
    const { code, out } = await auditPrune(files, given("prune", "--older-than", "24h"), NOW);
    assert.equal(code, 0);
    assert.ok(out.includes(before[0]!) && !out.includes(before.at(-1)!));
    assert.deepEqual(files.trailNames(), before.slice(-1));
    files.contents.set(before.at(-1)!, Buffer.from("{}\n"));
    const refused = await auditPrune(files, given("prune", "--keep", "0"), NOW);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /Nothing was pruned/);
  });

  for (const args of [[], ["--keep", "some"], ["--keep", "-1"], ["--older-than", "yesterday"]])
    it(`refuses prune ${args.join(" ")}`, async () => {
      await assert.rejects(async () => auditPrune(await trail(), given("prune", ...args), NOW), WrongUse);
    });

  it("has every finding in docs/reference/audit.md", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/reference/audit.md"), "utf8");
    const section = page.split("| finding | meaning |")[1]?.split("\n\n")[0] ?? "";
    const rows = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, kind, meaning]) => [kind, meaning]);
    assert.deepEqual(rows, Object.entries(FINDINGS));
  });
});
