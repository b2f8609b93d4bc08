import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { accountId } from "../../lane/ground.ts";
import { briefly, identityCondition } from "../../lane/identity.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { allow, document } from "./cases-iam.ts";
import { guarded, placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

// What others have forbidden stays (A8).

const deny = (Action: string): object => ({ Effect: "Deny", Action, Resource: "*" });

/** Whether something stands at a provider, read there. */
type Stands = () => Promise<boolean>;

/** One denial of somebody else: how it is put on, and how one sees that it is in force. */
interface Denial {
  readonly id: string;
  accounts(site: IdentitySite): readonly Account[];
  put(place: Place): Promise<Stands>;
  /** The reason that Drifted tells. */
  readonly told: "UnknownRestriction" | "DriftUndecided";
}

const aUser = (site: IdentitySite): readonly Account[] => [site.awsUser({ policies: ["read"] })];
const aRole = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount(),
  site.awsRole({ policies: ["read"] }),
];
const aVault = (site: IdentitySite): readonly Account[] => [site.vaultAccount({ policies: ["read"] })];

/** An inline policy; what denies in it must go on denying, whatever else it says. */
const inline =
  (PolicyName: string, PolicyDocument: string) =>
  async ({ iam, user, held }: Place): Promise<Stands> => {
    await iam("PutUserPolicy", { UserName: user, PolicyName, PolicyDocument });
    return async () => (await held())?.inline.get(PolicyName)?.includes('"Deny"') === true;
  };
const roleInline =
  (PolicyName: string, PolicyDocument: string) =>
  async ({ iam, role, held }: Place): Promise<Stands> => {
    await iam("PutRolePolicy", { RoleName: role, PolicyName, PolicyDocument });
    return async () => (await held())?.inline.get(PolicyName)?.includes('"Deny"') === true;
  };

async function ownPolicy({ iam, site, name }: Place, PolicyDocument: string): Promise<string> {
  const PolicyName = `${site.namespace}-theirs-${name}`;
  await iam("CreatePolicy", { PolicyName, PolicyDocument });
  return `arn:aws:iam::${accountId}:policy/${PolicyName}`;
}
const attached =
  (of: (place: Place) => Promise<string>) =>
  async (place: Place): Promise<Stands> => {
    const PolicyArn = await of(place);
    const isUser =
      (await place.held()) !== undefined &&
      (await place.site.find(place.name))?.spec.accounts.some(({ aws }) => aws?.user !== undefined);
    if (isUser === true) await place.iam("AttachUserPolicy", { UserName: place.user, PolicyArn });
    else await place.iam("AttachRolePolicy", { RoleName: place.role, PolicyArn });
    return async () => (await place.held())?.attached.includes(PolicyArn) === true;
  };
const ofAws = (name: string) => attached(() => Promise.resolve(`arn:aws:iam::aws:policy/${name}`));
const group =
  (PolicyDocument: string) =>
  async ({ iam, user, site, name, held }: Place): Promise<Stands> => {
    const GroupName = `${site.namespace}-theirs-${name}`;
    await iam("CreateGroup", { GroupName });
    await iam("PutGroupPolicy", { GroupName, PolicyName: "theirs", PolicyDocument });
    await iam("AddUserToGroup", { UserName: user, GroupName });
    return async () => (await held())?.groups.includes(GroupName) === true;
  };
const vaultPolicy =
  (policy: string) =>
  async ({ site, name, entity }: Place): Promise<Stands> => {
    const { client } = site.lane.world.stack.vault;
    const theirs = `${site.namespace}-theirs-${name}`;
    await client.call("PUT", `sys/policies/acl/${theirs}`, { policy });
    const read = async (): Promise<string[]> => {
      const found = await client.call("GET", `identity/entity/name/${entity}`);
      return ((found?.["data"] as { policies?: string[] } | undefined)?.policies ?? []).slice();
    };
    await client.call("POST", `identity/entity/name/${entity}`, { policies: [...(await read()), theirs] });
    return async () => (await read()).includes(theirs);
  };

const noSecrets = 'path "kv/data/other/*" { capabilities = ["deny"] }';
const denials: readonly Denial[] = [
  { id: "user-inline", accounts: aUser, put: inline("theirs", document(deny("s3:*"))), told: "UnknownRestriction" },
  {
    ...{ id: "user-inline-conditional", accounts: aUser, told: "UnknownRestriction" },
    put: inline(
      "office-only",
      document({ ...deny("*"), Condition: { NotIpAddress: { "aws:SourceIp": "127.0.0.0/8" } } }),
    ),
  },
  { id: "user-group", accounts: aUser, put: group(document(deny("iam:*"))), told: "UnknownRestriction" },
  {
    ...{ id: "user-managed", accounts: aUser, told: "UnknownRestriction" },
    put: attached((place) => ownPolicy(place, document(deny("s3:*"), deny("sqs:*")))),
  },
  { id: "user-deny-all", accounts: aUser, put: ofAws("AWSDenyAll"), told: "UnknownRestriction" },
  { id: "user-quarantine", accounts: aUser, put: ofAws("AWSCompromisedKeyQuarantineV2"), told: "UnknownRestriction" },
  { id: "role-inline", accounts: aRole, put: roleInline("theirs", document(deny("s3:*"))), told: "UnknownRestriction" },
  {
    ...{ id: "role-revoked-sessions", accounts: aRole, told: "UnknownRestriction" },
    put: roleInline(
      "AWSRevokeOlderSessions",
      document({ ...deny("*"), Condition: { DateLessThan: { "aws:TokenIssueTime": "2026-01-01T00:00:00Z" } } }),
    ),
  },
  {
    ...{ id: "role-managed", accounts: aRole, told: "UnknownRestriction" },
    put: attached((place) => ownPolicy(place, document(deny("s3:*")))),
  },
  { id: "vault-policy", accounts: aVault, put: vaultPolicy(noSecrets), told: "UnknownRestriction" },
  {
    ...{ id: "mixed-inline", accounts: aUser, told: "UnknownRestriction" },
    put: inline("mixed", document(deny("s3:*"), allow("iam:ListGroups"))),
  },
  {
    ...{ id: "mixed-managed", accounts: aUser, told: "DriftUndecided" },
    put: attached((place) => ownPolicy(place, document(deny("s3:*"), allow("iam:ListGroups")))),
  },
  {
    ...{ id: "mixed-group", accounts: aUser, told: "DriftUndecided" },
    put: group(document(deny("s3:*"), allow("iam:ListGroups"))),
  },
  {
    ...{ id: "mixed-vault", accounts: aVault, told: "DriftUndecided" },
    put: vaultPolicy(`${noSecrets}\npath "kv/data/more/*" { capabilities = ["read"] }`),
  },
];

/** Others forbid something while the identity works; it stays through drift, a suspension and the way back, and is told. */
export const othersForbid = (done: (id: string, tally: EndingTally) => void): Scenario => ({
  id: "denials",
  site: { resync: "5s", leavers: true },
  async play(stage) {
    const tally = emptyEnding();
    await inParallel([...denials.entries()], 5, async ([i, one]) => {
      const place = placeOf(stage, `d${i + 1}`);
      const { site, name } = place;
      const title = `denials/${one.id}`;
      await guarded(stage, title, async () => {
        await site.apply(site.identity(name, one.accounts(site), { deletion: { holdFor: "1h", timeout: "30s" } }));
        await site.until(name, "Good", 90_000);
        const stands = await one.put(place);
        tally.denials += 1;
        let removed = false;
        const stillThere = async (when: string): Promise<void> => {
          if (removed || (await stands())) return;
          removed = true;
          tally.denialsRemoved += 1;
          stage.broken(
            "S5",
            `${title}: what others have forbidden was taken away ${when}.`,
            briefly(await site.find(name)),
          );
        };
        await waitFor(
          `${title}: ${one.told} is told`,
          async () => {
            await stillThere("as drift");
            const identity = await site.find(name);
            if (removed || identityCondition(identity, "Drifted")?.reason === one.told) return true;
            throw new Error(briefly(identity).slice(0, 2500));
          },
          { timeout: 40_000, every: 500 },
        );
        await site.team.mergePatch(site.path(name), { spec: { state: "Suspended" } });
        await site.until(name, "Suspended", 60_000);
        await stillThere("while the identity left");
        await site.team.mergePatch(site.path(name), { spec: { state: "Active" } });
        await waitFor(`${title}: it is back`, async () => (await site.find(name))?.status?.state === "Active");
        await sleep(6000);
        await stillThere("when the identity came back");
      });
    });
    done("denials", tally);
  },
});
