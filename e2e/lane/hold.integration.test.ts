import { deepEqual, equal, ok } from "node:assert/strict";
import type { IdentityHold } from "../../src/api/v1alpha1/identity-hold.ts";
import { sleep, waitFor } from "../stack/wait.ts";
import type { KubeObject } from "../stack/kube.ts";
import { startLane, type Lane, type Site } from "./lane.ts";
import { conditionOf, type Rotation } from "./rotation.ts";
import { startWorld, type World } from "./world.ts";

const HOLDS = "/apis/keyturn.dev/v1alpha1/identityholds";

/** A hold on the real servers: an operator with the shipped rights, which reads holds and writes nothing of them but their status. */
describe("an IdentityHold on real servers", function () {
  this.timeout(180_000);
  let world: World;
  let lane: Lane;
  let site: Site;

  before(async function () {
    this.timeout(3_600_000);
    world = await startWorld();
    lane = await startLane(world);
    site = await lane.open({ name: "held", resync: "5s" });
  });
  after(async () => {
    await site.close();
    await world.stop();
  });

  const kube = () => world.stack.kubernetes.client;
  const keys = () => world.stack.aws.client.listAccessKeys(site.userName);
  const read = (): Promise<Rotation | undefined> => kube().find<Rotation>(site.rotationPath);
  const isReady = (rotation: Rotation | undefined): boolean =>
    conditionOf(rotation?.status, "Ready")?.status === "True";
  const hold = (): Promise<(IdentityHold & KubeObject) | undefined> => kube().find(`${HOLDS}/leak`);
  const reasonOf = (held: IdentityHold | undefined): string | undefined =>
    held?.status?.conditions?.find(({ type }) => type === "Ready")?.reason;

  it("ends what it holds, outlives its re-creation, and lets it be issued again when it is gone", async () => {
    await site.startOperator();
    await site.applyWorkload();
    await site.applyRotation();
    await waitFor("a first credential", async () => isReady(await read()), { timeout: 60_000 });
    equal((await keys()).length, 1);

    await kube().create(HOLDS, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "IdentityHold",
      metadata: { name: "leak" },
      spec: { namespace: site.namespace, name: "*", reason: "Seen in a public repository" },
    });
    await waitFor("its key is dead", async () => (await keys()).length === 0, { timeout: 60_000 });
    deepEqual((await read())?.status?.holds, ["leak"]);
    await waitFor("the hold says so", async () => reasonOf(await hold()) === "Held", { timeout: 60_000 });
    ok((await hold())?.status?.targets?.some((target) => target.endsWith(`/${site.userName}`)));

    // The very same resource, made anew with another UID.
    await kube().delete(site.rotationPath);
    await waitFor("it is gone", async () => (await read()) === undefined, { timeout: 60_000 });
    await site.applyRotation();
    await waitFor("it is held again", async () => (await read())?.status?.holds?.includes("leak") === true, {
      timeout: 30_000,
    });
    await sleep(3000);
    equal((await keys()).length, 0);

    await kube().delete(`${HOLDS}/leak`);
    await waitFor("another credential", async () => isReady(await read()), { timeout: 60_000 });
    equal((await read())?.status?.holds, undefined);
    equal((await keys()).length, 1);
  });
});
