import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { ServerClock } from "./server-clock.ts";

const date = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toUTCString();

describe("server clock", () => {
  it("goes on from the last Date header by monotonic time, in whole seconds", async () => {
    const clock = new FakeClock("2026-01-01T01:00:00Z");
    const server = new ServerClock(clock);
    assert.equal(server.read(), undefined);
    server.observe(date(10));
    await clock.advance(2900);
    assert.equal(server.read()?.now.toISOString(), "2026-01-01T00:00:12.000Z");
    assert.equal(server.read()?.skewMs, 3_590_000);
    clock.leap(60_000);
    assert.equal(server.read()?.now.toISOString(), "2026-01-01T00:00:12.000Z", "the wall clock does not matter");
    assert.equal(server.read()?.skewMs, 3_650_000);
  });

  it("does not step back by the fraction that a header leaves out", async () => {
    const clock = new FakeClock();
    const server = new ServerClock(clock);
    server.observe(date(10));
    await clock.advance(900);
    server.observe(date(10));
    await clock.advance(100);
    assert.equal(server.read()?.now.getUTCSeconds(), 11);
  });

  it("follows a server that is set back by more than a second, or forward", () => {
    const server = new ServerClock(new FakeClock());
    server.observe(date(30));
    server.observe(date(10));
    assert.equal(server.read()?.now.getUTCSeconds(), 10);
    server.observe(date(40));
    assert.equal(server.read()?.now.getUTCSeconds(), 40);
  });

  it("passes over what is no date", () => {
    const server = new ServerClock(new FakeClock());
    server.observe(date(30));
    server.observe("rubbish");
    server.observe(undefined);
    assert.equal(server.read()?.now.getUTCSeconds(), 30);
  });
});
