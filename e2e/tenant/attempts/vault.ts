import type { Attacker, AtAdmission } from "../attacker.ts";
import { creation, inCluster, rotation, rotations, vaultEntity } from "../attacker.ts";
import type { TenantAttempt } from "../attempt.ts";
import { strayVault, victimTouched } from "../judge.ts";
import type { TenantWorld } from "../world.ts";

const wins = async (world: TenantWorld): Promise<boolean> =>
  (await strayVault(world)).length > 0 || (await victimTouched(world));
const attempt = (
  name: string,
  expected: AtAdmission,
  run: (attacker: Attacker) => Promise<AtAdmission>,
): TenantAttempt => ({ name, kind: "VaultPath", expected, run, wins });
/** One identity for each of these policies. */
const policies =
  (prefix: string, of: (attacker: Attacker) => readonly string[]) =>
  (attacker: Attacker): Promise<AtAdmission> =>
    attacker.attempt(
      ...of(attacker).map((policy, index) =>
        creation(attacker, `${prefix}-${index}`, [vaultEntity(attacker, [policy])]),
      ),
    );

/** Attempts to read or write Vault where another namespace is. */
export const vaultAttempts: readonly TenantAttempt[] = [
  attempt(
    "the policies that Vault has of its own",
    "refused-at-admission",
    policies("vault-root", () => ["root", "default"]),
  ),
  attempt(
    "a policy name that is a path",
    "refused-at-admission",
    policies("vault-path", ({ victim }) => [
      "..",
      `../${victim}`,
      `${victim}/../root`,
      "sys/policies/acl/root",
      "/root",
      "root/",
      "a//b",
      "%2e%2e",
    ]),
  ),
  attempt(
    "a policy name that stands for many, or that Vault reads in another way",
    "refused-at-admission",
    policies("vault-star", ({ names }) => [
      "*",
      "keyturn*",
      names.victimPolicy.toUpperCase(),
      ` ${names.victimPolicy}`,
      `${names.victimPolicy}\n`,
    ]),
  ),
  attempt(
    "another tenant's policy",
    "accepted",
    policies("vault-other", ({ names }) => [names.victimPolicy]),
  ),
  attempt(
    "a policy whose name only begins like a granted one",
    "accepted",
    policies("vault-begins", ({ namespace }) => [`${namespace}-plain-and-more`, `${namespace}-plai`]),
  ),
  attempt("a Vault that is closed to the namespace", "accepted", (attacker) => {
    const granted = `${attacker.namespace}-plain`;
    return attacker.attempt(
      creation(attacker, "vault-closed", [vaultEntity(attacker, [granted], attacker.names.connections.closedVault)]),
    );
  }),
  attempt("a login for a ServiceAccount of another namespace, by fields that there are not", "accepted", (attacker) => {
    const connectionRef = { name: attacker.names.connections.vault };
    const login = { mode: "JWT", subject: `system:serviceaccount:${attacker.victim}:default`, boundSubject: "*" };
    return attacker.attempt(
      creation(attacker, "vault-subject", [
        inCluster(attacker, []),
        { name: "vault", vault: { connectionRef, login, policies: [] } },
      ]),
    );
  }),
  attempt("a delivery to another namespace's path", "refused-at-admission", (attacker) => {
    const { connections } = attacker.names;
    const paths = [
      `../${attacker.victim}/app`,
      `/keyturn/${attacker.victim}/app`,
      `a/../../${attacker.victim}/app`,
      "sys/raw",
      "a//b",
      "a/*",
    ];
    return attacker.attempt(
      ...paths.map((path, index) => ({
        method: "POST" as const,
        path: rotations(attacker),
        body: rotation(`kv-${index}`, connections.aws, "nobody", [
          { name: "kv", vaultKV: { connectionRef: { name: connections.vault }, path } },
        ]),
      })),
    );
  }),
];
