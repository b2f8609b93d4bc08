import assert from "node:assert/strict";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { fakeErrors } from "../../providers/fake-source.ts";
import { Bench, connectionRef, ROTATION, TRAPS } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const IDENTITY: ObjectRef = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "payments", name: "exporter" };
type Identity = ServiceAccountLifecycle & KubeObject;
type AccountState = NonNullable<NonNullable<Identity["status"]>["accounts"]>[number]["state"];

const OF_ACCOUNT: Partial<SecretRotationSpec> = {
  identityRef: { name: "exporter" },
  source: { awsAccessKey: { accountRef: { name: "lake" } } },
};
const OF_USER: Partial<SecretRotationSpec> = { identityRef: { name: "exporter" } };

/** An identity with an AWS user; what its own reconciler does is done here by hand. */
class IdentityBench extends Bench {
  /** The user is the rotation's own and no account of the identity. */
  ownUser = false;
  #cut: readonly string[] = [];

  constructor() {
    super();
    this.deploy("web");
  }

  identity(spec: Partial<Identity["spec"]> = {}, state: AccountState = "Active"): void {
    const before = this.cluster.peek<Identity>(IDENTITY);
    const account = { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } };
    const seeded = this.cluster.seed<Identity>(IDENTITY, {
      ...before,
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ServiceAccountLifecycle",
      metadata: { ...before?.metadata, generation: (before?.metadata.generation ?? 0) + 1 },
      spec: {
        owner: { team: "payments", contact: "payments@example.com" },
        purpose: "Exports invoices",
        accounts: [account],
        ...spec,
      },
      status: {
        accounts: [
          {
            name: "lake",
            target: "aws-user/111122223333/payments.exporter.lake",
            declaration: JSON.stringify(account),
            externalId: "AIDA1",
            pieces: ["principal"],
            state,
          },
        ],
      },
    });
    const { uid: ownerUid } = seeded.metadata;
    if (!this.ownUser) this.source.target = { exists: true, allowed: true, owner: "test/payments/exporter", ownerUid };
  }

  suspend(state: "Suspended" | "Decommissioned" = "Suspended"): void {
    this.identity({ state }, "Cut");
    this.#cut = [...this.source.keys.values()].filter(({ enabled }) => enabled).map(({ id }) => id);
    for (const key of this.source.keys.values()) key.enabled = false;
  }

  resume(): void {
    this.identity({}, "Active");
    for (const id of this.#cut) {
      const key = this.source.keys.get(id);
      if (key !== undefined) key.enabled = true;
    }
  }

  async passes(count: number): Promise<void> {
    for (let pass = 0; pass < count; pass += 1) {
      const { recheckAfterMs } = await this.pass();
      await this.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
    }
  }

  enabled(): readonly boolean[] {
    return [...this.source.keys.values()].map(({ enabled }) => enabled);
  }
}

const atRest = async (spec: Partial<SecretRotationSpec> = OF_ACCOUNT): Promise<IdentityBench> => {
  const bench = new IdentityBench();
  bench.ownUser = spec.source === undefined;
  bench.identity();
  bench.apply(spec);
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.status, "True");
  return bench;
};
const providerMutations = (bench: Bench): readonly string[] => bench.trace.filter((name) => name.startsWith("aws:"));

describe("a credential of an identity's account", function () {
  this.timeout(60_000);

  it("is made for the account's user, and the owner's mark stays the identity's", async () => {
    const bench = await atRest();
    const { target, identityUid } = bench.status();
    const claim = "aws-access-key/111122223333/payments.exporter.lake";
    assert.deepEqual(target, { connection: "aws", userName: "payments.exporter.lake", claim });
    assert.equal(identityUid, bench.cluster.peek<Identity>(IDENTITY)?.metadata.uid);
    assert.equal(bench.source.count("markOwner"), 0);
    assert.ok((await bench.ports.claims.read(claim)) !== undefined);
  });

  it("waits for an identity that is not there yet, however long, and goes on when it is", async () => {
    const bench = new IdentityBench();
    bench.apply({ ...OF_ACCOUNT, progressDeadline: "1s" });
    for (const missing of ["identity", "account"] as const) {
      await bench.toRest();
      await bench.clock.advance(3_600_000);
      await bench.passes(5);
      assert.equal(bench.condition("Ready")?.reason, "IdentityNotReady", missing);
      assert.equal(bench.condition("Stalled"), undefined);
      assert.deepEqual(
        bench.trace.filter((name) => name !== "cluster:replaceStatus"),
        [],
      );
      bench.identity({}, "Pending");
    }
    bench.identity();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is refused while the user is not marked as the identity's", async () => {
    for (const mark of [{ owner: "test/payments/other" }, { owner: undefined }, { ownerUid: "somebody-else" }]) {
      const bench = new IdentityBench();
      bench.identity();
      bench.source.target = { ...bench.source.target, ...mark };
      bench.apply(OF_ACCOUNT);
      await bench.passes(12);
      assert.equal(bench.source.count("issue"), 0);
      assert.equal(bench.condition("Ready")?.status, "False");
    }
  });

  it("is refused for a connection that does not allow the namespace", async () => {
    const bench = new IdentityBench();
    bench.identity();
    const connection = bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"))!;
    const allowedNamespaces = { mode: "Listed", names: ["other"] };
    bench.cluster.seed(connectionRef("aws"), { ...connection, spec: { ...connection.spec, allowedNamespaces } });
    bench.apply(OF_ACCOUNT);
    await bench.passes(12);
    assert.equal(bench.condition("Ready")?.reason, "PermissionDenied");
    assert.deepEqual(providerMutations(bench), []);
  });

  it("takes no other user's keys for its own when the account is another user now", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    bench.identity({ accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: { name: "other" } } }] });
    bench.rotate();
    const before = providerMutations(bench).length;
    await bench.passes(20);
    assert.equal(providerMutations(bench).length, before);
    assert.equal(bench.status().current?.id, first);
    assert.match(bench.status().activity ?? "", /another IAM user/);
  });
});

describe("the end of an identity", function () {
  this.timeout(60_000);

  it("stops everything but retirement, and its coming back goes on with a login", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    bench.suspend();
    bench.rotate();
    await bench.passes(20);
    assert.equal(bench.condition("Suspended")?.reason, "IdentitySuspended");
    assert.equal(bench.condition("Ready")?.reason, "IdentitySuspended");
    assert.equal(bench.condition("Stalled"), undefined);
    assert.equal(bench.condition("Reconciling"), undefined);
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.source.count("setEnabled"), 0);
    const logins = bench.source.count("verify");
    bench.resume();
    await bench.pass();
    await bench.pass();
    assert.ok(bench.source.count("verify") > logins, "nothing logged in before it went on");
    await bench.toRest();
    assert.equal(bench.condition("Suspended"), undefined);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.notEqual(bench.status().current?.id, first);
    assert.equal(bench.source.count("issue"), 2);
  });

  it("gives up the key of a user that the rotation names itself, and issues another one on its return", async () => {
    const bench = await atRest(OF_USER);
    const first = bench.status().current!.id;
    bench.identity({ state: "Suspended" });
    await bench.passes(20);
    assert.deepEqual([...bench.source.keys.keys()], []);
    assert.equal(bench.condition("Ready")?.reason, "IdentitySuspended");
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.source.count("setEnabled"), 1, "switched off before it is deleted");
    bench.identity({ state: "Active" });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.notEqual(bench.status().current?.id, first);
    assert.deepEqual(bench.enabled(), [true]);
  });

  it("issues nothing for a user of its own namespace while an identity that may have it cannot be read", async () => {
    const bench = await atRest({});
    bench.cluster.unreadable.add("serviceaccountlifecycles payments/exporter");
    bench.rotate();
    await bench.passes(10);
    assert.equal(bench.source.count("issue"), 1);
    bench.cluster.unreadable.clear();
    await bench.passes(20);
    assert.equal(bench.source.count("issue"), 2);
  });

  for (const [how, spec] of [
    ["expires", { expiresAt: "2020-01-01T00:00:00Z" }],
    ["is decommissioned", { state: "Decommissioned" as const }],
  ] as const) {
    it(`is obeyed when it ${how}`, async () => {
      const bench = await atRest();
      bench.identity(spec);
      bench.rotate();
      await bench.passes(10);
      assert.equal(bench.condition("Suspended")?.reason, "IdentityDecommissioned");
      assert.equal(bench.source.count("issue"), 1);
    });
  }

  it("is obeyed when it is gone altogether, and its user with it", async () => {
    const bench = await atRest();
    bench.cluster.drop(IDENTITY);
    bench.source.list = () =>
      Promise.reject(new OperatorError("NotFound", { publicMessage: "The IAM user does not exist." }));
    bench.source.keys.clear();
    await bench.passes(20);
    assert.equal(bench.condition("Suspended")?.reason, "IdentityDecommissioned");
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.status().failures, undefined);
  });

  it("ends an open rotation wherever it is, and nobody notices after it has come back", async () => {
    for (let stop = 1; stop <= 40; stop += 1) {
      const bench = await atRest();
      bench.rotate();
      await bench.passes(stop);
      bench.suspend();
      const made = bench.source.count("issue");
      const refused = bench.refusedLogins;
      await bench.passes(30);
      assert.equal(bench.status().rotation, undefined, `stopped after ${stop}`);
      assert.equal(bench.source.count("issue"), made);
      assert.equal(bench.enabled().includes(true), false);
      assert.equal(bench.condition("Ready")?.reason, "IdentitySuspended");
      bench.refusedLogins = refused;
      bench.resume();
      await bench.toRest(400);
      const { current } = bench.status();
      assert.deepEqual([...bench.source.keys.keys()], [current?.id], `stopped after ${stop}`);
      assert.deepEqual(bench.enabled(), [true]);
      assert.equal(bench.delivered(), current?.id);
      assert.equal(bench.refusedLogins, refused, `stopped after ${stop}: a dependent was refused`);
      assert.equal(bench.condition("Ready")?.status, "True");
    }
  });

  it("does not hold up what is to be revoked", async () => {
    const bench = await atRest({ ...OF_ACCOUNT, retire: { overlap: "60s", deleteAfter: "1s" } });
    const first = bench.status().current!.id;
    bench.rotate();
    while (bench.status().pendingRevocations === undefined) await bench.passes(1);
    bench.suspend();
    await bench.passes(60);
    assert.equal(bench.source.keys.has(first), false);
    assert.deepEqual(bench.status().pendingRevocations, []);
  });

  it("finds a late key of an answer that was lost", async () => {
    const bench = await atRest();
    bench.rotate();
    bench.source.failNext("issue", fakeErrors.lost, "after");
    while (bench.source.keys.size < 2) await bench.passes(1);
    bench.suspend();
    await bench.passes(30);
    assert.equal(bench.source.keys.size, 1);
  });

  it("makes a new key when the old one is refused for good after the identity has come back", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    bench.suspend();
    await bench.passes(5);
    bench.identity({}, "Active");
    await bench.passes(3);
    assert.equal(bench.condition("Suspended")?.reason, "Resuming");
    await bench.toRest(300);
    assert.notEqual(bench.status().current?.id, first);
    assert.equal(bench.status().suspension, undefined);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is undone by nothing that a key needs: no switching on while it is suspended", async () => {
    const bench = await atRest();
    await bench.deleteRotation();
    await bench.pass();
    bench.suspend();
    bench.recreate(OF_ACCOUNT);
    await bench.passes(30);
    assert.deepEqual(bench.enabled(), [false]);
    assert.equal(bench.source.count("issue"), 1);
  });

  for (const how of TRAPS) {
    it(`comes to the same whatever is cut off on the way: ${how}`, async () => {
      for (let at = 1; at <= 30; at += 1) {
        const bench = await atRest();
        bench.rotate();
        await bench.passes(6);
        bench.trap = { at: bench.mutations + at, how };
        bench.suspend();
        for (let pass = 0; pass < 12; pass += 1) {
          await bench.passes(1);
          if (bench.dead) bench.start();
        }
        assert.equal(bench.status().rotation, undefined);
        bench.resume();
        await bench.toRest(400);
        assert.deepEqual([...bench.source.keys.keys()], [bench.status().current?.id]);
        assert.equal(bench.delivered(), bench.status().current?.id);
      }
    });
  }
});

describe("deleting a credential of an identity that is gone already", function () {
  this.timeout(60_000);

  const gone = async (): Promise<IdentityBench> => {
    const bench = await atRest();
    bench.cluster.drop(IDENTITY);
    await bench.deleteRotation();
    return bench;
  };

  it("ends its keys by what the record says", async () => {
    const bench = await gone();
    await bench.pass();
    assert.deepEqual(bench.enabled(), [false]);
    const [entry] = bench.orphans();
    assert.deepEqual(entry?.spec.source?.awsAccessKey, {
      connectionRef: { name: "aws" },
      userName: "payments.exporter.lake",
      exclusive: true,
    });
    assert.equal(entry.spec.target, "aws-access-key/111122223333/payments.exporter.lake");
    await bench.ledgerToRest();
    assert.equal(bench.source.keys.size, 0);
    assert.equal(wholeOf("claims", await bench.ports.claims.list()).length, 0);
  });

  it("ends its keys by what the claim says when the record is lost", async () => {
    const bench = await atRest();
    bench.cluster.drop(IDENTITY);
    const object = bench.object();
    const { target, ...rest } = object.status ?? {};
    assert.ok(target !== undefined);
    bench.cluster.seed(ROTATION, { ...object, status: rest });
    await bench.deleteRotation();
    await bench.pass();
    assert.deepEqual(bench.enabled(), [false]);
    assert.equal(bench.orphans()[0]?.spec.source?.awsAccessKey?.userName, "payments.exporter.lake");
  });

  it("is over at once when the user is gone with the identity", async () => {
    const bench = await gone();
    bench.source.keys.clear();
    bench.source.list = () =>
      Promise.reject(new OperatorError("NotFound", { publicMessage: "The IAM user does not exist." }));
    await bench.pass();
    assert.equal(bench.orphans().length, 1);
    assert.throws(() => bench.object(), "the finalizer waits for a user that will never be there again");
  });
});

/** What cannot be disabled is revoked when its identity stops, and made anew when it comes back. */
describe("a credential that cannot be disabled, of an identity that stops", function () {
  this.timeout(60_000);
  const deliver = [{ name: "app", kubernetesSecret: { name: "app" } }];
  const common = { identityRef: { name: "exporter" }, deliver, dependents: [], retire: { overlap: "1h" } };
  const kinds: readonly (readonly [string, Partial<SecretRotationSpec>, (bench: Bench) => readonly string[]])[] = [
    [
      "a certificate",
      { ...common, source: { vaultPKI: { connectionRef: { name: "vault" }, role: "web", dnsNames: ["web.example"] } } },
      (bench) => [...bench.pki.serials].filter(([, { revoked }]) => !revoked).map(([serial]) => serial),
    ],
    [
      "a secret id",
      {
        ...common,
        source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
        verify: { successes: 2, soak: "1s" },
      },
      (bench) => [...bench.appRole.secretIds.keys()],
    ],
  ];
  for (const [what, spec, alive] of kinds) {
    it(`${what}: is dead at once when the identity is suspended, and another one comes with its return`, async () => {
      const bench = new IdentityBench();
      bench.identity();
      bench.apply(spec);
      await bench.passes(30);
      const first = bench.status().current!;
      assert.deepEqual(alive(bench), [first.id]);
      bench.identity({ state: "Suspended" });
      const from = bench.clock.now().getTime();
      for (let pass = 0; pass < 20 && alive(bench).length > 0; pass += 1) await bench.passes(1);
      assert.deepEqual(alive(bench), []);
      assert.ok(bench.clock.now().getTime() - from < 120_000);
      assert.equal(bench.condition("Suspended")?.status, "True");
      assert.equal(bench.condition("Ready")?.status, "False");
      await bench.passes(20);
      assert.deepEqual(alive(bench), [], "nothing is issued meanwhile");
      bench.identity({ state: "Active" });
      await bench.passes(60);
      const second = bench.status().current;
      assert.deepEqual(alive(bench), [second?.id]);
      assert.notEqual(second?.id, first.id);
      assert.equal(bench.condition("Ready")?.status, "True");
    });

    it(`${what}: is dead when the identity is deleted`, async () => {
      const bench = new IdentityBench();
      bench.identity();
      bench.apply(spec);
      await bench.passes(30);
      bench.identity({ state: "Decommissioned" });
      await bench.passes(20);
      assert.deepEqual(alive(bench), []);
      assert.equal(bench.status().current, undefined);
    });
  }
});
