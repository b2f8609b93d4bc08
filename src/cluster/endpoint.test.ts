import { equal } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { FakeClock } from "../kernel/fake-clock.ts";
import { Endpoint } from "./endpoint.ts";

describe("the login to kube-apiserver", () => {
  let folder: string;
  let token: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-login-"));
    token = join(folder, "token");
    await writeFile(token, "first");
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** As client-node sets itself up in a Pod. */
  const open = () => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "inCluster", server: "https://10.0.0.1", skipTLSVerify: false },
      { name: "inClusterUser", authProvider: { name: "tokenFile", config: { tokenFile: token } } },
    );
    const clock = new FakeClock();
    const endpoint = new Endpoint(config, clock);
    const sent = async () => (await endpoint.connect("requests")).headers["Authorization"];
    return { clock, endpoint, sent };
  };

  it("reads the Pod's token from disk at once after a 401", async () => {
    const { endpoint, sent } = open();
    equal(await sent(), "Bearer first");
    await writeFile(token, "second");
    equal(await sent(), "Bearer first");
    endpoint.forgetLogin();
    equal(await sent(), "Bearer second");
    await endpoint.close();
  });

  it("goes back to no token that it had", async () => {
    const { clock, endpoint, sent } = open();
    await sent();
    await writeFile(token, "second");
    endpoint.forgetLogin();
    await sent();
    await clock.advance(10_000);
    equal(await sent(), "Bearer second");
    await endpoint.close();
  });
});
