import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cronProblem,
  nextDue,
  renewalAt,
  type DueInput,
  type ScheduleSetting,
  type WindowSetting,
} from "./schedule.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string): Date => new Date(text);
const berlin = (pattern: string) => ({ pattern, timeZone: "Europe/Berlin" });
const utc = (pattern: string) => ({ pattern, timeZone: "UTC" });
const schedule = (more: Partial<ScheduleSetting>): ScheduleSetting => ({ windows: [], jitterMs: 0, ...more });
const window = (pattern: string, hours: number, mode: WindowSetting["mode"] = "Allow"): WindowSetting => ({
  cron: utc(pattern),
  durationMs: hours * HOUR,
  mode,
});
const due = (more: Partial<DueInput>): string | undefined => {
  const found = nextDue({
    renewal: { kind: "share", remaining: 1 / 3 },
    issuedAt: at("2027-03-01T00:00:00Z"),
    seed: "a",
    ...more,
  });
  return found === undefined ? undefined : `${found.at.toISOString().replace(".000Z", "Z")} ${found.reason}`;
};

describe("schedule", () => {
  it("is never without a schedule and an end", () => {
    assert.equal(due({}), undefined);
  });

  it("counts every from the time of issue", () => {
    assert.equal(due({ schedule: schedule({ everyMs: 12 * HOUR }) }), "2027-03-01T12:00:00Z Every");
  });

  it("takes cron at the wall clock of its time zone", () => {
    const monday = schedule({ cron: berlin("30 2 * * 1") });
    assert.equal(due({ schedule: monday }), "2027-03-01T01:30:00Z Cron");
    assert.equal(due({ schedule: monday, issuedAt: at("2027-03-25T00:00:00Z") }), "2027-03-29T00:30:00Z Cron");
  });

  it("takes the first time that there is for one that the clock leaves out", () => {
    const night = schedule({ cron: berlin("30 2 * * *") });
    assert.equal(due({ schedule: night, issuedAt: at("2027-03-27T12:00:00Z") }), "2027-03-28T01:00:00Z Cron");
  });

  it("takes a time that the clock repeats once", () => {
    const night = schedule({ cron: berlin("30 2 * * *") });
    assert.equal(due({ schedule: night, issuedAt: at("2027-10-30T12:00:00Z") }), "2027-10-31T00:30:00Z Cron");
    assert.equal(due({ schedule: night, issuedAt: at("2027-10-31T00:30:00Z") }), "2027-11-01T01:30:00Z Cron");
  });

  it("waits for a window, and goes ahead inside one", () => {
    const windows = [window("0 2 * * 1-5", 3)];
    const issuedAt = at("2027-03-05T12:00:00Z");
    assert.equal(
      due({ schedule: schedule({ everyMs: 24 * HOUR, windows }), issuedAt }),
      "2027-03-08T02:00:00Z Window",
      "Saturday noon: on Monday",
    );
    assert.equal(due({ schedule: schedule({ everyMs: 64 * HOUR, windows }), issuedAt }), "2027-03-08T04:00:00Z Every");
    assert.equal(
      due({ schedule: schedule({ everyMs: 65 * HOUR, windows }), issuedAt }),
      "2027-03-09T02:00:00Z Window",
      "its last moment is outside",
    );
  });

  it("begins nothing while a window denies it, whatever another allows", () => {
    const windows = [window("0 0 * * *", 12), window("0 0 1-7 3 *", 24, "Deny")];
    assert.equal(
      due({ schedule: schedule({ everyMs: 6 * HOUR, windows }), issuedAt: at("2027-03-02T00:00:00Z") }),
      "2027-03-08T00:00:00Z Window",
    );
  });

  it("denies alone leave the rest of time open", () => {
    const windows = [window("0 9 * * *", 8, "Deny")];
    assert.equal(due({ schedule: schedule({ everyMs: 10 * HOUR, windows }) }), "2027-03-01T17:00:00Z Window");
    assert.equal(due({ schedule: schedule({ everyMs: 18 * HOUR, windows }) }), "2027-03-01T18:00:00Z Every");
  });

  it("never comes where all that is allowed is denied, but before it ends", () => {
    const windows = [window("0 2 * * *", 1), window("0 0 * * *", 24, "Deny")];
    const closed = schedule({ everyMs: HOUR, windows });
    assert.equal(due({ schedule: closed }), undefined);
    assert.equal(due({ schedule: closed, expiresAt: at("2027-03-31T00:00:00Z") }), "2027-03-21T00:00:00Z Expiry");
  });

  it("is early under every and late under cron, by less than the jitter", () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const early = nextDue({ ...common(seed), schedule: schedule({ everyMs: DAY, jitterMs: HOUR }) });
        const late = nextDue({ ...common(seed), schedule: schedule({ cron: utc("0 5 * * *"), jitterMs: HOUR }) });
        const base = common(seed).issuedAt.getTime();
        const earlier = base + DAY - (early?.at.getTime() ?? 0);
        const later = (late?.at.getTime() ?? 0) - (base + 5 * HOUR);
        assert.ok(earlier >= 0 && earlier <= HOUR && later >= 0 && later <= HOUR, `${earlier} ${later}`);
      }),
    );
  });

  it("spreads over a window what the window has held back, and stays inside", () => {
    const windows = [window("0 2 * * *", 1)];
    const times = Array.from({ length: 200 }, (_, index) =>
      nextDue({ ...common(`uid-${index}`), schedule: schedule({ everyMs: 10 * HOUR, windows, jitterMs: 2 * HOUR }) }),
    ).map((found) => found?.at.getTime() ?? 0);
    const opens = at("2027-03-02T02:00:00Z").getTime();
    assert.ok(times.every((time) => time >= opens && time < opens + HOUR));
    assert.ok(new Set(times).size > 50);
  });

  it("comes to the same time for the same seed, and not for all at once", () => {
    const jittered = schedule({ everyMs: DAY, jitterMs: HOUR });
    assert.equal(due({ schedule: jittered, seed: "x" }), due({ schedule: jittered, seed: "x" }));
    assert.notEqual(due({ schedule: jittered, seed: "x" }), due({ schedule: jittered, seed: "y" }));
  });

  it("renews what ends by itself with a third of its life left, or as told", () => {
    const expiresAt = at("2027-03-31T00:00:00Z");
    const issuedAt = at("2027-03-01T00:00:00Z");
    const iso = (renewal: DueInput["renewal"]) =>
      renewalAt({ renewal, issuedAt, expiresAt })?.toISOString().slice(0, 13);
    assert.equal(due({ expiresAt }), "2027-03-21T00:00:00Z Expiry");
    assert.equal(iso({ kind: "before", ms: 48 * HOUR }), "2027-03-29T00");
    assert.equal(iso({ kind: "share", remaining: 0.5 }), "2027-03-16T00");
    assert.equal(iso({ kind: "before", ms: 40 * DAY }), "2027-03-21T00", "longer than it lives: by share");
  });

  it("is never later than the end less the margin, whatever windows and jitter say", () => {
    const arbitrary = fc.record({
      everyHours: fc.integer({ min: 1, max: 2000 }),
      life: fc.integer({ min: 1, max: 1000 }),
      hour: fc.integer({ min: 0, max: 23 }),
      length: fc.integer({ min: 1, max: 24 }),
      mode: fc.constantFrom("Allow" as const, "Deny" as const),
      jitterMs: fc.integer({ min: 0, max: 48 * HOUR }),
      remaining: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
      seed: fc.string(),
    });
    fc.assert(
      fc.property(arbitrary, ({ everyHours, life, hour, length, mode, jitterMs, remaining, seed }) => {
        const { issuedAt } = common(seed);
        const expiresAt = new Date(issuedAt.getTime() + life * HOUR);
        const renewal = { kind: "share" as const, remaining };
        const windows = [window(`0 ${hour} * * *`, length, mode)];
        const found = nextDue({
          schedule: schedule({ everyMs: everyHours * HOUR, windows, jitterMs }),
          renewal,
          issuedAt,
          expiresAt,
          seed,
        });
        const limit = expiresAt.getTime() - life * HOUR * remaining;
        assert.ok(found !== undefined && found.at.getTime() <= limit + 1);
      }),
      { numRuns: 300 },
    );
  });

  it("names what is wrong with a pattern or a time zone", () => {
    assert.equal(cronProblem(berlin("0 2 * * 1-5")), undefined);
    assert.match(cronProblem(berlin("61 2 * * *")) ?? "", /five valid fields/);
    assert.match(cronProblem(berlin("0 0 2 * * *")) ?? "", /five valid fields/);
    assert.match(cronProblem(berlin("0 0 31 2 *")) ?? "", /no day ever matches/);
    assert.match(cronProblem({ pattern: "0 2 * * *", timeZone: "Mars/Base" }) ?? "", /IANA/);
  });
});

const common = (seed: string) => ({
  renewal: { kind: "share" as const, remaining: 1 / 3 },
  issuedAt: at("2027-03-01T00:00:00Z"),
  seed,
});
