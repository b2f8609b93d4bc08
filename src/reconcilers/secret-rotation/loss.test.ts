import assert from "node:assert/strict";
import { Bench } from "../ports.fake.ts";

describe("a current credential that a listing leaves out", () => {
  it("is not called lost by one listing alone", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    await bench.clock.advance(120_000);
    const list = bench.source.list.bind(bench.source);
    let left = 1;
    bench.source.list = async () => {
      const listing = await list();
      if (left === 0) return listing;
      left -= 1;
      return { ...listing, credentials: [] };
    };
    await bench.pass();
    assert.equal(left, 0);
    await bench.clock.advance(10_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 1);
  });

  it("is replaced when two listings agree that it is gone", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    const { id } = bench.status().current!;
    bench.source.keys.delete(id);
    await bench.clock.advance(120_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    assert.notEqual(bench.status().current?.id, id);
  });
});
