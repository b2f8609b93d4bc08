import { deepEqual, equal, match } from "node:assert/strict";
import type { Stage } from "../lifecycle/stage.ts";
import { watchAlive } from "./alive.ts";
import type { AliveWatch } from "./alive.ts";
import type { Access } from "./observer.ts";

describe("the watch over what is held", function () {
  this.timeout(10_000);
  let said: string[];
  let answer: "accepted" | "refused";
  let proven: "True" | "False";
  let watch: AliveWatch;
  const key: Access = { what: "a key", from: "own", tryIt: () => Promise.resolve(answer), close: () => undefined };
  const suspended = () => ({
    metadata: { name: "app" },
    status: { state: "Suspended", conditions: [{ type: "Suspended", status: proven, reason: "Held", message: "" }] },
  });
  const stage = {
    site: { find: () => Promise.resolve(suspended()) },
    operator: () => ({ ready: () => Promise.resolve(true) }),
    broken: (invariant: string, what: string) => said.push(`${invariant}: ${what}`),
  } as unknown as Stage;

  beforeEach(() => {
    said = [];
    proven = "False";
    answer = "accepted";
    watch = watchAlive(stage, "app", [key]);
  });
  afterEach(() => watch.stop());

  it("waits until nothing works, and finds nothing wrong meanwhile", async () => {
    let isOver = false;
    const over = watch.allRefused().then(() => (isOver = true));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    equal(isOver, false);
    answer = "refused";
    await over;
    deepEqual(said, []);
  });

  it("finds a proof that is claimed while something works, once", async () => {
    proven = "True";
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await watch.stop();
    equal(said.length, 1);
    match(said[0] ?? "", /^S10: app: a proof is claimed/);
  });
});
