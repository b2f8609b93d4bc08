import { deepEqual, ok, rejects } from "node:assert/strict";
import { FakeApiServer, listAnswer } from "../../src/cluster/fake-api-server.ts";
import { configMaps } from "../../src/cluster/resources.ts";
import { applyOperatorRbac } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { leftOutOf, readableOf, wholeOf } from "../../src/kernel/listed.ts";

const COUNT = 13;
const BYTES = 60_000;
const COLLECTION = "/api/v1/namespaces/ops/configmaps";

/** Pages of lists at a real kube-apiserver: shorter ones from the same place, as the operator asks for when one is too long. */
describe("pages of a real kube-apiserver", function () {
  this.timeout(60_000);
  let stack: Stack;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    await kube.create("/api/v1/namespaces", { metadata: { name: "ops" } });
    await applyOperatorRbac(kube, "ops");
    for (let index = 0; index < COUNT; index += 1) {
      const annotations = { note: "x".repeat(index === 7 ? 3 * BYTES : BYTES) };
      await kube.create(COLLECTION, { metadata: { name: `fat-${index}`, annotations } });
    }
  });
  after(async () => {
    await stack.stop();
  });

  it("are read down to one object, and none is left out or read twice", async () => {
    const wanted = (await stack.kubernetes.client.list(COLLECTION)).items.map(({ metadata }) => metadata.name);
    ok(wanted.length >= COUNT);
    // The largest object fits alone, and not with another one.
    for (const largestPageBytes of [3.5 * BYTES, 8 * BYTES]) {
      const client = await clusterLogin(stack, { largestPageBytes });
      try {
        const listed = await client.list(configMaps, { namespace: "ops" });
        deepEqual(
          wholeOf("ConfigMaps", listed).map(({ metadata }) => metadata.name),
          wanted,
        );
      } finally {
        await client.close();
      }
    }
    const client = await clusterLogin(stack, { largestPageBytes: 2 * BYTES, largestObjectBytes: 2 * BYTES });
    try {
      // One of them is not read by itself: it is left out by name, and the others are all there.
      const listed = await client.list(configMaps, { namespace: "ops" });
      deepEqual(
        leftOutOf(listed).map(({ namespace, name, why }) => [namespace, name, why]),
        [["ops", "fat-7", "TooLarge"]],
      );
      deepEqual(
        readableOf(listed).map(({ metadata }) => metadata.name),
        wanted.filter((name) => name !== "fat-7"),
      );
      await rejects(client.get({ kind: configMaps, namespace: "ops", name: "fat-7" }), /more than is allowed/);
    } finally {
      await client.close();
    }
  });

  it("are asked for in a way that the tests' own server judges alike", async () => {
    const kube = stack.kubernetes.client;
    const { items, metadata } = await kube.list(COLLECTION);
    const fake = await FakeApiServer.start(listAnswer(items, metadata.resourceVersion));
    try {
      const real = async (query: string): Promise<{ status: number; body: string }> =>
        kube.raw("GET", `${COLLECTION}?${query}`);
      const faked = async (query: string): Promise<{ status: number; body: string }> => {
        const answer = await fetch(`${fake.config().getCurrentCluster()?.server ?? ""}${COLLECTION}?${query}`);
        return { status: answer.status, body: await answer.text() };
      };
      const judge = async (ask: typeof real): Promise<readonly unknown[]> => {
        const { metadata: first } = JSON.parse((await ask("limit=5")).body) as { metadata: { continue: string } };
        const next = encodeURIComponent(first.continue);
        const verdicts: unknown[] = [];
        for (const query of [
          ...["limit=5", "limit=0", "limit=-1", "", "limit=many", "limit=1.5", "limit=5&continue=made-up"],
          ...[`limit=2&continue=${next}`, `limit=50&continue=${next}`, `continue=${next}`],
          `limit=2&resourceVersion=${metadata.resourceVersion}&continue=${next}`,
        ]) {
          const { status, body } = await ask(query);
          const { items: page = [], metadata: of } = JSON.parse(body) as {
            items?: readonly { metadata: { name: string } }[];
            metadata?: { continue?: string; remainingItemCount?: number };
          };
          const more = (of?.continue ?? "") !== "";
          const names = page.map((item) => item.metadata.name);
          verdicts.push([query.replace(next, "NEXT"), status, names, more, of?.remainingItemCount]);
        }
        return verdicts;
      };
      deepEqual(await judge(faked), await judge(real));
    } finally {
      await fake.stop();
    }
  });
});
