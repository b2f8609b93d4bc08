import assert from "node:assert/strict";
import { ORPHANED_CREDENTIAL } from "../api/v1alpha1/orphaned-credential.ts";
import type { PassContext, Reconciler } from "../engine/contract.ts";
import type { Turn } from "../kernel/turn.ts";
import { orphanReconciler } from "./orphan/reconciler.ts";
import { Bench, ROTATION } from "./ports.fake.ts";
import type { Ports } from "./ports.ts";
import { secretRotationReconciler } from "./secret-rotation/reconciler.ts";
import { IDENTITY, LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";
import { serviceAccountLifecycleReconciler } from "./service-account-lifecycle/reconciler.ts";
import { sweep } from "./sweep.ts";

const TURN: Turn = { lane: "end", share: "payments" };

/** The same ports, and the turn of every call outside that is made with them. */
const watched = (ports: Ports): { readonly ports: Ports; readonly calls: (Turn | undefined)[] } => {
  const calls: (Turn | undefined)[] = [];
  const isContext = (value: unknown): value is PassContext =>
    typeof value === "object" && value !== null && "signal" in value && "log" in value;
  const watch = <T extends object>(door: T): T =>
    new Proxy(door, {
      get(target, key): unknown {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return (...asked: unknown[]): unknown => {
          for (const context of asked.filter(isContext)) calls.push(context.turn);
          return Reflect.apply(member, target, asked) as unknown;
        };
      },
    });
  const opened = <T extends object>(opener: T): T =>
    new Proxy(opener, {
      get(target, key): unknown {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return (...asked: unknown[]): unknown => {
          const door: unknown = Reflect.apply(member, target, asked);
          return typeof door === "object" && door !== null && !("then" in door) ? watch(door) : door;
        };
      },
    });
  return {
    calls,
    ports: {
      ...ports,
      sources: opened(ports.sources),
      accounts: opened(ports.accounts),
      stores: opened(ports.stores),
    },
  };
};

describe("calls outside go by the turn of their pass", () => {
  const passes = async (
    bench: Bench,
    reconciler: (ports: Ports) => Reconciler,
    request: { readonly namespace: string; readonly name: string },
    count = 12,
  ) => {
    const { ports, calls } = watched(bench.ports);
    for (let pass = 0; pass < count; pass += 1) {
      await reconciler(ports)
        .reconcile(request, { ...bench.context(), turn: TURN })
        .catch(() => undefined);
      await bench.clock.advance(5000);
    }
    assert.ok(calls.length >= 5, `${calls.length} calls`);
    assert.deepEqual(
      calls.filter((turn) => turn !== TURN),
      [],
    );
  };

  it("of a SecretRotation's", async () => {
    const bench = new Bench();
    bench.apply();
    await passes(bench, secretRotationReconciler, { namespace: "payments", name: ROTATION.name });
  });

  it("of a SecretRotation's deletion", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    const { metadata, ...rest } = bench.object();
    bench.cluster.seed(ROTATION, { ...rest, metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    await passes(bench, secretRotationReconciler, { namespace: "payments", name: ROTATION.name });
  });

  it("of an identity's", async () => {
    const identity = new LifecycleBench();
    identity.apply();
    await passes(identity.bench, serviceAccountLifecycleReconciler, { namespace: "payments", name: "billing" });
  });

  it("of an identity's ledger entry", async () => {
    const identity = new LifecycleBench();
    identity.apply();
    await identity.toRest();
    identity.bench.cluster.drop(IDENTITY);
    await sweep(identity.bench.ports, identity.bench.context());
    await passes(identity.bench, orphanReconciler, { namespace: "", name: identity.entry()?.metadata.name ?? "" });
  });

  it("of a rotation's ledger entry", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    bench.cluster.drop(ROTATION);
    await sweep(bench.ports, bench.context());
    const [entry] = bench.cluster.all(ORPHANED_CREDENTIAL);
    await passes(bench, orphanReconciler, { namespace: "", name: entry?.metadata.name ?? "" });
  });
});
