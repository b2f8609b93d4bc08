import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { spareNames } from "../../lane/identity-site.ts";
import { accountId } from "../../lane/ground.ts";
import { briefly, identityCondition, rests } from "../../lane/identity.ts";
import type { Thing } from "../../lane/outside.ts";
import { atProviders, readOutside } from "../../lane/outside.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { issued, rotationOf } from "../lifecycle/fifty.ts";
import type { Stage } from "../lifecycle/stage.ts";
import type { Phase, Story } from "../lifecycle/story.ts";
import { allow, document } from "./cases-iam.ts";
import { untilBack } from "./back.ts";
import { holdStory } from "./hold-story.ts";
import { sharedIamReader } from "./iam-view.ts";
import { uncutMeter } from "./observer.ts";
import type { UncutMeter } from "./observer.ts";
import { watchIam } from "./play.ts";
import type { IamWatch } from "./play.ts";

// The new ways of leaving as stories whose every mutating request is killed at: each way to a denial and back (A2), deletion under a
// denial with every kind of credential (A3), the ServiceAccount that goes (A4), exchanges in a full quota (A10).

/** IAM refuses the operator these actions on everything, until the next call. */
export async function forbid(site: IdentitySite, verbs: readonly string[]): Promise<void> {
  const { client } = site.lane.world.stack.aws;
  const PolicyName = `${site.namespace}-forbidden`;
  const PolicyArn = `arn:aws:iam::${accountId}:policy/${PolicyName}`;
  const attached = { UserName: `${site.namespace}-operator`, PolicyArn };
  const gone = await client.action("iam", "GetPolicy", { PolicyArn }).then(
    () => false,
    () => true,
  );
  if (!gone) {
    await client.action("iam", "DetachUserPolicy", attached);
    await client.action("iam", "DeletePolicy", { PolicyArn });
  }
  if (verbs.length === 0) return;
  const Statement = { Effect: "Deny", Action: verbs.map((verb) => `iam:${verb}`), Resource: "*" };
  await client.action("iam", "CreatePolicy", { PolicyName, PolicyDocument: document(Statement) });
  await client.action("iam", "AttachUserPolicy", attached);
}

/** What the watch of one telling has seen of an identity: seconds in which a former action was allowed again. */
type NoteUncut = (id: string, seconds: number) => void;

interface Watched {
  readonly meter: UncutMeter;
  readonly watch: IamWatch;
}

const watched = new WeakMap<Stage, Map<string, Watched>>();

/** From here on the identity must be cut without a break once it is cut. */
async function beginWatch(stage: Stage, name: string): Promise<void> {
  const { site } = stage;
  const meter = uncutMeter();
  const watch = watchIam(sharedIamReader(site.lane.world.stack.aws.client));
  const mine = watched.get(stage) ?? new Map<string, Watched>();
  watched.set(stage, mine.set(name, { meter, watch }));
  await watch.follow({ user: site.awsName(name, "lake"), role: site.awsName(name, "job"), meter });
}

async function endWatch(stage: Stage, name: string, note: NoteUncut): Promise<void> {
  const found = watched.get(stage)?.get(name);
  if (found === undefined) return;
  watched.get(stage)?.delete(name);
  await found.watch.stop();
  const seconds = found.meter.seconds();
  note(stage.id, seconds);
  if (seconds > 0) stage.broken("S10", `${name} was ${seconds} s without a cut.`, [...found.meter.seen]);
}

const patched = ({ site }: Stage, name: string, spec: object): Promise<unknown> =>
  site.team.mergePatch(site.path(name), { spec });
const stayingHeld = { deletion: { holdFor: "1h", timeout: "30s" } } as const;

/** An identity that is suspended while IAM refuses these, and comes back when it refuses nothing. */
const thereAndBack = (
  note: NoteUncut,
  name: string,
  accounts: (site: IdentitySite) => readonly Account[],
  refused: readonly string[],
  load?: (stage: Stage) => Promise<void>,
  isCut: (site: IdentitySite, name: string) => Promise<unknown> = (site) => site.until(name, "Suspended", 90_000),
): readonly Phase[] => [
  {
    ...{ name: `${name}-suspend`, life: name },
    before: joined(name, accounts, load),
    async act(stage) {
      await beginWatch(stage, name);
      await forbid(stage.site, refused);
      await patched(stage, name, { state: "Suspended" });
    },
    rest: ({ site }) => isCut(site, name),
  },
  {
    ...{ name: `${name}-resume`, life: name },
    // Not earlier: a leaver without a denial is given one as soon as IAM lets it.
    async act(stage) {
      await endWatch(stage, name, note);
      await forbid(stage.site, []);
      await patched(stage, name, { state: "Active" });
    },
    rest: ({ site }) => untilBack(site, name),
  },
];

/** Nothing of it works; the denial that no way was found for is tried again and again. */
async function provenAndTrying(site: IdentitySite, name: string): Promise<void> {
  await waitFor(
    `${name} is proven to be suspended`,
    async () => {
      const identity = await site.find(name);
      const isSeen = identity?.status?.observedGeneration === identity?.metadata.generation;
      if (isSeen && identityCondition(identity, "Suspended")?.status === "True") return true;
      throw new Error(briefly(identity).slice(0, 2500));
    },
    { timeout: 90_000, every: 60 },
  );
}

/** Joins and is loaded, before the kills of the phase are armed. */
function joined(
  name: string,
  accounts: (site: IdentitySite) => readonly Account[],
  load: ((stage: Stage) => Promise<void>) | undefined,
): NonNullable<Phase["before"]> {
  return async (stage) => {
    const { site } = stage;
    // What is put there by hand is told and stays; what is taken away by hand comes back.
    const drift = { mode: load === undefined ? "Enforce" : "Report" } as const;
    await site.apply(site.identity(name, accounts(site), { ...stayingHeld, drift }));
    await site.until(name, "Good");
    await load?.(stage);
  };
}

const user = (site: IdentitySite): readonly Account[] => [
  {
    name: "lake",
    aws: {
      connectionRef: { name: site.connections.aws },
      user: {
        policies: [site.policyArn("read")],
        groups: [site.group("staff")],
        inlinePolicies: [{ name: "get", statements: [{ effect: "Allow", actions: ["s3:Get*"], resources: ["*"] }] }],
      },
    },
  },
];
const role = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount(),
  site.awsRole({ policies: ["read"] }),
];

const iamStory = (note: NoteUncut): readonly Phase[] => [
  ...thereAndBack(note, "boundary", user, ["PutUserPolicy"]),
  ...thereAndBack(note, "attached", user, ["PutUserPolicy", "PutUserPermissionsBoundary"]),
  ...thereAndBack(note, "room", user, ["PutUserPermissionsBoundary", "AttachUserPolicy"], async ({ site }) => {
    const PolicyDocument = document(allow("s3:GetObject", ["*", `arn:aws:s3:::${"x".repeat(1700)}`]));
    const of = { UserName: site.awsName("room", "lake"), PolicyName: "by-hand", PolicyDocument };
    await site.lane.world.stack.aws.client.action("iam", "PutUserPolicy", of);
  }),
  ...thereAndBack(
    note,
    "grants",
    user,
    ["PutUserPolicy", "PutUserPermissionsBoundary", "AttachUserPolicy"],
    undefined,
    provenAndTrying,
  ),
  ...thereAndBack(note, "role-bound", role, ["PutRolePolicy"]),
  {
    ...{ name: "dismantle", life: "dismantle" },
    before: joined("dismantle", user, async ({ site }) => {
      const UserName = site.awsName("dismantle", "lake");
      const { client } = site.lane.world.stack.aws;
      await client.action("iam", "CreateLoginProfile", { UserName, Password: "Sup3r-secret" });
      await client.action("iam", "CreateServiceSpecificCredential", {
        UserName,
        ServiceName: "codecommit.amazonaws.com",
      });
      await site.createKey(UserName);
    }),
    async act(stage) {
      await beginWatch(stage, "dismantle");
      await patched(stage, "dismantle", { state: "Decommissioned", deletion: { holdFor: "1s", timeout: "30s" } });
    },
    rest: dismantled("dismantle"),
    then: (stage) => endWatch(stage, "dismantle", note),
  },
];

function dismantled(name: string): Phase["rest"] {
  return async ({ site }) => {
    await waitFor(
      `everything of ${name} is deleted`,
      async () => {
        const identity = await site.find(name);
        return rests(identity, "Offboarded") && (identity?.status?.accounts ?? []).length === 0;
      },
      { timeout: 90_000, every: 60 },
    );
  };
}

/** Ten of eleven, all but the one of this place. */
const tenBut = (site: IdentitySite, left: number, more: "policies" | "groups"): readonly Account[] => {
  const names = spareNames.filter((_, i) => i !== left);
  const spare = (name: string): string =>
    more === "groups" ? `${site.namespace}-${name}` : `arn:aws:iam::${accountId}:policy/${site.namespace}-${name}`;
  return [{ name: "lake", aws: { connectionRef: { name: site.connections.aws }, user: { [more]: names.map(spare) } } }];
};

const exchange = (more: "policies" | "groups"): Phase => ({
  ...{ name: `exchange-${more}`, life: more },
  before: async ({ site }) => {
    await site.apply(site.identity(more, tenBut(site, 10, more)));
    await site.until(more, "Good");
  },
  act: ({ site }) => site.apply(site.identity(more, tenBut(site, 0, more))),
  rest: ({ site }) => site.until(more, "Good"),
});

const clusterStory = (note: NoteUncut): readonly Phase[] => [
  ...thereAndBack(
    note,
    "whole",
    (site) => {
      const [account] = [site.kubernetesAccount({ roles: ["reader"] })];
      return [{ ...account, kubernetes: { ...account.kubernetes, onCut: "DeleteServiceAccount" } }];
    },
    [],
  ),
  {
    ...{ name: "merged-suspend", life: "merged" },
    before: async (stage) => {
      const { site } = stage;
      await joined("merged", (of) => [of.vaultAccount({ policies: ["read"] })], undefined)(stage);
      const { client } = site.lane.world.stack.vault;
      await client.call("DELETE", `identity/entity/name/${site.vaultName("merged", "secrets")}`);
    },
    act: (stage) => patched(stage, "merged", { state: "Suspended" }),
    rest: ({ site }) => site.until("merged", "Suspended", 90_000),
  },
  {
    ...{ name: "merged-resume", life: "merged" },
    act: (stage) => patched(stage, "merged", { state: "Active" }),
    rest: ({ site }) => site.until("merged", "Good", 90_000),
  },
  exchange("policies"),
  exchange("groups"),
  // Of its two keys the rotation's comes back on, the other one stays off.
  ...thereAndBack(note, "keys", user, [], async ({ site }) => {
    await site.team.apply(...rotationOf(site, "keys"));
    await issued(site, "keys");
    // A key that turns up in the window of an intent would be taken for its late answer, and revoked.
    await sleep(5000);
    await site.createKey(site.awsName("keys", "lake"));
  }),
];

/** The identity that a thing is of: by its name, a binding by whom it binds. */
function lifeOf({ key, shape }: Thing, lives: readonly string[]): string | undefined {
  const text = key.startsWith("kubernetes/RoleBinding/") ? JSON.stringify(shape) : key;
  return lives.find((life) => new RegExp(`[./"]${life}([./"]|$)`).test(text));
}

const story = (phases: readonly Phase[]): Story => {
  const lives = [...new Set(phases.flatMap(({ life }) => life ?? []))];
  return {
    phases,
    site: { leavers: true, resync: "6s" },
    state: async (site) => {
      const all = atProviders(await readOutside(site));
      return new Map([...all].filter(([, thing]) => lifeOf(thing, lives) !== undefined));
    },
    lifeOf: (thing) => lifeOf(thing, lives),
  };
};

/** All stories; `note` is told what was uncut in each telling. */
export const storiesWith = (note: NoteUncut): Readonly<Record<"iam" | "cluster" | "holds", Story>> => ({
  iam: story(iamStory(note)),
  cluster: story(clusterStory(note)),
  holds: story(holdStory),
});
