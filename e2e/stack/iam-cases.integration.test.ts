import { asksRealAws, realAws } from "./aws-grounds.ts";
import { describeIamCases } from "./iam-cases.ts";
import { deny, documentOf, startIam, textOf } from "./iam.ts";
import type { IamServer } from "./iam.ts";
import { startMinistack } from "./ministack.ts";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const asksAws = asksRealAws("IAM cases");

/** What the product takes for granted of IAM, asked of both emulators and, where it is wanted, of AWS. */
describe("IAM cases", function () {
  this.timeout(asksAws ? 900_000 : 60_000);
  let server: IamServer;
  before(async function () {
    this.timeout(3_600_000);
    server = await startIam();
  });
  after(() => server.stop());

  const all = { passwords: true, absentNames: true, quotas: true, serviceCredentials: true };
  const none = { passwords: false, absentNames: false, quotas: false, serviceCredentials: false };
  describeIamCases("moto", all, async () => ({
    ...{ admin: server.client, accountId: "123456789012", denyAll: DENY_ALL },
  }));
  // It does not know AWSDenyAll, which is why its account has a policy of its own (`denyPolicyArn`).
  describeIamCases("ministack", none, async () => {
    const { client: admin, accountId } = await startMinistack(server);
    const policy = { PolicyName: "deny-all", PolicyDocument: documentOf(deny("*")) };
    return { admin, accountId, denyAll: textOf(await admin.action("iam", "CreatePolicy", policy), "Arn") };
  });
  if (asksAws)
    describeIamCases("AWS", all, async () => {
      const { admin, accountId, settle } = await realAws();
      return { admin, accountId, denyAll: DENY_ALL, settle };
    });
});
