import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { describeCredentialSource } from "./conformance.ts";
import { FakeSource, fakeErrors } from "./fake-source.ts";

describeCredentialSource("the fake for reconciler tests", () =>
  Promise.resolve({ source: new FakeSource(new FakeClock()) }),
);

describe("FakeSource", () => {
  it("keeps the key that was made when the answer is lost", async () => {
    const source = new FakeSource(new FakeClock());
    source.failNext("issue", fakeErrors.lost, "after");
    await assert.rejects(source.issue(), fakeErrors.lost);
    assert.equal(source.keys.size, 1);
  });

  it("answers notYet as often as told, then logs in", async () => {
    const source = new FakeSource(new FakeClock());
    const issued = await source.issue();
    source.notYet = 2;
    const kinds: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) kinds.push((await source.verify(issued.material, issued.issuedAt)).kind);
    assert.deepEqual(kinds, ["notYet", "notYet", "usable"]);
  });

  it("is caught by its negative control when it lies", async () => {
    const source = new FakeSource(new FakeClock());
    const issued = await source.issue();
    source.acceptsEverything = true;
    assert.equal((await source.verify(issued.material, issued.issuedAt)).kind, "usable");
    assert.equal((await source.negativeControl()).kind, "accepted");
  });

  it("shows a new key only after the listing lag", async () => {
    const source = new FakeSource(new FakeClock());
    source.listingLag = 1;
    await source.issue();
    assert.equal((await source.list()).credentials.length, 0);
    assert.equal((await source.list()).credentials.length, 1);
  });
});
