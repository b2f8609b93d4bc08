import assert from "node:assert/strict";
import {
  ADMISSION_PROBE,
  CHANGED_BY,
  CHANGED_BY_GROUPS,
  CHANGED_BY_UID,
  PROBED_POLICIES,
  RETRY,
} from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccessQuestion } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { connectionRef } from "../ports.fake.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { ADMIN, LifecycleBench, SPEC, STAMP, WIDER } from "./bench.fake.ts";

const joined = async (): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply();
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

/** The identity has nothing of this attempt, and somebody is told why. */
const denied = (bench: LifecycleBench, why: RegExp): void => {
  assert.equal(bench.status().failures?.reason ?? bench.status().quarantine?.reason, "PermissionDenied");
  assert.match(bench.status().failures?.message ?? bench.status().quarantine?.message ?? "", why);
};

const NOBODY = { [CHANGED_BY]: undefined, [CHANGED_BY_UID]: undefined, [CHANGED_BY_GROUPS]: undefined };

describe("who may give what", () => {
  it("asks kube-apiserver whether the requester may bind exactly this role, here", async () => {
    const bench = new LifecycleBench();
    const asked: AccessQuestion[] = [];
    bench.bench.cluster.allows = (question) => {
      asked.push(question);
      return true;
    };
    bench.apply();
    await bench.toRest();
    assert.deepEqual(asked[0], {
      user: "alice",
      uid: "a-1",
      groups: ["developers", "system:authenticated"],
      attributes: {
        kind: "resource",
        verb: "bind",
        group: "rbac.authorization.k8s.io",
        resource: "roles",
        name: "reader",
        namespace: "payments",
      },
    });
  });

  it("refuses every privilege of a spec that nobody has signed, and makes nothing of it", async () => {
    const bench = new LifecycleBench();
    bench.apply({}, NOBODY);
    await bench.settle();
    denied(bench, /Nobody is known to have asked/);
    for (const name of ["cluster", "lake", "secrets"]) assert.equal(bench.place(name).principal, undefined);
  });

  it("takes no word of the operator's own", async () => {
    const bench = new LifecycleBench();
    bench.apply({}, { ...NOBODY, [CHANGED_BY]: "system:serviceaccount:keyturn-system:keyturn" });
    await bench.settle();
    denied(bench, /Nobody is known to have asked/);
  });

  it("refuses whoever does not hold bind", async () => {
    const bench = new LifecycleBench();
    bench.bench.cluster.allows = ({ user }) => user !== "alice";
    bench.apply();
    await bench.settle();
    denied(bench, /alice asked for Role reader .* and may not give it/);
  });

  it("refuses what the requester could give at admission and cannot any more, and keeps what stands", async () => {
    const bench = await joined();
    const before = bench.world();
    bench.bench.cluster.allows = () => false;
    bench.apply({ accounts: WIDER });
    await bench.settle();
    denied(bench, /may not give it/);
    assert.equal(bench.world(), before);
    await bench.toRest();
    assert.equal(bench.condition("Reverted")?.reason, "PermissionDenied");
    assert.equal(bench.world(), before);
  });

  it("refuses all when the policies that guard the stamps are not in force, and goes on within a minute of their being so", async () => {
    const bench = new LifecycleBench();
    const { admission } = bench.bench.cluster;
    bench.bench.cluster.admission = (object) => object;
    bench.apply();
    await bench.settle();
    denied(bench, /admission policies of config\/policies are not in force/);
    assert.equal(bench.place("cluster").principal, undefined);
    bench.bench.cluster.admission = admission;
    await bench.bench.clock.advance(61_000);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("takes a refusal of the forged stamp for a sign of the policies, but not a refusal of everything", async () => {
    const refusing = new OperatorError("InvalidSpec", { publicMessage: "denied", status: 422 });
    const guarded = new LifecycleBench();
    guarded.bench.cluster.admission = (object) => {
      if (Object.keys(object.metadata.annotations ?? {}).length > 0) throw refusing;
      return object;
    };
    guarded.apply();
    await guarded.toRest();
    assert.equal(guarded.condition("Ready")?.reason, "AsDeclared");
    const broken = new LifecycleBench();
    broken.bench.cluster.admission = () => {
      throw refusing;
    };
    broken.apply();
    await broken.settle();
    denied(broken, /may not create the ServiceAccountLifecycle/);
  });

  for (const policy of PROBED_POLICIES) {
    it(`refuses all when ${policy} alone is not in force`, async () => {
      const bench = new LifecycleBench();
      const { admission } = bench.bench.cluster;
      bench.bench.cluster.admission = (object, ref) =>
        object.metadata.annotations?.[ADMISSION_PROBE] === policy ? object : admission(object, ref);
      bench.apply();
      await bench.settle();
      denied(bench, new RegExp(`${policy} is not in force`));
      assert.equal(bench.place("cluster").principal, undefined);
    });
  }

  it("gives nothing while nobody can tell: the probe fails, or the review does", async () => {
    for (const verb of ["dryRunCreate", "review"] as const) {
      const bench = new LifecycleBench();
      const error = new OperatorError("Unavailable", { publicMessage: "No answer." });
      bench.bench.cluster.failNext((call) => call.verb === verb, error, "before", 1000);
      bench.apply();
      await bench.settle();
      assert.equal(bench.status().failures?.reason, "Unavailable", verb);
      assert.deepEqual(
        [...bench.place("cluster").pieces.keys()].filter((key) => key.startsWith("binding")),
        [],
        verb,
      );
    }
  });

  it("keeps on record who asked for each privilege, and asks about them, not about who changed something else", async () => {
    const bench = await joined();
    bench.bench.cluster.allows = ({ user, attributes }) =>
      user === "alice" || (user === "bob" && attributes.kind === "resource" && attributes.name === "writer");
    bench.apply(
      { accounts: WIDER },
      { [CHANGED_BY]: "bob", [CHANGED_BY_UID]: "b-1", [CHANGED_BY_GROUPS]: "developers" },
    );
    await bench.toRest();
    const asked = Object.fromEntries(
      (bench.status().requesters ?? []).map(({ privilege, username }) => [privilege, username]),
    );
    assert.equal(asked["cluster/binding/Role/reader"], "alice");
    assert.equal(asked["cluster/binding/Role/writer"], "bob");
    // What somebody takes away by hand is put back in the name of who asked for it.
    bench.place("cluster").pieces.delete("binding/Role/reader");
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader", "binding/Role/writer"]);
  });

  it("forgets who asked for what is no longer declared: whoever declares it again must hold bind", async () => {
    const bench = await joined();
    const without: ServiceAccountLifecycleSpec["accounts"] = [
      { name: "cluster", kubernetes: {} },
      ...SPEC.accounts.slice(1),
    ];
    bench.apply({ accounts: without });
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), []);
    bench.bench.cluster.allows = ({ user }) => user === "alice";
    bench.apply({}, { ...STAMP, [CHANGED_BY]: "mallory" });
    await bench.settle();
    denied(bench, /mallory asked/);
    assert.deepEqual(bench.keys("cluster"), []);
  });

  it("lets a suspended identity come back only in the name of who asks for that", async () => {
    const bench = await joined();
    bench.apply({ state: "Suspended" }, { ...STAMP, [CHANGED_BY]: "bob" });
    await bench.toRest();
    bench.bench.cluster.allows = ({ user }) => user === "alice";
    bench.apply({ state: "Active" }, { ...STAMP, [CHANGED_BY]: "bob" });
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), []);
    bench.apply({ state: "Active" }, STAMP);
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader"]);
  });
});

describe("what a connection grants", () => {
  const attempts: readonly (readonly [string, ServiceAccountLifecycleSpec["accounts"], RegExp])[] = [
    [
      "a role that no grant names",
      [{ name: "cluster", kubernetes: { roles: [{ kind: "ClusterRole", name: "cluster-admin" }] } }],
      /No grant of ProviderConnection in-cluster names ClusterRole cluster-admin/,
    ],
    [
      "a granted role in the whole cluster",
      [{ name: "cluster", kubernetes: { roles: [{ kind: "ClusterRole", name: "reader", scope: "Cluster" }] } }],
      /ClusterRole reader/,
    ],
    [
      "a managed policy that no grant names",
      [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: { policies: [ADMIN] } } }],
      /No grant of the connection names managed policy .*AdministratorAccess \(spec.accounts\[lake\].aws.user.policies\)/,
    ],
    [
      "a group that no grant names",
      [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: { groups: ["admins"] } } }],
      /group admins/,
    ],
    [
      "an action that no grant names",
      [
        {
          name: "lake",
          aws: {
            connectionRef: { name: "aws" },
            user: {
              inlinePolicies: [{ name: "p", statements: [{ effect: "Allow", actions: ["iam:*"], resources: ["*"] }] }],
            },
          },
        },
      ],
      /action iam:\* of inline policy p/,
    ],
    [
      "a Vault policy that no grant names",
      [
        {
          name: "secrets",
          vault: { connectionRef: { name: "vault" }, login: { mode: "AppRole" }, policies: ["admin"] },
        },
      ],
      /Vault policy admin/,
    ],
  ];
  for (const [what, accounts, why] of attempts) {
    it(`is not exceeded by ${what}, whoever asks`, async () => {
      const bench = new LifecycleBench();
      bench.apply({ accounts });
      await bench.settle();
      denied(bench, why);
      for (const name of ["cluster", "lake", "secrets"]) assert.equal(bench.place(name).principal, undefined);
    });
  }

  it("is for the namespaces that it names", async () => {
    const bench = new LifecycleBench();
    const connection = bench.bench.cluster.peek(connectionRef("vault"));
    bench.bench.cluster.seed(connectionRef("vault"), {
      ...connection,
      spec: {
        allowedNamespaces: { mode: "All" },
        vault: { address: "https://vault:8200" },
        grants: [{ name: "policies", namespaces: ["other"], policies: ["billing"] }],
      },
    });
    bench.apply();
    await bench.settle();
    denied(bench, /Vault policy billing/);
  });

  it("no longer holds for a namespace that the connection shuts out, which can still be taken back", async () => {
    const bench = await joined();
    bench.bench.cluster.seed(connectionRef("vault"), {
      metadata: { generation: 2 },
      spec: {
        allowedNamespaces: { mode: "Listed", names: ["other"] },
        vault: { address: "https://vault:8200" },
        grants: [{ name: "policies", policies: ["billing"] }],
      },
    });
    bench.place("secrets").pieces.delete("policy/billing");
    await bench.settle();
    denied(bench, /does not allow namespace payments/);
    assert.equal(bench.place("secrets").pieces.has("policy/billing"), false);
    bench.apply({ state: "Decommissioned" });
    await bench.toRest();
    assert.equal(bench.place("secrets").principal, undefined);
  });

  for (const [what, spec] of [
    ["has lost a grant", { allowedNamespaces: { mode: "All" }, grants: [] }],
    [
      "shuts the namespace out",
      { allowedNamespaces: { mode: "Listed", names: ["other"] }, grants: [{ name: "reading", policies: ["arn:*"] }] },
    ],
  ] as const) {
    it(`does not give a suspended account back what it had, when its connection ${what} meanwhile`, async () => {
      const bench = await joined();
      const key = bench.place("lake").addCredential();
      bench.rotationHas([key]);
      const connection = bench.bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"));
      bench.apply({ state: "Suspended" });
      await bench.toRest();
      bench.bench.cluster.seed(connectionRef("aws"), {
        metadata: { generation: 2 },
        spec: { ...connection?.spec, ...spec },
      });
      bench.apply({ state: "Active" });
      await bench.settle(120_000);
      assert.equal(bench.place("lake").lets(), false);
      assert.equal(bench.place("lake").credentials.get(key)?.enabled, false);
      assert.equal(bench.status().failures?.reason, "PermissionDenied");
      assert.equal(bench.place("secrets").lets(), true, "another connection's account is back");
      bench.bench.cluster.seed(connectionRef("aws"), { metadata: { generation: 3 }, spec: { ...connection?.spec } });
      bench.annotate({ [RETRY]: "1" });
      await bench.toRest();
      assert.equal(bench.place("lake").credentials.get(key)?.enabled, true);
    });
  }

  it("does not even look at a provider for a namespace that the connection shuts out", async () => {
    const bench = new LifecycleBench();
    const connection = bench.bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"));
    bench.bench.cluster.seed(connectionRef("aws"), {
      metadata: { generation: 1 },
      spec: { ...connection?.spec, allowedNamespaces: { mode: "Listed", names: ["other"] } },
    });
    let asked = 0;
    bench.bench.wrapAccount = (client) => {
      if (client.kind === "AwsUser") asked += 1;
      return client;
    };
    bench.apply();
    await bench.settle();
    denied(bench, /ProviderConnection aws does not allow namespace payments/);
    assert.equal(asked, 0);
    assert.equal(bench.claims(), 0);
  });

  it("lets a boundary go only when nothing that was not declared under it stands, whatever else fails", async () => {
    const bench = new LifecycleBench();
    const boundary = "arn:aws:iam::111122223333:policy/edge";
    bench.bench.cluster.seed(connectionRef("aws"), {
      ...bench.bench.cluster.peek(connectionRef("aws")),
      spec: {
        allowedNamespaces: { mode: "All" },
        aws: { region: "eu-central-1", accountId: "111122223333", login: { defaultChain: {} } },
        grants: [
          { name: "bounded", policies: [ADMIN], permissionsBoundary: boundary },
          { name: "free", policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] },
        ],
      },
    });
    const lake = (policies: readonly string[]) => ({
      name: "lake",
      aws: { connectionRef: { name: "aws" }, user: { policies: [...policies] } },
    });
    bench.apply({ accounts: [lake([ADMIN])], rollback: { mode: "None" } });
    await bench.toRest();
    const place = bench.place("lake");
    assert.equal(place.pieces.get("boundary")?.value, JSON.stringify(boundary));
    // The administrator's policy cannot be taken away at the moment, and another account cannot be reached.
    bench.bench.wrapAccount = (client) =>
      new Proxy(client, {
        get: (target, property) => {
          const member = Reflect.get(target, property) as unknown;
          if (property !== "remove") return typeof member === "function" ? (member.bind(target) as unknown) : member;
          return (...args: Parameters<typeof client.remove>) =>
            args[0].startsWith("managedPolicy/")
              ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "away" }))
              : target.remove(...args);
        },
      });
    bench.bench.away.add("secrets");
    bench.apply({
      accounts: [lake(["arn:aws:iam::aws:policy/ReadOnlyAccess"]), SPEC.accounts[2] ?? { name: "secrets" }],
      rollback: { mode: "None" },
    });
    for (let pass = 0; pass < 10; pass += 1) {
      const outcome = await bench.pass();
      await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
      const bounded = place.pieces.has("boundary");
      assert.ok(bounded || !place.pieces.has(`managedPolicy/${ADMIN}`), "Admin stands without its boundary");
    }
    bench.bench.wrapAccount = (client) => client;
    bench.bench.away.clear();
    await bench.toRest();
    assert.deepEqual([...place.pieces.keys()].sort(), [
      "managedPolicy/arn:aws:iam::aws:policy/ReadOnlyAccess",
      "owner",
      "principal",
    ]);
  });

  it("puts the boundary that it demands around the account before any privilege", async () => {
    const boundary = "arn:aws:iam::111122223333:policy/edge";
    const bench = new LifecycleBench();
    bench.bench.cluster.seed(connectionRef("aws"), {
      ...bench.bench.cluster.peek(connectionRef("aws")),
      spec: {
        allowedNamespaces: { mode: "All" },
        aws: { region: "eu-central-1", accountId: "111122223333", login: { defaultChain: {} } },
        grants: [{ name: "bounded", policies: ["arn:aws:iam::aws:policy/*"], permissionsBoundary: boundary }],
      },
    });
    bench.apply();
    await bench.toRest();
    assert.equal(bench.place("lake").pieces.get("boundary")?.value, JSON.stringify(boundary));
    bench.apply({
      accounts: [
        SPEC.accounts[0] ?? { name: "cluster" },
        {
          name: "lake",
          aws: {
            connectionRef: { name: "aws" },
            user: {
              policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
              permissionsBoundary: "arn:aws:iam::aws:policy/AdministratorAccess",
            },
          },
        },
        SPEC.accounts[2] ?? { name: "secrets" },
      ],
    });
    await bench.settle();
    denied(bench, /demands the permissions boundary arn:aws:iam::111122223333:policy\/edge/);
    assert.equal(bench.place("lake").pieces.get("boundary")?.value, JSON.stringify(boundary));
  });
});
