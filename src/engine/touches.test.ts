import { equal } from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { Touches } from "./touches.ts";

describe("touches", () => {
  it("count once a minute for each resource: the first at once, the others at the end of the minute", async () => {
    const clock = new FakeClock();
    const touches = new Touches(clock);
    equal(touches.delayFor("a"), 0);
    await clock.advance(10_000);
    equal(touches.delayFor("a"), 50_000);
    equal(touches.delayFor("b"), 0, "another resource has a minute of its own");
    await clock.advance(50_000);
    equal(touches.delayFor("a"), 0);
    equal(touches.delayFor("a"), 60_000);
  });
});
