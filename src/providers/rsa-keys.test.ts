import { deepEqual, equal } from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { generate, generateWrong } from "./hook/generate.ts";
import { rsaKeyPair, rsaPlaces } from "./rsa-keys.ts";
import { keyAndRequest } from "./vault/pki/key-and-request.ts";

const RULES = { kind: "sshKey", algorithm: "RSA-4096" } as const;
const REQUEST = { commonName: "a.example", dnsNames: [], ipAddresses: [], uris: [], ttlSeconds: 60 };

describe("RSA keys", function () {
  this.timeout(120_000);
  let started = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === "KEYPAIRGENREQUEST") started += 1;
    },
  });
  beforeEach(() => {
    started = 0;
    hook.enable();
  });
  afterEach(() => hook.disable());

  /** Both places taken, until the callback is called. */
  const takeBoth = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    void rsaPlaces.run(() => promise);
    void rsaPlaces.run(() => promise);
    return () => resolve(undefined);
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  const sources: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["SSH keys", () => generate(RULES)],
    ["the wrong SSH key of a negative control", () => generateWrong(RULES)],
    ["certificates", () => keyAndRequest({ ...REQUEST, algorithm: "RSA-2048" })],
  ];
  for (const [name, make] of sources) {
    it(`take no thread beyond the two places: ${name}`, async () => {
      const free = takeBoth();
      const made = make();
      await turn();
      equal(started, 0);
      free();
      await made;
      equal(started, 1);
    });
  }

  it("are made two at a time, whoever asks", async () => {
    const all = [rsaKeyPair(2048), keyAndRequest({ ...REQUEST, algorithm: "RSA-2048" }), rsaKeyPair(2048)];
    await turn();
    equal(started, 2);
    await Promise.all(all);
    equal(started, 3);
  });

  it("are made once in a process for negative controls, and belong to no credential", async () => {
    const [first, again] = await Promise.all([generateWrong(RULES), generateWrong(RULES)]);
    deepEqual(first.reveal(), again.reveal());
    equal(started <= 1, true);
  });

  it("are made in this one place", () => {
    const root = join(import.meta.dirname, "..");
    const makers = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
      .filter((path) => /\(\s*"rsa(-pss)?"/.test(readFileSync(join(root, path), "utf8")));
    deepEqual(makers, ["providers/rsa-keys.ts"]);
  });
});
