import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { awsPieces } from "../../domain/lifecycle/pieces/aws.ts";
import type { PieceContext } from "../../domain/lifecycle/pieces/context.ts";
import { OperatorError, type FailureCode } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import type { AccountClient, AccountOwner } from "../account.ts";
import { awsAccount, type AwsPlace } from "./account.ts";
import { FakeAws } from "./fake-calls.ts";
import { IamMemory } from "./identity/memory.ts";
import type { AwsAccess } from "./source.ts";

/** One user or role of a resource on a FakeAws, for tests of the account client. */

export const context = { signal: new AbortController().signal, log: silentLogger };
export const owner: AccountOwner = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  uid: "u1",
  predecessors: [],
};
export const place = {
  accountId: "123456789012",
  allowedPath: "/keyturn/payments/",
  issuer: "https://oidc.example.com/id/ABCdef",
};
export const pieceContext: PieceContext = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  account: "lake",
  owner: { team: "payments", contact: "pay@example.com", environment: "production" },
  purpose: "Reads invoices.",
  serviceAccountName: "billing",
  connection: { kind: "aws", accountId: place.accountId, pathPrefix: "/keyturn/", issuer: place.issuer },
};

export const rights = {
  policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
  permissionsBoundary: "arn:aws:iam::123456789012:policy/bound",
  inlinePolicies: [
    {
      name: "read",
      statements: [{ effect: "Allow" as const, actions: ["s3:GetObject"], resources: ["arn:aws:s3:::a/*"] }],
    },
  ],
};
export const wider = {
  ...rights,
  inlinePolicies: [
    {
      name: "read",
      statements: [
        {
          effect: "Allow" as const,
          actions: ["s3:GetObject", "s3:PutObject"],
          resources: ["arn:aws:s3:::a/*"],
          conditions: { StringEquals: { "aws:RequestedRegion": ["eu-central-1"] } },
        },
      ],
    },
  ],
};
export const asUser: AwsAccount = { connectionRef: { name: "aws" }, user: { ...rights, groups: ["readers"] } };
export const asRole: AwsAccount = { connectionRef: { name: "aws" }, role: rights };
export const NAME = "payments.billing.lake";
export const USER = { kind: "user", name: NAME } as const;

export const setUp = (aws: AwsAccount) => {
  const clock = new FakeClock();
  const world = new FakeAws(clock);
  const memory = new IamMemory(clock);
  const calls = world.calls(() => Promise.resolve({ accessKeyId: "AKIAOPERATOR", secretAccessKey: "operator" }));
  const access: AwsAccess = { use: (run) => run(calls, world.account) };
  const clientFor = (whose: Partial<AccountOwner> = {}, declared = aws, where: AwsPlace = place): AccountClient =>
    awsAccount(access, { memory, ...where }, { ...owner, ...whose }, { name: "lake", aws: declared });
  const desired = awsPieces(aws, pieceContext);
  const join = async (client = clientFor(), pieces = desired): Promise<AccountClient> => {
    for (const piece of pieces) await client.apply(piece, context, pieces);
    return client;
  };
  return { clock, world, memory, calls, clientFor, desired, join };
};

export const refusal =
  (code: FailureCode, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof OperatorError && error.code === code && message.test(error.publicMessage);

export const isConflict = (error: unknown): boolean => error instanceof OperatorError && error.code === "Conflict";
