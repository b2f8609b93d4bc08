import assert from "node:assert/strict";
import { PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccountClient, AccountOwner } from "../../providers/account.ts";
import { awsAccount } from "../../providers/aws/account.ts";
import { awsRefusal, FakeAws } from "../../providers/aws/fake-calls.ts";
import { ALLOW_ALL, DENY_ALL } from "../../providers/aws/identity/fake-policies.ts";
import { IamMemory } from "../../providers/aws/identity/memory.ts";
import { connectionRef } from "../ports.fake.ts";
import { account, good, input, piece, record, settings, view } from "../../domain/lifecycle/fixtures.fake.ts";
import { planLifecycle } from "../../domain/lifecycle/plan.ts";
import { normalise } from "../../domain/policy-document/index.ts";
import { LifecycleBench, OPERATIONS, SPEC, WIDER, IDENTITY } from "./bench.fake.ts";

/** Histories that break a promise about identities that must end; every one of them fails. */

const forbidden = awsRefusal("PermissionDenied", "AccessDenied", 403);
const noRoom = awsRefusal("QuotaExceeded", "LimitExceeded", 409);
const DENY = "arn:aws:iam::aws:policy/AWSDenyAll";
const NAME = "payments.billing.lake";
const USER = { kind: "user", name: NAME } as const;
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/** The account `lake` lies at a fake IAM, through the real client. */
const withIam = () => {
  const bench = new LifecycleBench();
  const world = new FakeAws(bench.bench.clock, "111122223333");
  const memory = new IamMemory(bench.bench.clock);
  const calls = world.calls(() => Promise.resolve({ accessKeyId: "AKIAOPERATOR", secretAccessKey: "operator" }));
  const place = {
    accountId: "111122223333",
    allowedPath: "/keyturn/payments/",
    issuer: undefined,
    memory,
    denyPolicyArn: undefined as string | undefined,
  };
  const { ports } = bench.bench;
  bench.bench.ports = {
    ...ports,
    accounts: {
      open: (connection, owner: AccountOwner, declared, identity): AccountClient =>
        declared.aws === undefined
          ? ports.accounts.open(connection, owner, declared, identity)
          : awsAccount({ use: (run) => run(calls, world.account) }, place, owner, {
              name: declared.name,
              aws: declared.aws,
            }),
    },
  };
  const user = () => {
    const found = world.users.get(NAME);
    if (found === undefined) throw new Error("no user");
    return found;
  };
  return { bench, world, user, place };
};

/** IAM shows the inline policy of the cut late. */
const hideCut = (world: FakeAws, bench: LifecycleBench, ms: number): void => {
  const user = world.users.get(NAME);
  if (user === undefined) throw new Error("no user");
  const { inline } = user;
  const since = bench.bench.clock.now().getTime();
  const hidden = (): boolean => bench.bench.clock.now().getTime() - since < ms;
  const keys = inline.keys.bind(inline);
  inline.keys = () => [...keys()].filter((name) => name !== "keyturn-cut" || !hidden()).values() as never;
};

const joinedIam = async (spec: Partial<ServiceAccountLifecycleSpec> = {}) => {
  const scene = withIam();
  scene.bench.apply(spec);
  await scene.bench.toRest();
  assert.equal(scene.bench.condition("Ready")?.reason, "AsDeclared", JSON.stringify(scene.bench.status().conditions));
  assert.equal(scene.world.lets(USER, "s3:GetObject"), true);
  return scene;
};

const joined = async (spec: Partial<ServiceAccountLifecycleSpec> = {}): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

const passes = async (bench: LifecycleBench, most: number, everyMs = 1000): Promise<void> => {
  for (let pass = 0; pass < most; pass += 1) {
    const outcome = await bench.pass();
    await bench.bench.clock.advance(Math.min(outcome.recheckAfterMs ?? everyMs, everyMs));
  }
};

describe("ATTACK a cut by a boundary", () => {
  it("A1 comes back with the boundary that it replaced", async () => {
    const { bench, world, user } = await joinedIam();
    const BOUND = "arn:aws:iam::111122223333:policy/theirs";
    user().boundary = BOUND;
    await bench.toRest();
    world.refuse("putInlinePolicy", forbidden);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(user().boundary, DENY);
    assert.equal(bench.condition("Suspended")?.status, "True");
    world.refuse("putInlinePolicy", undefined);
    bench.apply({ state: "Active" });
    await passes(bench, 60);
    assert.equal(user().boundary, BOUND);
    assert.equal(world.lets(USER, "s3:GetObject"), true);
  });

  it("A2 leaves a denying boundary alone that security has put on", async () => {
    const { bench, world, user } = await joinedIam();
    user().boundary = DENY;
    await bench.toRest();
    world.refuse("putInlinePolicy", noRoom);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    world.refuse("putInlinePolicy", undefined);
    bench.apply({ state: "Active" });
    await passes(bench, 60);
    assert.equal(user().boundary, DENY);
    assert.equal(world.lets(USER, "s3:GetObject"), false);
  });

  it("A3 leaves a denying attachment alone that security has put on", async () => {
    const { bench, world, user } = await joinedIam();
    user().attached.add(DENY);
    await bench.toRest();
    for (const call of ["putInlinePolicy", "setBoundary"]) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    for (const call of ["putInlinePolicy", "setBoundary"]) world.refuse(call, undefined);
    bench.apply({ state: "Active" });
    await passes(bench, 60);
    assert.equal(user().attached.has(DENY), true);
    assert.equal(world.lets(USER, "s3:GetObject"), false);
  });
});

describe("ATTACK a cut that takes the grants away", () => {
  const MIXED = "arn:aws:iam::111122223333:policy/theirs-mixed";
  const mixed = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "sqs:*", Resource: "*" },
      { Effect: "Deny", Action: "s3:DeleteObject", Resource: "*" },
    ],
  });
  const deaf = ["putInlinePolicy", "setBoundary", "attachPolicy"];

  it("B1 gives back what others have forbidden in a policy that gives as well", async () => {
    const { bench, world, user } = await joinedIam();
    world.policyDocuments.set(MIXED, { version: "v1", document: mixed });
    user().attached.add(MIXED);
    await bench.toRest();
    assert.equal(user().attached.has(MIXED), true, "stays: it may forbid");
    assert.equal(world.lets(USER, "s3:DeleteObject"), false);
    for (const call of deaf) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    for (const call of deaf) world.refuse(call, undefined);
    bench.apply({ state: "Active" });
    await bench.toRest();
    assert.equal(world.lets(USER, "s3:GetObject"), true);
    assert.equal(world.lets(USER, "s3:DeleteObject"), false);
  });

  it("B2 gives a foreign grant back under drift Report although one request was throttled", async () => {
    const theirs = "arn:aws:iam::111122223333:policy/theirs";
    const { bench, world, user } = await joinedIam({ drift: { mode: "Report" } });
    user().attached.add(theirs);
    await bench.toRest();
    for (const call of deaf) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended", drift: { mode: "Report" } });
    await bench.toRest();
    assert.equal(user().attached.has(theirs), false);
    for (const call of deaf) world.refuse(call, undefined);
    for (let n = 0; n < 2; n += 1) world.failNext("attachPolicy", awsRefusal("Throttled", "Throttling", 400));
    bench.apply({ state: "Active", drift: { mode: "Report" } });
    await bench.toRest();
    assert.equal(user().attached.has(theirs), true);
  });

  it("B3 ends a console password where no denial can be put on", async () => {
    const { bench, world, user } = await joinedIam();
    user().credentials.push({ kind: "Password", id: NAME, createdAt: bench.bench.clock.now(), enabled: true });
    for (const call of deaf) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended" });
    await passes(bench, 60, 10_000);
    assert.deepEqual(
      user().credentials.map(({ kind }) => kind),
      [],
    );
    assert.equal(bench.condition("Suspended")?.status, "True");
  });

  it("B4 takes away more pieces than the record has room for, and closes and disables the rest meanwhile", async () => {
    const { bench, world, user } = await joinedIam();
    // IAM counts characters, not policies; a user has room for about 30, a raised or a role's quota for 170.
    for (let n = 0; n < 70; n += 1) user().inline.set(`p${n}`, ALLOW_ALL);
    const key = "AKIAX";
    user().keys.set(key, { id: key, secret: "s", createdAt: bench.bench.clock.now(), enabled: true });
    for (const call of deaf) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended" });
    await passes(bench, 40, 1000);
    assert.equal(user().keys.get(key)?.enabled, false, "the key is switched off whatever becomes of the policies");
  });

  it("B5 records no text that status has no room for", async () => {
    const { bench, world, user } = await joinedIam();
    const long = JSON.stringify({ Version: "2012-10-17", Later: " ".repeat(21_000), Statement: [] });
    user().inline.set("later", long);
    for (const call of deaf) world.refuse(call, forbidden);
    bench.apply({ state: "Suspended" });
    await passes(bench, 40, 1000);
    const values = (bench.record("lake")?.former ?? []).map(({ value }) => value.length);
    assert.ok(
      values.every((length) => length <= 20_480),
      `kube-apiserver refuses the status: ${Math.max(...values)}`,
    );
  });
});

describe("ATTACK what goes on record when it begins", () => {
  it("C1 is no longer than the schema lets an id be", async () => {
    const { bench, user } = await joinedIam();
    user().credentials.push({
      kind: "ServiceSpecificCredential",
      id: "A".repeat(128),
      createdAt: bench.bench.clock.now(),
      enabled: true,
    });
    bench.apply({ state: "Suspended" });
    await passes(bench, 5);
    const ids = bench.record("lake")?.enabledCredentials ?? [];
    assert.ok(ids.every((id) => id.length <= 128));
  });
});

describe("ATTACK a deletion", () => {
  it("D1 cuts what the claims know of, although the status was wiped", async () => {
    const bench = await joined();
    const { status: _, ...rest } = bench.object();
    bench.bench.cluster.seed(IDENTITY, rest);
    await bench.delete();
    await passes(bench, 3);
    await bench.ledgerToRest(5);
    for (const name of ["cluster", "lake", "secrets"]) assert.equal(bench.place(name).lets(), false, name);
  });
});

describe("ATTACK a privilege that is taken out", () => {
  const accounts = WIDER;
  const nowhere = { name: "extra", aws: { connectionRef: { name: "closed" }, user: {} } };

  it("E1 goes although the same spec adds an account through a connection that shuts the namespace out", async () => {
    const bench = await joined({ accounts, rollback: { mode: "None" } });
    bench.bench.cluster.seed(connectionRef("closed"), {
      metadata: { generation: 1 },
      spec: {
        allowedNamespaces: { mode: "Listed", names: ["other"] },
        aws: { region: "eu-central-1", accountId: "111122223333", login: { defaultChain: {} } },
      },
    });
    bench.apply({ accounts: [...SPEC.accounts, nowhere], rollback: { mode: "None" } });
    await passes(bench, 100, 60_000);
    assert.equal(bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`), false);
  });

  it("E2 goes although another account's addition backs off", async () => {
    const bench = await joined({ accounts, rollback: { mode: "None" } });
    // A removal that is throttled once, beside an addition that may never be given.
    const wider: ServiceAccountLifecycleSpec["accounts"] = SPEC.accounts.map((account) =>
      account.name === "secrets" && account.vault !== undefined
        ? { ...account, vault: { ...account.vault, policies: ["billing", "reports", "forbidden"] } }
        : account,
    );
    let failures = 1;
    bench.bench.wrapAccount = (client, name) =>
      name !== "lake"
        ? client
        : new Proxy(client, {
            get: (target, property) => {
              if (property === "remove" && failures > 0)
                return () => {
                  failures -= 1;
                  return Promise.reject(awsRefusal("Throttled", "Throttling", 400));
                };
              const member = Reflect.get(target, property) as unknown;
              return typeof member === "function" ? (member.bind(target) as unknown) : member;
            },
          });
    // The addition fails already, with a long back-off.
    bench.apply({ accounts: wider, rollback: { mode: "None" } });
    await passes(bench, 40, 1000);
    assert.equal(bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`), false);
  });

  it("E3 goes after an hour of pause although another account is cut and on its way back", async () => {
    const bench = await joined({ accounts });
    bench.apply({ accounts: WIDER.filter(({ name }) => name !== "secrets") });
    await bench.settle();
    assert.equal(bench.record("secrets")?.state, "Cut");
    bench.annotate({ [PAUSED]: "true" });
    bench.apply({
      accounts: WIDER.map((account) => (account.name === "lake" ? SPEC.accounts[1]! : account)),
    });
    await passes(bench, 80, 60_000);
    assert.equal(bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`), false);
  });
});

describe("ATTACK what is said", () => {
  it("F1 is not True while the provider could not be looked at", async () => {
    const bench = await joined();
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(bench.condition("Suspended")?.status, "True");
    bench.bench.away.add("lake");
    await passes(bench, 2);
    assert.equal(bench.status().leaveFailures?.about, "lake");
    assert.equal(bench.condition("Suspended")?.status, "False");
  });
});

describe("ATTACK an account that is renamed", () => {
  it("G1 is not cut and deleted under its new name", async () => {
    const { bench, user, world } = withIam();
    const named = (name: string): ServiceAccountLifecycleSpec["accounts"][number] => ({
      name,
      aws: { connectionRef: { name: "aws" }, user: { name: NAME, policies: [READ_ONLY] } },
    });
    bench.apply({ accounts: [named("lake")] });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    const { id } = user();
    bench.apply({ accounts: [named("pond")] });
    await passes(bench, 200, 2000);
    assert.equal(user().id, id, "the user was deleted and made anew");
    assert.equal(
      world.lets(USER, "s3:GetObject"),
      true,
      JSON.stringify(bench.status().accounts?.map(({ name, state }) => [name, state])),
    );
  });
});

describe("ATTACK more", () => {
  it("E4 an exchange is over after an hour although the addition backs off for longer", async () => {
    const bench = await joined({ accounts: WIDER, rollback: { mode: "None" }, progressDeadline: "2h" });
    const accounts = WIDER.map((account) =>
      account.name === "lake"
        ? {
            name: "lake",
            aws: {
              connectionRef: { name: "aws" },
              user: { policies: [READ_ONLY, "arn:aws:iam::111122223333:policy/none"] },
            },
          }
        : account,
    );
    bench.apply({ accounts, rollback: { mode: "None" }, progressDeadline: "2h" });
    const start = bench.bench.clock.now().getTime();
    for (let pass = 0; pass < 200; pass += 1) {
      const outcome = await bench.pass();
      const left = start + 3_660_000 - bench.bench.clock.now().getTime();
      if (left <= 0) break;
      await bench.bench.clock.advance(Math.min(outcome.recheckAfterMs ?? 60_000, left));
    }
    assert.equal(
      bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`),
      false,
      JSON.stringify(bench.status().failures),
    );
  });

  it("E5 goes although the same spec makes no sense elsewhere and is not to be reverted", async () => {
    const bench = await joined({ accounts: WIDER, rollback: { mode: "None" } });
    const accounts = WIDER.map((account) =>
      account.name === "lake"
        ? SPEC.accounts[1]!
        : account.vault === undefined
          ? account
          : { ...account, vault: { ...account.vault, policies: ["billing", "root"] } },
    );
    bench.apply({ accounts, rollback: { mode: "None" } });
    await passes(bench, 100, 60_000);
    assert.equal(bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`), false);
  });

  it("H1 an account that is taken out goes although the same spec makes no sense elsewhere", async () => {
    const bench = await joined({ accounts: WIDER });
    const accounts = WIDER.filter(({ name }) => name !== "lake").map((account) =>
      account.vault === undefined
        ? account
        : { ...account, vault: { ...account.vault, policies: ["billing", "root"] } },
    );
    bench.apply({ accounts });
    await passes(bench, 30, 60_000);
    assert.equal(bench.place("lake").lets(), false);
  });

  it("I1 an inline policy that also denies goes although another account's addition fails", () => {
    const mixed = normalise({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: ["s3:*"], Resource: ["*"] },
        { Effect: "Deny", Action: ["s3:DeleteObject"], Resource: ["*"] },
      ],
    });
    const I = piece("inlinePolicy/I", mixed);
    const W = piece("managedPolicy/W");
    const accounts = ["lake", "pond"].map((name) => ({ name, aws: { connectionRef: { name: "aws" }, user: {} } }));
    const lines = ["- lake: inlinePolicy/I (widens and narrows)", "+ pond: managedPolicy/W (widens)"];
    const action = planLifecycle(
      input({
        specHash: "h2",
        settings: settings({ accounts }),
        status: good([record("lake", [I.key]), record("pond", [W.key])], {
          plan: { generation: 1, digest: "d", lines },
        }),
        desired: { lake: account("lake", []), pond: account("pond", [W]) },
        observed: { lake: view([I]), pond: view() },
        permissions: { "pond/managedPolicy/W": { kind: "allowed" } },
        failed: ["pond/managedPolicy/W"],
      }),
    );
    assert.ok(action.type === "remove" || action.type === "beginNarrowing", JSON.stringify(action));
  });

  it("J1 a back-off that a wrong clock wrote holds no end", () => {
    const action = planLifecycle(
      input({
        settings: settings({ state: "Suspended" }),
        status: good([record("lake", [], { state: "Leaving", enabledCredentials: [] })], {
          plan: {
            generation: 1,
            digest: "d",
            lines: ["~ lake: the whole account is cut and disabled, reversibly (narrows)"],
          },
          leaveFailures: {
            count: 1,
            reason: "Unavailable",
            message: "x",
            about: "lake",
            since: "2026-03-01T00:00:00Z",
            nextAttemptTime: "2026-03-01T00:00:10Z",
          },
        }),
      }),
    );
    assert.equal(action.type, "cut", JSON.stringify(action));
  });

  it("L1 a denial that IAM shows ten seconds late is not followed by taking the grants away", async () => {
    const { bench, world, user } = await joinedIam();
    bench.apply({ state: "Suspended" });
    hideCut(world, bench, 10_000);
    await passes(bench, 60, 1000);
    assert.deepEqual([...user().attached], [READ_ONLY], JSON.stringify(bench.record("lake")?.cutWays));
  });

  it("M1 what the boundary replaced is not forgotten when the deny policy changes meanwhile", async () => {
    const { bench, world, user, place } = withIam();
    const [old, next] = ["old", "next"].map((name) => `arn:aws:iam::111122223333:policy/deny-${name}`) as [
      string,
      string,
    ];
    for (const arn of [old, next]) world.policyDocuments.set(arn, { version: "v1", document: DENY_ALL });
    place.denyPolicyArn = old;
    bench.apply();
    await bench.toRest();
    const BOUND = "arn:aws:iam::111122223333:policy/theirs";
    user().boundary = BOUND;
    await bench.toRest();
    world.refuse("putInlinePolicy", forbidden);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(user().boundary, old);
    place.denyPolicyArn = next;
    await bench.toRest();
    const former = bench.record("lake")?.former?.find(({ key }) => key === "boundary")?.value;
    assert.equal(former, JSON.stringify(BOUND));
  });

  it("N1 is cut and disabled although its inline policies cannot be read", async () => {
    const { bench, world, user } = await joinedIam();
    user().keys.set("AKIAX", { id: "AKIAX", secret: "s", createdAt: bench.bench.clock.now(), enabled: true });
    user().inline.set("theirs", ALLOW_ALL);
    world.refuse("inlinePolicy", forbidden);
    bench.apply({ state: "Suspended" });
    await passes(bench, 20, 10_000);
    assert.equal(user().keys.get("AKIAX")?.enabled, false);
    assert.equal(world.lets(USER, "s3:GetObject"), false);
  });
});
