import assert from "node:assert/strict";
import { silentLogger } from "../kernel/logger.ts";
import { startProbes, type Probes, type ProbesOptions } from "./probes.ts";

const withProbes = async (
  overrides: Partial<ProbesOptions>,
  run: (fetchPath: (path: string, method?: string) => Promise<Response>, probes: Probes) => Promise<void>,
): Promise<void> => {
  const probes = await startProbes({
    host: "127.0.0.1",
    port: 0,
    log: silentLogger,
    unhealthy: () => [],
    missing: () => [],
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "m 1\n" }),
    ...overrides,
  });
  try {
    await run((path, method = "GET") => fetch(`http://127.0.0.1:${probes.port}${path}`, { method }), probes);
  } finally {
    await probes.close();
  }
};

describe("probes", () => {
  it("answer 200 when nothing is missing", async () => {
    await withProbes({}, async (get) => {
      assert.equal((await get("/healthz")).status, 200);
      assert.equal((await get("/readyz?verbose")).status, 200);
      assert.equal((await get("/healthz", "HEAD")).status, 200);
    });
  });

  it("answer 503 with the list of what is missing, each for itself", async () => {
    await withProbes({ missing: () => ["rotations", "connections"] }, async (get) => {
      assert.equal((await get("/healthz")).status, 200);
      const ready = await get("/readyz");
      assert.equal(ready.status, 503);
      assert.deepEqual(await ready.json(), { missing: ["rotations", "connections"] });
    });
    await withProbes({ unhealthy: () => ["watch loops"] }, async (get) => {
      assert.equal((await get("/healthz")).status, 503);
      assert.equal((await get("/readyz")).status, 200);
    });
  });

  it("serve metrics with their content type", async () => {
    await withProbes({}, async (get) => {
      const answer = await get("/metrics");
      assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4");
      assert.equal(await answer.text(), "m 1\n");
    });
  });

  it("refuse other methods and paths, and survive a failure inside", async () => {
    const failing = { metrics: () => Promise.reject(new Error("secret text")) };
    await withProbes(failing, async (get) => {
      const post = await get("/healthz", "POST");
      assert.equal(post.status, 405);
      assert.equal(post.headers.get("allow"), "GET, HEAD");
      assert.equal((await get("/")).status, 404);
      const broken = await get("/metrics");
      assert.equal(broken.status, 500);
      assert.ok(!(await broken.text()).includes("secret text"));
      assert.equal((await get("/healthz")).status, 200);
    });
  });

  it("say so when the address is taken", async () => {
    await withProbes({}, async (_get, probes) => {
      await assert.rejects(
        withProbes({ port: probes.port }, async () => undefined),
        { code: "EADDRINUSE" },
      );
    });
  });
});
