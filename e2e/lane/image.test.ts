import assert from "node:assert/strict";
import { imageStart } from "./image.ts";

describe("the image's start", () => {
  it("is read from the Dockerfile: flags of Node and environment", () => {
    const { nodeArgs, env } = imageStart();
    assert.ok(nodeArgs.includes("--disable-sigusr1"));
    assert.equal(env["NODE_ENV"], "production");
    assert.equal(env["NODE_COMPILE_CACHE"], undefined);
  });

  it("is that of the last stage", () => {
    const dockerfile = [
      "FROM a AS b",
      "ENV X=1",
      'ENTRYPOINT ["x"]',
      "FROM c",
      "ENV Y=2 Z=3",
      'ENTRYPOINT ["/app/node", "--one", "/app/keyturn.mjs"]',
    ].join("\n");
    assert.deepEqual(imageStart(dockerfile), { nodeArgs: ["--one"], env: { Y: "2", Z: "3" } });
  });

  it("is refused where it is not the operator's", () => {
    assert.throws(() => imageStart('\nFROM c\nENTRYPOINT ["/bin/sh"]'));
  });
});
