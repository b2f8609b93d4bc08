import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { openAuditTrail } from "./chain.ts";
import { FakeTrailFiles } from "./fake-files.ts";
import { HEADS_FILE, headsOf } from "./heads.ts";
import { verifyFolder } from "./trail.ts";

const clock = new FakeClock();

const oneProcess = async (files: FakeTrailFiles): Promise<void> => {
  await clock.advance(86_400_000);
  const trail = await openAuditTrail({ files, clock });
  for (let act = 0; act < 12; act += 1)
    await trail.note({ action: "drill", subject: undefined, target: `t${act}`, passId: "", result: "OK" });
  await trail.close();
};

const newestOf = (files: FakeTrailFiles): string => {
  const heads = headsOf(files.contents.get(HEADS_FILE) ?? new Uint8Array());
  return heads?.at(-1)?.name ?? "";
};

const blank = (text: string): string => " ".repeat(text.length);
const lastFive = (change: (line: string) => string) => (text: string) => {
  const lines = text.trimEnd().split("\n");
  return `${[...lines.slice(0, -5), ...lines.slice(-5).map(change)].join("\n")}\n`;
};

const forgeries: readonly (readonly [string, (text: string) => string])[] = [
  ["a word of the newest record is another", (text) => text.replace(/"target":"t11"/, '"target":"x11"')],
  ["the newest records are made unreadable", lastFive((line) => "x".repeat(line.length))],
  ["the newest records are blanked", lastFive(blank)],
  ["the newest records are replaced by something longer", (text) => `${text.slice(0, -500)}${"z".repeat(5000)}`],
  ["the whole newest file is blanked", (text) => "\n".repeat(text.length)],
];

describe("the newest records of a trail", () => {
  for (const [what, forge] of forgeries)
    for (const restarted of [false, true])
      it(`are found damaged${restarted ? " although a process has begun after them since" : ""}: ${what}`, async () => {
        const files = new FakeTrailFiles();
        await oneProcess(files);
        await oneProcess(files);
        assert.deepEqual((await verifyFolder(files)).findings, []);
        const name = newestOf(files);
        const text = Buffer.from(files.contents.get(name) ?? new Uint8Array()).toString();
        files.contents.set(name, Buffer.from(forge(text)));
        if (restarted) await oneProcess(files);
        assert.notDeepEqual((await verifyFolder(files)).findings, []);
      });
});
