import { deepEqual, equal, match } from "node:assert/strict";
import { waitFor } from "../../../stack/wait.ts";
import { watchLogins } from "./logins.ts";
import type { Login, LoginWatch } from "./logins.ts";

describe("logins that go on during an upgrade", () => {
  let watch: LoginWatch;
  const answers = new Map<string, "accepted" | "refused" | "away">();
  const login = (name: string, answer: "accepted" | "refused" | "away"): Login => {
    answers.set(name, answer);
    return {
      name,
      tryIt: () => {
        const now = answers.get(name);
        return now === undefined || now === "away" ? Promise.reject(new Error("away")) : Promise.resolve(now);
      },
    };
  };
  const some = async (more: number): Promise<void> => {
    const from = watch.seen().accepted;
    await waitFor("logins go on", () => watch.seen().accepted >= from + more, { every: 2 });
  };

  beforeEach(() => {
    answers.clear();
    watch = watchLogins({ atOnce: 2, pauseMs: 1 });
  });
  afterEach(() => watch.stop());

  it("count nothing but themselves while every answer stays the same", async () => {
    watch.add(login("a", "accepted"));
    watch.add(login("cut", "refused"));
    deepEqual(await watch.learn(), { accepted: 1, refused: 1 });
    await some(20);
    const { refused, opened, unanswered } = watch.seen();
    deepEqual({ refused, opened, unanswered }, { refused: [], opened: [], unanswered: 0 });
  });

  it("count a login that begins to be refused", async () => {
    watch.add(login("a", "accepted"));
    watch.add(login("b", "accepted"));
    await watch.learn();
    answers.set("a", "refused");
    await waitFor("it is seen", () => watch.seen().refused.length > 0, { every: 2 });
    match(watch.seen().refused[0] ?? "", /^a was refused at /);
  });

  it("count a cut login that begins to be accepted", async () => {
    watch.add(login("cut", "refused"));
    await watch.learn();
    answers.set("cut", "accepted");
    await waitFor("it is seen", () => watch.seen().opened.length > 0, { every: 2 });
    equal(watch.seen().refused.length, 0);
  });

  it("take a server that is away for neither", async () => {
    watch.add(login("a", "accepted"));
    await watch.learn();
    answers.set("a", "away");
    await waitFor("it is seen", () => watch.seen().unanswered > 3, { every: 2 });
    equal(watch.seen().refused.length, 0);
  });

  it("learn only what is new when they learn again", async () => {
    watch.add(login("a", "accepted"));
    await watch.learn();
    answers.set("a", "refused");
    watch.add(login("b", "accepted"));
    deepEqual(await watch.learn(), { accepted: 1, refused: 0 });
    await waitFor("it is seen", () => watch.seen().refused.length > 0, { every: 2 });
  });

  it("count nothing of a login that is excused, and everything of the others", async () => {
    watch.add(login("a", "accepted"));
    watch.add(login("b", "accepted"));
    await watch.learn();
    watch.excuse((name) => name === "a");
    answers.set("a", "refused");
    await some(10);
    equal(watch.seen().refused.length, 0);
    answers.set("b", "refused");
    await waitFor("it is seen", () => watch.seen().refused.length > 0, { every: 2 });
  });

  it("learn anew what was cut on purpose, and count it when it is opened", async () => {
    watch.add(login("held", "accepted"));
    watch.add(login("other", "accepted"));
    await watch.learn();
    watch.excuse((name) => name === "held");
    answers.set("held", "refused");
    deepEqual(await watch.relearn((name) => name === "held"), { accepted: 0, refused: 1 });
    await some(10);
    deepEqual(watch.seen().opened, []);
    answers.set("held", "accepted");
    await waitFor("it is seen", () => watch.seen().opened.length > 0, { every: 2 });
    match(watch.seen().opened[0] ?? "", /^held was accepted at /);
    equal(watch.seen().refused.length, 0);
  });
});
