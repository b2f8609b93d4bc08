import assert from "node:assert/strict";
import type { KubeClient, KubeObject, WatchEvent } from "../stack/kube.ts";
import { sleep } from "../stack/wait.ts";
import { differing } from "./sample-defaults.ts";
import { watchSpecs } from "./spec-writers.ts";

describe("fields that the server stores otherwise", () => {
  const cases: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
    ["none", { a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }, []],
    ["one that is filled in", { a: 1 }, { a: 1, b: false }, ["spec.b"]],
    ["one deep in a list", { a: [{ b: 1 }] }, { a: [{ b: 1, c: "x" }] }, ["spec.a.0.c"]],
    ["one that is dropped", { a: 1, b: 2 }, { a: 1 }, ["spec.b"]],
    ["one that is changed", { every: "60m" }, { every: "1h" }, ["spec.every"]],
  ];
  for (const [title, written, stored, expected] of cases)
    it(title, () => {
      assert.deepEqual(differing(written, stored, "spec"), expected);
    });
});

describe("who writes specs", () => {
  const resource = (generation: number, ...managers: readonly (readonly [string, string?])[]): KubeObject => ({
    kind: "SecretRotation",
    metadata: {
      name: "app",
      uid: "u",
      generation,
      managedFields: managers.map(([manager, subresource]) => ({
        manager,
        ...(subresource === undefined ? {} : { subresource }),
        fieldsV1: subresource === undefined ? { "f:spec": {} } : { "f:status": {} },
      })),
    },
  });

  const seen = async (...events: readonly KubeObject[]): Promise<readonly string[]> => {
    const kube = {
      list: (path: string) =>
        Promise.resolve({
          metadata: { resourceVersion: "1" },
          items: path.endsWith("secretrotations") ? events.slice(0, 1) : [],
        }),
      async *watch(path: string, _: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
        if (path.endsWith("secretrotations")) for (const object of events.slice(1)) yield { type: "MODIFIED", object };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    } as unknown as KubeClient;
    const watching = watchSpecs(kube, "payments");
    await sleep(20);
    return watching.stop();
  };

  it("is Argo CD, and the operator writes status alone", async () => {
    assert.deepEqual(
      await seen(resource(1, ["argocd-controller"]), resource(2, ["argocd-controller"], ["keyturn", "status"])),
      [],
    );
  });

  it("is told when it is the operator", async () => {
    assert.deepEqual(await seen(resource(1, ["argocd-controller"]), resource(2, ["argocd-controller"], ["keyturn"])), [
      "SecretRotation/app, generation 2, by keyturn",
    ]);
  });
});
