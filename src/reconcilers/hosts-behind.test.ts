import assert from "node:assert/strict";
import { Budget } from "../engine/budget.ts";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { CallContext } from "../providers/contract.ts";
import { awsError } from "../providers/aws/errors.ts";
import { awsSource } from "../providers/aws/source.ts";
import type { HookCall } from "../providers/hook/call.ts";
import { hookSource } from "../providers/hook/source.ts";
import { FakeDatabase } from "../providers/vault/database/fake-database.ts";
import { databaseSource } from "../providers/vault/database/source.ts";
import { vaultError, vaultUnreachable } from "../providers/vault/errors.ts";
import { hookStore } from "../stores/hook.ts";
import { PrometheusMetrics } from "../telemetry/metrics.ts";
import { measuredSource, measuredStore } from "./measured.ts";

const AWAY = /not answered several times in a row/;

/** A connection with its budget, for several namespaces. */
const site = () => {
  const clock = new FakeClock();
  const budget = new Budget({ clock, name: "shared", perSecond: 100, burst: 200, atOnce: 20 });
  const metrics = new PrometheusMetrics({ version: "0", process: false });
  const meter = { clock, metrics, provider: "any", budget };
  const of = (share: string): CallContext => ({
    signal: new AbortController().signal,
    log: silentLogger,
    turn: { lane: "rest", share },
  });
  const failing = async (run: () => Promise<unknown>, times = 5): Promise<void> => {
    for (let n = 0; n < times; n += 1) await assert.rejects(run());
  };
  return { clock, budget, meter, of, failing };
};

describe("a tenant's database behind a Vault that all share", () => {
  const config = {
    identities: { namePrefix: "keyturn" },
    databases: {
      mount: "database",
      servers: [
        { name: "orders", host: "orders", port: 5432, database: "orders" },
        { name: "bills", host: "bills", port: 5432, database: "bills" },
      ],
    },
  };
  const setUp = () => {
    const at = site();
    const { clock, meter } = at;
    const database = new FakeDatabase(() => clock.now());
    database.add("keyturn.payments.web", "web");
    database.add("keyturn.payments.jobs", "jobs");
    database.add("keyturn.payments.bills", "bills", "bills");
    database.add("keyturn.other.app", "app", "bills");
    const broken: { logIn?: OperatorError; rotate?: OperatorError; readRole?: OperatorError } = {};
    const fails = <T>(fault: OperatorError | undefined, run: () => Promise<T>): Promise<T> =>
      fault === undefined ? run() : Promise.reject(fault);
    const calls = {
      ...database.calls,
      rotate: (...asked: Parameters<typeof database.calls.rotate>) =>
        fails(asked[0].name.includes("payments") ? broken.rotate : undefined, () => database.calls.rotate(...asked)),
      readRole: (...asked: Parameters<typeof database.calls.readRole>) =>
        fails(asked[0].name.includes("payments") ? broken.readRole : undefined, () =>
          database.calls.readRole(...asked),
        ),
    };
    const connection = { config, use: (run: (session: unknown) => unknown) => run({ database: calls }) } as never;
    const source = (namespace: string, role: string) =>
      measuredSource(
        databaseSource(
          connection,
          { namespace, role, users: "Single" },
          {
            clock,
            servers: ({ host }) => ({
              ...database.server,
              logIn: (...asked) =>
                fails(host === "orders" ? broken.logIn : undefined, () => database.server.logIn(...asked)),
            }),
          },
        ),
        meter,
      );
    return { ...at, broken, source };
  };
  const dead = new OperatorError("Unavailable", { publicMessage: "The database gave no good answer." });
  const away = (words: string) => (thrown: unknown) =>
    thrown instanceof OperatorError && AWAY.test(thrown.message) && thrown.message.startsWith(words);

  it("is left alone when logins at it fail, and nothing else is", async () => {
    const { broken, source, of, failing, budget } = setUp();
    const web = source("payments", "web");
    const { material, issuedAt } = await web.issue(of("payments"));
    broken.logIn = dead;
    await failing(() => web.verify(material, issuedAt, of("payments")));
    await assert.rejects(web.proveRefused(material, of("payments")), away("Vault's database orders, reached through"));
    await assert.rejects(
      source("payments", "jobs").verify(material, issuedAt, of("payments")),
      AWAY,
      "of one database",
    );
    await web.list(of("payments"));
    await source("payments", "bills").issue(of("payments"));
    await source("other", "app").issue(of("other"));
    assert.deepEqual(budget.open(), { host: 0, others: 1 });
  });

  for (const [what, fault] of [
    ["does not answer in time", vaultUnreachable({ name: "TimeoutError" }, "change of a static role's password")],
    ["answers that it cannot reach it", vaultError({ status: 500, errors: ["dial tcp"] }, "change")],
    ["cuts the connection", vaultUnreachable({ code: "ECONNRESET" }, "change")],
  ] as const)
    it(`is left alone when Vault ${what}, and Vault is not`, async () => {
      const { broken, source, of, failing, budget } = setUp();
      broken.rotate = fault;
      await failing(() => source("payments", "web").issue(of("payments")), 8);
      await assert.rejects(source("payments", "web").issue(of("payments")), AWAY);
      await source("payments", "web").list(of("payments"));
      await source("other", "app").issue(of("other"));
      assert.deepEqual(budget.open(), { host: 0, others: 1 });
    });

  it("says nothing of Vault where even a look at its role hangs", async () => {
    const { broken, source, of, failing, budget } = setUp();
    broken.readRole = vaultUnreachable({ name: "TimeoutError" }, "read of a static role");
    for (const role of ["web", "jobs", "bills"]) await failing(() => source("payments", role).list(of(`ns-${role}`)));
    await source("other", "app").list(of("other"));
    assert.deepEqual(budget.open(), { host: 0, others: 3 });
  });

  it("does not hide a Vault that is away", async () => {
    for (const fault of [
      vaultUnreachable({ code: "ECONNREFUSED" }, "read"),
      vaultError({ status: 503, errors: [] }, "read"),
    ]) {
      const { broken, source, of, failing, budget } = setUp();
      broken.readRole = fault;
      await failing(() => source("payments", "web").list(of("payments")));
      await assert.rejects(source("other", "app").list(of("other")), AWAY);
      assert.deepEqual(budget.open(), { host: 1, others: 0 });
    }
  });
});

describe("a tenant's target behind a hook that all share", () => {
  const late = new OperatorError("Timeout", { publicMessage: "The hook's test timed out." });
  const unsent = new OperatorError("Unavailable", {
    publicMessage: "The hook's test got no good answer.",
    hostFault: true,
  });

  const setUp = (fault: OperatorError) => {
    const at = site();
    const call: HookCall = (_verb, body) =>
      JSON.stringify(body).includes("dead")
        ? Promise.reject(fault)
        : Promise.resolve(body["place"] === undefined ? { credentials: [] } : { stands: null });
    const source = (namespace: string, target: string) => {
      const owner = { namespace, name: "app", uid: "u" };
      return measuredSource(hookSource(call, { cluster: "c", owner, target }, { clock: at.clock }), at.meter);
    };
    const store = (namespace: string, place: string) => {
      const owner = { cluster: "c", namespace, name: "app", uid: "u", predecessors: [] };
      const door = { call, account: "hook", signingKey: () => Promise.resolve("k".repeat(32)) };
      return measuredStore(hookStore(door, owner, place), at.meter);
    };
    return { ...at, source, store };
  };

  it("is left alone when calls for it hang, and no other target or namespace is", async () => {
    const { source, of, failing, budget } = setUp(late);
    await failing(() => source("payments", "dead").list(of("payments")));
    await assert.rejects(
      source("payments", "dead").list(of("payments")),
      /^OperatorError: The hook's target dead, reached through ProviderConnection shared, has not answered/,
    );
    await source("payments", "good").list(of("payments"));
    await source("other", "good").list(of("other"));
    assert.deepEqual(budget.open(), { host: 0, others: 1 });
  });

  it("cannot be made to look dead by another namespace that names it", async () => {
    const { source, of, failing } = setUp(late);
    await failing(() => source("mallory", "dead").list(of("mallory")));
    await assert.rejects(source("payments", "dead").list(of("payments")), /timed out/);
  });

  it("has its places counted likewise", async () => {
    const { store, of, failing } = setUp(late);
    await failing(() => store("payments", "dead").observe(of("payments")));
    await assert.rejects(store("payments", "dead").observe(of("payments")), /The hook's place dead, reached through/);
    await store("payments", "good").observe(of("payments"));
  });

  it("does not hide a hook that cannot be reached", async () => {
    const { source, of, failing, budget } = setUp(unsent);
    await failing(() => source("payments", "dead").list(of("payments")));
    await assert.rejects(source("other", "good").list(of("other")), AWAY);
    assert.deepEqual(budget.open(), { host: 1, others: 0 });
  });
});

describe("AWS, whose keys are tried at another host than they are made at", () => {
  it("goes on at IAM while STS does not answer", async () => {
    const { clock, meter, of, failing, budget } = site();
    const calls = {
      callerIdentity: () => Promise.reject(awsError({ code: "ECONNREFUSED" }, "GetCallerIdentity")),
      deleteAccessKey: () => Promise.resolve(),
    };
    const access = { use: (run: (calls: unknown, account: string) => unknown) => run(calls, "111122223333") } as never;
    const source = measuredSource(awsSource(access, { userName: "u", allowedPath: "/" }, clock), meter);
    const material = new SecretMaterial({ accessKeyId: "a", secretAccessKey: "b" });
    for (const share of ["a", "b", "c", "d"]) await failing(() => source.verify(material, clock.now(), of(share)));
    assert.equal(await source.revoke("AKIA", of("a")), "removed");
    assert.deepEqual(budget.open(), { host: 0, others: 4 });
  });
});
