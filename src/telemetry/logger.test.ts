import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import { createLogger, type LogLevel } from "./logger.ts";
import { Redactor } from "./redactor.ts";

const SECRET = 'wJalr"XUt/nFE\\MI+K7?MD=';

const setUp = (level: LogLevel = "debug") => {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const redactor = new Redactor();
  const log = createLogger({ level, clock: new FakeClock(), redactor, stream });
  return { log, redactor, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
};

describe("logger", () => {
  it("writes one line of JSON per entry: time, level, message, then fields, bound ones too", () => {
    const { log, lines } = setUp();
    log
      .with({ controller: "rotations" })
      .with({ passId: "p" })
      .info("Pass ended.", { outcome: "settled", n: 3, none: undefined });
    assert.deepEqual(lines, [
      '{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"Pass ended.","controller":"rotations","passId":"p","outcome":"settled","n":3}\n',
    ]);
  });

  it("keeps to its level", () => {
    const { log, entries } = setUp("warn");
    log.debug("no");
    log.info("no");
    log.warn("yes");
    log.error("yes", { error: new Error("x") });
    assert.deepEqual(
      entries().map((entry) => entry["level"]),
      ["warn", "error"],
    );
  });

  it("lets no field take the place of time, level or message", () => {
    const { log, entries } = setUp();
    log.info("real", { message: "forged", level: "error", time: "never" });
    assert.deepEqual(entries(), [{ time: "2026-01-01T00:00:00.000Z", level: "info", message: "real" }]);
  });

  it("shows of our errors only what is on the list", () => {
    const { log, entries } = setUp();
    const error = new OperatorError("Throttled", {
      publicMessage: "Slow down.",
      status: 429,
      serverCode: "TooMany",
      requestId: "r-1",
    });
    Object.assign(error, { response: { body: "body-of-the-answer" } });
    log.error("Failed.", { error });
    assert.deepEqual(entries()[0]?.["error"], {
      code: "Throttled",
      status: 429,
      serverCode: "TooMany",
      requestId: "r-1",
      message: "Slow down.",
    });
  });

  it("shows of other errors the name and the frames, never the message, the cause or a property", () => {
    const { log, lines, entries } = setUp();
    const error = new TypeError("body-of-the-answer\n    at fake-frame (/body-of-the-answer:1:1)", {
      cause: new Error("cause-text"),
    });
    Object.assign(error, { config: { headers: "header-text" } });
    log.error("Failed.", { error, nested: { list: [error] } });
    for (const text of ["body-of-the-answer", "cause-text", "header-text"])
      assert.ok(!lines.join("").includes(text), text);
    const shown = entries()[0]?.["error"] as { name: string; stack: string[] };
    assert.equal(shown.name, "TypeError");
    assert.ok(
      shown.stack.some((frame) => frame.includes("logger.test.ts")),
      JSON.stringify(shown),
    );
  });

  it("redacts material wherever it stands, and what stands under a secret's name", () => {
    const { log, lines, entries } = setUp();
    log.info("x", {
      held: new SecretMaterial({ SecretAccessKey: SECRET }),
      deep: [{ material: { value: "plain-one" } }],
      vaultToken: "plain-two",
      Authorization: ["plain-three"],
      privateKeyPem: "plain-four",
      dbPassword: { value: "plain-five" },
      tokenCount: 3,
    });
    assert.ok(!/plain-/.test(lines.join("")), lines.join(""));
    assert.equal(entries()[0]?.["held"], "[redacted]");
    assert.equal(entries()[0]?.["tokenCount"], 3);
  });

  it("scrubs remembered values in every form out of any text", () => {
    const { log, redactor, lines } = setUp();
    redactor.remember(new SecretMaterial({ SecretAccessKey: SECRET, short: "user" }));
    const base64 = Buffer.from(SECRET).toString("base64");
    const forms = {
      plain: SECRET,
      json: JSON.stringify({ value: SECRET }),
      twice: JSON.stringify(JSON.stringify(SECRET)),
      base64,
      base64url: Buffer.from(SECRET).toString("base64url"),
      basicOne: Buffer.from(`u:${SECRET}:x`).toString("base64"),
      basicTwo: Buffer.from(`us:${SECRET}:x`).toString("base64"),
      basicThree: Buffer.from(`use:${SECRET}:x`).toString("base64"),
      url: `https://x/?v=${encodeURIComponent(SECRET)}`,
      hex: Buffer.from(SECRET).toString("hex"),
    };
    for (const [form, text] of Object.entries(forms)) {
      lines.length = 0;
      log.info(`text ${text} end`, { text });
      const line = lines.join("");
      assert.equal(line.split("[redacted]").length - 1, 2, `${form}: ${line}`);
      assert.doesNotThrow(() => JSON.parse(line) as unknown, form);
    }
    lines.length = 0;
    log.info("the user is fine");
    assert.match(lines.join(""), /the user is fine/);
  });

  it("remembers a bounded number of values, the latest ones", () => {
    const redactor = new Redactor();
    for (let n = 0; n < 600; n += 1) redactor.rememberText(`value-number-${n}-`);
    assert.equal(redactor.scrub("value-number-0-"), "value-number-0-");
    assert.equal(redactor.scrub("value-number-599-"), "[redacted]");
  });

  it("survives fields that are cyclic, deep, long, binary or throw", () => {
    const { log, entries } = setUp();
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const hostile = {
      get field(): string {
        throw new Error("x");
      },
    };
    log.info("1", {
      cyclic,
      big: 12n,
      long: "x".repeat(100_000),
      bytes: Buffer.from("abcdefgh"),
      run: () => 1,
      when: new Date(Number.NaN),
    });
    log.info("2", { hostile });
    const [first, second] = entries();
    assert.equal(first?.["bytes"], "[8 bytes]");
    assert.equal((first["long"] as string).length, 4097);
    assert.equal(second?.["fields"], "[unreadable]");
  });
});
