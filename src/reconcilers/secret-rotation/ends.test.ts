import assert from "node:assert/strict";
import { PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { SECRETS } from "../../stores/kinds.ts";
import { Bench, connectionRef, ROTATION } from "../ports.fake.ts";

const IDENTITY: ObjectRef = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "payments", name: "exporter" };
type Identity = ServiceAccountLifecycle & KubeObject;

const common: Partial<SecretRotationSpec> = {
  identityRef: { name: "exporter" },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  verify: { successes: 1, soak: "1s" },
  retire: { overlap: "1h", requireUnusedFor: "720h" },
};
const appRole: Partial<SecretRotationSpec> = {
  ...common,
  retire: { overlap: "1h" },
  source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
};

interface Kind {
  readonly what: string;
  readonly spec: Partial<SecretRotationSpec>;
  readonly alive: (bench: Bench) => readonly string[];
}
const KINDS: readonly Kind[] = [
  { what: "a secret id", spec: appRole, alive: (bench) => [...bench.appRole.secretIds.keys()] },
  {
    what: "a certificate",
    spec: {
      ...common,
      retire: { overlap: "1h" },
      source: { vaultPKI: { connectionRef: { name: "vault" }, role: "web", dnsNames: ["web.example"] } },
    },
    alive: (bench) => [...bench.pki.serials].filter(([, { revoked }]) => !revoked).map(([serial]) => serial),
  },
  {
    what: "the key of a user that it names itself",
    spec: common,
    alive: (bench) => [...bench.source.keys.values()].filter(({ enabled }) => enabled).map(({ id }) => id),
  },
];

const end = (bench: Bench, spec: Partial<Identity["spec"]> = { state: "Decommissioned" }): void => {
  const before = bench.cluster.peek<Identity>(IDENTITY);
  bench.cluster.seed<Identity>(IDENTITY, {
    ...before,
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { ...before?.metadata, generation: (before?.metadata.generation ?? 0) + 1 },
    spec: {
      owner: { team: "payments", contact: "payments@example.com" },
      purpose: "Exports invoices",
      accounts: [{ name: "lake", vault: { connectionRef: { name: "vault" }, login: { mode: "AppRole" } } }],
      ...spec,
    },
  });
};

const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};

const withOne = async ({ spec, alive }: Kind): Promise<Bench> => {
  const bench = new Bench();
  end(bench, { state: "Active" });
  bench.apply(spec);
  await passes(bench, 60);
  assert.equal(alive(bench).length, 1);
  return bench;
};

/** Few passes, little time: whatever the operator waits for otherwise. */
const diesSoon = async (bench: Bench, { alive }: Kind): Promise<void> => {
  const fromMs = bench.clock.now().getTime();
  for (let pass = 0; pass < 15 && alive(bench).length > 0; pass += 1) await passes(bench, 1);
  assert.deepEqual(alive(bench), []);
  assert.ok(bench.clock.now().getTime() - fromMs < 60_000);
};

describe("the end of an identity that somebody is in the way of", function () {
  this.timeout(60_000);
  for (const kind of KINDS) {
    for (const state of ["Suspended", "Decommissioned"] as const) {
      it(`${kind.what}: dies under a pause when the identity is ${state}`, async () => {
        const bench = await withOne(kind);
        bench.annotate({ [PAUSED]: "true" });
        await passes(bench, 3);
        end(bench, { state });
        await diesSoon(bench, kind);
        await passes(bench, 20);
        assert.deepEqual(kind.alive(bench), [], "nothing is issued under the pause");
        assert.equal(bench.condition("Ready")?.status, "False");
      });
    }

    it(`${kind.what}: another one comes when the identity and the pause are over`, async () => {
      const bench = await withOne(kind);
      bench.annotate({ [PAUSED]: "true" });
      end(bench, { state: "Suspended" });
      await diesSoon(bench, kind);
      await passes(bench, 10);
      end(bench, { state: "Active" });
      await passes(bench, 10);
      assert.deepEqual(kind.alive(bench), []);
      bench.annotate({ [PAUSED]: "false" });
      await passes(bench, 60);
      assert.deepEqual(kind.alive(bench), [bench.status().current?.id]);
      assert.equal(bench.condition("Ready")?.status, "True");
    });

    it(`${kind.what}: dies although a changed spec fails and backs off for an hour`, async () => {
      const bench = await withOne(kind);
      bench.cluster.seed({ kind: SECRETS, namespace: "payments", name: "taken" }, { data: {} });
      const deliver = [...(common.deliver ?? []), { name: "other", kubernetesSecret: { name: "taken" } }];
      bench.apply({ ...kind.spec, rollback: { mode: "None" }, deliver });
      for (let pass = 0; pass < 40; pass += 1) await passes(bench, 1);
      assert.ok(bench.status().failures !== undefined);
      end(bench);
      await diesSoon(bench, kind);
    });

    it(`${kind.what}: dies although the spec makes no sense`, async () => {
      for (const rollback of [{ mode: "None" as const }, undefined]) {
        const bench = await withOne(kind);
        const spec = { ...kind.spec, ...(rollback === undefined ? {} : { rollback }) };
        bench.apply(spec);
        await passes(bench, 5);
        bench.apply({ ...spec, schedule: { cron: "0 0 30 2 *" } });
        await passes(bench, 5);
        end(bench);
        await diesSoon(bench, kind);
        if (rollback !== undefined) assert.equal(bench.condition("Stalled")?.reason, "InvalidSpec");
      }
    });

    it(`${kind.what}: dies although its connection no longer allows the namespace`, async () => {
      const bench = await withOne(kind);
      for (const name of ["aws", "vault"]) {
        const connection = bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef(name))!;
        const allowedNamespaces = { mode: "Listed", names: ["other"] };
        bench.cluster.seed(connectionRef(name), { ...connection, spec: { ...connection.spec, allowedNamespaces } });
      }
      end(bench);
      await diesSoon(bench, kind);
    });
  }

  const [secretId] = KINDS;
  assert.ok(secretId !== undefined);

  it("what makes no sense before it was ever good ends as well, and is deleted", async () => {
    const bench = await withOne(secretId);
    const { lastKnownGood, ...status } = bench.status();
    assert.ok(lastKnownGood !== undefined);
    bench.cluster.seed(ROTATION, { ...bench.object(), status });
    bench.apply({ ...secretId.spec, schedule: { cron: "0 0 30 2 *" } });
    await passes(bench, 3);
    assert.equal(bench.condition("Stalled")?.reason, "InvalidSpec");
    assert.equal(secretId.alive(bench).length, 1, "nothing has ended yet");
    end(bench);
    await diesSoon(bench, secretId);
    await bench.deleteRotation();
    await passes(bench, 10);
    assert.throws(() => bench.object(), "the finalizer waits for a spec that makes sense");
  });

  it("a spec that cannot be written back holds up no end", async () => {
    const bench = await withOne(secretId);
    bench.apply({ ...secretId.spec, rollback: { mode: "RewriteSpec" }, schedule: { every: "720h" } });
    await passes(bench, 10);
    const schedule = { cron: "0 0 30 2 *" };
    const replace = bench.cluster.mergePatch.bind(bench.cluster);
    bench.cluster.mergePatch = (...args: Parameters<typeof replace>) =>
      JSON.stringify(args).includes("spec")
        ? Promise.reject(new OperatorError("PermissionDenied", { publicMessage: "A policy forbids it." }))
        : replace(...args);
    bench.apply({ ...secretId.spec, rollback: { mode: "RewriteSpec" }, schedule });
    await passes(bench, 3);
    end(bench);
    await diesSoon(bench, secretId);
  });

  it("an AppRole of the identity's account goes with it, although the rotation does not name the identity", async () => {
    const { identityRef, ...rest } = secretId.spec;
    assert.ok(identityRef !== undefined);
    const source = { vaultAppRole: { connectionRef: { name: "vault" }, role: "exporter.lake" } };
    for (const named of [{}, { identityRef: { name: "decoy" } }]) {
      const bench = new Bench();
      end(bench, { state: "Active" });
      const decoy = bench.cluster.peek<Identity>(IDENTITY)!;
      bench.cluster.seed(
        { ...IDENTITY, name: "decoy" },
        {
          ...decoy,
          metadata: {},
          spec: { ...decoy.spec, accounts: [{ name: "other", kubernetes: {} }] },
        },
      );
      bench.apply({ ...rest, ...named, source });
      await passes(bench, 60);
      assert.equal(bench.appRole.secretIds.size, 1);
      bench.annotate({ [PAUSED]: "true" });
      end(bench);
      await diesSoon(bench, secretId);
    }
  });

  it("an identity that a newer version has written to ends it nevertheless, and lets nothing be issued", async () => {
    const bench = await withOne(secretId);
    end(bench, { state: "Active", newer: true } as never);
    bench.rotate();
    await passes(bench, 5);
    assert.equal(secretId.alive(bench).length, 1);
    end(bench, { state: "Decommissioned", newer: true } as never);
    await diesSoon(bench, secretId);
  });

  it("Retain keeps nothing of an identity that has ended", async () => {
    for (const [state, left] of [
      ["Active", 1],
      ["Decommissioned", 0],
    ] as const) {
      const bench = await withOne(secretId);
      bench.apply({ ...secretId.spec, deletion: { policy: "Retain" } });
      await passes(bench, 5);
      end(bench, { state });
      await bench.deleteRotation();
      await passes(bench, 5);
      await bench.ledgerToRest();
      assert.equal(secretId.alive(bench).length, left, state);
    }
  });

  it("one that nobody recorded is found where it was delivered, and dies", async () => {
    const certificate = KINDS[1]!;
    let bench = new Bench();
    for (let at = 1; at <= 8 && (bench.secret() === undefined || bench.status().current !== undefined); at += 1) {
      bench = new Bench();
      end(bench, { state: "Active" });
      bench.apply(certificate.spec);
      bench.trap = { at, how: "killBefore" };
      for (let pass = 0; pass < 5 && !bench.dead; pass += 1) await bench.pass();
      bench.trap = undefined;
      bench.start();
    }
    assert.ok(bench.secret() !== undefined);
    assert.equal(bench.status().current, undefined, "its record was lost");
    assert.equal(certificate.alive(bench).length, 1);
    end(bench);
    await diesSoon(bench, certificate);
  });
});
