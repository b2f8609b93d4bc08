import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { OperatorError } from "../../../kernel/errors.ts";
import { openAws, type AwsCalls } from "../sdk.ts";
import type { HangingKind, Identity, IdentityCalls, ListedCredential } from "./contract.ts";

const xml = (action: string, inner = ""): string =>
  `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${inner}</${action}Result></${action}Response>`;
const refusal = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>secret words</Message></Error></ErrorResponse>`;
const user: Identity = { kind: "user", name: "u" };
const role: Identity = { kind: "role", name: "r" };
const ARN = "arn:aws:iam::aws:policy/P";

describe("IAM's users and roles, against a server that speaks the protocol badly", () => {
  const signal = new AbortController().signal;
  let server: Server;
  let calls: AwsCalls;
  let iam: IdentityCalls;
  let requests: URLSearchParams[];
  /** Status and body. */
  let answer: (action: string, turn: number) => readonly [number, string];

  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const parameters = new URLSearchParams(body);
        requests.push(parameters);
        const [status, text] = answer(parameters.get("Action") ?? "", requests.length);
        response.writeHead(status, { date: "Thu, 01 Jan 2026 00:00:00 GMT" }).end(text);
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    calls = openAws({
      region: "eu-central-1",
      endpoint: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      keys: () => Promise.resolve({ accessKeyId: "AKIAOP", secretAccessKey: "op" }),
    });
    iam = calls.identity;
  });
  afterEach(async () => {
    calls.dispose();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const failsWith = (promise: Promise<unknown>, code: string, ambiguous: boolean): Promise<void> =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.deepEqual([error.code, error.ambiguous], [code, ambiguous], error.publicMessage);
      assert.equal(`${error.stack ?? ""}${error.publicMessage}`.includes("secret words"), false);
      return true;
    });
  const sent = (): Record<string, string> => Object.fromEntries(requests.at(-1) ?? []);

  /** Every call that changes something, and the action and parameters that it must be. */
  const mutations: readonly (readonly [
    action: string,
    run: () => Promise<unknown>,
    parameters: Record<string, string>,
  ])[] = [
    [
      "CreateUser",
      () => iam.create(user, { path: "/p/", tags: { k: "v" }, boundary: ARN }, signal),
      { UserName: "u", Path: "/p/", PermissionsBoundary: ARN, "Tags.member.1.Key": "k", "Tags.member.1.Value": "v" },
    ],
    [
      "CreateRole",
      () =>
        iam.create(
          role,
          { path: "/p/", tags: { k: "v" }, boundary: undefined, trust: "{*}", maxSessionSeconds: 7200 },
          signal,
        ),
      {
        RoleName: "r",
        Path: "/p/",
        AssumeRolePolicyDocument: "{*}",
        MaxSessionDuration: "7200",
        "Tags.member.1.Key": "k",
        "Tags.member.1.Value": "v",
      },
    ],
    ["DeleteUser", () => iam.remove(user, signal), { UserName: "u" }],
    ["DeleteRole", () => iam.remove(role, signal), { RoleName: "r" }],
    [
      "TagUser",
      () => iam.tag(user, { k: "v" }, signal),
      { UserName: "u", "Tags.member.1.Key": "k", "Tags.member.1.Value": "v" },
    ],
    [
      "TagRole",
      () => iam.tag(role, { k: "v" }, signal),
      { RoleName: "r", "Tags.member.1.Key": "k", "Tags.member.1.Value": "v" },
    ],
    ["UntagUser", () => iam.untag(user, ["k"], signal), { UserName: "u", "TagKeys.member.1": "k" }],
    ["UntagRole", () => iam.untag(role, ["k"], signal), { RoleName: "r", "TagKeys.member.1": "k" }],
    [
      "PutUserPermissionsBoundary",
      () => iam.setBoundary(user, ARN, signal),
      { UserName: "u", PermissionsBoundary: ARN },
    ],
    [
      "PutRolePermissionsBoundary",
      () => iam.setBoundary(role, ARN, signal),
      { RoleName: "r", PermissionsBoundary: ARN },
    ],
    ["DeleteUserPermissionsBoundary", () => iam.removeBoundary(user, signal), { UserName: "u" }],
    ["DeleteRolePermissionsBoundary", () => iam.removeBoundary(role, signal), { RoleName: "r" }],
    ["AttachUserPolicy", () => iam.attachPolicy(user, ARN, signal), { UserName: "u", PolicyArn: ARN }],
    ["AttachRolePolicy", () => iam.attachPolicy(role, ARN, signal), { RoleName: "r", PolicyArn: ARN }],
    ["DetachUserPolicy", () => iam.detachPolicy(user, ARN, signal), { UserName: "u", PolicyArn: ARN }],
    ["DetachRolePolicy", () => iam.detachPolicy(role, ARN, signal), { RoleName: "r", PolicyArn: ARN }],
    [
      "PutUserPolicy",
      () => iam.putInlinePolicy(user, "p", "{*}", signal),
      { UserName: "u", PolicyName: "p", PolicyDocument: "{*}" },
    ],
    [
      "PutRolePolicy",
      () => iam.putInlinePolicy(role, "p", "{*}", signal),
      { RoleName: "r", PolicyName: "p", PolicyDocument: "{*}" },
    ],
    ["DeleteUserPolicy", () => iam.deleteInlinePolicy(user, "p", signal), { UserName: "u", PolicyName: "p" }],
    ["DeleteRolePolicy", () => iam.deleteInlinePolicy(role, "p", signal), { RoleName: "r", PolicyName: "p" }],
    ["AddUserToGroup", () => iam.joinGroup("u", "g", signal), { UserName: "u", GroupName: "g" }],
    ["RemoveUserFromGroup", () => iam.leaveGroup("u", "g", signal), { UserName: "u", GroupName: "g" }],
    ["UpdateAssumeRolePolicy", () => iam.setTrust("r", "{*}", signal), { RoleName: "r", PolicyDocument: "{*}" }],
    ["UpdateRole", () => iam.setMaxSession("r", 7200, signal), { RoleName: "r", MaxSessionDuration: "7200" }],
    ["DeleteLoginProfile", () => calls.credentials.remove("Password", "u", "u", signal), { UserName: "u" }],
    [
      "DeactivateMFADevice",
      () => calls.credentials.remove("MfaDevice", "u", "s/1", signal),
      { UserName: "u", SerialNumber: "s/1" },
    ],
    ["DeleteVirtualMFADevice", () => calls.credentials.deleteVirtualMfaDevice("s/1", signal), { SerialNumber: "s/1" }],
    [
      "UpdateSSHPublicKey",
      () => calls.credentials.setEnabled("SshPublicKey", "u", "APKA1", false, signal),
      { UserName: "u", SSHPublicKeyId: "APKA1", Status: "Inactive" },
    ],
    [
      "DeleteSSHPublicKey",
      () => calls.credentials.remove("SshPublicKey", "u", "APKA1", signal),
      { UserName: "u", SSHPublicKeyId: "APKA1" },
    ],
    [
      "UpdateServiceSpecificCredential",
      () => calls.credentials.setEnabled("ServiceSpecificCredential", "u", "ACCA1", true, signal),
      { UserName: "u", ServiceSpecificCredentialId: "ACCA1", Status: "Active" },
    ],
    [
      "DeleteServiceSpecificCredential",
      () => calls.credentials.remove("ServiceSpecificCredential", "u", "ACCA1", signal),
      { UserName: "u", ServiceSpecificCredentialId: "ACCA1" },
    ],
    [
      "UpdateSigningCertificate",
      () => calls.credentials.setEnabled("SigningCertificate", "u", "CERT1", false, signal),
      { UserName: "u", CertificateId: "CERT1", Status: "Inactive" },
    ],
    [
      "DeleteSigningCertificate",
      () => calls.credentials.remove("SigningCertificate", "u", "CERT1", signal),
      { UserName: "u", CertificateId: "CERT1" },
    ],
    [
      "RemoveRoleFromInstanceProfile",
      () => calls.credentials.remove("InstanceProfile", "r", "prof", signal),
      { RoleName: "r", InstanceProfileName: "prof" },
    ],
  ];
  for (const [action, run, parameters] of mutations) {
    it(`sends ${action} once, whatever comes back, and takes only its own answer for done`, async () => {
      answer = (named) => [200, xml(named)];
      await run();
      assert.deepEqual(sent(), { Action: action, Version: "2010-05-08", ...parameters });
      answer = () => [200, xml("GetUser")];
      await failsWith(run(), "Unavailable", true);
      answer = () => [500, "oops"];
      await failsWith(run(), "Unavailable", true);
      answer = () => [400, refusal("Throttling")];
      await failsWith(run(), "Throttled", false);
      answer = () => [404, "<html>no such page</html>"];
      await failsWith(run(), "Unavailable", true);
      assert.equal(requests.length, 5);
    });
  }

  const refusals: readonly (readonly [code: string, status: number, expected: string])[] = [
    ["NoSuchEntity", 404, "NotFound"],
    ["EntityAlreadyExists", 409, "AlreadyExists"],
    ["DeleteConflict", 409, "InUse"],
    ["LimitExceeded", 409, "QuotaExceeded"],
    ["MalformedPolicyDocument", 400, "InvalidSpec"],
    ["AccessDenied", 403, "PermissionDenied"],
  ];
  for (const [code, status, expected] of refusals) {
    it(`calls ${code} ${expected}`, async () => {
      answer = () => [status, refusal(code)];
      await failsWith(iam.remove(user, signal), expected, false);
    });
  }

  it("reads a user with tags, boundary and time, and nobody for NoSuchEntity", async () => {
    answer = (action) => [
      200,
      xml(
        action,
        `<User><UserName>u</UserName><Path>/p/</Path><UserId>AIDA1</UserId><Tags><member><Key>k</Key><Value>v</Value></member></Tags><PermissionsBoundary><PermissionsBoundaryArn>${ARN}</PermissionsBoundaryArn></PermissionsBoundary></User>`,
      ),
    ];
    assert.deepEqual(await iam.find(user, signal), {
      ...{ id: "AIDA1", path: "/p/", tags: { k: "v" }, boundary: ARN, trust: undefined, maxSessionSeconds: undefined },
      time: new Date("2026-01-01T00:00:00Z"),
    });
    answer = () => [404, refusal("NoSuchEntity")];
    assert.equal(await iam.find(user, signal), undefined);
    answer = () => [404, "<html>"];
    await failsWith(iam.find(user, signal), "Unavailable", true);
  });

  it("reads a role with its trust decoded", async () => {
    const trust = '{"Version":"2012-10-17","Statement":[{"Principal":{"AWS":"*"}}]}';
    answer = (action) => [
      200,
      xml(
        action,
        `<Role><RoleName>r</RoleName><Path>/p/</Path><RoleId>AROA1</RoleId><AssumeRolePolicyDocument>${encodeURIComponent(trust)}</AssumeRolePolicyDocument><MaxSessionDuration>7200</MaxSessionDuration></Role>`,
      ),
    ];
    const found = await iam.find(role, signal);
    assert.deepEqual([found?.id, found?.trust, found?.maxSessionSeconds, found?.tags], ["AROA1", trust, 7200, {}]);
  });

  for (const [what, inner] of [
    ["another user", "<User><UserName>x</UserName><Path>/p/</Path><UserId>A</UserId></User>"],
    ["a user without an id", "<User><UserName>u</UserName><Path>/p/</Path></User>"],
    ["a user without a path", "<User><UserName>u</UserName><UserId>A</UserId></User>"],
    ["nobody", ""],
  ] as const) {
    it(`does not take ${what} for the user that was asked for`, async () => {
      answer = (action) => [200, xml(action, inner)];
      await failsWith(iam.find(user, signal), "Unavailable", true);
    });
  }

  const truncated = "<IsTruncated>true</IsTruncated><Marker>m1</Marker>";
  const lists: readonly (readonly [
    action: string,
    run: () => Promise<readonly unknown[]>,
    page: (n: number) => string,
    first: unknown,
  ])[] = [
    [
      "ListAttachedUserPolicies",
      () => iam.attachedPolicies(user, signal),
      (n) => `<AttachedPolicies><member><PolicyArn>a${n}</PolicyArn></member></AttachedPolicies>`,
      "a1",
    ],
    [
      "ListAttachedRolePolicies",
      () => iam.attachedPolicies(role, signal),
      (n) => `<AttachedPolicies><member><PolicyArn>a${n}</PolicyArn></member></AttachedPolicies>`,
      "a1",
    ],
    [
      "ListUserPolicies",
      () => iam.inlinePolicies(user, signal),
      (n) => `<PolicyNames><member>p${n}</member></PolicyNames>`,
      "p1",
    ],
    [
      "ListRolePolicies",
      () => iam.inlinePolicies(role, signal),
      (n) => `<PolicyNames><member>p${n}</member></PolicyNames>`,
      "p1",
    ],
    [
      "ListGroupsForUser",
      () => iam.groups("u", signal),
      (n) => `<Groups><member><GroupName>g${n}</GroupName></member></Groups>`,
      "g1",
    ],
    [
      "ListUsers",
      () => iam.list("user", "/p/", signal),
      (n) => `<Users><member><UserName>u${n}</UserName><Path>/p/</Path></member></Users>`,
      { name: "u1", path: "/p/" },
    ],
    [
      "ListRoles",
      () => iam.list("role", "/p/", signal),
      (n) => `<Roles><member><RoleName>r${n}</RoleName><Path>/p/</Path></member></Roles>`,
      { name: "r1", path: "/p/" },
    ],
  ];
  for (const [action, run, page, first] of lists) {
    it(`reads ${action} to its end, or not at all`, async function () {
      this.timeout(20_000);
      answer = (named, turn) => [200, xml(named, `${page(turn)}${turn === 1 ? truncated : ""}`)];
      const all = await run();
      assert.equal(all.length, 2);
      assert.deepEqual(all[0], first);
      assert.deepEqual(
        requests.map((request) => [request.get("Action"), request.get("Marker"), request.get("MaxItems")]),
        [
          [action, null, "100"],
          [action, "m1", "100"],
        ],
      );
      // Half of a list would pass for the whole of it: no marker, a list without end, a member without a name.
      answer = (named) => [200, xml(named, `${page(1)}<IsTruncated>true</IsTruncated>`)];
      await failsWith(run(), "Unavailable", true);
      answer = (named) => [200, xml(named, `${page(1)}${truncated}`)];
      await failsWith(run(), "Unavailable", true);
      if (action === "ListUserPolicies" || action === "ListRolePolicies") return;
      answer = (named) => [200, xml(named, page(1).replace(/<(PolicyArn|\w+Name)>\w+<\/\1>/, ""))];
      await failsWith(run(), "Unavailable", true);
    });
  }

  it("asks for fewer members where a page is longer than is read, and says so where one member alone is", async () => {
    const roles = (from: number, count: number, letters: number): string =>
      Array.from(
        { length: count },
        (_, i) =>
          `<member><RoleName>r${from + i}</RoleName><Path>/p/</Path><AssumeRolePolicyDocument>${"x".repeat(letters)}</AssumeRolePolicyDocument></member>`,
      ).join("");
    answer = (action) => {
      const { MaxItems, Marker } = sent();
      const [size, from] = [Number(MaxItems), Number(Marker ?? "0")];
      const count = Math.min(size, 120 - from);
      const more = from + count < 120 ? `<IsTruncated>true</IsTruncated><Marker>${from + count}</Marker>` : "";
      return [200, xml(action, `<Roles>${roles(from, count, 4000)}</Roles>${more}`)];
    };
    const all = await iam.list("role", "/p/", signal);
    assert.deepEqual([all.length, all.at(-1)], [120, { name: "r119", path: "/p/" }]);
    assert.deepEqual(
      requests.map((request) => request.get("MaxItems")),
      ["100", "50", "50", "50"],
    );
    answer = (action) => [200, xml(action, `<Roles>${roles(0, 1, 300_000)}</Roles>`)];
    await assert.rejects(
      iam.list("role", "/p/", signal),
      (error) =>
        error instanceof OperatorError && /ListRoles answered with more than 256 KiB/.test(error.publicMessage),
    );
    assert.equal(sent()["MaxItems"], "1");
  });

  const credentialKinds: readonly (readonly [
    kind: HangingKind,
    action: string,
    page: string,
    first: ListedCredential,
  ])[] = [
    [
      "Password",
      "GetLoginProfile",
      "<LoginProfile><UserName>u</UserName><CreateDate>2026-01-02T00:00:00Z</CreateDate></LoginProfile>",
      { id: "u", createdAt: new Date("2026-01-02T00:00:00Z"), enabled: true },
    ],
    [
      "MfaDevice",
      "ListMFADevices",
      "<MFADevices><member><UserName>u</UserName><SerialNumber>arn:aws:iam::1:mfa/u</SerialNumber><EnableDate>2026-01-02T00:00:00Z</EnableDate></member></MFADevices>",
      { id: "arn:aws:iam::1:mfa/u", createdAt: new Date("2026-01-02T00:00:00Z"), enabled: true },
    ],
    [
      "SshPublicKey",
      "ListSSHPublicKeys",
      "<SSHPublicKeys><member><SSHPublicKeyId>APKA1</SSHPublicKeyId><Status>Inactive</Status></member></SSHPublicKeys>",
      { id: "APKA1", createdAt: new Date(0), enabled: false },
    ],
    [
      "ServiceSpecificCredential",
      "ListServiceSpecificCredentials",
      "<ServiceSpecificCredentials><member><ServiceSpecificCredentialId>ACCA1</ServiceSpecificCredentialId><Status>Active</Status></member></ServiceSpecificCredentials>",
      { id: "ACCA1", createdAt: new Date(0), enabled: true },
    ],
    [
      "SigningCertificate",
      "ListSigningCertificates",
      "<Certificates><member><CertificateId>CERT1</CertificateId><Status>Active</Status></member></Certificates>",
      { id: "CERT1", createdAt: new Date(0), enabled: true },
    ],
    [
      "InstanceProfile",
      "ListInstanceProfilesForRole",
      "<InstanceProfiles><member><InstanceProfileName>prof</InstanceProfileName></member></InstanceProfiles>",
      { id: "prof", createdAt: new Date(0), enabled: true },
    ],
  ];
  for (const [kind, action, page, first] of credentialKinds) {
    it(`lists credentials of the kind ${kind} by ${action}, and none that cannot be told`, async () => {
      const list = () => calls.credentials.list(kind, "u", signal);
      answer = (named) => [200, xml(named, page)];
      assert.deepEqual(await list(), [first]);
      assert.equal(sent()["Action"], action);
      answer = () => [403, refusal("AccessDenied")];
      await failsWith(list(), "PermissionDenied", false);
      answer = (named) => [
        200,
        xml(named, page.replace(/<(\w*(UserName|Id|SerialNumber|ProfileName))>[^<]*<\/\1>/g, "")),
      ];
      await failsWith(list(), "Unavailable", true);
      answer = () => [404, refusal("NoSuchEntity")];
      if (kind === "Password") assert.deepEqual(await list(), []);
      else await failsWith(list(), "NotFound", false);
    });
  }

  it("takes a service without credentials of its own for one that has none", async () => {
    answer = () => [404, refusal("NotSupportedService")];
    assert.deepEqual(await calls.credentials.list("ServiceSpecificCredential", "u", signal), []);
    await failsWith(calls.credentials.list("SshPublicKey", "u", signal), "InvalidSpec", false);
  });

  it("reads what a policy and a group hold, decoded", async () => {
    const document = encodeURIComponent('{"Statement":[]}');
    const answers: Readonly<Record<string, string>> = {
      GetPolicy: `<Policy><Arn>${ARN}</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>`,
      GetPolicyVersion: `<PolicyVersion><VersionId>v3</VersionId><Document>${document}</Document></PolicyVersion>`,
      ListAttachedGroupPolicies: `<AttachedPolicies><member><PolicyArn>${ARN}</PolicyArn></member></AttachedPolicies>`,
      ListGroupPolicies: "<PolicyNames><member>p</member></PolicyNames>",
      GetGroupPolicy: `<GroupName>g</GroupName><PolicyName>p</PolicyName><PolicyDocument>${document}</PolicyDocument>`,
    };
    answer = (action) => [200, xml(action, answers[action])];
    const { policies } = calls;
    assert.equal(await policies.defaultVersion(ARN, signal), "v3");
    assert.equal(await policies.document(ARN, "v3", signal), '{"Statement":[]}');
    assert.deepEqual(await policies.attachedToGroup("g", signal), [ARN]);
    assert.deepEqual(await policies.inlineOfGroup("g", signal), ["p"]);
    assert.equal(await policies.groupDocument("g", "p", signal), '{"Statement":[]}');
    await failsWith(policies.document(ARN, "v2", signal), "Unavailable", true);
    answer = (action) => [200, xml(action)];
    await failsWith(policies.defaultVersion(ARN, signal), "Unavailable", true);
    await failsWith(policies.groupDocument("g", "p", signal), "Unavailable", true);
  });

  it("reads an inline policy decoded, and nothing where there is none", async () => {
    answer = (action) => [
      200,
      xml(
        action,
        `<UserName>u</UserName><PolicyName>p</PolicyName><PolicyDocument>${encodeURIComponent('{"a":"%2A b"}')}</PolicyDocument>`,
      ),
    ];
    assert.equal(await iam.inlinePolicy(user, "p", signal), '{"a":"%2A b"}');
    answer = (action) => [200, xml(action, "<PolicyDocument>100% plain</PolicyDocument>")];
    assert.equal(await iam.inlinePolicy(role, "p", signal), "100% plain");
    answer = () => [404, refusal("NoSuchEntity")];
    assert.equal(await iam.inlinePolicy(user, "p", signal), undefined);
  });
});
