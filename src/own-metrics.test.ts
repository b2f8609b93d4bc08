import assert from "node:assert/strict";
import { FakeClock } from "./kernel/fake-clock.ts";
import { silentLogger } from "./kernel/logger.ts";
import { ownMetrics } from "./own-metrics.ts";
import { metricsServer } from "./telemetry/metrics-server.ts";
import { ownCertificate } from "./telemetry/own-certificate.ts";

describe("the metrics of the same Pod", () => {
  it("are read with its token, whatever address the operator listens on, and say so when they are refused", async () => {
    const server = metricsServer({
      ...{ clock: new FakeClock(), host: "::", port: 0, log: silentLogger },
      render: () => Promise.resolve({ contentType: "text/plain", pieces: [Buffer.from("m 1\n")], bytes: 4 }),
      judge: (header) => Promise.resolve(header === "Bearer good" ? "Allowed" : "Unauthenticated"),
    });
    server.use(await ownCertificate("keyturn-0", new Date()));
    const port = await server.listen();
    try {
      for (const host of ["[::]", "0.0.0.0", "127.0.0.1", ""])
        assert.equal(await ownMetrics({ metricsAddress: `${host}:${port}` }, "good"), "m 1\n");
      await assert.rejects(ownMetrics({ metricsAddress: `[::]:${port}` }, "bad"), /the metrics answered 401/);
    } finally {
      await server.close();
    }
    await assert.rejects(ownMetrics({ metricsAddress: `[::]:${port}` }, "good"));
  });
});
