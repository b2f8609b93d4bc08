import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import {
  asRole,
  asUser,
  context,
  NAME,
  owner,
  pieceContext,
  place,
  refusal,
  rights,
  setUp,
} from "./account-fixtures.fake.ts";
import { awsAccount } from "./account.ts";
import { awsRefusal } from "./fake-calls.ts";
import type { HangingKind } from "./identity/contract.ts";
import { IamMemory } from "./identity/memory.ts";

const forbidden = awsRefusal("PermissionDenied", "AccessDenied", 403);
const OF_USERS: readonly (readonly [
  kind: HangingKind,
  id: string,
  right: string,
  what: string,
  switchable: boolean,
])[] = [
  ["Password", NAME, "iam:GetLoginProfile, iam:DeleteLoginProfile", "console passwords", false],
  [
    "SshPublicKey",
    "APKA1",
    "iam:ListSSHPublicKeys, iam:UpdateSSHPublicKey, iam:DeleteSSHPublicKey",
    "SSH public keys",
    true,
  ],
  [
    "ServiceSpecificCredential",
    "ACCA1",
    "iam:ListServiceSpecificCredentials, iam:UpdateServiceSpecificCredential, iam:DeleteServiceSpecificCredential",
    "service-specific credentials",
    true,
  ],
  [
    "SigningCertificate",
    "CERT1",
    "iam:ListSigningCertificates, iam:UpdateSigningCertificate, iam:DeleteSigningCertificate",
    "signing certificates",
    true,
  ],
  [
    "MfaDevice",
    "arn:aws:iam::123456789012:mfa/phone",
    "iam:ListMFADevices, iam:DeactivateMFADevice, iam:DeleteVirtualMFADevice",
    "MFA devices",
    false,
  ],
];

/** A user that has one credential of every kind besides an access key. */
const loaded = async () => {
  const scene = setUp(asUser);
  const client = await scene.join();
  const user = scene.world.users.get(NAME)!;
  user.keys.set("AKIA1", { id: "AKIA1", secret: "s", createdAt: new Date(0), enabled: true });
  for (const [kind, id] of [...OF_USERS].reverse())
    user.credentials.push({ kind, id, createdAt: new Date(0), enabled: true });
  const listed = async (everything = false) =>
    (await client.observe(context, { everything })).credentials.map(({ id }) => id);
  return { ...scene, client, user, listed };
};
const ALL_IDS = [
  `Password/${NAME}`,
  ...["SshPublicKey/APKA1", "ServiceSpecificCredential/ACCA1", "SigningCertificate/CERT1", "AKIA1"],
  "MfaDevice/arn:aws:iam::123456789012:mfa/phone",
];

describe("credentials of an IAM identity", () => {
  it("are all listed, a password before the device that guards it", async () => {
    const { client, listed } = await loaded();
    assert.deepEqual(await listed(true), ALL_IDS);
    const { credentials } = await client.observe(context);
    assert.deepEqual(
      credentials.map(({ kind, switchable }) => [kind, switchable]),
      [
        ["Password", false],
        ["SshPublicKey", true],
        ["ServiceSpecificCredential", true],
        ["SigningCertificate", true],
        ["AccessKey", true],
        ["MfaDevice", false],
      ],
    );
  });

  it("are listed once a day, and access keys at every look", async () => {
    const { clock, world, user, listed } = await loaded();
    const looks = () => world.log.filter((call) => call === "listPassword").length;
    await listed();
    user.keys.set("AKIA2", { id: "AKIA2", secret: "s", createdAt: new Date(0), enabled: true });
    user.credentials.length = 0;
    const seen = await listed();
    assert.deepEqual([seen.includes("AKIA2"), seen.includes(`Password/${NAME}`), looks()], [true, true, 1]);
    await clock.advance(24 * 3_600_000 - 1);
    await listed();
    assert.equal(looks(), 1);
    await clock.advance(1);
    assert.deepEqual(await listed(), ["AKIA1", "AKIA2"]);
    assert.equal(looks(), 2);
    await listed(true);
    assert.equal(looks(), 3);
  });

  it("are listed again after one of them was changed, and for a user that was made anew", async () => {
    const { world, client, listed } = await loaded();
    await listed();
    await client.setCredentialEnabled("SshPublicKey/APKA1", false, context);
    const key = (await client.observe(context)).credentials.find(({ id }) => id === "SshPublicKey/APKA1");
    assert.equal(key?.enabled, false);
    await client.removeCredential("SshPublicKey/APKA1", context);
    assert.equal((await listed()).includes("SshPublicKey/APKA1"), false);
    const { tags } = world.users.get(NAME)!;
    world.users.delete(NAME);
    world.addUser(NAME, place.allowedPath, Object.fromEntries(tags));
    assert.deepEqual(await listed(), []);
  });

  for (const [kind, , right, what] of OF_USERS) {
    it(`stop nothing where the login may not list them, and the right is named: ${kind}`, async () => {
      const { clock, world, client } = await loaded();
      world.refuse(`list${kind}`, forbidden);
      const seen = await client.observe(context, { leaving: true, everything: true });
      assert.deepEqual(seen.notLooked, [{ what, why: "NotAllowed", right }]);
      assert.equal(seen.credentials.length, 5);
      world.refuse(`list${kind}`, undefined);
      await clock.advance(600_000);
      assert.equal((await client.observe(context)).notLooked.length, 1);
    });
  }

  it("stop nothing where a list fails; it is asked for again before the day is over", async () => {
    const { clock, world, client } = await loaded();
    world.failNext("listMfaDevice", awsRefusal("Unavailable", "ServiceFailure", 500));
    const seen = await client.observe(context);
    assert.deepEqual(seen.notLooked, [{ what: "MFA devices", why: "Failed" }]);
    assert.equal((await client.observe(context)).notLooked.length, 1);
    await clock.advance(600_000);
    const again = await client.observe(context);
    assert.deepEqual([again.notLooked, again.credentials.length], [[], 6]);
  });

  for (const [kind, id, , , switchable] of OF_USERS) {
    it(`${switchable ? "are switched off and on" : "have no switch"}, and are taken away: ${kind}`, async () => {
      const { client, user } = await loaded();
      const credential = `${kind}/${id}`;
      const own = () => user.credentials.find((each) => each.kind === kind);
      if (switchable) {
        await client.setCredentialEnabled(credential, false, context);
        assert.equal(own()?.enabled, false);
        await client.setCredentialEnabled(credential, true, context);
        assert.equal(own()?.enabled, true);
      } else
        await assert.rejects(client.setCredentialEnabled(credential, false, context), refusal("Unknown", /no switch/));
      assert.equal(await client.removeCredential(credential, context), "removed");
      assert.equal(own(), undefined);
      assert.equal(await client.removeCredential(credential, context), "alreadyAbsent");
    });
  }

  it("of a virtual device nothing is left, also where the answer to its deactivation was lost", async () => {
    const { world, client, user } = await loaded();
    const id = "MfaDevice/arn:aws:iam::123456789012:mfa/phone";
    world.failNext("removeMfaDevice", new OperatorError("Timeout", { publicMessage: "x", ambiguous: true }), "after");
    await assert.rejects(client.removeCredential(id, context), refusal("Timeout", /x/));
    assert.equal(world.unassignedDevices.size, 1);
    assert.equal(await client.removeCredential(id, context), "alreadyAbsent");
    assert.equal(world.unassignedDevices.size, 0);
    user.credentials.push({ kind: "MfaDevice", id: "GAHT12345678", createdAt: new Date(0), enabled: true });
    assert.equal(await client.removeCredential("MfaDevice/GAHT12345678", context), "removed");
    assert.equal(world.log.filter((call) => call === "deleteVirtualMfaDevice").length, 1);
  });

  it("of other kinds, or of the other principal, are refused before anything is sent", async () => {
    const { world, client } = await loaded();
    const before = world.mutations();
    for (const id of ["Unheard/x", "InstanceProfile/prof", "toString/x"]) {
      await assert.rejects(client.setCredentialEnabled(id, false, context), refusal("Unknown", /no piece/));
      await assert.rejects(client.removeCredential(id, context), refusal("Unknown", /no piece/));
    }
    assert.equal(world.mutations(), before);
  });

  it("are named when they keep a user from being deleted, whose cut stays", async () => {
    const { world, client, desired, user } = await loaded();
    user.credentials.push({ kind: "SshPublicKey", id: "APKA2", createdAt: new Date(0), enabled: false });
    await client.cut(context, "Deny");
    for (const { key, class: of } of desired) if (of === "grant") await client.remove(key, context);
    world.log.length = 0;
    await assert.rejects(
      client.remove("principal", context),
      refusal(
        "InUse",
        /: a console password, 2 SSH public keys, a service-specific credential, a signing certificate, an MFA device, an access key\.$/,
      ),
    );
    assert.equal(user.inline.has("keyturn-cut"), true);
    assert.equal(world.mutations(), 0);
  });

  it("are proven off while a denial stands, a password too where none does", async () => {
    const { world, client, desired, user } = await loaded();
    const proof = async () => {
      const outcome = await client.proveRefused([], context);
      return outcome.kind === "refused" ? outcome.proof : outcome.what;
    };
    await client.cut(context, "Deny");
    for (const [id, title] of [
      ["SshPublicKey/APKA1", "SSH public key APKA1"],
      ["ServiceSpecificCredential/ACCA1", "service-specific credential ACCA1"],
      ["SigningCertificate/CERT1", "signing certificate CERT1"],
      ["AKIA1", "access key AKIA1"],
    ] as const) {
      assert.equal(await proof(), `${title} is active`);
      await client.setCredentialEnabled(id, false, context);
    }
    assert.equal(await proof(), "ProvenByListing");
    user.inline.delete("keyturn-cut");
    assert.match(await proof(), /no denial is on the IAM user, and the managed policy ReadOnlyAccess stands/);
    for (const { key, class: of } of desired) if (of === "grant") await client.remove(key, context);
    assert.equal(await proof(), "console password is active");
    world.refuse("listPassword", forbidden);
    assert.match(await proof(), /console passwords could not be looked at/);
    world.refuse("listPassword", undefined);
    await client.removeCredential(`Password/${NAME}`, context);
    assert.equal(await proof(), "ProvenByListing");
  });

  it("of a role are its instance profiles", async () => {
    const { world, join } = setUp(asRole);
    const client = await join();
    world.roles
      .get(NAME)!
      .credentials.push({ kind: "InstanceProfile", id: "p", createdAt: new Date(0), enabled: true });
    assert.deepEqual(
      (await client.observe(context)).credentials.map(({ id, switchable }) => [id, switchable]),
      [["InstanceProfile/p", false]],
    );
    world.refuse("listInstanceProfile", forbidden);
    const seen = await client.observe(context, { everything: true });
    assert.deepEqual(seen.notLooked, [
      {
        what: "instance profiles",
        why: "NotAllowed",
        right: "iam:ListInstanceProfilesForRole, iam:RemoveRoleFromInstanceProfile",
      },
    ]);
  });
});

describe("what others have put on an IAM identity", () => {
  const POLICY = "arn:aws:iam::123456789012:policy/theirs";
  const document = (...effects: readonly string[]): string =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: effects.map((Effect, i) => ({ Effect, Action: `s3:Get${i}`, Resource: "*" })),
    });
  const joined = async () => {
    const scene = setUp(asUser);
    const client = await scene.join();
    const user = scene.world.users.get(NAME)!;
    const effectOf = async (key: string) => {
      const found = (await client.observe(context)).pieces.find((piece) => piece.key === key);
      return [found?.effect, found?.missingRight].filter((each) => each !== undefined).join(" ");
    };
    return { ...scene, client, user, effectOf };
  };

  for (const [effects, expected] of [
    [["Allow"], "Allows"],
    [["Deny"], "Denies"],
    [["Allow", "Deny"], "Both"],
    [[], "Denies"],
  ] as const) {
    it(`is told by what it holds: ${effects.join(", ") || "nothing"}`, async () => {
      const { world, user, effectOf } = await joined();
      user.inline.set("theirs", document(...effects));
      user.attached.add(POLICY);
      world.policyDocuments.set(POLICY, { version: "v1", document: document(...effects) });
      user.memberOf.add("inline").add("attached");
      world.groupPolicies.set("inline", { attached: new Set(), inline: new Map([["p", document(...effects)]]) });
      world.groupPolicies.set("attached", { attached: new Set([POLICY]), inline: new Map() });
      for (const key of ["inlinePolicy/theirs", `managedPolicy/${POLICY}`, "group/inline", "group/attached"])
        assert.equal(await effectOf(key), expected, key);
    });
  }

  it("is known by name where it is AWS's own, and nothing is read", async () => {
    const { world, user, effectOf } = await joined();
    const names = [
      "AWSDenyAll",
      "AWSCompromisedKeyQuarantineV3",
      "AdministratorAccess",
      "job-function/AWSDenyAll",
      "AWSDenyAllButOne",
    ];
    for (const name of names) user.attached.add(`arn:aws:iam::aws:policy/${name}`);
    const told = [];
    for (const name of names) told.push(await effectOf(`managedPolicy/arn:aws:iam::aws:policy/${name}`));
    assert.deepEqual(told, ["Denies", "Denies", "Allows", "Allows", "Allows"]);
    assert.equal(world.log.includes("defaultVersion"), false);
  });

  it("is read once for a version, and what is declared is not read at all", async () => {
    const { clock, world, user, effectOf } = await joined();
    user.attached.add(POLICY);
    world.policyDocuments.set(POLICY, { version: "v1", document: document("Deny") });
    const reads = (call: string) => world.log.filter((each) => each === call).length;
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await effectOf(`managedPolicy/${POLICY}`), "Denies");
    assert.deepEqual([reads("defaultVersion"), reads("document")], [1, 1]);
    await clock.advance(600_000);
    assert.equal(await effectOf(`managedPolicy/${POLICY}`), "Denies");
    assert.deepEqual([reads("defaultVersion"), reads("document")], [2, 1]);
    world.policyDocuments.set(POLICY, { version: "v2", document: document("Allow") });
    await clock.advance(600_000);
    assert.equal(await effectOf(`managedPolicy/${POLICY}`), "Allows");
    assert.deepEqual([reads("defaultVersion"), reads("document"), reads("inlineOfGroup")], [3, 2, 0]);
    assert.equal(await effectOf("group/readers"), "");
    assert.equal(await effectOf(`managedPolicy/${rights.policies[0]!}`), "");
    assert.equal(await effectOf("inlinePolicy/read"), "");
  });

  for (const [call, key, right] of [
    ["defaultVersion", `managedPolicy/${POLICY}`, "iam:GetPolicy"],
    ["document", `managedPolicy/${POLICY}`, "iam:GetPolicyVersion"],
    ["inlineOfGroup", "group/theirs", "iam:ListGroupPolicies"],
    ["attachedToGroup", "group/theirs", "iam:ListAttachedGroupPolicies"],
    ["groupDocument", "group/theirs", "iam:GetGroupPolicy"],
  ] as const) {
    it(`is told as unread with the right that is missing: ${right}`, async () => {
      const { world, client, user, effectOf } = await joined();
      user.attached.add(POLICY);
      user.memberOf.add("theirs");
      world.groupPolicies.set("theirs", { attached: new Set(), inline: new Map([["p", document("Allow")]]) });
      world.refuse(call, forbidden);
      assert.equal(await effectOf(key), `Unread ${right}`);
      // A failure that passes is none of what stands there: the look is taken again, but a leaver's goes on.
      world.refuse(call, awsRefusal("Throttled", "Throttling", 400));
      await assert.rejects(client.observe(context), refusal("Throttled", /Throttling/));
      const seen = await client.observe(context, { leaving: true });
      assert.equal(seen.pieces.find((piece) => piece.key === key)?.effect, "Unread");
    });
  }

  it("is unread where the policy vanishes, or a group has more than is read", async () => {
    const { world, user, effectOf } = await joined();
    user.attached.add(POLICY);
    world.policies = new Set();
    assert.equal(await effectOf(`managedPolicy/${POLICY}`), "Unread");
    user.memberOf.add("huge");
    const inline = new Map(Array.from({ length: 21 }, (_, i) => [`p${i}`, document("Deny")] as const));
    world.groupPolicies.set("huge", { attached: new Set(), inline });
    assert.equal(await effectOf("group/huge"), "Unread");
  });
});

describe("names that IAM hides", () => {
  const other = "Payments.Billing.Lake";

  it("in another case are a Conflict that says so, at once where users may be listed", async () => {
    const { world, clientFor, desired } = setUp(asUser);
    world.addUser(other, "/elsewhere/");
    const principal = desired[0]!;
    await assert.rejects(
      clientFor().apply(principal, context, desired),
      refusal("Conflict", /in another case \(names are unique without regard to case\)/),
    );
    assert.equal(world.users.has(NAME), false);
  });

  it("in another case are one after some seconds where they may not be listed, whoever asks", async () => {
    const { clock, world, clientFor, desired } = setUp(asUser);
    world.addUser(other, "/elsewhere/");
    world.refuse("list", forbidden);
    const attempt = () => clientFor().apply(desired[0]!, context, desired);
    await assert.rejects(attempt(), refusal("Unavailable", /changed while/));
    await clock.advance(9_999);
    await assert.rejects(attempt(), refusal("Unavailable", /changed while/));
    await clock.advance(1);
    await assert.rejects(attempt(), refusal("Conflict", /in another case/));
    // A day later it begins anew: that attempt says nothing of this one.
    await clock.advance(24 * 3_600_000);
    await assert.rejects(attempt(), refusal("Unavailable", /changed while/));
  });

  it("of our own making are waited for, for as long as the list shows no other", async () => {
    const { clock, world, calls, clientFor, desired } = setUp(asUser);
    await clientFor().apply(desired[0]!, context, desired);
    const user = world.users.get(NAME)!;
    const late = { ...calls, identity: { ...calls.identity, find: () => Promise.resolve(undefined) } };
    const client = awsAccount(
      { use: (run) => run(late, world.account) },
      { ...place, memory: new IamMemory(clock) },
      owner,
      { name: pieceContext.account, aws: asUser },
    );
    for (let turn = 0; turn < 5; turn += 1) {
      await assert.rejects(client.apply(desired[0]!, context, desired), refusal("Unavailable", /changed while/));
      await clock.advance(60_000);
    }
    assert.equal(world.users.get(NAME), user);
  });

  for (const [call, key] of [
    ["attachPolicy", `managedPolicy/${rights.policies[0]!}`],
    ["joinGroup", "group/readers"],
    ["setBoundary", "boundary"],
  ] as const) {
    it(`for a while after their making are not blamed on what exists: ${call}`, async () => {
      const { world, clientFor, desired } = setUp(asUser);
      const client = clientFor();
      await client.apply(desired[0]!, context, desired);
      const piece = desired.find((each) => each.key === key)!;
      world.failNext(call, awsRefusal("NotFound", "NoSuchEntity", 404));
      await assert.rejects(client.apply(piece, context, desired), refusal("Unavailable", /changed while/));
      await client.apply(piece, context, desired);
      [world.policies, world.groups] = [new Set<string>(), new Set<string>()];
      await assert.rejects(client.apply(piece, context, desired), refusal("NotFound", /does not exist at AWS/));
    });
  }
});
