import type { IdentitySite } from "../../lane/identity-site.ts";
import { rests } from "../../lane/identity.ts";
import type { Outside, Thing } from "../../lane/outside.ts";
import { atProviders, compareOutside, only, readOutside } from "../../lane/outside.ts";
import { waitFor } from "../../stack/wait.ts";
import type { Scenario, Stage } from "./stage.ts";

/** One part of an identity's life, from rest to rest. */
export interface Phase {
  readonly name: string;
  /** Phases of one life need those of no other: a killed story leaves out lives in which nothing is killed. Absent: it is always told. */
  readonly life?: string;
  /** What has to stand before; nothing of it is killed. */
  before?(stage: Stage): Promise<void>;
  /** What a person does; the operator's work follows. */
  act(stage: Stage): Promise<unknown>;
  /** Resolves when the operator is done with it. */
  rest(stage: Stage): Promise<unknown>;
  /** What others do before the next phase. */
  then?(stage: Stage): Promise<void>;
  /** The same principals stand before and after, by their ids: nothing was deleted and made again. */
  readonly keeps?: true;
}

/** A life that is told from phase to phase, undisturbed and with kills. */
export interface Story {
  readonly phases: readonly Phase[];
  readonly site?: Scenario["site"];
  /** What the providers hold that is the story's. */
  state(site: IdentitySite): Promise<Outside>;
  /** The life that a thing at the providers is of; undefined for what is of none, or where the story has no lives. */
  lifeOf?(thing: Thing): string | undefined;
}

const name = "app";
const other = "other";

const wide = (site: IdentitySite) =>
  site.identity(name, [
    site.kubernetesAccount({ roles: ["reader", "viewer"] }),
    site.awsUser({ policies: ["read"], inline: ["s3:Get*"], groups: ["staff"] }),
  ]);
const whole = (site: IdentitySite) => {
  const identity = wide(site);
  return site.identity(name, [...identity.spec.accounts, site.vaultAccount({ policies: ["read"] })]);
};
const moved = (site: IdentitySite, more: object = {}) =>
  site.identity(
    name,
    [
      site.kubernetesAccount({ roles: ["writer", "viewer"] }),
      site.awsUser({ policies: ["write"], inline: ["s3:List*"], groups: ["staff", "audit"] }),
      site.vaultAccount({ policies: ["read", "write"] }),
    ],
    { owner: { team: "billing", contact: "billing@example.com" }, environment: "production", ...more },
  );
/** One piece more at each provider; the last one at AWS does not exist. */
const failing = (site: IdentitySite) => {
  const good = moved(site);
  return site.identity(
    name,
    [
      site.kubernetesAccount({ roles: ["writer", "viewer", "watcher"] }),
      {
        name: "lake",
        aws: {
          connectionRef: { name: site.connections.aws },
          user: {
            ...good.spec.accounts[1]?.aws?.user,
            policies: [site.policyArn("write"), site.policyArn("list"), site.policyArn("missing")],
          },
        },
      },
      site.vaultAccount({ policies: ["read", "write", "list"] }),
    ],
    { owner: good.spec.owner, environment: "production" },
  );
};
const withoutAws = (site: IdentitySite, more: object = {}) => {
  const good = moved(site, more);
  return { ...good, spec: { ...good.spec, accounts: good.spec.accounts.filter((account) => account.name !== "lake") } };
};
const neighbour = (site: IdentitySite) =>
  site.identity(
    other,
    [
      site.kubernetesAccount({ roles: ["watcher"] }),
      site.awsUser({ policies: ["read"] }),
      site.vaultAccount({ policies: ["read"] }),
    ],
    { deletion: { holdFor: "1s", timeout: "30s" } },
  );

/** Joiner, mover, suspension, a change that fails, leaver: each an act of a person and then rest. */
const phases: readonly Phase[] = [
  {
    name: "join",
    act: ({ site }) => site.apply(wide(site)),
    rest: ({ site }) => site.until(name, "Good"),
  },
  {
    name: "add-account",
    act: ({ site }) => site.apply(whole(site)),
    rest: ({ site }) => site.until(name, "Good"),
    then: async ({ site }) => {
      // Credentials that nobody told Keyturn of: they share the identity's fate.
      await site.createKey(site.awsName(name, "lake"));
      await site.createSecretId(site.vaultName(name, "secrets"));
    },
    keeps: true,
  },
  {
    name: "move",
    act: ({ site }) => site.apply(moved(site)),
    rest: ({ site }) => site.until(name, "Good"),
    keeps: true,
  },
  {
    name: "suspend",
    act: ({ site }) => site.apply(moved(site, { state: "Suspended" })),
    rest: ({ site }) => site.until(name, "Suspended"),
    keeps: true,
  },
  {
    name: "resume",
    act: ({ site }) => site.apply(moved(site)),
    rest: ({ site }) => site.until(name, "Good"),
    keeps: true,
  },
  {
    name: "revert",
    act: ({ site }) => site.apply(failing(site)),
    rest: ({ site }) => site.until(name, "Reverted"),
    keeps: true,
  },
  {
    name: "leave-account",
    act: ({ site }) => site.apply(withoutAws(site)),
    rest: async ({ site }) => {
      await waitFor(
        "the account is gone",
        async () => {
          const identity = await site.find(name);
          return rests(identity, "Good") && (identity?.status?.accounts ?? []).length === 2;
        },
        { timeout: 60_000, every: 60 },
      );
    },
  },
  {
    name: "offboard",
    act: ({ site }) =>
      site.apply(withoutAws(site, { state: "Decommissioned", deletion: { holdFor: "1s", timeout: "30s" } })),
    rest: async ({ site }) => {
      await site.until(name, "Offboarded");
      await waitFor(
        "everything is deleted",
        async () => ((await site.find(name))?.status?.accounts ?? []).length === 0,
        { timeout: 60_000, every: 60 },
      );
    },
  },
  {
    name: "delete",
    act: async ({ site }) => {
      await site.team.delete(site.path(name));
      await site.gone(name);
      await site.apply(neighbour(site));
    },
    rest: ({ site }) => site.until(other, "Good"),
  },
  {
    name: "ledger",
    act: ({ site }) => site.team.delete(site.path(other)),
    rest: async ({ site }) => {
      await site.gone(other);
      await waitFor(
        "nothing of it is left",
        async () => [...(await readOutside(site)).keys()].every((key) => !isOurs(key) && !key.startsWith("own/")),
        { timeout: 60_000, every: 100 },
      );
    },
  },
];

/** Keys of what the story's identities have at the providers. */
function isOurs(key: string): boolean {
  return /\/(app|other)$|\.(app|other)\.|\/keyturn\./.test(key);
}

/** What the providers hold that is the story's, with the namespace's name taken out. */
async function storyState(site: IdentitySite): Promise<Outside> {
  return only(atProviders(await readOutside(site)), isOurs);
}

/** The one that the lifecycle campaign tells. */
export const joinerMoverLeaver: Story = { phases, state: storyState };

/** Differences from the state of another site at the same point of the story. */
export function differencesFrom(reference: Outside, state: Outside, sites: readonly string[]): string[] {
  // The longest first: the name of one may begin with another's.
  const longestFirst = [...sites].sort((a, b) => b.length - a.length);
  const names = (text: string): string => longestFirst.reduce((all, site) => all.replaceAll(site, "SITE"), text);
  // Names of bindings are made of hashes of what the namespace's name takes part in.
  const hashes = (text: string): string =>
    names(text)
      .replace(/\b[0-9a-f]{16}\b/g, "HASH")
      .replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, "UID");
  return compareOutside(reference, state, { names: hashes });
}

/** Principals that are no longer the same, by the providers' own ids. */
export function remade(before: Outside, after: Outside): string[] {
  return [...before.values()].flatMap((thing) => {
    if (!/ServiceAccount|aws\/(user|role)|vault\/entity/.test(thing.key)) return [];
    const now = after.get(thing.key);
    const first = (id: string): string => id.split(",")[0] ?? "";
    return now !== undefined && first(now.id) !== first(thing.id) ? [`${thing.key} has been made anew`] : [];
  });
}
