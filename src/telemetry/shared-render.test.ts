import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { sharedRender, type Rendered } from "./shared-render.ts";

const bench = () => {
  const clock = new FakeClock();
  const waiting: { readonly resolve: (rendered: Rendered) => void; readonly reject: (error: Error) => void }[] = [];
  const render = sharedRender(clock, 5000, () => new Promise((resolve, reject) => waiting.push({ resolve, reject })));
  const rendered = (text: string): Rendered => ({ contentType: "text/plain", pieces: [Buffer.from(text)], bytes: 1 });
  return { clock, waiting, render, rendered };
};

describe("a shared render", () => {
  it("is made once for all who ask at a time, and at most once in five seconds", async () => {
    const { clock, waiting, render, rendered } = bench();
    const all = Array.from({ length: 64 }, render);
    assert.equal(waiting.length, 1);
    await clock.advance(2000);
    waiting[0]?.resolve(rendered("a"));
    assert.equal(new Set(await Promise.all(all)).size, 1);
    await clock.advance(2999);
    void render();
    assert.equal(waiting.length, 1);
    await clock.advance(1);
    void render();
    assert.equal(waiting.length, 2);
  });

  it("that takes longer than that is made anew for the next, and only once for those who wait", async () => {
    const { clock, waiting, render, rendered } = bench();
    const first = render();
    await clock.advance(7000);
    assert.equal(render(), first);
    waiting[0]?.resolve(rendered("a"));
    await clock.advance(0);
    await clock.advance(0);
    void render();
    assert.equal(waiting.length, 2);
  });

  it("that fails is told to those who wait, and made anew for the next", async () => {
    const { waiting, render } = bench();
    const all = [render(), render()];
    waiting[0]?.reject(new Error("no"));
    assert.deepEqual(
      (await Promise.allSettled(all)).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    void render();
    assert.equal(waiting.length, 2);
  });
});
