import assert from "node:assert/strict";
import type { HookRequest, ValueRules } from "../../domain/rotation/source.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { describeCredentialSource } from "../conformance.ts";
import type { CallContext, CredentialSource } from "../contract.ts";
import { FakeHook } from "./fake-hook.ts";
import { hookSource } from "./source.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const owner = { namespace: "payments", name: "crm", uid: "u-1" };

const sourceOn = (hook: FakeHook, clock: FakeClock, request: Partial<HookRequest> = {}): CredentialSource =>
  hookSource(
    hook.call,
    {
      cluster: "test",
      owner,
      target: "crm",
      request: { fields: ["apiKey"], slots: 2, refusalsCount: false, ...request },
    },
    { clock },
  );

const RULES: Readonly<Record<string, ValueRules>> = {
  "a password": { kind: "password", length: 24, characters: ["Lower", "Upper", "Digits"] },
  "a token": { kind: "token", bytes: 32, prefix: "kt_" },
  "an SSH key": { kind: "sshKey", algorithm: "Ed25519" },
};

const harness = (request: Partial<HookRequest> = {}) => {
  const clock = new FakeClock();
  const hook = new FakeHook(() => clock.now());
  const mutations = () => hook.log.filter((verb) => verb !== "test").length;
  return { clock, hook, source: sourceOn(hook, clock, request), mutations };
};

describeCredentialSource("hook in memory", () => Promise.resolve(harness()));
for (const [what, rules] of Object.entries(RULES))
  describeCredentialSource(`generated ${what} in memory`, () => Promise.resolve(harness({ rules })));

describe("hook source", () => {
  const code = (wanted: string) => (error: unknown) => error instanceof OperatorError && error.code === wanted;

  it("hands out the public half of a key pair and tries the whole", async () => {
    const { hook, source } = harness({ rules: { kind: "sshKey", algorithm: "Ed25519" } });
    const sent: unknown[] = [];
    const call = hook.call;
    Object.assign(hook, {
      call: (verb: never, body: { material?: object }, signal: AbortSignal) => {
        sent.push([verb, Object.keys(body.material ?? {})]);
        return call(verb, body, signal);
      },
    });
    const watched = sourceOn(hook, new FakeClock(), { rules: { kind: "sshKey", algorithm: "Ed25519" } });
    const { material } = await watched.issue(context, "r-1");
    await watched.verify(material, new Date(), context);
    assert.deepEqual(sent, [
      ["test", []],
      ["set", ["publicKey"]],
      ["test", ["privateKey", "publicKey"]],
    ]);
    assert.equal((await source.list(context)).credentials.length, 1);
  });

  it("wants exactly the fields that the spec names, and says so", async () => {
    for (const material of [{ other: "x" }, { apiKey: "" }, { apiKey: "x", more: "y" }, "x", undefined]) {
      const { hook, source } = harness();
      hook.answers = { material };
      await assert.rejects(
        source.issue(context, "r-1"),
        (error) => code("InvalidSpec")(error) && /exactly the fields apiKey/.test((error as Error).message),
      );
    }
  });

  it("believes no answer that the contract does not know", async () => {
    for (const answers of [{ id: "" }, { id: 1 }, { id: "a b" }, { id: "x".repeat(200) }, { expiresAt: "soon" }]) {
      const { hook, source } = harness();
      hook.answers = answers;
      await assert.rejects(source.issue(context, "r-1"), code("Unavailable"));
    }
  });

  it("says that the hook knows no such target", async () => {
    const { hook, source } = harness();
    hook.knowsTarget = false;
    assert.deepEqual(await source.observeTarget(context), { exists: false, allowed: true });
  });

  it("knows when one ends by itself", async () => {
    const { clock, hook, source } = harness();
    const end = new Date(clock.now().getTime() + 3_600_000);
    hook.answers = { expiresAt: end.toISOString() };
    assert.equal((await source.issue(context, "r-1")).expiresAt?.getTime(), end.getTime());
  });

  it("limits refused logins unless the spec says that nobody counts them", () => {
    assert.deepEqual(
      [true, false].map((refusalsCount) => harness({ refusalsCount }).source.capabilities.lockout),
      [true, false],
    );
  });
});
