import type { Attacker, AtAdmission } from "../attacker.ts";
import { awsUser, creation, inCluster, rotation, rotations } from "../attacker.ts";
import type { TenantAttempt } from "../attempt.ts";
import { strayIam, strayValues, victimTouched } from "../judge.ts";
import type { TenantWorld } from "../world.ts";

const wins = async (world: TenantWorld): Promise<boolean> =>
  (await victimTouched(world)) || (await strayIam(world)).length > 0 || (await strayValues(world)).length > 0;
const attempt = (
  name: string,
  expected: AtAdmission,
  run: (attacker: Attacker) => Promise<AtAdmission>,
): TenantAttempt => ({ name, kind: "AwsUser", expected, run, wins });
/** One identity for each of these users. */
const users =
  (prefix: string, of: (attacker: Attacker) => readonly object[]) =>
  (attacker: Attacker): Promise<AtAdmission> =>
    attacker.attempt(
      ...of(attacker).map((user, index) => creation(attacker, `${prefix}-${index}`, [awsUser(attacker, user)])),
    );
const inline = (actions: readonly string[]): object => ({
  inlinePolicies: [{ name: "more", statements: [{ effect: "Allow", actions, resources: ["*"] }] }],
});
const arn = ({ accountId, namespace }: Attacker): string => `arn:aws:iam::${accountId}:policy/${namespace}`;
const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";

/** Attempts to get another's IAM user, or more than a grant gives. */
export const awsAttempts: readonly TenantAttempt[] = [
  attempt(
    "another namespace's user by its name",
    "accepted",
    users("aws-name", ({ names }) => [{ name: names.victimUser }]),
  ),
  attempt(
    "another namespace's user by its name in other letters",
    "accepted",
    users("aws-case", ({ names }) => [{ name: names.victimUser.toUpperCase() }]),
  ),
  attempt("a user or role name that is a path or an ARN", "refused-at-admission", (attacker) =>
    attacker.attempt(
      ...[
        `../${attacker.victim}/app`,
        `${attacker.victim}/app`,
        `arn:aws:iam::${attacker.accountId}:user/admin`,
        "a b",
        "*",
      ].flatMap((name, index) =>
        [{ user: { name } }, { role: { name } }].map((principal, which) =>
          creation(attacker, `aws-path-${index}-${which}`, [
            inCluster(attacker, []),
            { name: "aws", aws: { connectionRef: { name: attacker.names.connections.aws }, ...principal } },
          ]),
        ),
      ),
    ),
  ),
  attempt("another namespace's user for a rotation", "accepted", (attacker) =>
    attacker.attempt({
      method: "POST",
      path: rotations(attacker),
      body: rotation("aws-rotation", attacker.names.connections.aws, attacker.names.victimUser, [
        { name: "app", kubernetesSecret: { name: "stolen" } },
      ]),
    }),
  ),
  attempt(
    "AdministratorAccess",
    "accepted",
    users("aws-administrator", () => [{ policies: [administrator] }]),
  ),
  attempt(
    "a policy whose ARN is like a granted one",
    "accepted",
    users("aws-arn", (attacker) => [
      { policies: [`${arn(attacker)}-plain-and-more`] },
      { policies: [`${arn(attacker).replace(attacker.accountId, "999999999999")}-plain`] },
      { policies: [`${arn(attacker).replace("arn:aws:", "arn:aws-cn:")}-plain`] },
      { policies: [`${arn(attacker).replace("policy/", "policy/other/")}-plain`] },
    ]),
  ),
  attempt(
    "a boundary of their own instead of the one that the grant demands",
    "accepted",
    users("aws-boundary", (attacker) => [
      { policies: [`${arn(attacker)}-bounded`], permissionsBoundary: administrator },
    ]),
  ),
  attempt(
    "an inline policy that no grant covers",
    "accepted",
    users("aws-inline", () => [
      inline(["iam:*"]),
      inline(["*"]),
      inline(["s3:*"]),
      inline(["s3:G*"]),
      inline(["s3:GetObject", "sts:AssumeRole"]),
      inline(["s3:?et*"]),
    ]),
  ),
  attempt("an inline policy in the place of the operator's own", "refused-at-admission", (attacker) => {
    const statements = [{ effect: "Allow", actions: ["s3:GetObject"], resources: ["*"] }];
    const user = { inlinePolicies: [{ name: "keyturn-cut", statements }] };
    return attacker.attempt(creation(attacker, "aws-cut", [awsUser(attacker, user)]));
  }),
  attempt(
    "a group that no grant names",
    "accepted",
    users("aws-group", () => [{ groups: ["admins"] }]),
  ),
  attempt("an account that is closed to the namespace", "accepted", (attacker) =>
    attacker.attempt(
      creation(attacker, "aws-closed", [
        awsUser(attacker, { policies: [`${arn(attacker)}-plain`] }, attacker.names.connections.closedAws),
      ]),
    ),
  ),
  attempt("a role that another ServiceAccount may assume, by fields that there are not", "accepted", (attacker) => {
    const role = {
      subject: `system:serviceaccount:${attacker.victim}:default`,
      trust: { Principal: "*" },
      policies: [administrator],
    };
    return attacker.attempt(
      creation(attacker, "aws-trust", [
        inCluster(attacker, []),
        { name: "aws", aws: { connectionRef: { name: attacker.names.connections.aws }, role } },
      ]),
    );
  }),
];
