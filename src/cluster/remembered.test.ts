import assert from "node:assert/strict";
import type { KubeObject } from "./contract.ts";
import { remembered, shortened } from "./remembered.ts";

const objectWith = (metadata: object): KubeObject => ({
  metadata: { name: "db", namespace: "team-a", uid: "u1", resourceVersion: "7", ...metadata },
});
const sizeOf = (value: unknown): number => JSON.stringify(value).length;

describe("what a cache remembers of an object", () => {
  it("keeps our marks and stamps, and nothing of others", () => {
    const own = { "keyturn.dev/paused": "true", "keyturn.dev/changed-by": "ann", "confirmed.keyturn.dev/web": "3-abc" };
    const object = objectWith({
      generation: 3,
      finalizers: ["keyturn.dev/revocation", "other/x"],
      ownerReferences: [{ apiVersion: "v1", kind: "X", name: "x", uid: "x" }],
      managedFields: [{ manager: "m" }],
      labels: { "keyturn.dev/origin": "abc", app: "web" },
      annotations: { ...own, note: "x".repeat(256 * 1024), "evil.dev/keyturn.dev": "y", "notkeyturn.dev/a": "z" },
    });
    assert.deepEqual(remembered(object).metadata, {
      name: "db",
      namespace: "team-a",
      uid: "u1",
      resourceVersion: "7",
      generation: 3,
      finalizers: ["keyturn.dev/revocation", "other/x"],
      labels: { "keyturn.dev/origin": "abc" },
      annotations: own,
    });
  });

  it("stays small under marks of ours that are long or many, and a change of them still shows", () => {
    const long = (letter: string) => objectWith({ annotations: { "keyturn.dev/leaked": letter.repeat(200_000) } });
    const many = (last: string) =>
      objectWith({
        annotations: Object.fromEntries(
          Array.from({ length: 5000 }, (_, index) => [`keyturn.dev/m${index}`, index === 4999 ? last : "1"]),
        ),
      });
    for (const make of [long, many]) {
      const [a, b, again] = [make("a"), make("b"), make("a")].map((object) => remembered(object));
      assert.ok(sizeOf(a) < 3000, String(sizeOf(a)));
      assert.notDeepEqual(a, b);
      assert.deepEqual(a, again);
    }
  });

  it("shortens texts and crowded members to digests that differ as they do", () => {
    const keys = (last: number) =>
      Object.fromEntries(Array.from({ length: 80_000 }, (_, index) => [`k${index}`, index === 79_999 ? last : 0]));
    const value = (last: number) => ({ name: "a", policy: { text: "x".repeat(5000), keys: keys(last), list: ["b"] } });
    const short = shortened(value(1));
    assert.ok(sizeOf(short) < 400, String(sizeOf(short)));
    assert.notDeepEqual(short, shortened(value(2)));
    assert.deepEqual(shortened({ name: "a", list: [1, true, null] }), { name: "a", list: [1, true, null] });
  });
});
