import assert from "node:assert/strict";
import { withEmptyObjects } from "./empty-objects.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { secretRotations, secrets } from "./resources.ts";

describe("an object that server-side apply has emptied", () => {
  const spec = { accounts: [{ name: "cluster", kubernetes: null }], deletion: null, purpose: "x" };

  it("reads as an empty one, at any depth and in lists", () => {
    const read = withEmptyObjects({ group: "keyturn.dev" }, { spec, status: { left: null } });
    assert.deepEqual(read, {
      spec: { accounts: [{ name: "cluster", kubernetes: {} }], deletion: {}, purpose: "x" },
      status: { left: null },
    });
  });

  it("is the very same object when there is none, or when the kind is not ours", () => {
    const whole = { spec: { accounts: [{ name: "cluster", kubernetes: {} }] } };
    assert.equal(withEmptyObjects({ group: "keyturn.dev" }, whole), whole);
    const foreign = { spec };
    assert.equal(withEmptyObjects({ group: "apps" }, foreign), foreign);
  });

  it("reads so from the fake cluster as well", async () => {
    const cluster = new FakeCluster();
    const ref = { kind: secretRotations, namespace: "a", name: "b" };
    cluster.seed(ref, { spec: { verify: null } });
    assert.deepEqual(await cluster.get(ref).then((object) => (object as { readonly spec?: unknown }).spec), {
      verify: {},
    });
    const secret = { kind: secrets, namespace: "a", name: "b" };
    cluster.seed(secret, { data: null });
    assert.equal(((await cluster.get(secret)) as { readonly data?: unknown }).data, null);
  });
});
