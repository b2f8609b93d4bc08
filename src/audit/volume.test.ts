import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { openAuditTrail } from "./chain.ts";
import { FakeTrailFiles } from "./fake-files.ts";
import { AuditVolume, LEAST_SHARE_BYTES, type VolumeSize } from "./volume.ts";
import type { AuditRecord } from "./record.ts";

const GIB = 1024 ** 3;

const setUp = (size: Partial<VolumeSize> = {}, sharePercent = 2) => {
  const clock = new FakeClock();
  let now: VolumeSize = { used: 0, total: GIB, ...size };
  const volume = new AuditVolume({ clock, sharePercent, size: () => Promise.resolve(now) });
  const fill = (used: number): void => {
    now = { ...now, used };
  };
  return { clock, volume, fill };
};

const recordOf = (namespace: string): AuditRecord =>
  ({ subject: { kind: "SecretRotation", namespace, name: "n", uid: "u" } }) as AuditRecord;

describe("the room of the audit volume", () => {
  it("gives each namespace its share of the day, and a new one the next day", async () => {
    const { clock, volume } = setUp();
    await volume.open(new FakeTrailFiles());
    const share = (2 * GIB) / 100;
    volume.wrote(recordOf("payments"), share - 1);
    volume.demandShare("payments");
    volume.wrote(recordOf("payments"), 1);
    assert.throws(() => volume.demandShare("payments"), { code: "AuditShareUsed" });
    volume.demandShare("other");
    assert.equal(volume.usage().shares.get("payments"), 1);
    await clock.advance(86_400_000);
    volume.demandShare("payments");
    assert.equal(volume.usage().shares.size, 0);
  });

  it("gives 5 MiB at least, also while the size cannot be read", async () => {
    const clock = new FakeClock();
    const unread = new AuditVolume({ clock, sharePercent: 2, size: () => Promise.reject(new Error("EIO")) });
    const { volume: small } = setUp({ total: 1024 * 1024 });
    for (const volume of [unread, small]) {
      await volume.open(new FakeTrailFiles());
      volume.wrote(recordOf("payments"), LEAST_SHARE_BYTES - 1);
      volume.demandShare("payments");
      volume.wrote(recordOf("payments"), 1);
      assert.throws(() => volume.demandShare("payments"), { code: "AuditShareUsed" });
    }
    assert.equal(unread.usage().ratio, undefined);
  });

  it("has no shares with 0, and none for what has no namespace", async () => {
    const { volume } = setUp({}, 0);
    await volume.open(new FakeTrailFiles());
    volume.wrote(recordOf("payments"), GIB);
    volume.demandShare("payments");
    const shared = setUp().volume;
    await shared.open(new FakeTrailFiles());
    shared.wrote(recordOf(""), GIB);
    shared.demandShare("");
  });

  it("counts after a restart what the trail has of the day", async () => {
    const { clock, volume } = setUp();
    const files = new FakeTrailFiles();
    const note = async (trail: { note: (note: never) => Promise<void> }): Promise<void> =>
      trail.note({
        action: "x",
        subject: { kind: "SecretRotation", namespace: "payments", name: "n", uid: "u" },
        target: "t",
        passId: "",
        result: "OK",
      } as never);
    const yesterday = await openAuditTrail({ files, clock });
    await note(yesterday);
    await yesterday.close();
    await clock.advance(86_400_000);
    let bytes = 0;
    const today = await openAuditTrail({
      files,
      clock,
      onAppend: ({ subject }, length) => {
        if (subject !== undefined) bytes += length;
      },
    });
    for (let turn = 0; turn < 3; turn += 1) await note(today);
    await today.close();
    const after = new AuditVolume({ clock, sharePercent: 2, size: () => Promise.resolve({ used: 0, total: GIB }) });
    await after.open(files);
    assert.equal(after.usage().shares.get("payments"), bytes / ((2 * GIB) / 100));
    assert.equal(volume.usage().shares.size, 0);
  });

  it("keeps no more than 256 MiB of a large volume", async () => {
    const { clock, volume, fill } = setUp({ total: 250 * GIB, used: 249 * GIB });
    await volume.open(new FakeTrailFiles());
    volume.demandRoom();
    fill(249.8 * GIB);
    await clock.advance(30_001);
    volume.demandRoom();
    await clock.advance(1);
    assert.throws(() => volume.demandRoom(), { code: "Unavailable" });
  });

  it("keeps the last tenth, and sees within half a minute that there is room again", async () => {
    const { clock, volume, fill } = setUp({ used: 0.9 * GIB });
    await volume.open(new FakeTrailFiles());
    assert.throws(() => volume.demandRoom(), { code: "Unavailable" });
    fill(0.5 * GIB);
    await clock.advance(30_000);
    assert.throws(() => volume.demandRoom(), { code: "Unavailable" });
    await clock.advance(1);
    volume.demandRoom();
    assert.equal(volume.usage().ratio, 0.5);
  });
});
