import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { sleep } from "../../stack/wait.ts";
import { ledgerEntryOf } from "./ends.ts";
import type { Attempt, StayCase, StayPlay } from "./stay.ts";

// What somebody who may edit the namespace, and holds bind on nothing, does to the end of an identity with roles (S2, S10, security.md G8).

const later = "2099-01-01T00:00:00Z";

/** Somewhere at every provider, with a role on which an editor holds no bind. */
export const everywhere = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount({ roles: ["reader"] }),
  site.awsUser({ policies: ["read"] }),
  site.vaultAccount({ policies: ["read"] }),
];

export const path = ({ site, name }: StayPlay): string => site.path(name);
export const folder = ({ site }: StayPlay, plural = "serviceaccountlifecycles"): string =>
  `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/${plural}`;
/** As it was declared, by another name if one is given. */
export const declaredAgain = (
  { site, name }: StayPlay,
  spec: object = {},
  options: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> } = {},
): { metadata: object; spec: object } => {
  const again = site.identity(options.name ?? name, everywhere(site), {
    deletion: { holdFor: "1h", timeout: "60s" },
    ...spec,
  });
  return { ...again, metadata: { ...again.metadata, annotations: options.annotations ?? {} } };
};
const ssa = (play: StayPlay, spec: object): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name: play.name, namespace: play.site.namespace },
  spec,
});

const merged = (what: string, spec: object): Attempt => ({
  what,
  run: (play) => play.editor.patch(path(play), { spec }),
});
export const annotated = (what: string, annotations: Readonly<Record<string, string>>): Attempt => ({
  what,
  run: (play) => play.editor.annotate(path(play), annotations),
});
const put = (what: string, spec: object): Attempt => ({ what, run: (play) => play.editor.put(path(play), spec) });
const applied = (what: string, spec: object): Attempt => ({
  what,
  run: (play) => play.editor.apply(path(play), ssa(play, spec)),
});
const jsonPatched = (what: string, ...operations: readonly object[]): Attempt => ({
  what,
  run: (play) => play.editor.json(path(play), ...operations),
});
export const deleted: Attempt = { what: "DELETE", run: (play) => play.editor.send("DELETE", path(play)) };
/** Made again with the same spec, when the one of before has gone. */
export const madeAgain = (what: string, spec: object = {}, annotations: Record<string, string> = {}): Attempt => ({
  what,
  async run(play) {
    await play.site.gone(play.name);
    return play.editor.send("POST", folder(play), declaredAgain(play, spec, { annotations }));
  },
});

export const suspended: StayCase["end"] = ({ site, name }) =>
  site.team.mergePatch(site.path(name), { spec: { state: "Suspended" } });
export const decommissioned: StayCase["end"] = ({ site, name }) =>
  site.team.mergePatch(site.path(name), { spec: { state: "Decommissioned" } });
/** Its lead lets it expire soon; `expired` waits for that. */
export const willExpire =
  (seconds: number): NonNullable<StayCase["load"]> =>
  async (play) => {
    const at = new Date(Math.ceil(Date.now() / 1000 + seconds) * 1000);
    play.expiresAt = at;
    await play.site.team.mergePatch(path(play), { spec: { expiresAt: at.toISOString().replace(".000", "") } });
    return [];
  };
export const expired: StayCase["end"] = async (play) => {
  if (play.expiresAt === undefined) await willExpire(2)(play);
  await sleep(Math.max(0, (play.expiresAt?.getTime() ?? 0) - Date.now()));
};

const longer = (before: boolean): readonly Attempt[] => [
  merged("expiresAt later", { expiresAt: later }),
  merged("expiresAt null", { expiresAt: null }),
  put("expiresAt later by PUT", { expiresAt: later, purpose: "Looks more harmless" }),
  put("expiresAt left out of a PUT", { expiresAt: undefined }),
  applied("expiresAt by server-side apply", { expiresAt: "2031-05-05T05:05:05+02:00" }),
  jsonPatched("expiresAt removed by JSON patch", { op: "remove", path: "/spec/expiresAt" }),
  ...(before
    ? [
        {
          what: "an earlier end, then a later one",
          async run(play: StayPlay) {
            const earlier = new Date((play.expiresAt?.getTime() ?? 0) - 1000).toISOString();
            await play.editor.patch(path(play), { spec: { expiresAt: earlier } });
            return play.editor.patch(path(play), { spec: { expiresAt: later } });
          },
        },
      ]
    : [
        merged("state Active and expiresAt null", { state: "Active", expiresAt: null }),
        merged("state Suspended instead of an end", { state: "Suspended", expiresAt: null }),
        merged("and Active again", { state: "Active" }),
      ]),
];

/** The ended account is declared anew beside a former one; what needs no role may come back, by the page. */
const ofCluster = (what: string): boolean => what.includes("ServiceAccount");
const without =
  (account: string): StayCase["end"] =>
  async ({ site, name }) => {
    const accounts = everywhere(site).filter((one) => one.name !== account);
    await site.apply(site.identity(name, accounts, { deletion: { holdFor: "1h", timeout: "60s" } }));
  };
const withAccount =
  (more: (site: IdentitySite, name: string) => Account): Attempt["run"] =>
  (play) => {
    const { site, name } = play;
    const rest = everywhere(site).filter(({ kubernetes }) => kubernetes === undefined);
    return play.editor.patch(path(play), { spec: { accounts: [...rest, more(site, name)] } });
  };

/** Something that nobody can give stands beside what is taken out, or beside what ends. */
const broken = (what: string, account: (site: IdentitySite) => Account): Attempt => ({
  what,
  async run(play) {
    const { site } = play;
    const answer = await play.editor.patch(path(play), { spec: { accounts: [...everywhere(site), account(site)] } });
    // Until it has failed.
    await sleep(4000);
    return answer;
  },
});
const missingPolicy = (site: IdentitySite): Account => ({
  name: "beside",
  aws: { connectionRef: { name: site.connections.aws }, user: { policies: [site.policyArn("missing")] } },
});
const ungranted = (site: IdentitySite): Account => ({
  name: "unasked",
  aws: { connectionRef: { name: site.connections.aws }, user: { policies: [site.policyArn("admin")] } },
});
const takenName = (site: IdentitySite): Account => ({
  name: "taken",
  aws: { connectionRef: { name: site.connections.aws }, user: { name: `${site.namespace}-foreign` } },
});
const noConnection = (site: IdentitySite): Account => ({
  name: "nowhere",
  aws: { connectionRef: { name: `${site.namespace}-absent` }, user: {} },
});

const ledger = "/apis/keyturn.dev/v1alpha1/orphanedcredentials";
const onEntry =
  (act: (play: StayPlay, entry: string) => ReturnType<Attempt["run"]>): Attempt["run"] =>
  async (play) => {
    const entry = await ledgerEntryOf(play);
    if (entry === undefined) throw new Error("there is no entry in the ledger");
    return act(play, `${ledger}/${entry.metadata.name}`);
  };
const gone: StayCase["end"] = async ({ site, name }) => {
  await site.team.delete(site.path(name));
  await site.gone(name);
};
const mayGive = "someone-who-may";

export const editorCases: readonly StayCase[] = [
  { id: "end-later", accounts: everywhere, end: expired, after: longer(false) },
  { id: "end-later-before", accounts: everywhere, load: willExpire(8), before: longer(true), end: expired },
  {
    ...{ id: "active-again", accounts: everywhere, end: suspended },
    after: [
      merged("state Active", { state: "Active" }),
      merged("state null", { state: null }),
      put("state left out of a PUT", { state: undefined, purpose: "Looks more harmless" }),
      applied("state by server-side apply", { state: "Active" }),
      jsonPatched("state removed by JSON patch", { op: "remove", path: "/spec/state" }),
      merged("Decommissioned first", { state: "Decommissioned" }),
      merged("then Active", { state: "Active" }),
    ],
  },
  {
    ...{ id: "decommissioned-again", accounts: everywhere, end: decommissioned },
    after: [
      merged("state Suspended", { state: "Suspended" }),
      merged("then Active", { state: "Active" }),
      merged("a longer hold and Active", { state: "Active", deletion: { holdFor: "720h" } }),
    ],
  },
  {
    ...{ id: "dry-run", accounts: everywhere, load: willExpire(8), end: expired },
    before: [
      annotated("dry-run", { "keyturn.dev/dry-run": "true" }),
      annotated("paused", { "keyturn.dev/paused": "true" }),
      annotated("retry", { "keyturn.dev/retry": "1", "keyturn.dev/reviewed-at": later }),
    ],
  },
  {
    ...{ id: "dry-run-suspended", accounts: everywhere, end: suspended },
    before: [annotated("dry-run", { "keyturn.dev/dry-run": "true" })],
    after: [annotated("paused", { "keyturn.dev/paused": "true" }), merged("state Active", { state: "Active" })],
  },
  {
    ...{ id: "retained-suspended", accounts: everywhere, end: suspended },
    before: [merged("Retain", { deletion: { policy: "Retain" } })],
    after: [deleted, madeAgain("made again")],
  },
  {
    ...{ id: "retained-before-its-end", accounts: everywhere, load: willExpire(12), end: expired },
    before: [merged("Retain", { deletion: { policy: "Retain" } }), deleted],
    after: [madeAgain("made again with a later end", { expiresAt: later })],
  },
  {
    // Without an end nothing is retained where the platform does not say that it may be.
    ...{ id: "retained-without-an-end", accounts: everywhere, end: () => Promise.resolve() },
    before: [merged("Retain", { deletion: { policy: "Retain" } }), deleted],
  },
  {
    ...{ id: "made-again", accounts: everywhere, end: suspended },
    after: [
      deleted,
      madeAgain("made again"),
      madeAgain("made again under a dry run", {}, { "keyturn.dev/dry-run": "true" }),
      madeAgain("made again as suspended", { state: "Suspended" }),
      madeAgain("made again with an end", { expiresAt: later }),
    ],
  },
  {
    // Without its roles every editor may bring it back; the roles stay where they are.
    ...{ id: "role-left-out-and-in", accounts: everywhere, end: suspended, only: ofCluster },
    after: [
      { what: "Active without roles", run: rolesAre([], { state: "Active" }) },
      { what: "the role again", run: rolesAre(["reader"], {}) },
      { what: "the role as another account", run: withAccount((site) => ({ ...cluster(site), name: "other" })) },
    ],
  },
  {
    ...{ id: "account-again", accounts: everywhere, end: without("cluster"), only: ofCluster },
    after: [
      { what: "the account again", run: withAccount(cluster) },
      { what: "by another name", run: withAccount((site) => ({ ...cluster(site), name: "other" })) },
      {
        what: "another account for the same ServiceAccount",
        run: withAccount((site, name) => site.kubernetesAccount({ roles: ["reader"], serviceAccountName: name })),
      },
      { what: "without roles", run: withAccount((site) => site.kubernetesAccount({})) },
    ],
  },
  {
    ...{ id: "removal-hostage", accounts: everywhere, only: ofCluster },
    before: [
      merged("a deadline of a day", { progressDeadline: "24h" }),
      broken("a policy that nobody grants", ungranted),
      broken("a policy that does not exist", missingPolicy),
    ],
    async end({ site, name }) {
      const live = await site.find(name);
      const accounts = (live?.spec.accounts ?? []).map((one) =>
        one.name === "cluster" ? site.kubernetesAccount({}) : one,
      );
      await site.team.mergePatch(site.path(name), { spec: { accounts } });
    },
    after: [{ what: "the role again", run: rolesAre(["reader"], {}) }],
  },
  {
    ...{ id: "broken-spec", accounts: everywhere, end: suspended },
    before: [
      broken("a policy that does not exist", missingPolicy),
      broken("a name that is another's", takenName),
      broken("a connection that does not exist", noConnection),
      annotated("retry", { "keyturn.dev/retry": "1" }),
    ],
  },
  {
    ...{ id: "ledger", accounts: everywhere, end: gone },
    after: [
      {
        what: "release",
        run: onEntry((play, entry) => play.editor.annotate(entry, { "keyturn.dev/release": "true" })),
      },
      { what: "an undo", run: onEntry((play, entry) => play.editor.annotate(entry, { "keyturn.dev/undo": "true" })) },
      {
        what: "its policy Retain",
        run: onEntry((play, entry) => play.editor.patch(entry, { spec: { policy: "Retain" } })),
      },
      {
        what: "its status",
        run: onEntry((play, entry) => play.editor.patch(`${entry}/status`, { status: { accounts: [] } })),
      },
      { what: "its deletion", run: onEntry((play, entry) => play.editor.send("DELETE", entry)) },
      madeAgain("the resource made again"),
    ],
  },
  {
    ...{ id: "record", accounts: everywhere, load: willExpire(8), end: expired },
    before: [
      onStatus("permittedUntil", { permittedUntil: later }),
      annotated("the stamp of another", { "keyturn.dev/changed-by": mayGive }),
    ],
    after: [
      onStatus("permittedReturn", { permittedReturn: 99 }),
      onStatus("state", { state: "Resuming" }),
      onStatus("accounts", { accounts: [] }),
      annotated("the stamp of another", {
        "keyturn.dev/changed-by": mayGive,
        "keyturn.dev/changed-by-groups": "system:masters",
      }),
      {
        what: "no finalizer",
        run: (play) => play.editor.patch(path(play), { metadata: { finalizers: null } }),
      },
    ],
  },
];

function cluster(site: IdentitySite): Account {
  return site.kubernetesAccount({ roles: ["reader"] });
}

function rolesAre(roles: readonly "reader"[], spec: object): Attempt["run"] {
  return (play) => {
    const { site } = play;
    const accounts = everywhere(site).map((one) => (one.name === "cluster" ? site.kubernetesAccount({ roles }) : one));
    return play.editor.patch(path(play), { spec: { accounts, ...spec } });
  };
}

function onStatus(what: string, status: object): Attempt {
  return { what: `status.${what}`, run: (play) => play.editor.patch(`${path(play)}/status`, { status }) };
}
