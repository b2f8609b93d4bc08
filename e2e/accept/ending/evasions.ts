import type { IdentityHoldSpec } from "../../../src/api/v1alpha1/identity-hold.ts";
import { identityCondition } from "../../lane/identity.ts";
import { waitFor } from "../../stack/wait.ts";
import { answerTo } from "../lifecycle/fifty.ts";
import {
  annotated,
  declaredAgain,
  deleted,
  everywhere,
  expired,
  folder,
  madeAgain,
  path,
  willExpire,
} from "./editors.ts";
import { delivered, keysByName, otherIdentity, secretIds, secretIdsByName, userByName } from "./editors-beside.ts";
import { ledgerEntryOf } from "./ends.ts";
import type { Attempt, StayCase, StayPlay } from "./stay.ts";

// Ways round an IdentityHold. Who tries holds bind on the roles, and is the team that declared the identity: it is stopped all the same.

const holds = "/apis/keyturn.dev/v1alpha1/identityholds";
const holdName = ({ site, name }: StayPlay): string => `${site.namespace}.${name}`;

/** The platform holds it, by its name or as the case says. */
export const held =
  (spec: (play: StayPlay) => Partial<IdentityHoldSpec> = () => ({})): StayCase["end"] =>
  async (play) => {
    const { site, name } = play;
    const kube = site.lane.world.stack.kubernetes.client;
    await kube.create(holds, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "IdentityHold",
      metadata: { name: holdName(play) },
      spec: { namespace: site.namespace, name, reason: "The campaign holds it", ...spec(play) },
    });
    play.onEnd(() => kube.delete(`${holds}/${holdName(play)}`));
  };

async function showsHold(play: StayPlay): Promise<boolean> {
  const identity = await play.site.find(play.name);
  const { status, reason } = identityCondition(identity, "Suspended") ?? {};
  return status === "True" && reason === "Held" && identity?.status?.holds?.includes(holdName(play)) === true;
}

/** It says that it is held; and when the hold is gone, what this fits works again. */
export const comesBack =
  (fits: RegExp): NonNullable<StayCase["finally"]> =>
  async (play) => {
    const { site, accesses } = play;
    const isSaid = await waitFor("its hold is shown", () => showsHold(play), { timeout: 30_000, every: 1000 }).catch(
      () => false,
    );
    if (!isSaid) return "the resource does not say that it is held";
    await site.lane.world.stack.kubernetes.client.delete(`${holds}/${holdName(play)}`);
    const mine = accesses.filter(({ what }) => fits.test(what));
    if (mine.length === 0) return "there is nothing that could come back";
    const still: string[] = [];
    const back = async (): Promise<boolean> => {
      still.length = 0;
      for (const one of mine) if ((await answerTo(one)) === "refused") still.push(one.what);
      return still.length === 0;
    };
    return waitFor("it comes back", back, { timeout: 60_000, every: 1000 }).then(
      () => undefined,
      () => `does not come back when the hold is gone: ${still.join(", ")}`,
    );
  };
/** Bindings, and a login of before: keys that nobody declared stay off (ADR 0048). */
export const declaredOnes = /ServiceAccount|^secret id/;

const patched = (what: string, spec: object): Attempt => ({
  what,
  run: (play) => play.editor.patch(path(play), { spec }),
});
export const isActive = patched("state Active", { state: "Active" });
export const reapplied: Attempt = {
  what: "applied again as it was",
  run: (play) => play.editor.apply(path(play), { ...declaredAgain(play), ...headOf(play) }),
};
const headOf = ({ site, name }: StayPlay): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name, namespace: site.namespace },
});
const without = (account: string): Attempt => ({
  what: `without ${account}`,
  run: (play) => {
    const accounts = everywhere(play.site).filter(({ name }) => name !== account);
    return play.editor.patch(path(play), { spec: { accounts } });
  },
});
const withAll: Attempt = {
  what: "all accounts again",
  run: (play) => play.editor.patch(path(play), { spec: { accounts: everywhere(play.site) } }),
};
const onHold = (what: string, method: string, body?: object): Attempt => ({
  what,
  run: (play) =>
    play.editor.send(
      method,
      `${holds}/${holdName(play)}`,
      body,
      body === undefined ? undefined : "application/merge-patch+json",
    ),
});
const onStatus = (what: string, status: object): Attempt => ({
  what: `status.${what}`,
  run: (play) => play.editor.patch(`${path(play)}/status`, { status }),
});
/** A rotation of the held identity for an AppRole beside it, made while it is held. */
export const rotationMadeNew: Attempt = {
  what: "a rotation with identityRef, made new",
  async run(play) {
    const { site, name } = play;
    const { client } = site.lane.world.stack.vault;
    const role = `keyturn.${site.namespace}.${name}-ci`;
    await client.call("POST", `auth/approle/role/${role}`, { token_policies: [site.vaultPolicy("read")] });
    play.onEnd(() => client.call("DELETE", `auth/approle/role/${role}`));
    const of = secretIds(play, `${name}-ci`, { identity: name });
    play.accesses.push(delivered(play, of.secret));
    return play.editor.send("POST", folder(play, "secretrotations"), of.object);
  },
};
export const otherNames: readonly [Attempt, Attempt] = [
  otherIdentity("another identity for its user", "user", (site, name) => [userByName(site, name)]),
  otherIdentity("another one for its ServiceAccount, with its role", "sa", (site, name) => [
    site.kubernetesAccount({ serviceAccountName: name, roles: ["reader"] }),
  ]),
];
/** In the namespace beside it, which the same operator serves. */
const abroad: Attempt = {
  what: "adopted from another namespace",
  run(play) {
    const { site, name } = play;
    const people = `${site.namespace}-people`;
    const there = site.identity(`${name}-abroad`, [userByName(site, name)], { adoption: { mode: "IfAnnotated" } });
    return play.editor.send("POST", folder(play).replace(`/${site.namespace}/`, `/${people}/`), {
      ...there,
      metadata: { ...there.metadata, namespace: people },
    });
  },
};

export const evasions: readonly StayCase[] = [
  { id: "deleted", accounts: everywhere, end: held(), after: [deleted] },
  {
    ...{ id: "made-again", accounts: everywhere, end: held(), finally: comesBack(/ServiceAccount/) },
    after: [deleted, madeAgain("made again under its name")],
  },
  {
    ...{ id: "undone", accounts: everywhere, end: held() },
    after: [
      patched("a hold of a second", { deletion: { holdFor: "1s", timeout: "1s" } }),
      deleted,
      madeAgain("made again", { state: "Suspended" }),
      patched("and Active", { state: "Active" }),
    ],
  },
  {
    ...{ id: "self-heal", accounts: everywhere, end: held(), finally: comesBack(declaredOnes) },
    after: [
      reapplied,
      patched("Suspended by itself", { state: "Suspended" }),
      isActive,
      {
        what: "state Active by PUT",
        run: (play) => play.editor.put(path(play), { state: "Active", purpose: "Heals" }),
      },
      annotated("retry", { "keyturn.dev/retry": "1" }),
    ],
  },
  {
    ...{ id: "ends-and-begins", accounts: everywhere, load: willExpire(4) },
    async end(play) {
      await held()(play);
      await expired(play);
    },
    after: [patched("a later end", { expiresAt: "2099-01-01T00:00:00Z" }), patched("no end", { expiresAt: null })],
  },
  {
    ...{ id: "other-names", accounts: everywhere, end: held() },
    after: [...otherNames, keysByName, secretIdsByName],
  },
  {
    ...{ id: "other-names-when-deleted", accounts: everywhere, end: held() },
    after: [{ what: "deleted for good", run: deletedForGood }, ...otherNames, keysByName, secretIdsByName],
  },
  { id: "rotation-made-new", accounts: everywhere, end: held(), after: [rotationMadeNew] },
  { id: "abroad", accounts: everywhere, end: held(), after: [abroad] },
  {
    ...{ id: "retained", accounts: everywhere, end: held() },
    before: [patched("Retain", { deletion: { policy: "Retain" } })],
    after: [
      deleted,
      {
        what: "its ledger entry released",
        async run(play) {
          const entry = await waitForEntry(play);
          return play.editor.annotate(entry, { "keyturn.dev/release": "true" });
        },
      },
    ],
  },
  {
    ...{ id: "paused", accounts: everywhere, end: held(), finally: comesBack(declaredOnes) },
    before: [
      annotated("paused", { "keyturn.dev/paused": "true" }),
      annotated("dry-run", { "keyturn.dev/dry-run": "true" }),
    ],
    after: [annotated("not paused", { "keyturn.dev/paused": "false", "keyturn.dev/dry-run": "false" })],
  },
  {
    ...{ id: "account-again", accounts: everywhere, end: held() },
    after: [without("cluster"), without("lake"), withAll],
  },
  {
    ...{ id: "records", accounts: everywhere, end: held() },
    after: [
      onStatus("holds", { holds: null }),
      onStatus("state", { state: "Resuming", permittedReturn: 99 }),
      onHold("the hold deleted", "DELETE"),
      onHold("the hold's spec changed", "PATCH", { spec: { name: "nobody" } }),
    ],
  },
  {
    // By its target alone: the identity's own name is not held.
    ...{ id: "target", accounts: everywhere },
    only: (what) => /key|session/.test(what),
    end: held((play) => ({
      name: "nobody",
      targets: [
        {
          connectionRef: { name: play.site.connections.aws },
          kind: "AwsUser",
          name: play.site.awsName(play.name, "lake"),
        },
      ],
    })),
    after: [
      reapplied,
      { what: "deleted, made again", run: deletedAndMade },
      otherIdentity("another identity for the user", "user", (site, name) => [userByName(site, name)]),
      keysByName,
    ],
  },
];

export async function deletedForGood(play: StayPlay): ReturnType<Attempt["run"]> {
  const answer = await deleted.run(play);
  await play.site.gone(play.name);
  return answer;
}

async function deletedAndMade(play: StayPlay): ReturnType<Attempt["run"]> {
  await deleted.run(play);
  return madeAgain("").run(play);
}

async function waitForEntry(play: StayPlay): Promise<string> {
  await play.site.gone(play.name);
  const entry = await ledgerEntryOf(play);
  if (entry === undefined) throw new Error("there is no entry in the ledger");
  return `/apis/keyturn.dev/v1alpha1/orphanedcredentials/${entry.metadata.name}`;
}
