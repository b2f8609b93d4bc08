import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import type { AwsAccount } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { describeAccountClient } from "../../src/providers/account-conformance.ts";
import type { AwsKey } from "./aws.ts";
import {
  assumeByWebIdentity,
  awsHarness,
  awsScene,
  issuer,
  namespace,
  pathPrefix,
  refusalOf,
  serviceAccount,
  sessionIn,
} from "./aws-accounts.ts";
import type { AwsAbilities, AwsGround, AwsScene } from "./aws-accounts.ts";
import { asksRealAws, localGround, realAwsGround } from "./aws-grounds.ts";
import { startMinistack } from "./ministack.ts";
import { waitFor } from "./wait.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const all = [{ effect: "Allow" as const, actions: ["*"], resources: ["*"] }];
const mayList = [{ effect: "Allow" as const, actions: ["iam:ListUsers"], resources: ["*"] }];
const mayListAndGet = [{ effect: "Allow" as const, actions: ["iam:ListUsers", "iam:Get*"], resources: ["*"] }];

interface Served {
  readonly name: string;
  readonly abilities: AwsAbilities;
  readonly start: (stack: Stack) => Promise<AwsGround>;
}

/** What is known of each: which of them may be asked what. */
const servers: readonly Served[] = [
  {
    name: "moto",
    abilities: { userBoundaries: true, userSessions: false, webIdentity: true, knownPolicies: true },
    start: async (stack) => localGround(stack, stack.aws),
  },
  {
    name: "ministack",
    abilities: { userBoundaries: true, userSessions: true, webIdentity: true, knownPolicies: false },
    start: async (stack) => localGround(stack, await startMinistack(stack)),
  },
  // A real account, only when somebody asks for it: it costs nothing but takes an hour, for IAM is given time to settle.
  ...(asksRealAws("AWS accounts")
    ? [
        {
          name: "AWS",
          abilities: { userBoundaries: true, userSessions: false, webIdentity: false, knownPolicies: true },
          start: () => realAwsGround(),
        },
      ]
    : []),
];

/** IAM users and roles on real servers: the conformance suite, and proofs with real keys and sessions. */
describe("AWS accounts on real servers", function () {
  this.timeout(process.env["E2E_AWS"] === "1" ? 900_000 : 60_000);
  let stack: Stack;
  const grounds = new Map<string, AwsGround>();

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    for (const server of servers) grounds.set(server.name, await server.start(stack));
  });
  after(async () => {
    for (const ground of grounds.values()) {
      ground.connections.close();
      await ground.dispose?.();
    }
    await stack.stop();
  });

  for (const server of servers) {
    const { abilities } = server;
    const ground = (): AwsGround => {
      const found = grounds.get(server.name);
      ok(found);
      return found;
    };
    const itCan = (ability: keyof AwsAbilities, title: string, test: () => Promise<void>): void => {
      if (abilities[ability]) it(title, test);
    };
    const bounded = () => ({ permissionsBoundary: ground().boundary });

    describeAccountClient(`AwsUser on ${server.name}`, async () => {
      const boundary = abilities.userBoundaries ? bounded() : {};
      const rights = { policies: [READ_ONLY], groups: [ground().group], ...boundary };
      const scene = awsScene(ground(), () => ({
        user: { ...rights, inlinePolicies: [{ name: "read", statements: mayList }] },
      }));
      const changed = scene.piecesFor(
        {
          connectionRef: { name: "aws" },
          user: { ...rights, inlinePolicies: [{ name: "read", statements: mayListAndGet }] },
        },
        { team: "ledger", contact: "pay@example.com" },
      );
      return awsHarness(ground(), scene, changed);
    });

    describeAccountClient(
      `AwsRole on ${server.name}`,
      async () => {
        const rights = { policies: [READ_ONLY], ...bounded() };
        const scene = awsScene(ground(), () => ({
          role: { ...rights, inlinePolicies: [{ name: "read", statements: mayList }] },
        }));
        const changed = scene.piecesFor({
          connectionRef: { name: "aws" },
          role: { ...rights, audience: "other", inlinePolicies: [{ name: "read", statements: mayListAndGet }] },
        });
        return awsHarness(ground(), scene, changed);
      },
      ["credentials"],
    );

    describe(`proofs on ${server.name}`, () => {
      const scenes: AwsScene[] = [];
      const userWith = async (more: object): Promise<AwsScene> => {
        const scene = awsScene(ground(), () => ({ user: more }));
        await scene.join(context);
        scenes.push(scene);
        return scene;
      };
      const roleWith = async (more: object): Promise<AwsScene> => {
        const scene = awsScene(ground(), () => ({ role: more }));
        await scene.join(context);
        scenes.push(scene);
        return scene;
      };
      /** Refused with this code (undefined: let through), at once or where IAM needs it after a while. */
      const becomes = async (attempt: () => Promise<string | undefined>, code: string | undefined): Promise<void> => {
        if (ground().settle === undefined) equal(await attempt(), code);
        else
          await waitFor(`refused with ${code ?? "nothing"}`, async () => (await attempt()) === code, { every: 2000 });
      };
      const list = (key: AwsKey): Promise<string | undefined> =>
        refusalOf(ground().admin.action("iam", "ListUsers", { PathPrefix: "/nobody/" }, key));
      afterEach(async () => {
        for (const scene of scenes.splice(0)) await awsHarness(ground(), scene, []).dispose?.();
      });

      it("refuses every key of a user after cut and disabling, also the one that nobody told us of", async () => {
        const scene = await userWith({ inlinePolicies: [{ name: "list", statements: mayList }] });
        const keys = [
          await ground().admin.createAccessKey(scene.name),
          await ground().admin.createAccessKey(scene.name),
        ];
        for (const key of keys) await becomes(() => list(key), undefined);
        await scene.client.cut(context, "Deny");
        for (const key of keys) await becomes(() => list(key), "AccessDenied");
        for (const { id } of (await scene.client.observe(context)).credentials)
          await scene.client.setCredentialEnabled(id, false, context);
        for (const key of keys) await becomes(() => list(key), "InvalidClientTokenId");
        deepEqual(await scene.client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
        for (const key of keys) await scene.client.setCredentialEnabled(key.accessKeyId, true, context);
        await scene.client.uncut(context, { ways: ["Deny"], boundary: undefined });
        for (const key of keys) await becomes(() => list(key), undefined);
      });

      it("cuts what a group and a managed policy give as well", async () => {
        const scene = await userWith({ policies: [READ_ONLY], groups: [ground().group] });
        const key = await ground().admin.createAccessKey(scene.name);
        await becomes(() => list(key), undefined);
        await scene.client.cut(context, "Deny");
        await becomes(() => list(key), "AccessDenied");
      });

      it("keeps the rights cut until the user is gone", async () => {
        const scene = await userWith({ policies: [READ_ONLY], inlinePolicies: [{ name: "list", statements: all }] });
        const key = await ground().admin.createAccessKey(scene.name);
        await scene.client.cut(context, "Deny");
        for (const { key: piece, class: of } of [...scene.desired].reverse()) {
          if (of !== "grant") continue;
          await scene.client.remove(piece, context);
          await becomes(() => list(key), "AccessDenied");
        }
        equal(await scene.client.removeCredential(key.accessKeyId, context), "removed");
        equal(await scene.client.remove("principal", context), "removed");
        notEqual(await list(key), undefined);
        equal((await scene.client.observe(context)).principal, "absent");
      });

      it("gives and takes rights as a mover does, without making the user anew", async () => {
        const scene = await userWith({ inlinePolicies: [{ name: "list", statements: mayList }] });
        const key = await ground().admin.createAccessKey(scene.name);
        const get = (): Promise<string | undefined> =>
          refusalOf(ground().admin.action("iam", "GetUser", { UserName: scene.name }, key));
        await becomes(get, "AccessDenied");
        const moved: AwsAccount = {
          connectionRef: { name: "aws" },
          user: { inlinePolicies: [{ name: "list", statements: mayListAndGet }] },
        };
        const pieces = scene.piecesFor(moved);
        const before = await scene.client.observe(context);
        await scene.clientFor({}, moved).apply(
          pieces.find(({ key: of }) => of === "inlinePolicy/list")!,
          context,
          pieces,
        );
        await becomes(get, undefined);
        await scene.client.remove("inlinePolicy/list", context);
        await becomes(() => list(key), "AccessDenied");
        equal((await scene.client.observe(context)).externalId, before.externalId);
      });

      itCan("knownPolicies", "says of a managed policy that is not there that it is not there", async () => {
        const scene = await userWith({});
        const pieces = scene.piecesFor({
          connectionRef: { name: "aws" },
          user: { policies: [`arn:aws:iam::${ground().accountId}:policy/nothing`] },
        });
        await rejects(
          scene.client.apply(pieces.at(-1)!, context, pieces),
          (error) => error instanceof OperatorError && error.code === "NotFound",
        );
      });

      it("does not touch a user of another namespace's path, nor one beside it", async () => {
        const scene = await userWith({});
        const theirs = `theirs-${scene.owner.name}`;
        await ground().admin.createUser(theirs, {
          path: `${pathPrefix}other/`,
          tags: { "keyturn.dev/adopt": `${namespace}/${scene.owner.name}`, "keyturn.dev/owner": "local/payments/x" },
        });
        const client = ground().connections.account(ground().connection, scene.owner, {
          name: "lake",
          aws: { connectionRef: { name: "aws" }, user: { name: theirs } },
        });
        const seen = await client.observe(context);
        equal(seen.principal, "foreign");
        await rejects(
          client.cut(context, "Deny"),
          (error) => error instanceof OperatorError && error.code === "Conflict",
        );
        await ground().admin.removeUser(theirs);
      });

      it("finds its marks again without being told any name", async () => {
        const scene = await userWith({});
        const role = await roleWith({});
        const marks = await ground().connections.marked(ground().connection, context, []);
        const of = (one: AwsScene) => marks.find(({ id }) => id.endsWith(`/${one.name}`));
        deepEqual(of(scene), {
          kind: "AwsUser",
          id: `aws-user/${ground().accountId}/${scene.name}`,
          owner: `local/${namespace}/${scene.owner.name}`,
          ownerUid: scene.owner.uid,
        });
        equal(of(role)?.kind, "AwsRole");
        ok(marks.every(({ owner }) => owner !== ""));
      });

      itCan("userSessions", "denies a session of a user, issued before the cut, what it could do before", async () => {
        const scene = await userWith({ inlinePolicies: [{ name: "list", statements: all }] });
        const key = await ground().admin.createAccessKey(scene.name);
        const session = sessionIn(await ground().admin.action("sts", "GetSessionToken", {}, key));
        const federated = sessionIn(
          await ground().admin.action(
            "sts",
            "GetFederationToken",
            {
              Name: "federated",
              Policy: JSON.stringify({
                Version: "2012-10-17",
                Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
              }),
            },
            key,
          ),
        );
        for (const one of [session, federated]) await becomes(() => list(one), undefined);
        await scene.client.cut(context, "Deny");
        for (const one of [session, federated]) await becomes(() => list(one), "AccessDenied");
      });

      itCan("webIdentity", "denies a session of a role, issued before the cut, what it could do before", async () => {
        const scene = await roleWith({ inlinePolicies: [{ name: "list", statements: mayList }] });
        const session = await assumeByWebIdentity(ground().admin, scene.arn, claims());
        await becomes(() => list(session), undefined);
        await scene.client.cut(context, "Deny");
        await becomes(() => list(session), "AccessDenied");
        await scene.client.uncut(context, { ways: ["Deny"], boundary: undefined });
        await becomes(() => list(session), undefined);
      });

      itCan(
        "webIdentity",
        "lets only this ServiceAccount, issuer and audience assume the role, and nobody once it is closed",
        async () => {
          const scene = await roleWith({ inlinePolicies: [{ name: "list", statements: mayList }] });
          const assume = (change: object): Promise<string | undefined> =>
            refusalOf(assumeByWebIdentity(ground().admin, scene.arn, { ...claims(), ...change }));
          equal(await assume({}), undefined);
          const others = [
            { sub: `system:serviceaccount:${namespace}:other` },
            { sub: `system:serviceaccount:other:${serviceAccount}` },
            { sub: "*" },
            { aud: "vault" },
            { iss: "https://oidc.example.com/id/OTHER" },
            { iss: "https://evil.example.com" },
          ];
          for (const other of others) equal(await assume(other), "AccessDenied", JSON.stringify(other));
          equal(await refusalOf(ground().admin.assumeRole(scene.arn, "direct")), "AccessDenied");
          await scene.client.closeLogin(context);
          equal(await assume({}), "AccessDenied");
          equal((await scene.client.observe(context)).loginClosed, true);
          await scene.client.openLogin(context, scene.desired);
          equal(await assume({}), undefined);
          for (const other of others) equal(await assume(other), "AccessDenied", JSON.stringify(other));
        },
      );

      itCan("userBoundaries", "bounds a user from its first moment, whatever its policies say", async () => {
        const scene = await userWith({ ...bounded(), inlinePolicies: [{ name: "all", statements: all }] });
        const key = await ground().admin.createAccessKey(scene.name);
        const create = (): Promise<string | undefined> =>
          refusalOf(ground().admin.action("iam", "CreateGroup", { GroupName: `g-${scene.owner.name}` }, key));
        await becomes(() => list(key), undefined);
        await becomes(create, "AccessDenied");
        equal(await scene.client.remove("boundary", context), "removed");
        equal(await scene.client.remove("boundary", context), "alreadyAbsent");
        await becomes(create, undefined);
        await scene.client.apply(
          scene.desired.find(({ key: of }) => of === "boundary")!,
          context,
          scene.desired,
        );
        equal(
          await refusalOf(ground().admin.action("iam", "DeleteGroup", { GroupName: `g-${scene.owner.name}` }, key)),
          "AccessDenied",
        );
      });
    });
  }
});

const claims = () => ({
  iss: issuer,
  sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
  aud: "sts.amazonaws.com",
});
