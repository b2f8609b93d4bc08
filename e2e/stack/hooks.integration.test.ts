import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { HookRequest, ValueRules } from "../../src/domain/rotation/source.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { SecretMaterial } from "../../src/kernel/secret-material.ts";
import { describeCredentialSource } from "../../src/providers/conformance.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { signatureOf } from "../../src/providers/hook/call.ts";
import { hookConnections, type HookConnections, type HookDoor } from "../../src/providers/hook/connection.ts";
import { hookSource } from "../../src/providers/hook/source.ts";
import type { DeliveryOwner } from "../../src/stores/contract.ts";
import { hookStore } from "../../src/stores/hook.ts";
import { httpClient } from "./http.ts";
import { ensureRotator, type Rotator } from "./rotator.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };

/** The example rotator of config/samples as somebody would run it, and hooks that do not keep the contract. */
describe("hooks over HTTPS", function () {
  this.timeout(60_000);
  let stack: Stack;
  let rotator: Rotator;
  let connections: HookConnections;
  let signingKey: string | undefined;
  let targets = 0;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    rotator = await ensureRotator(stack);
    signingKey = rotator.signingKey;
    connections = hookConnections({
      clock: systemClock,
      jobs: { run: () => Promise.reject(new Error("no Job is run here")) },
      readSecret: () => Promise.resolve(signingKey === undefined ? undefined : { signingKey }),
    });
  });
  after(async () => {
    connections.close();
    await stack.stop();
  });

  const doorTo = (url: string, more: object = {}): HookDoor => {
    const caBundle = stack.ca.pem;
    const spec = { url, caBundle, signingSecretRef: { name: "rotator" }, allowPrivateAddresses: true, ...more };
    return connections.connection({ name: "hook", uid: JSON.stringify(spec), generation: 1, spec });
  };
  const sourceOf = (request: Partial<HookRequest> = {}, door = doorTo(rotator.url)): CredentialSource => {
    targets += 1;
    return hookSource(
      door.call,
      {
        cluster: "test",
        owner: { namespace: "payments", name: "crm", uid: "u-1" },
        target: `crm-${targets}`,
        request: { fields: ["apiKey"], slots: 2, refusalsCount: false, ...request },
      },
      { clock: systemClock },
    );
  };
  const RULES: readonly ValueRules[] = [
    { kind: "password", length: 24, characters: ["Lower", "Upper", "Digits"] },
    { kind: "token", bytes: 32, prefix: "kt_" },
    { kind: "sshKey", algorithm: "Ed25519" },
  ];
  const failed =
    (code: string, words: RegExp = /./) =>
    (error: unknown): boolean =>
      error instanceof OperatorError && error.code === code && words.test(error.publicMessage);

  describeCredentialSource("hook", () => Promise.resolve({ source: sourceOf() }));
  for (const rules of RULES)
    describeCredentialSource(`generated ${rules.kind}`, () => Promise.resolve({ source: sourceOf({ rules }) }));

  it("gives an API key that the service lets in until it is ended", async () => {
    const source = sourceOf();
    const { id, material } = await source.issue(context, "r-1");
    equal(await rotator.letsIn(material.reveal()["apiKey"] ?? ""), true);
    await source.revoke(id, context);
    equal(await rotator.letsIn(material.reveal()["apiKey"] ?? ""), false);
  });

  it("keeps what it knows over a restart of the rotator", async () => {
    const source = sourceOf();
    const { id } = await source.issue(context, "r-1");
    await rotator.server.kill9();
    await rejects(source.list(context), failed("Unavailable"));
    await rotator.server.start();
    deepEqual(
      (await source.list(context)).credentials.map(({ id: listed, mark }) => [listed, mark]),
      [[id, "r-1"]],
    );
  });

  describe("a place", () => {
    const owner = (uid: string): DeliveryOwner => ({
      cluster: "test",
      namespace: "payments",
      name: "crm",
      uid,
      predecessors: [],
    });
    const one = { version: "1-abcde", material: new SecretMaterial({ apiKey: "first value" }) };
    const two = { version: "2-fghij", material: new SecretMaterial({ apiKey: "second value" }) };

    it("is written, read back by its checksum, replaced, and emptied", async () => {
      const store = hookStore(doorTo(rotator.url), owner("u-1"), "deploy/one");
      const absent = await store.observe(context);
      ok(absent.kind === "absent");
      await store.publish(one, absent.precondition, context);
      const seen = await store.observe(context);
      ok(seen.kind === "ours");
      deepEqual([seen.version, seen.matches(one.material), seen.matches(two.material)], ["1-abcde", true, false]);
      await store.publish(two, seen.precondition, context);
      await rejects(store.publish(one, seen.precondition, context), failed("Conflict"));
      equal(await store.withdraw({ final: true }, context), "removed");
      equal(await store.withdraw({ final: true }, context), "alreadyAbsent");
    });

    it("that is another resource's is not touched", async () => {
      const store = hookStore(doorTo(rotator.url), owner("u-1"), "deploy/two");
      await store.publish(one, { kind: "hook", version: undefined }, context);
      const other = hookStore(doorTo(rotator.url), owner("u-2"), "deploy/two");
      equal((await other.observe(context)).kind, "foreign");
      await rejects(other.publish(two, { kind: "hook", version: one.version }, context), failed("Conflict"));
      equal(await other.withdraw({ final: true }, context), "foreign");
    });
  });

  it("are refused by the rotator when they are not signed, old, changed or repeated", async () => {
    const http = httpClient(rotator.url, stack.ca.pem);
    const body = JSON.stringify({
      contract: "keyturn.dev/hook/v1",
      verb: "test",
      resource: { namespace: "payments" },
      target: "crm",
    });
    const now = Math.floor(Date.now() / 1000);
    const post = async (change: { at?: number; key?: string; sent?: string; id?: string } = {}): Promise<number> => {
      const { at = now, key = rotator.signingKey, sent = body, id = `request-${Math.random()}` } = change;
      const parts = { timestamp: String(at), requestId: id, body };
      const headers = {
        "content-type": "application/json",
        "keyturn-timestamp": parts.timestamp,
        "keyturn-request-id": id,
        "keyturn-signature": signatureOf(key, parts),
      };
      return (await http.call({ method: "POST", path: "/", headers, body: sent })).status;
    };
    equal(await post(), 200);
    equal(await post({ key: "another key of more than 32 characters" }), 401);
    equal(await post({ at: now - 3600 }), 401);
    equal(await post({ at: NaN }), 401);
    equal(await post({ sent: body.replace("crm", "erp") }), 401);
    equal(await post({ id: "request-twice" }), 200);
    equal(await post({ id: "request-twice" }), 401);
    http.close();
  });

  it("are not signed with a key that is too short, and the way out is named", async () => {
    signingKey = "short";
    await rejects(sourceOf().list(context), failed("InvalidSpec", /signingSecretRef/));
    signingKey = undefined;
    await rejects(sourceOf().list(context), failed("InvalidSpec", /signingKey of 32 characters/));
    signingKey = "one that the other side does not know at all";
    await rejects(sourceOf().list(context), failed("Unauthenticated", /compare the signing keys/));
    signingKey = rotator.signingKey;
  });

  it("are sent to no private address unless the connection says so, and never to a link-local one", async () => {
    const port = new URL(rotator.url).port;
    const strict = { allowPrivateAddresses: false };
    for (const host of ["127.0.0.1", "10.1.2.3", "192.168.0.1", "[::1]", "[fd00::1]", "[::ffff:127.0.0.1]"])
      try {
        doorTo(`https://${host}:${port}`, strict);
        ok(false, host);
      } catch (error) {
        ok(failed("InvalidSpec", /allowPrivateAddresses/)(error), host);
      }
    // A name is judged by what it leads to.
    await rejects(sourceOf({}, doorTo(`https://localhost:${port}`, strict)).list(context), failed("Unavailable"));
    equal((await sourceOf({}, doorTo(`https://localhost:${port}`)).list(context)).credentials.length, 0);
    for (const host of ["169.254.169.254", "[fe80::1]"])
      try {
        doorTo(`https://${host}`);
        ok(false, host);
      } catch (error) {
        ok(failed("InvalidSpec", /link-local/)(error), host);
      }
  });

  describe("that do not keep the contract", () => {
    let answer: (request: IncomingMessage, response: ServerResponse) => void;
    let url: string;
    let close: () => void;
    let asked = 0;

    before(async () => {
      const leaf = stack.ca.authority.issue({ cn: "hook", names: ["127.0.0.1"] });
      const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
        asked += 1;
        answer(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      close = () => {
        server.closeAllConnections();
        server.close();
      };
    });
    after(() => {
      close();
    });

    const told = async (status: number, headers: Record<string, string>, text: string): Promise<unknown> => {
      answer = (_request, response) => response.writeHead(status, headers).end(text);
      return sourceOf({}, doorTo(url))
        .list(context)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
    };

    it("are not followed to where they redirect", async () => {
      asked = 0;
      const error = await told(302, { location: rotator.url }, "");
      ok(failed("Unavailable", /redirects are not followed/)(error));
      equal(asked, 1);
    });

    it("are told apart by their status, and no word of theirs is shown", async () => {
      const secret = "a value that must not be shown";
      for (const [status, code] of [
        [400, "InvalidSpec"],
        [401, "Unauthenticated"],
        [403, "PermissionDenied"],
        [404, "NotFound"],
        [409, "Conflict"],
        [429, "Throttled"],
        [500, "Unavailable"],
        [204, "Unavailable"],
      ] as const) {
        const error = (await told(status, { "retry-after": "7" }, status === 204 ? "" : secret)) as OperatorError;
        equal(error.code, code, String(status));
        ok(!`${error.publicMessage}${error.stack ?? ""}`.includes(secret));
        if (status === 429) equal(error.retryAfterMs, 7000);
      }
    });

    it("are not believed", async () => {
      for (const text of ["", "[]", "null", '"x"', "{", "{}", '{"credentials":[{}]}', '{"credentials":[{"id":"a"}]}'])
        ok(failed("Unavailable", /contract|answer/)(await told(200, {}, text)), text);
      match(((await told(200, {}, "x".repeat(400_000))) as OperatorError).publicMessage, /no good answer/);
    });
  });
});
