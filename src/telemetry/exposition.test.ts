import assert from "node:assert/strict";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { piecesOf } from "./exposition.ts";

describe("exposition", () => {
  it("is written in pieces just as the library writes it at once", async () => {
    const registry = new Registry();
    const registers = [registry];
    const gauge = new Gauge({ name: "gauge", help: 'Many "quoted" series.', labelNames: ["name"], registers });
    for (let i = 0; i < 1300; i += 1) gauge.set({ name: `r-${i} "quoted"` }, i);
    const histogram = new Histogram({ name: "histogram", help: "Buckets.", labelNames: ["result"], registers });
    histogram.observe({ result: "settled" }, 0.2);
    const counter = new Counter({ name: "counter", help: "Counts.", labelNames: ["code"], registers });
    counter.inc({ code: "OK" });
    const empty = new Gauge({ name: "empty", help: "None.", labelNames: ["name"], registers });
    empty.reset();
    const pieces: string[] = [];
    for await (const piece of piecesOf(registry)) pieces.push(piece);
    assert.equal(pieces.join(""), await registry.metrics());
    assert.ok(pieces.length > 5);
  });
});
