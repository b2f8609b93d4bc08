import assert from "node:assert/strict";
import type { AwsAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { compareDocuments } from "../../policy-document/index.ts";
import { awsPieces, iamNameOf, maxSessionSecondsIn } from "./aws.ts";
import type { PieceContext } from "./context.ts";

const connection = {
  kind: "aws",
  accountId: "123456789012",
  pathPrefix: "/keyturn/",
  issuer: "https://oidc.example.com/x",
} as const;
const context: PieceContext = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  account: "lake",
  owner: { team: "payments", contact: "payments@example.org", environment: "staging" },
  purpose: "Nightly invoices.",
  serviceAccountName: "billing-sa",
  connection,
};
const ref = { connectionRef: { name: "aws" } };
const read = { effect: "Allow" as const, actions: ["s3:GetObject"], resources: ["arn:aws:s3:::a/*"] };
const POLICY = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";
const BOUND = "arn:aws:iam::123456789012:policy/bound";

const keysOf = (account: Omit<AwsAccount, "connectionRef">, more: Partial<PieceContext> = {}) =>
  awsPieces({ ...ref, ...account }, { ...context, ...more }).map(({ key, class: of }) => [key, of]);

const valueOf = (account: Omit<AwsAccount, "connectionRef">, key: string, more: Partial<PieceContext> = {}): unknown =>
  JSON.parse(awsPieces({ ...ref, ...account }, { ...context, ...more }).find((piece) => piece.key === key)!.value);

const isInvalid =
  (said: RegExp) =>
  (error: unknown): boolean =>
    error instanceof OperatorError && error.code === "InvalidSpec" && said.test(error.publicMessage);

describe("awsPieces", () => {
  it("are user, owner, boundary, then what it may do, in an order that does not depend on the spec's", () => {
    const user = {
      policies: [POLICY, "arn:aws:iam::aws:policy/A"],
      groups: ["writers", "readers"],
      inlinePolicies: [
        { name: "z", statements: [read] },
        { name: "a", statements: [read] },
      ],
      permissionsBoundary: BOUND,
    };
    assert.deepEqual(keysOf({ user }), [
      ["principal", "principal"],
      ["owner", "attribute"],
      ["boundary", "restriction"],
      ["managedPolicy/arn:aws:iam::aws:policy/A", "grant"],
      [`managedPolicy/${POLICY}`, "grant"],
      ["inlinePolicy/a", "grant"],
      ["inlinePolicy/z", "grant"],
      ["group/readers", "grant"],
      ["group/writers", "grant"],
    ]);
    assert.deepEqual(valueOf({ user }, "principal"), {
      kind: "user",
      name: "payments.billing.lake",
      path: "/keyturn/payments/",
    });
    assert.equal(valueOf({ user }, "boundary"), BOUND);
  });

  it("are role, owner and a trust that is pinned to one ServiceAccount, issuer and audience", () => {
    assert.deepEqual(keysOf({ role: {} }), [
      ["principal", "principal"],
      ["owner", "attribute"],
      ["trust", "login"],
    ]);
    assert.deepEqual(valueOf({ role: { audience: "aws" } }, "trust"), {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["sts:assumerolewithwebidentity"],
          Principal: { Federated: ["arn:aws:iam::123456789012:oidc-provider/oidc.example.com/x"] },
          Condition: {
            StringEquals: {
              "oidc.example.com/x:aud": ["aws"],
              "oidc.example.com/x:sub": ["system:serviceaccount:payments:billing-sa"],
            },
          },
        },
      ],
    });
    const china = { connection: { ...connection, partition: "aws-cn" } };
    assert.match(JSON.stringify(valueOf({ role: {} }, "trust", china)), /arn:aws-cn:iam::123456789012:oidc-provider/);
  });

  it("has the longest session in the role itself", () => {
    const seconds = (maxSessionDuration?: string): number =>
      maxSessionSecondsIn(
        awsPieces({ ...ref, role: maxSessionDuration === undefined ? {} : { maxSessionDuration } }, context)[0]!.value,
      );
    assert.equal(seconds(), 3600);
    assert.equal(seconds("12h"), 43_200);
    for (const duration of ["59m", "13h", "x"]) assert.throws(() => seconds(duration), isInvalid(/maxSessionDuration/));
  });

  it("takes the boundary that the grant demands where none is declared", () => {
    assert.equal(valueOf({ user: {} }, "boundary", { requiredBoundary: BOUND }), BOUND);
    const own = { permissionsBoundary: `${BOUND}2` };
    assert.equal(valueOf({ user: own }, "boundary", { requiredBoundary: BOUND }), `${BOUND}2`);
    assert.deepEqual(keysOf({ user: {} }), [
      ["principal", "principal"],
      ["owner", "attribute"],
    ]);
  });

  it("gives inline policies of equal meaning equal values, and values that can be compared", () => {
    const of = (statements: object[]): string =>
      awsPieces({ ...ref, user: { inlinePolicies: [{ name: "p", statements: statements as never }] } }, context).at(-1)!
        .value;
    assert.equal(of([{ ...read, actions: ["S3:GetObject", "s3:getobject"] }]), of([read]));
    assert.equal(compareDocuments(of([read]), of([{ ...read, actions: ["s3:*"] }])), "widen");
    assert.equal(
      compareDocuments(of([read]), of([{ ...read, conditions: { Bool: { "aws:SecureTransport": ["true"] } } }])),
      "narrow",
    );
  });

  it("names what it cannot do", () => {
    const unbound = { ...connection, issuer: undefined };
    assert.throws(() => keysOf({ role: {} }, { connection: unbound }), isInvalid(/^spec\.aws\.webIdentity /));
    assert.throws(
      () => keysOf({ role: {} }, { serviceAccountName: undefined }),
      isInvalid(/^aws\.role needs a ServiceAccount/),
    );
    assert.throws(
      () => keysOf({ user: {} }, { connection: { kind: "kubernetes" } }),
      isInvalid(/^aws\.connectionRef /),
    );
    const conditions = { StringEquals: { "aws:x": ["a"], "AWS:X": ["b"] } };
    const inlinePolicies = [{ name: "p", statements: [{ ...read, conditions }] }];
    assert.throws(
      () => keysOf({ user: { inlinePolicies } }),
      isInvalid(/^aws inlinePolicies\[p\] .*condition key twice/),
    );
    const cutter = [{ name: "keyturn-cut", statements: [read] }];
    assert.throws(() => keysOf({ role: { inlinePolicies: cutter } }), isInvalid(/must not begin with keyturn/));
    // A user needs neither issuer nor ServiceAccount.
    keysOf({ user: {} }, { connection: unbound, serviceAccountName: undefined });
  });
});

describe("iamNameOf", () => {
  const place = { namespace: "payments", name: "billing", account: "lake" };
  it("is the declared name, else one of namespace, resource and account", () => {
    assert.equal(iamNameOf({ ...ref, user: { name: "own" } }, place), "own");
    assert.equal(iamNameOf({ ...ref, role: { name: "own" } }, place), "own");
    assert.equal(iamNameOf({ ...ref, user: {} }, place), "payments.billing.lake");
  });

  it("is at most 64 characters, and differs where the whole names differ", () => {
    const long = { namespace: "n".repeat(40), name: "r".repeat(22), account: "a" };
    assert.equal(
      iamNameOf({ ...ref, user: {} }, { ...long, name: "r".repeat(21) }),
      `${"n".repeat(40)}.${"r".repeat(21)}.a`,
    );
    const names = ["a", "b"].map((account) => iamNameOf({ ...ref, user: {} }, { ...long, account }));
    for (const name of names) assert.match(name, /^n{40}\.r{6}\.[0-9a-f]{16}$/);
    assert.notEqual(names[0], names[1]);
  });
});
