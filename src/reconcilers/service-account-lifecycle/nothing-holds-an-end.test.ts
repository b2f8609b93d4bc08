import assert from "node:assert/strict";
import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID, PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import { CONFIG_MAPS } from "../../stores/kinds.ts";
import { connectionRef, OPERATOR_NAMESPACE } from "../ports.fake.ts";
import { ADMIN, IDENTITY, LifecycleBench, REQUEST, SPEC } from "./bench.fake.ts";
import { serviceAccountLifecycleReconciler } from "./reconciler.ts";

const KILL_SWITCH = { kind: CONFIG_MAPS, namespace: OPERATOR_NAMESPACE, name: "keyturn-kill-switch" };
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const HOUR_MS = 3_600_000;

const stamp = (name: string): Readonly<Record<string, string>> => ({
  [CHANGED_BY]: name,
  [CHANGED_BY_UID]: `uid-${name}`,
  [CHANGED_BY_GROUPS]: "developers",
});

const isDown = (bench: LifecycleBench): void => {
  assert.deepEqual(bench.keys("cluster"), []);
  for (const name of ["lake", "secrets"]) assert.equal(bench.place(name).lets(), false, name);
};

const turns = async (bench: LifecycleBench, count: number, stepMs: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) {
    if (bench.exists) await bench.pass();
    await bench.ledgerPass();
    await bench.bench.clock.advance(stepMs);
  }
};

const refusing = (code: OperatorError["code"], publicMessage: string) => (): never => {
  throw new OperatorError(code, { publicMessage });
};

/** What keeps something from being given, and so the good spec from being written back. */
const obstacles: readonly (readonly [string, (bench: LifecycleBench) => void])[] = [
  ["the kill switch is on", ({ bench }) => void bench.cluster.seed(KILL_SWITCH, { data: { engaged: "true" } })],
  [
    "the namespace's share of the audit volume is used",
    ({ bench }) => {
      bench.auditRoom = { demandShare: refusing("AuditShareUsed", "used"), demandRoom: () => undefined };
    },
  ],
  [
    "every update of the spec fails at a webhook",
    ({ bench }) => {
      bench.cluster.replace = () => Promise.reject(new OperatorError("Unavailable", { publicMessage: "webhook" }));
    },
  ],
  [
    "the audit trail cannot be written",
    ({ bench }) => {
      bench.auditDown = true;
    },
  ],
];

describe("a good spec that cannot be written back", () => {
  const quarantined = async (more: Partial<ServiceAccountLifecycleSpec>, obstacle: (bench: LifecycleBench) => void) => {
    const bench = new LifecycleBench();
    bench.apply(more);
    await bench.toRest();
    const user = { policies: [READ_ONLY, ADMIN] };
    bench.apply({
      ...more,
      rollback: { mode: "RewriteSpec" },
      accounts: SPEC.accounts.map((account) =>
        account.name === "lake" ? { name: "lake", aws: { connectionRef: { name: "aws" }, user } } : account,
      ),
    });
    obstacle(bench);
    for (let pass = 0; pass < 60 && bench.status().quarantine === undefined; pass += 1) {
      await bench.pass();
      await bench.bench.clock.advance(1000);
    }
    assert.notEqual(bench.status().quarantine, undefined);
    return bench;
  };
  for (const [when, obstacle] of obstacles) {
    it(`holds up no hold: ${when}`, async () => {
      const bench = await quarantined({}, obstacle);
      bench.bench.hold("leak");
      await turns(bench, 60, 300_000);
      isDown(bench);
    });

    it(`holds up no expiresAt: ${when}`, async () => {
      const { bench: other } = new LifecycleBench();
      const expiresAt = new Date(other.clock.now().getTime() + 3 * HOUR_MS).toISOString();
      const bench = await quarantined({ expiresAt }, obstacle);
      await turns(bench, 60, 300_000);
      isDown(bench);
    });
  }
});

describe("a connection that this version does not understand", () => {
  it("keeps no other account from being cut", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    const before = bench.bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("vault"));
    bench.bench.cluster.seed(connectionRef("vault"), { ...before, spec: { ...before?.spec, fromTheFuture: true } });
    bench.bench.hold("leak");
    await turns(bench, 30, 10_000);
    assert.deepEqual(bench.keys("cluster"), []);
    assert.equal(bench.place("lake").lets(), false);
  });
});

describe("two providers each of which takes more than half of a pass", () => {
  it("keep no other account from being cut", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    const { clock } = bench.bench;
    let abort = new AbortController();
    bench.bench.wrapAccount = (client, name) =>
      name === "cluster"
        ? client
        : {
            ...client,
            observe: async (context, record) => {
              await clock.advance(70_000);
              if (abort.signal.aborted) refusing("Aborted", "The pass took too long and was stopped.")();
              return client.observe(context, record);
            },
          };
    bench.bench.start();
    bench.bench.hold("leak");
    for (let pass = 0; pass < 20; pass += 1) {
      abort = new AbortController();
      const { signal } = abort;
      clock.schedule(120_000, () => {
        abort.abort(new OperatorError("Timeout", { publicMessage: "The pass took too long and was stopped." }));
      });
      await serviceAccountLifecycleReconciler(bench.bench.ports)
        .reconcile(REQUEST, { ...bench.bench.context(), signal })
        .catch(() => undefined);
      await clock.advance(300_000);
    }
    assert.deepEqual(bench.keys("cluster"), []);
  });
});

describe("holds that cannot be read", () => {
  const deletion = { policy: "Retain", holdFor: "60s", timeout: "30s" } as const;
  for (const [state, spec] of [
    ["has expired", (now: number) => ({ expiresAt: new Date(now + 6 * HOUR_MS).toISOString() })],
    ["is Suspended", () => ({ state: "Suspended" as const })],
    ["is Decommissioned", () => ({ state: "Decommissioned" as const })],
  ] as const)
    it(`keep no identity in use that ${state} and was deleted with Retain`, async () => {
      const bench = new LifecycleBench();
      const ended = spec(bench.bench.clock.now().getTime());
      bench.apply({ deletion, ...("expiresAt" in ended ? ended : {}) });
      await bench.toRest();
      assert.equal(bench.place("lake").lets(), true);
      bench.bench.holdsRead = false;
      bench.apply({ deletion, ...ended });
      await bench.delete();
      await turns(bench, 720, 60_000);
      isDown(bench);
    });
});

const killed = (bench: LifecycleBench): (() => void) => {
  const { cluster } = bench.bench;
  const write = cluster.replaceStatus.bind(cluster);
  cluster.replaceStatus = () => Promise.reject(new OperatorError("Aborted", { publicMessage: "killed" }));
  return () => {
    cluster.replaceStatus = write;
    bench.revive();
  };
};

describe("an undo that was killed between its claims and its status", () => {
  const undone = async (hours: number): Promise<LifecycleBench> => {
    const bench = new LifecycleBench();
    bench.bench.cluster.allows = ({ user }) => user === "lead";
    const deletion = { policy: "Retain", holdFor: "60s", timeout: "30s" } as const;
    const expiresAt = new Date(bench.bench.clock.now().getTime() + hours * HOUR_MS).toISOString();
    bench.apply({ expiresAt, deletion }, stamp("lead"));
    await bench.toRest();
    await bench.delete();
    await bench.settle();
    assert.equal(bench.exists, false);
    assert.equal(bench.place("lake").lets(), true, "kept until its end");
    bench.apply({ deletion }, stamp("lead"));
    const revive = killed(bench);
    await bench.pass();
    revive();
    return bench;
  };

  it("holds up no end when an editor has changed the resource since", async () => {
    const bench = await undone(6);
    bench.apply({ deletion: { policy: "Retain" }, purpose: "Another" }, stamp("editor"));
    await turns(bench, 300, 300_000);
    isDown(bench);
  });

  it("holds up no hold when the resource is paused", async () => {
    const bench = await undone(600);
    bench.annotate({ [PAUSED]: "true" });
    bench.bench.hold("leak");
    await turns(bench, 60, 60_000);
    isDown(bench);
  });
});

describe("an identity whose status was lost", () => {
  const wiped = async (spec: Partial<ServiceAccountLifecycleSpec> = {}): Promise<LifecycleBench> => {
    const bench = new LifecycleBench();
    bench.apply(spec);
    await bench.toRest();
    bench.bench.cluster.seed(IDENTITY, without(bench.object(), "status"));
    return bench;
  };
  for (const [when, obstacle] of obstacles.filter(([name]) => !name.includes("webhook")))
    it(`is cut under a hold: ${when}`, async () => {
      const bench = await wiped();
      obstacle(bench);
      await bench.bench.clock.advance(5000);
      bench.bench.hold("leak");
      await turns(bench, 60, 60_000);
      isDown(bench);
    });

  it("is cut under a hold when it is deleted with Retain", async () => {
    const bench = await wiped({ deletion: { policy: "Retain", holdFor: "60s", timeout: "30s" } });
    bench.allowRetain("aws", "vault");
    bench.bench.hold("leak");
    await bench.delete();
    await turns(bench, 40, 10_000);
    isDown(bench);
  });
});
