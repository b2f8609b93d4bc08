import assert from "node:assert/strict";
import type { IdentityHoldSpec } from "../../api/v1alpha1/identity-hold.ts";
import { PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { Bench } from "../ports.fake.ts";

const IDENTITY: ObjectRef = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: "payments", name: "exporter" };
type Identity = ServiceAccountLifecycle & KubeObject;

const deliver = [{ name: "app", kubernetesSecret: { name: "app" } }];
const common = { deliver, dependents: [], retire: { overlap: "1h" } };
const KINDS: readonly (readonly [string, Partial<SecretRotationSpec>, (bench: Bench) => readonly string[]])[] = [
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

const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};

const identity = (bench: Bench, status: Identity["status"] = {}): void => {
  const account = { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } };
  bench.cluster.seed<Identity>(IDENTITY, {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { ...bench.cluster.peek<Identity>(IDENTITY)?.metadata },
    spec: { owner: { team: "payments", contact: "payments@example.com" }, purpose: "Exports", accounts: [account] },
    status: {
      accounts: [
        {
          name: "lake",
          target: "aws-user/111122223333/payments.exporter.lake",
          declaration: JSON.stringify(account),
          externalId: "AIDA1",
          pieces: ["principal"],
          state: "Active",
        },
      ],
      ...status,
    },
  });
  const ownerUid = bench.cluster.peek<Identity>(IDENTITY)?.metadata.uid ?? "";
  bench.source.target = { exists: true, allowed: true, owner: "test/payments/exporter", ownerUid };
};

const HELD: readonly (readonly [string, Partial<SecretRotationSpec>, Partial<IdentityHoldSpec>])[] = [
  ["the identity that it names", { identityRef: { name: "exporter" } }, { name: "exporter" }],
  ["all of its namespace", {}, { name: "*" }],
  [
    "its target",
    {},
    {
      namespace: "payments",
      name: "nobody",
      targets: [
        { kind: "VaultPKIRole", connectionRef: { name: "vault" }, name: "web" },
        { kind: "VaultAppRole", connectionRef: { name: "vault" }, name: "web" },
      ],
    },
  ],
];

describe("a SecretRotation that an IdentityHold holds", function () {
  this.timeout(60_000);

  for (const [what, spec, alive] of KINDS) {
    for (const [how, more, hold] of HELD) {
      it(`${what}: is dead at once by a hold of ${how}, although it is paused, and another comes when it is gone`, async () => {
        const bench = new Bench();
        bench.deploy("web");
        identity(bench);
        bench.apply({ ...spec, ...more });
        await passes(bench, 30);
        const first = bench.status().current;
        assert.deepEqual(alive(bench), [first?.id]);
        bench.annotate({ [PAUSED]: "true" });
        bench.hold("leak", hold);
        await passes(bench, 20);
        assert.deepEqual(alive(bench), []);
        assert.deepEqual(bench.status().holds, ["leak"]);
        assert.equal(bench.condition("Suspended")?.status, "True");
        bench.annotate({ [PAUSED]: "false" });
        await passes(bench, 20);
        assert.deepEqual(alive(bench), [], "nothing is issued meanwhile");
        await bench.unhold("leak");
        await passes(bench, 60);
        assert.equal(bench.status().holds, undefined);
        assert.deepEqual(alive(bench), [bench.status().current?.id]);
        assert.notEqual(bench.status().current?.id, first?.id);
        assert.deepEqual(
          bench.audit.filter(({ phase, action }) => phase === "begin" && action.startsWith("keyturn:Hold")),
          [
            { phase: "begin", action: "keyturn:HoldBegins", target: "leak" },
            { phase: "begin", action: "keyturn:HoldEnds", target: "leak" },
          ],
        );
      });
    }
  }

  it("is revoked when it is deleted with Retain, and takes no permit for that", async () => {
    const [, spec, alive] = KINDS[1]!;
    const bench = new Bench();
    bench.deploy("web");
    bench.apply({ ...spec, deletion: { policy: "Retain" } });
    await passes(bench, 30);
    assert.equal(alive(bench).length, 1);
    bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.start();
    await bench.ports.limits.take("offboarding", { key: "somebody-else", namespace: "elsewhere" });
    bench.hold("leak", { name: "*" });
    await bench.deleteRotation();
    await passes(bench, 3);
    await bench.ledgerToRest();
    assert.deepEqual(alive(bench), []);
  });

  it("issues nothing until the holds have been read, and fails by nothing", async () => {
    const [, spec, alive] = KINDS[1]!;
    const bench = new Bench();
    bench.deploy("web");
    bench.holdsRead = false;
    bench.apply({ ...spec });
    await passes(bench, 20);
    assert.deepEqual(alive(bench), []);
    assert.equal(bench.status().failures, undefined);
    bench.holdsRead = true;
    await passes(bench, 30);
    assert.equal(alive(bench).length, 1);
    bench.holdsRead = false;
    await passes(bench, 5);
    assert.equal(bench.condition("Ready")?.status, "True", "a credential that works is not taken for broken");
  });

  it("goes on being held by what is on record until the holds have been read", async () => {
    const [, spec, alive] = KINDS[1]!;
    const bench = new Bench();
    bench.deploy("web");
    bench.apply({ ...spec });
    await passes(bench, 30);
    bench.hold("leak", { name: "*" });
    await passes(bench, 20);
    bench.holdsRead = false;
    await bench.unhold("leak");
    await passes(bench, 20);
    assert.deepEqual(alive(bench), []);
    assert.deepEqual(bench.status().holds, ["leak"]);
  });

  it("issues no key for an account of an identity that is held by a target, once that has it on record", async () => {
    const bench = new Bench();
    bench.deploy("web");
    identity(bench, { holds: ["by-target"] });
    bench.apply({ identityRef: { name: "exporter" }, source: { awsAccessKey: { accountRef: { name: "lake" } } } });
    await passes(bench, 20);
    assert.equal(bench.source.keys.size, 0);
  });

  it("keeps the key of an account for its identity to switch off, and replaces it afterwards when it is compromised", async () => {
    const bench = new Bench();
    bench.deploy("web");
    identity(bench);
    bench.apply({ identityRef: { name: "exporter" }, source: { awsAccessKey: { accountRef: { name: "lake" } } } });
    await bench.toRest();
    const first = bench.status().current;
    bench.hold("leak", { name: "exporter", compromised: true });
    for (const key of bench.source.keys.values()) key.enabled = false;
    await passes(bench, 10);
    assert.equal(bench.status().current?.id, first?.id);
    assert.equal(bench.status().current?.leaked, true);
    await bench.unhold("leak");
    await passes(bench, 60);
    assert.notEqual(bench.status().current?.id, first?.id);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(first !== undefined && bench.source.keys.has(first.id), false);
  });
});
