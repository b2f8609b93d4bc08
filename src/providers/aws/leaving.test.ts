import assert from "node:assert/strict";
import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { CutWayName } from "../../domain/lifecycle/record.ts";
import { deniesEverything } from "../../domain/policy-document/index.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { AccountClient, Recorded } from "../account.ts";
import { asRole, asUser, context, NAME, owner, place, refusal, rights, setUp, USER } from "./account-fixtures.fake.ts";
import { awsAccount, type AwsPlace } from "./account.ts";
import { awsRefusal, type FakeAws } from "./fake-calls.ts";
import { ALLOW_ALL, DENY_ALL } from "./identity/fake-policies.ts";
import type { AwsCalls } from "./sdk.ts";

const DENY = "arn:aws:iam::aws:policy/AWSDenyAll";
const OWN_DENY = "arn:aws:iam::123456789012:policy/security/deny";
const BOUND = rights.permissionsBoundary;
/** As the planner hands it over: the value of the boundary piece. */
const BOUND_VALUE = JSON.stringify(BOUND);
const forbidden = awsRefusal("PermissionDenied", "AccessDenied", 403);
const noRoom = awsRefusal("QuotaExceeded", "LimitExceeded", 409);

/** A user that has joined and has a policy in its group, so that something may be done. */
const joined = async (aws: AwsAccount = asUser, where: AwsPlace = place) => {
  const scene = setUp(aws);
  const client = scene.clientFor({}, aws, where);
  await scene.join(client);
  scene.world.policyDocuments.set(BOUND, { version: "v1", document: ALLOW_ALL });
  const rightsOf = () => (aws.user === undefined ? scene.world.roles : scene.world.users).get(NAME)!;
  return { ...scene, client, rightsOf };
};
const waysOf = async (client: AccountClient, recorded: Recorded = {}) =>
  (await client.observe(context, recorded)).cutWays;
const denied = (world: FakeAws): boolean => {
  const user = world.users.get(NAME);
  if (user === undefined) return true;
  const holds = (arn: string): boolean =>
    deniesEverything(world.policyDocuments.get(arn)?.document ?? "") || arn === DENY;
  return (
    [...user.inline.values()].some(deniesEverything) ||
    [...user.attached].some(holds) ||
    (user.boundary !== undefined && holds(user.boundary))
  );
};

/** A client to which IAM shows the first boundary that it puts on one look too late. */
const lateAfterBoundary = (calls: AwsCalls, world: FakeAws): AccountClient => {
  let before: string | undefined;
  let isLate = false;
  const identity: AwsCalls["identity"] = {
    ...calls.identity,
    async setBoundary(...of) {
      before = world.users.get(NAME)?.boundary;
      await calls.identity.setBoundary(...of);
      isLate = !shown;
    },
    async find(...of) {
      const found = await calls.identity.find(...of);
      if (!isLate || found === undefined) return found;
      isLate = false;
      shown = true;
      return { ...found, boundary: before };
    },
  };
  let shown = false;
  return awsAccount({ use: (run) => run({ ...calls, identity }, world.account) }, place, owner, {
    name: "lake",
    aws: asUser,
  });
};

describe("the ways to cut an IAM identity", () => {
  for (const way of ["Deny", "Boundary", "AttachedDeny", "Room"] as const) {
    it(`denies everything by one request: ${way}; and lifts exactly that`, async () => {
      const { world, client, rightsOf } = await joined();
      assert.equal(world.lets(USER, "s3:GetObject"), true);
      const before = world.mutations();
      await client.cut(context, way);
      assert.equal(world.mutations(), before + 1);
      assert.equal(world.lets(USER, "s3:GetObject"), false);
      const recorded: Recorded = { leaving: true, cutWays: [way] };
      const seen = await client.observe(context, recorded);
      assert.deepEqual([seen.rightsCut, seen.cutBy], [true, [way]]);
      assert.equal(
        seen.pieces.some(({ value, key }) => value.includes("AWSDenyAll") || key.includes("AWSDenyAll")),
        false,
      );
      for (let turn = 0; turn < 2; turn += 1)
        await client.uncut(context, { ways: [way], boundary: way === "Boundary" ? BOUND_VALUE : undefined });
      assert.equal(world.lets(USER, "s3:GetObject"), true);
      assert.equal(rightsOf().boundary, BOUND);
      assert.deepEqual([...rightsOf().attached], rights.policies);
    });
  }

  it("are told best first, with what each replaces and clears", async () => {
    const { client, rightsOf, desired } = await joined();
    rightsOf().inline.set("theirs", ALLOW_ALL);
    rightsOf().inline.set("AWSRevokeOlderSessions", DENY_ALL.replace('"*"', '"s3:*"'));
    const value = (key: string) => desired.find((piece) => piece.key === key)!.value;
    const [deny, boundary, attached, room, grants, ...more] = await waysOf(client);
    assert.deepEqual(more, []);
    assert.deepEqual(deny, { name: "Deny", replaces: [], clears: [], request: true });
    assert.deepEqual(boundary, {
      ...{ name: "Boundary", clears: [], request: true },
      replaces: [{ key: "boundary", value: JSON.stringify(BOUND) }],
    });
    assert.deepEqual(attached, { name: "AttachedDeny", replaces: [], clears: [], request: true });
    assert.deepEqual(
      room?.clears.map(({ key }) => key),
      ["inlinePolicy/read", "inlinePolicy/theirs"],
    );
    assert.equal(room.clears[0]?.value, value("inlinePolicy/read"));
    assert.deepEqual(
      [grants?.request, grants?.clears.map(({ key }) => key)],
      [false, [`managedPolicy/${rights.policies[0]!}`, "inlinePolicy/read", "inlinePolicy/theirs", "group/readers"]],
    );
  });

  it("make room only where something is in the way, and nothing replaces a boundary that is not there", async () => {
    const { client, rightsOf } = await joined({ connectionRef: { name: "aws" }, user: {} });
    assert.equal(rightsOf().boundary, undefined);
    const ways = await waysOf(client);
    assert.deepEqual(
      ways.map(({ name, replaces, clears }) => [name, replaces.length + clears.length]),
      [
        ["Deny", 0],
        ["Boundary", 0],
        ["AttachedDeny", 0],
        ["Grants", 0],
      ],
    );
  });

  it("cut a user whose inline policies fill its room, once they are cleared; and give them back as they were", async () => {
    const { world, client, rightsOf } = await joined();
    const filling = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:*", Resource: `arn:aws:s3:::${"x".repeat(1800)}` }],
    });
    rightsOf().inline.set("by-hand", filling);
    await assert.rejects(client.cut(context, "Deny"), refusal("QuotaExceeded", /LimitExceeded/));
    for (const call of ["setBoundary", "attachPolicy"]) world.refuse(call, forbidden);
    const room = (await waysOf(client)).find(({ name }) => name === "Room")!;
    for (const { key } of room.clears) await client.remove(key, context);
    await client.cut(context, "Room");
    assert.equal(world.lets(USER, "s3:GetObject"), false);
    await client.observe(context, { leaving: true, cutWays: ["Room"] });
    const pieces = room.clears.map((former) => ({ ...former, class: "grant" as const, title: former.key }));
    // Not ours to refuse: with the cut in its place IAM itself has no room, so the cut goes first here.
    await client.uncut(context, { ways: ["Room"], boundary: undefined });
    for (const piece of pieces) await client.apply(piece, context, [], room.clears);
    assert.deepEqual(JSON.parse(rightsOf().inline.get("by-hand")!), {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: [`arn:aws:s3:::${"x".repeat(1800)}`] }],
    });
  });

  it("put a document back that Keyturn cannot read, letter by letter", async () => {
    const { client, rightsOf } = await joined();
    const unknown = '{"Version":"2012-10-17","Statement":[],"Later":true}';
    rightsOf().inline.set("later", unknown);
    const former = (await waysOf(client))
      .find(({ name }) => name === "Grants")!
      .clears.find(({ key }) => key === "inlinePolicy/later")!;
    await client.remove(former.key, context);
    await client.apply({ ...former, class: "grant", title: "inline policy later" }, context, [], [former]);
    assert.equal(rightsOf().inline.get("later"), unknown);
    const seen = await client.observe(context);
    assert.equal(seen.pieces.find(({ key }) => key === former.key)?.value, former.value);
  });

  it("take a denial that somebody else put on for one, show it, and never lift it", async () => {
    const { world, client, rightsOf } = await joined();
    rightsOf().attached.add(DENY);
    rightsOf().boundary = DENY;
    const seen = await client.observe(context);
    assert.deepEqual([seen.rightsCut, seen.cutBy], [true, []]);
    const shown = seen.pieces.filter(({ key, value }) => key.includes("DenyAll") || value.includes("DenyAll"));
    assert.deepEqual(
      shown.map(({ key, effect }) => [key, effect]),
      [
        ["boundary", undefined],
        [`managedPolicy/${DENY}`, "Denies"],
      ],
    );
    await client.uncut(context, { ways: seen.cutBy, boundary: BOUND_VALUE });
    assert.equal(world.lets(USER, "s3:GetObject"), false);
    assert.equal(rightsOf().boundary, DENY);
    rightsOf().attached.delete(DENY);
    rightsOf().boundary = BOUND;
    rightsOf().inline.set("by-security", DENY_ALL);
    assert.equal((await client.observe(context)).rightsCut, true);
  });

  it("are those of the record: a way that was refused is not in force, whatever is on record", async () => {
    const { client } = await joined();
    const seen = await client.observe(context, { leaving: true, cutWays: ["Deny", "Boundary", "AttachedDeny"] });
    assert.deepEqual([seen.rightsCut, seen.cutBy], [false, []]);
  });

  it("put the boundary that is to stand in its place, and see it, before another denial goes", async () => {
    const { world, client, rightsOf } = await joined();
    for (const way of ["Deny", "Boundary", "AttachedDeny"] as const) await client.cut(context, way);
    await client.observe(context, { leaving: true, cutWays: ["Deny", "Boundary", "AttachedDeny"] });
    world.log.length = 0;
    await client.uncut(context, { ways: ["Deny", "Boundary", "AttachedDeny"], boundary: BOUND_VALUE });
    assert.deepEqual(
      world.log.filter((call) => call !== "attachedPolicies"),
      ["find", "setBoundary", "find", "detachPolicy", "deleteInlinePolicy"],
    );
    assert.equal(rightsOf().boundary, BOUND);
    world.refuse("setBoundary", forbidden);
    for (const way of ["Deny", "AttachedDeny"] as const) await client.cut(context, way);
    rightsOf().boundary = DENY;
    await assert.rejects(
      client.uncut(context, { ways: ["Deny", "Boundary", "AttachedDeny"], boundary: BOUND_VALUE }),
      forbidden,
    );
    assert.deepEqual([rightsOf().attached.has(DENY), rightsOf().inline.has("keyturn-cut")], [true, true]);
  });

  it("keep the other denials while IAM does not show the boundary yet", async () => {
    const { world, client, calls, rightsOf } = await joined();
    for (const way of ["Deny", "Boundary"] as const) await client.cut(context, way);
    const late = lateAfterBoundary(calls, world);
    await late.observe(context, { leaving: true, cutWays: ["Deny", "Boundary"] });
    const lift = { ways: ["Deny", "Boundary"], boundary: BOUND_VALUE } as const;
    await assert.rejects(late.uncut(context, lift), refusal("Unavailable", /changed while/));
    assert.equal(rightsOf().inline.has("keyturn-cut"), true);
    await late.uncut(context, lift);
    assert.deepEqual([rightsOf().boundary, rightsOf().inline.has("keyturn-cut")], [BOUND, false]);
  });

  it("do not take a boundary off that somebody has put there since", async () => {
    const { client, rightsOf } = await joined();
    await client.cut(context, "Boundary");
    rightsOf().boundary = "arn:aws:iam::123456789012:policy/theirs";
    await client.uncut(context, { ways: ["Boundary"], boundary: BOUND_VALUE });
    assert.equal(rightsOf().boundary, "arn:aws:iam::123456789012:policy/theirs");
  });

  it("are denied by the policy of the connection, of its partition where it names none", async () => {
    const chinese = await joined(asUser, { ...place, partition: "aws-cn" });
    await chinese.client.cut(context, "Boundary");
    assert.equal(chinese.rightsOf().boundary, "arn:aws-cn:iam::aws:policy/AWSDenyAll");
    const own = await joined(asUser, { ...place, denyPolicyArn: OWN_DENY });
    own.world.policyDocuments.set(OWN_DENY, { version: "v1", document: DENY_ALL });
    await own.client.cut(context, "AttachedDeny");
    assert.equal(own.rightsOf().attached.has(OWN_DENY), true);
    const seen = await own.client.observe(context, { leaving: true, cutWays: ["AttachedDeny"] });
    assert.deepEqual([seen.rightsCut, seen.cutBy], [true, ["AttachedDeny"]]);
  });

  it("do not go by a policy that lets something through, from the first look that sees it", async () => {
    const { world, client } = await joined(asUser, { ...place, denyPolicyArn: OWN_DENY });
    world.policyDocuments.set(OWN_DENY, { version: "v1", document: DENY_ALL });
    await client.cut(context, "Boundary");
    const recorded: Recorded = { leaving: true, cutWays: ["Boundary"] };
    assert.equal((await client.observe(context, recorded)).rightsCut, true);
    world.policyDocuments.set(OWN_DENY, {
      version: "v2",
      document: DENY_ALL.replace('"Action":"*"', '"Action":"s3:*"'),
    });
    const seen = await client.observe(context, recorded);
    assert.deepEqual([seen.rightsCut, seen.cutBy], [false, []]);
    assert.deepEqual(
      seen.cutWays.map(({ name }) => name),
      ["Deny", "Room", "Grants"],
    );
    assert.equal((await client.proveRefused([], context)).kind, "accepted");
    await assert.rejects(client.cut(context, "AttachedDeny"), refusal("InvalidSpec", /does not deny everything/));
  });

  it("name the right without which the connection's policy is not used", async () => {
    const { world, client } = await joined(asUser, { ...place, denyPolicyArn: OWN_DENY });
    for (const [call, right] of [
      ["document", "iam:GetPolicyVersion"],
      ["defaultVersion", "iam:GetPolicy"],
    ] as const) {
      world.refuse(call, forbidden);
      const seen = await client.observe(context, { leaving: true });
      assert.deepEqual(
        seen.cutWays.map(({ name }) => name),
        ["Deny", "Room", "Grants"],
      );
      assert.deepEqual(seen.notLooked, [{ what: `whether ${OWN_DENY} denies everything`, why: "NotAllowed", right }]);
      await assert.rejects(client.cut(context, "Boundary"), refusal("PermissionDenied", new RegExp(right)));
    }
  });

  for (const way of ["Grants", "Disable"] as const) {
    it(`have no request of the name ${way}`, async () => {
      const { world, client } = await joined();
      const before = world.mutations();
      await assert.rejects(client.cut(context, way), OperatorError);
      assert.equal(world.mutations(), before);
    });
  }

  it("count what is left to grant, and never what only denies", async () => {
    const { world, client, rightsOf } = await joined();
    rightsOf().inline.set("revoked", DENY_ALL.replace('"*"', '"sts:*"'));
    rightsOf().attached.add("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3");
    rightsOf().memberOf.add("org-deny");
    world.groupPolicies.set("org-deny", { attached: new Set([DENY]), inline: new Map() });
    assert.equal((await client.observe(context, { leaving: true })).grantsGone, false);
    const { clears } = (await waysOf(client, { leaving: true })).find(({ name }) => name === "Grants")!;
    for (const { key } of clears) await client.remove(key, context);
    const seen = await client.observe(context, { leaving: true });
    assert.deepEqual([seen.grantsGone, seen.rightsCut], [true, false]);
    assert.deepEqual(await client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
    world.refuse("groups", forbidden);
    assert.equal((await client.observe(context, { leaving: true })).grantsGone, false);
  });

  it("let a leaver be cut whose lists may not be read or fail, and say so; nothing is proven by them", async () => {
    const { world, client } = await joined();
    world.refuse("listAccessKeys", forbidden);
    world.refuse("groups", awsRefusal("Throttled", "Throttling", 400));
    await assert.rejects(client.observe(context), OperatorError);
    const seen = await client.observe(context, { leaving: true });
    assert.deepEqual(seen.notLooked.map(({ what, why, right = "-" }) => `${what} ${why} ${right}`).sort(), [
      "access keys NotAllowed iam:ListAccessKeys",
      "groups Failed -",
    ]);
    await client.cut(context, "Deny");
    await assert.rejects(client.proveRefused([], context), OperatorError);
    world.refuse("groups", undefined);
    assert.equal((await client.proveRefused([], context)).kind, "refused");
  });

  for (const error of [
    awsRefusal("Unauthenticated", "ExpiredToken", 403),
    new OperatorError("Aborted", { publicMessage: "x" }),
  ]) {
    it(`stop a look whose login or pass has ended: ${error.code}`, async () => {
      const { world, client } = await joined();
      for (const call of ["groups", "listPassword"]) {
        world.refuse(call, error);
        await assert.rejects(client.observe(context, { leaving: true, everything: true }), error);
        world.refuse(call, undefined);
      }
    });
  }
});

describe("the deletion of an IAM identity", () => {
  /** Cut in these ways, and all else is gone. */
  const bare = async (ways: readonly CutWayName[], where: AwsPlace = place) => {
    const scene = await joined(asUser, where);
    for (const way of ways) await scene.client.cut(context, way);
    for (const { key, class: of } of scene.desired)
      if (of === "grant" || (of === "restriction" && !ways.includes("Boundary")))
        await scene.client.remove(key, context);
    await scene.client.observe(context, { leaving: true, cutWays: ways });
    scene.world.log.length = 0;
    return scene;
  };
  const mutationsOf = (world: FakeAws): readonly string[] =>
    world.log.filter((call) => /^(set|put|attachPolicy|detachPolicy|delete|remove)/.test(call));

  it("puts the boundary on, sees it, and only then takes off what cut", async () => {
    const { world, client } = await bare(["Deny", "AttachedDeny"]);
    assert.equal(await client.remove("principal", context), "removed");
    assert.deepEqual(mutationsOf(world), ["setBoundary", "deleteInlinePolicy", "detachPolicy", "remove"]);
    assert.equal(world.log.lastIndexOf("find") > world.log.indexOf("setBoundary"), true);
    assert.equal(world.log.lastIndexOf("find") < world.log.indexOf("deleteInlinePolicy"), true);
  });

  it("needs nothing but itself where the boundary is what cuts", async () => {
    const { world, client } = await bare(["Boundary"]);
    assert.equal(await client.remove("principal", context), "removed");
    assert.deepEqual(mutationsOf(world), ["remove"]);
  });

  it("goes on where the boundary is refused, for nothing that grants or logs in is left", async () => {
    const { world, client } = await bare(["Deny"]);
    world.refuse("setBoundary", forbidden);
    assert.equal(await client.remove("principal", context), "removed");
    assert.deepEqual(mutationsOf(world), ["setBoundary", "deleteInlinePolicy", "remove"]);
  });

  it("changes nothing while the boundary is not seen, or nobody knows whether it is on", async () => {
    const { world, client, calls, rightsOf } = await bare(["Deny"]);
    const late = lateAfterBoundary(calls, world);
    await late.observe(context, { leaving: true, cutWays: ["Deny"] });
    await assert.rejects(late.remove("principal", context), refusal("Unavailable", /changed while/));
    assert.equal(rightsOf().inline.has("keyturn-cut"), true);
    rightsOf().boundary = undefined;
    for (const at of ["before", "after"] as const) {
      world.failNext("setBoundary", new OperatorError("Timeout", { publicMessage: "x", ambiguous: true }), at);
      await assert.rejects(client.remove("principal", context), refusal("Timeout", /x/));
      assert.equal(rightsOf().inline.has("keyturn-cut"), true);
    }
    assert.equal(await client.remove("principal", context), "removed");
  });

  for (const refuse of [false, true]) {
    for (const [what, error] of [
      ["is refused", awsRefusal("InUse", "DeleteConflict", 409)],
      ["is forbidden", forbidden],
      ["fails", awsRefusal("Unavailable", "ServiceFailure", 500)],
    ] as const) {
      it(`is denied again in the same call when it ${what}${refuse ? ", without a boundary too" : ""}, and everything is as before`, async () => {
        const { world, client, rightsOf } = await bare(["Deny", "AttachedDeny"]);
        if (refuse) world.refuse("setBoundary", forbidden);
        const before = JSON.stringify([[...rightsOf().inline], [...rightsOf().attached], rightsOf().boundary]);
        world.failNext("remove", error);
        await assert.rejects(client.remove("principal", context), OperatorError);
        assert.equal(JSON.stringify([[...rightsOf().inline], [...rightsOf().attached], rightsOf().boundary]), before);
        assert.equal(await client.remove("principal", context), "removed");
      });
    }
  }

  it("is denied again although the pass was stopped in the middle", async () => {
    const { world, client, rightsOf } = await bare(["Deny"]);
    const stopped = new OperatorError("Aborted", { publicMessage: "stopped" });
    world.failNext("remove", stopped);
    await assert.rejects(client.remove("principal", context), stopped);
    assert.equal(rightsOf().inline.has("keyturn-cut"), true);
  });

  it("leaves the boundary on where the denial cannot be put back", async () => {
    const { world, client, rightsOf } = await bare(["Deny"]);
    world.failNext("remove", awsRefusal("InUse", "DeleteConflict", 409));
    world.refuse("putInlinePolicy", noRoom);
    await assert.rejects(client.remove("principal", context), refusal("InUse", /a console password, an MFA device/));
    assert.equal(rightsOf().boundary, DENY);
    const seen = await client.observe(context, { leaving: true });
    assert.equal(seen.rightsCut, true);
    assert.equal(
      seen.pieces.some(({ key }) => key === "boundary"),
      false,
    );
  });

  it("keeps the boundary that the record knows", async () => {
    const { world, client, rightsOf } = await bare(["Deny", "Boundary"]);
    world.failNext("remove", awsRefusal("InUse", "DeleteConflict", 409));
    await assert.rejects(client.remove("principal", context), OperatorError);
    assert.deepEqual([rightsOf().boundary, rightsOf().inline.has("keyturn-cut")], [DENY, true]);
  });

  it("takes an answer that was lost for nothing but that", async () => {
    const { world, client } = await bare(["Deny"]);
    world.failNext("remove", new OperatorError("Timeout", { publicMessage: "x", ambiguous: true }), "after");
    await assert.rejects(client.remove("principal", context), refusal("Timeout", /x/));
    assert.equal(world.users.has(NAME), false);
    assert.equal(await client.remove("principal", context), "alreadyAbsent");
  });

  /** The operator dies at this mutating request: nothing after it is sent, no answer comes. */
  const killedAt = (calls: AwsCalls, world: FakeAws, at: number, point: "before" | "after"): AwsCalls => {
    let dead = false;
    const guarded = <T extends object>(api: T): T =>
      new Proxy(api, {
        get: (target, name: string) => {
          const real = (target as Record<string, unknown>)[name];
          if (typeof real !== "function") return real;
          return async (...args: unknown[]): Promise<unknown> => {
            if (dead) throw new OperatorError("Aborted", { publicMessage: "dead" });
            const before = world.mutations();
            const mutates = /^(set|put|attachPolicy|detachPolicy|delete|remove)/.test(name);
            if (mutates && before === at && point === "before") dead = true;
            if (dead) throw new OperatorError("Aborted", { publicMessage: "dead" });
            const answer = await (real as (...of: unknown[]) => Promise<unknown>).apply(target, args);
            if (mutates && before === at) dead = true;
            if (dead) throw new OperatorError("Aborted", { publicMessage: "dead" });
            return answer;
          };
        },
      });
    return { ...calls, identity: guarded(calls.identity) };
  };
  for (const ways of [["Deny"], ["AttachedDeny"], ["Deny", "AttachedDeny"], ["Deny", "Boundary"]] as const) {
    it(`is denied whatever request the operator dies at, and ends by the next one: cut by ${ways.join(", ")}`, async () => {
      let reached = 0;
      for (let at = 0; at < 5; at += 1) {
        for (const point of ["before", "after"] as const) {
          const { world, calls, memory, client } = await bare(ways);
          const dying = killedAt(calls, world, at, point);
          const mortal = awsAccount({ use: (run) => run(dying, world.account) }, { ...place, memory }, owner, {
            name: "lake",
            aws: asUser,
          });
          const recorded: Recorded = { leaving: true, cutWays: ways };
          await mortal.observe(context, recorded);
          const ended = await mortal.remove("principal", context).then(
            () => true,
            () => false,
          );
          if (!ended) reached += 1;
          assert.equal(denied(world), true, `${at} ${point}`);
          const seen = await client.observe(context, recorded);
          assert.equal(seen.rightsCut, true);
          if (world.users.has(NAME)) assert.equal(await client.remove("principal", context), "removed");
          assert.equal(world.users.has(NAME), false);
        }
      }
      assert.ok(reached >= 2);
    });
  }

  it("takes only itself where nothing was ever cut", async () => {
    const { world, client } = await bare([]);
    assert.equal(await client.remove("principal", context), "removed");
    assert.deepEqual(mutationsOf(world), ["remove"]);
  });

  it("closes with a role whose instance profile is named and taken away", async () => {
    const { world, client, rightsOf, desired } = await joined(asRole);
    rightsOf().credentials.push({ kind: "InstanceProfile", id: "prof", createdAt: new Date(0), enabled: true });
    await client.cut(context, "Deny");
    for (const { key, class: of } of desired)
      if (of === "grant" || of === "restriction") await client.remove(key, context);
    await assert.rejects(client.remove("principal", context), refusal("InUse", /gone from it: an instance profile\./));
    assert.equal(rightsOf().inline.has("keyturn-cut"), true);
    assert.equal(await client.removeCredential("InstanceProfile/prof", context), "removed");
    assert.equal(await client.remove("principal", context), "removed");
    assert.equal(world.roles.size, 0);
  });
});
