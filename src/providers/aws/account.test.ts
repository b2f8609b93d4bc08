import assert from "node:assert/strict";
import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { awsPieces } from "../../domain/lifecycle/pieces/aws.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { describeAccountClient, type AccountHarness } from "../account-conformance.ts";
import {
  asRole,
  asUser,
  context,
  isConflict,
  NAME,
  owner,
  pieceContext,
  place,
  refusal,
  rights,
  setUp,
  USER,
  wider,
} from "./account-fixtures.fake.ts";
import { awsAccount } from "./account.ts";
import { awsRefusal } from "./fake-calls.ts";

const harnessOf = (aws: AwsAccount, changed: AwsAccount): Promise<AccountHarness> => {
  const { world, clientFor, desired } = setUp(aws);
  const users = aws.role === undefined;
  const found = () => (users ? world.users : world.roles).get(NAME)!;
  return Promise.resolve({
    client: clientFor(),
    desired,
    changed: awsPieces(changed, { ...pieceContext, owner: { team: "ledger", contact: "pay@example.com" } }),
    rival: awsAccount(
      {
        use: (run) =>
          run(
            world.calls(() => Promise.resolve({ accessKeyId: "x", secretAccessKey: "x" })),
            world.account,
          ),
      },
      place,
      { ...owner, name: "rival", uid: "u9" },
      {
        name: "lake",
        aws: users ? { ...aws, user: { ...aws.user, name: NAME } } : { ...aws, role: { ...aws.role, name: NAME } },
      },
    ),
    successor: clientFor({ uid: "u2", predecessors: ["u1"] }),
    mutations: () => world.mutations(),
    plant: async (adopt: boolean) => {
      const tags = { purpose: "theirs", ...(adopt && { "keyturn.dev/adopt": "payments/billing" }) };
      if (users) world.addUser(NAME, place.allowedPath, tags);
      else {
        const calls = world.calls(() => Promise.resolve({ accessKeyId: "x", secretAccessKey: "x" }));
        const trust = '{"Version":"2012-10-17","Statement":[]}';
        await calls.identity.create(
          { kind: "role", name: NAME },
          { path: place.allowedPath, tags, boundary: undefined, trust },
          context.signal,
        );
      }
      found().attached.add("arn:aws:iam::aws:policy/AdministratorAccess");
    },
    snapshot: () =>
      Promise.resolve(
        JSON.stringify([...world.users, ...world.roles], (_, value: unknown) =>
          value instanceof Map || value instanceof Set ? [...(value as Set<unknown>)] : value,
        ),
      ),
    ...(users && {
      addCredential: async () => {
        const id = world.nextId("AKIA");
        world.users.get(NAME)!.keys.set(id, { id, secret: "s", createdAt: new Date(0), enabled: true });
        return id;
      },
    }),
    addByHand: async () => {
      found().attached.add("arn:aws:iam::aws:policy/AdministratorAccess");
      return "managedPolicy/arn:aws:iam::aws:policy/AdministratorAccess";
    },
    stripMarks: async () => found().tags.clear(),
  });
};

describeAccountClient("AwsUser over a fake SDK", () =>
  harnessOf(asUser, { ...asUser, user: { ...wider, groups: ["readers"] } }),
);
describeAccountClient(
  "AwsRole over a fake SDK",
  () => harnessOf(asRole, { ...asRole, role: { ...wider, audience: "other", maxSessionDuration: "2h" } }),
  ["credentials"],
);

describe("awsAccount", () => {
  it("keeps room for the cut: inline policies that would fill what IAM allows are refused, shortening never is", async () => {
    const long = (name: string, letters: number) => ({
      name,
      statements: [
        { effect: "Allow" as const, actions: ["s3:GetObject"], resources: [`arn:aws:s3:::${"a".repeat(letters)}/*`] },
      ],
    });
    const filled: AwsAccount = {
      connectionRef: { name: "aws" },
      user: { inlinePolicies: [long("a", 900), long("b", 900)] },
    };
    const { world, clientFor, join, desired } = setUp(filled);
    await assert.rejects(
      join(),
      (error) =>
        error instanceof OperatorError && error.code === "QuotaExceeded" && /leaves no room/.test(error.publicMessage),
    );
    const { inline } = world.users.get(NAME)!;
    assert.equal(inline.size, 1);
    // Somebody else has filled it: what only gets shorter is written all the same.
    inline.set("a", "x".repeat(2000));
    const client = clientFor();
    await client.apply(
      desired.find(({ key }) => key === "inlinePolicy/a")!,
      context,
      desired,
    );
    assert.ok(inline.get("a")!.length < 1100);
  });

  it("says what it is", () => {
    const user = setUp(asUser).clientFor();
    assert.deepEqual([user.kind, user.target], ["AwsUser", `aws-user/123456789012/${NAME}`]);
    assert.deepEqual(user.capabilities, { cutsByRemoval: false, canDisableCredentials: true });
    const role = setUp(asRole).clientFor();
    assert.deepEqual([role.kind, role.target], ["AwsRole", `aws-role/123456789012/${NAME}`]);
    assert.equal(role.capabilities.canDisableCredentials, false);
  });

  it("makes the user with path, tags and boundary in one request", async () => {
    const { world, clientFor, desired } = setUp(asUser);
    await clientFor().apply(desired[0]!, context, desired);
    const user = world.users.get(NAME)!;
    assert.equal(user.path, "/keyturn/payments/");
    assert.equal(user.boundary, rights.permissionsBoundary);
    assert.deepEqual(Object.fromEntries(user.tags), {
      "keyturn.dev/owner": "local/payments/billing",
      "keyturn.dev/owner-uid": "u1",
      "keyturn.dev/team": "payments",
      "keyturn.dev/contact": "pay@example.com",
      "keyturn.dev/purpose": "Reads invoices.",
      "keyturn.dev/environment": "production",
    });
    assert.equal(world.mutations(), 1);
  });

  it("makes the role with its trust, spelled as the issuer is, and no one else in it", async () => {
    const { world, join } = setUp(asRole);
    await join();
    assert.deepEqual(JSON.parse(world.roles.get(NAME)!.trust), {
      Statement: [
        {
          Action: ["sts:AssumeRoleWithWebIdentity"],
          Condition: {
            StringEquals: {
              "oidc.example.com/id/ABCdef:aud": ["sts.amazonaws.com"],
              "oidc.example.com/id/ABCdef:sub": ["system:serviceaccount:payments:billing"],
            },
          },
          Effect: "Allow",
          Principal: { Federated: ["arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/ABCdef"] },
        },
      ],
      Version: "2012-10-17",
    });
  });

  it("sends an inline policy as it is declared, not in the form for comparing", async () => {
    const { world, join } = setUp(asUser);
    await join();
    assert.match(world.users.get(NAME)!.inline.get("read")!, /"s3:GetObject"/);
  });

  it("sends the piece's own text when the declaration says something else by now", async () => {
    const { world, clientFor, desired, join } = setUp(asUser);
    await join(clientFor({}, { ...asUser, user: wider }));
    const inline = desired.find(({ key }) => key === "inlinePolicy/read")!;
    assert.equal(world.users.get(NAME)!.inline.get("read"), inline.value);
  });

  it("takes a foreign user of the same name for a Conflict when it is made under its hands", async () => {
    const { world, clientFor, desired } = setUp(asUser);
    const calls = world.calls(() => Promise.resolve({ accessKeyId: "x", secretAccessKey: "x" }));
    let looks = 0;
    const racing = {
      ...calls,
      identity: {
        ...calls.identity,
        find: async (...of: Parameters<typeof calls.identity.find>) => {
          looks += 1;
          return looks === 1 ? undefined : calls.identity.find(...of);
        },
      },
    };
    const client = awsAccount({ use: (run) => run(racing, world.account) }, place, owner, {
      name: "lake",
      aws: asUser,
    });
    world.addUser(NAME, "/keyturn/payments/", { mine: "no" });
    await assert.rejects(client.apply(desired[0]!, context, desired), isConflict);
    assert.equal(world.users.get(NAME)!.tags.size, 1);
    // The same, but it was we who made it, and the answer was lost.
    world.users.clear();
    await clientFor().apply(desired[0]!, context, desired);
    looks = 0;
    await client.apply(desired[0]!, context, desired);
    // And IAM may not show it yet: that is no Conflict, which would make the spec fail.
    racing.identity.find = async () => undefined;
    await assert.rejects(
      client.apply(desired[0]!, context, desired),
      (error) => error instanceof OperatorError && error.code === "Unavailable",
    );
  });

  for (const path of ["/", "/keyturn/", "/keyturn/other/", "/keyturn/payments2/"]) {
    it(`takes a user under ${path} for foreign, whatever its tags and the record say`, async () => {
      const { world, clientFor, join } = setUp(asUser);
      await join();
      const user = world.users.get(NAME)!;
      user.path = path;
      user.tags.set("keyturn.dev/adopt", "payments/billing");
      const client = clientFor();
      assert.equal((await client.observe(context, { externalId: user.id })).principal, "foreign");
      await assert.rejects(client.cut(context, "Deny"), isConflict);
    });
  }

  it("does not adopt what another resource has, and not without being told to", async () => {
    const { world, clientFor } = setUp(asUser);
    const user = world.addUser(NAME, "/keyturn/payments/", { "keyturn.dev/adopt": "payments/billing" });
    assert.equal((await clientFor().observe(context)).principal, "adoptable");
    user.tags.set("keyturn.dev/owner", "local/payments/other");
    assert.equal((await clientFor().observe(context)).principal, "foreign");
    user.tags.delete("keyturn.dev/owner");
    user.tags.set("keyturn.dev/adopt", "other/billing");
    assert.equal((await clientFor().observe(context)).principal, "foreign");
  });

  it("needs both marks: an owner without the UID, or with another's, is foreign", async () => {
    const { world, clientFor } = setUp(asUser);
    const user = world.addUser(NAME, "/keyturn/payments/", { "keyturn.dev/owner": "local/payments/billing" });
    assert.equal((await clientFor().observe(context)).principal, "foreign");
    user.tags.set("keyturn.dev/owner-uid", "u0");
    assert.equal((await clientFor().observe(context)).principal, "foreign");
    assert.equal((await clientFor({ predecessors: ["u0"] }).observe(context)).principal, "ours");
  });

  it("reads again before every change, and stops when the user has become somebody else's", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    await client.observe(context);
    world.users.get(NAME)!.tags.set("keyturn.dev/owner-uid", "u9");
    const before = world.mutations();
    await assert.rejects(client.remove("group/readers", context), isConflict);
    await assert.rejects(client.removeCredential("AKIA", context), isConflict);
    assert.equal(world.mutations(), before);
  });

  it("takes the tag of an environment off that is no longer declared, and leaves tags of others", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    const user = world.users.get(NAME)!;
    user.tags.set("cost-center", "7");
    const { team, contact } = pieceContext.owner;
    const pieces = awsPieces(asUser, { ...pieceContext, owner: { team, contact } });
    const piece = pieces.find(({ key }) => key === "owner")!;
    await client.apply(piece, context, pieces);
    assert.equal(user.tags.has("keyturn.dev/environment"), false);
    assert.equal(user.tags.get("cost-center"), "7");
    const seen = await client.observe(context);
    assert.equal(seen.pieces.find(({ key }) => key === "owner")?.value, piece.value);
  });

  it("shows the mark of a predecessor as a difference, and puts it right", async () => {
    const { clientFor, desired, join } = setUp(asUser);
    await join();
    const successor = clientFor({ uid: "u2", predecessors: ["u1"] });
    const ownerOf = async () => (await successor.observe(context)).pieces.find(({ key }) => key === "owner")?.value;
    const piece = desired.find(({ key }) => key === "owner")!;
    assert.notEqual(await ownerOf(), piece.value);
    await successor.apply(piece, context, desired);
    assert.equal(await ownerOf(), piece.value);
  });

  it("does not take a changed cut for a cut", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    await client.cut(context, "Deny");
    world.users
      .get(NAME)!
      .inline.set(
        "keyturn-cut",
        '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}',
      );
    assert.equal((await client.observe(context)).rightsCut, false);
    assert.equal((await client.proveRefused([], context)).kind, "accepted");
    await client.cut(context, "Deny");
    assert.equal((await client.observe(context)).rightsCut, true);
  });

  it("says what still works when it is asked for proof too early", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    const id = world.nextId("AKIA");
    world.users.get(NAME)!.keys.set(id, { id, secret: "s", createdAt: new Date(0), enabled: true });
    await client.cut(context, "Deny");
    assert.deepEqual(await client.proveRefused([], context), { kind: "accepted", what: `access key ${id} is active` });
    await client.setCredentialEnabled(id, false, context);
    assert.deepEqual(await client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
  });

  it("does not prove a role whose trust is open, and does when it is closed", async () => {
    const { clientFor, join } = setUp(asRole);
    const client = await join(clientFor());
    await client.cut(context, "Deny");
    assert.equal((await client.proveRefused([], context)).kind, "accepted");
    await client.closeLogin(context);
    assert.deepEqual(await client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
  });

  it("calls an identity refused that is not there any more", async () => {
    assert.equal((await setUp(asUser).clientFor().proveRefused([], context)).kind, "refused");
  });

  it("keeps the cut until the very end", async () => {
    const { world, clientFor, desired, join } = setUp(asUser);
    const client = await join(clientFor());
    await client.cut(context, "Deny");
    for (const piece of desired.filter(({ class: of }) => of === "grant")) {
      await client.remove(piece.key, context);
      assert.equal((await client.observe(context)).rightsCut, true);
    }
    world.log.length = 0;
    assert.equal(await client.remove("principal", context), "removed");
    assert.deepEqual(
      world.log.filter((call) => /^(delete|remove)/.test(call)),
      ["deleteInlinePolicy", "remove"],
    );
  });

  for (const hasCut of [true, false]) {
    it(`deletes a bare user ${hasCut ? "whose cut vanishes under its hands" : "that was never cut"}`, async () => {
      const { world, clientFor, desired } = setUp(asUser);
      const client = clientFor();
      await client.apply(desired[0]!, context, desired);
      if (hasCut) await client.cut(context, "Deny");
      world.failNext("deleteInlinePolicy", awsRefusal("NotFound", "NoSuchEntity", 404), "after");
      assert.equal(await client.remove("principal", context), "removed");
      assert.equal(world.users.has(NAME), false);
    });
  }

  it("keeps the cut when something still hangs on the user", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    await client.cut(context, "Deny");
    await assert.rejects(
      client.remove("principal", context),
      refusal("InUse", /a managed policy, an inline policy, a group/),
    );
    assert.equal(world.users.get(NAME)!.inline.has("keyturn-cut"), true);
  });

  it("names the policy that does not exist", async () => {
    const { world, join } = setUp(asUser);
    world.policies = new Set([rights.permissionsBoundary]);
    await assert.rejects(
      join(),
      (error) =>
        error instanceof OperatorError &&
        error.code === "NotFound" &&
        error.publicMessage === "The managed policy ReadOnlyAccess does not exist at AWS.",
    );
  });

  it("finds a document by hand that it cannot read, and puts it right", async () => {
    const { world, clientFor, desired, join } = setUp(asUser);
    const client = await join(clientFor());
    world.users.get(NAME)!.inline.set("read", "{ not JSON");
    const inline = desired.find(({ key }) => key === "inlinePolicy/read")!;
    const seen = (await client.observe(context)).pieces.find(({ key }) => key === inline.key);
    assert.notEqual(seen?.value, inline.value);
    assert.equal(seen?.value, (await client.observe(context)).pieces.find(({ key }) => key === inline.key)?.value);
    await client.apply(inline, context, desired);
    assert.equal((await client.observe(context)).pieces.find(({ key }) => key === inline.key)?.value, inline.value);
  });

  it("takes a policy of equal meaning for no difference", async () => {
    const { world, clientFor, desired, join } = setUp(asUser);
    const client = await join(clientFor());
    world.users
      .get(NAME)!
      .inline.set(
        "read",
        '{"Version":"2012-10-17","Statement":{"Sid":"x","Resource":["arn:aws:s3:::a/*"],"Action":["S3:getObject"],"Effect":"Allow"}}',
      );
    const found = (await client.observe(context)).pieces.find(({ key }) => key === "inlinePolicy/read");
    assert.equal(found?.value, desired.find(({ key }) => key === "inlinePolicy/read")!.value);
  });

  it("names spec.aws.webIdentity when a role is to be made without it, and still cuts one that is there", async () => {
    const { clientFor, desired, join } = setUp(asRole);
    await join();
    const client = clientFor({}, asRole, { ...place, issuer: undefined as never });
    await assert.rejects(
      client.apply(desired[0]!, context, desired),
      (error) =>
        error instanceof OperatorError &&
        error.code === "InvalidSpec" &&
        /spec\.aws\.webIdentity/.test(error.publicMessage),
    );
    await client.cut(context, "Deny");
    await client.closeLogin(context);
    assert.equal((await client.proveRefused([], context)).kind, "refused");
  });

  it("changes the longest session of a role in place", async () => {
    const { world, clientFor, join } = setUp(asRole);
    const longer: AwsAccount = { ...asRole, role: { ...rights, maxSessionDuration: "12h" } };
    const client = await join(clientFor());
    const pieces = awsPieces(longer, pieceContext);
    await client.apply(pieces[0]!, context, pieces);
    assert.equal(world.roles.get(NAME)!.maxSessionSeconds, 43_200);
    const seen = await client.observe(context);
    assert.equal(seen.pieces.find(({ key }) => key === "principal")?.value, pieces[0]!.value);
  });

  it("lets every error of IAM through as it is", async () => {
    const { world, clientFor, join } = setUp(asUser);
    const client = await join(clientFor());
    const away = awsRefusal("Throttled", "Throttling", 400);
    for (const [call, attempt] of [
      ["find", () => client.observe(context)],
      ["putInlinePolicy", () => client.cut(context, "Deny")],
      ["attachedPolicies", () => client.proveRefused([], context)],
      ["detachPolicy", () => client.remove(`managedPolicy/${rights.policies[0]!}`, context)],
    ] as const) {
      world.failNext(call, away);
      await assert.rejects(attempt(), away);
    }
  });

  it("does not take a user that vanishes between two reads for one without rights", async () => {
    const { world, calls, join } = setUp(asUser);
    await join();
    const vanishing = {
      ...calls,
      identity: {
        ...calls.identity,
        groups: async () => {
          throw awsRefusal("NotFound", "NoSuchEntity", 404);
        },
      },
    };
    const client = awsAccount({ use: (run) => run(vanishing, world.account) }, place, owner, {
      name: "lake",
      aws: asUser,
    });
    await assert.rejects(
      client.observe(context),
      (error) => error instanceof OperatorError && error.code === "Unavailable",
    );
  });
});

describe("the marks of an AWS connection", () => {
  it("are those of every user and role under its path, and of nobody else", async () => {
    const { markedIdentities } = await import("./identity/inventory.ts");
    const { world, calls, join } = setUp(asUser);
    await join();
    world.addUser("plain", "/keyturn/payments/");
    world.addUser("elsewhere", "/other/", { "keyturn.dev/owner": "local/payments/billing" });
    world.addUser("old", "/keyturn/shop/", { "keyturn.dev/owner": "local/shop/old" });
    assert.deepEqual(await markedIdentities(calls, world.account, "/keyturn/", context), [
      { kind: "AwsUser", id: `aws-user/123456789012/${NAME}`, owner: "local/payments/billing", ownerUid: "u1" },
      { kind: "AwsUser", id: "aws-user/123456789012/old", owner: "local/shop/old" },
    ]);
    assert.equal((await calls.identity.find(USER, context.signal))?.id.startsWith("AIDA"), true);
  });
});
