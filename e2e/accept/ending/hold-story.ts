import type { IdentityHold, IdentityHoldSpec } from "../../../src/api/v1alpha1/identity-hold.ts";
import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import { briefly, identityCondition, rests } from "../../lane/identity.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import type { Outside } from "../../lane/outside.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { accessKey } from "../lifecycle/credentials.ts";
import { answerTo, issued, rotationOf } from "../lifecycle/fifty.ts";
import type { Stage } from "../lifecycle/stage.ts";
import type { Phase } from "../lifecycle/story.ts";
import { deliveredKey, everythingOf } from "./access.ts";
import { differencesBack, outsideOf, untilBack } from "./back.ts";
import { watchAlive } from "./alive.ts";
import type { AliveWatch } from "./alive.ts";
import { iamReader } from "./iam-view.ts";
import type { Access } from "./observer.ts";

// An IdentityHold that is put on and taken off as a story whose every mutating request is killed at (A7): keys, secret ids, sessions and
// bindings under it, the targets that it keeps, a resource that is deleted and made again beneath it, and the way back.

const holds = "/apis/keyturn.dev/v1alpha1/identityholds";
export const holdPath = (site: IdentitySite, life: string): string => `${holds}/${site.namespace}.${life}`;

/** An identity that is held. */
interface HeldLife {
  readonly name: string;
  accounts(site: IdentitySite): readonly Account[];
  readonly hold?: Partial<IdentityHoldSpec>;
  /** `beside`: with a key that somebody has made beside the rotation's, which must stay off. */
  readonly rotation?: "alone" | "beside";
  /** Ends of names that the hold must have on record as its targets. */
  targets(site: IdentitySite): readonly string[];
}

/** What has been there before the hold, and what is looked at meanwhile. */
interface Standing {
  readonly before: Outside;
  readonly accesses: readonly Access[];
  readonly rotated: string | undefined;
  watch?: AliveWatch;
}

const standings = new WeakMap<Stage, Map<string, Standing>>();
const standingOf = (stage: Stage, { name }: HeldLife): Standing => {
  const found = standings.get(stage)?.get(name);
  if (found === undefined) throw new Error(`${name} has not joined`);
  return found;
};

const lives = {
  held: {
    ...{ name: "held", rotation: "beside" },
    accounts: (site) => [
      site.kubernetesAccount({ roles: ["reader"] }),
      site.awsUser({ policies: ["read"] }),
      site.vaultAccount({ policies: ["read"] }),
    ],
    targets: (site) => [
      `/${site.namespace}/held`,
      `/${site.awsName("held", "lake")}`,
      site.vaultName("held", "secrets"),
    ],
  },
  leaked: {
    ...{ name: "leaked", rotation: "alone", hold: { compromised: true } },
    accounts: (site) => [site.awsUser({ policies: ["read"] }), site.vaultAccount({ policies: ["read"] })],
    targets: (site) => [`/${site.awsName("leaked", "lake")}`, site.vaultName("leaked", "secrets")],
  },
  again: {
    name: "again",
    accounts: (site) => [site.kubernetesAccount({ roles: ["reader"] }), site.awsRole({ policies: ["read"] })],
    targets: (site) => [`/${site.namespace}/again`, `/${site.awsName("again", "job")}`],
  },
} as const satisfies Record<string, HeldLife>;

const declared = (site: IdentitySite, it: HeldLife): ReturnType<IdentitySite["identity"]> =>
  site.identity(it.name, it.accounts(site), {
    deletion: { holdFor: "1h", timeout: "30s" },
    // What is put there by hand is told and stays.
    drift: { mode: "Report" },
  });

/** Joins, and everything is gathered that must be refused later. */
const joined = (it: HeldLife) => async (stage: Stage) => {
  const { site } = stage;
  const { name } = it;
  await site.apply(declared(site, it));
  await site.until(name, "Good");
  if (it.rotation !== undefined) {
    await site.team.apply(...rotationOf(site, name));
    await issued(site, name);
    // A key that turns up in the window of an intent would be taken for its late answer, and revoked.
    if (it.rotation === "beside") await sleep(5000);
  }
  const rotated = await deliveredKey(site, name);
  // IAM lets a user have two keys, and a rotation that replaces one needs room.
  const all = it.accounts(site).filter(({ aws }) => it.rotation !== "alone" || aws?.user === undefined);
  const accesses = await everythingOf(site, name, all, iamReader(site.lane.world.stack.aws.client));
  if (rotated !== undefined) accesses.push({ ...accessKey(site, rotated), from: "own" });
  for (const one of accesses)
    if ((await answerTo(one)) === "refused")
      stage.broken("RUN", `${name}: does not work before the hold, so its refusal proves nothing.`, one.what);
  const mine = standings.get(stage) ?? new Map<string, Standing>();
  const standing: Standing = { before: await outsideOf(site, name), accesses, rotated: rotated?.accessKeyId };
  standings.set(stage, mine.set(name, standing));
};

const holdOf = (site: IdentitySite, name: string): Promise<(IdentityHold & KubeObject) | undefined> =>
  site.lane.world.stack.kubernetes.client.find(holdPath(site, name));

/** The hold says that all of what it matches is cut and proven. */
async function saysHeld(site: IdentitySite, name: string): Promise<IdentityHold> {
  const hold = await holdOf(site, name);
  const ready = hold?.status?.conditions?.find(({ type }) => type === "Ready");
  if (hold !== undefined && ready?.status === "True" && ready.reason === "Held") return hold;
  throw new Error(JSON.stringify(hold?.status ?? "no hold").slice(0, 1500));
}

/** Both the identity and the hold say that it is held. */
const isHeld =
  ({ name }: HeldLife): Phase["rest"] =>
  ({ site }) =>
    waitFor(
      `${name} is held`,
      async () => {
        const identity = await site.find(name);
        const { status, reason } = identityCondition(identity, "Suspended") ?? {};
        const isTold = identity?.status?.holds?.includes(`${site.namespace}.${name}`) === true;
        if (!(rests(identity, "Suspended") && isTold && status === "True" && reason === "Held"))
          throw new Error(briefly(identity).slice(0, 2500));
        await saysHeld(site, name);
        return true;
      },
      { timeout: 90_000, every: 60 },
    );

/** Nothing of it works, and the hold has on record what its targets are. */
const provenHeld = (it: HeldLife) => async (stage: Stage) => {
  const { site } = stage;
  await standingOf(stage, it).watch?.allRefused();
  const { status = {} } = await saysHeld(site, it.name);
  for (const target of it.targets(site))
    if (status.targets?.some((one) => one.endsWith(target)) !== true)
      stage.broken("S10", `The hold of ${it.name} has not recorded its target ${target}.`, status.targets);
};

const putOn = (it: HeldLife): Phase => ({
  ...{ name: `${it.name}-on`, life: it.name },
  before: joined(it),
  async act(stage) {
    const { site } = stage;
    const standing = standingOf(stage, it);
    standing.watch = watchAlive(stage, it.name, standing.accesses);
    await site.lane.world.stack.kubernetes.client.create(holds, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "IdentityHold",
      metadata: { name: `${site.namespace}.${it.name}` },
      spec: { namespace: site.namespace, name: it.name, reason: "The campaign holds it", ...it.hold },
    });
  },
  rest: isHeld(it),
  then: provenHeld(it),
});

const takenOff = (it: HeldLife): Phase => ({
  ...{ name: `${it.name}-off`, life: it.name },
  async act(stage) {
    // From here on it may work again.
    await standingOf(stage, it).watch?.stop();
    await stage.site.lane.world.stack.kubernetes.client.delete(holdPath(stage.site, it.name));
  },
  async rest(stage) {
    const { site } = stage;
    await untilBack(site, it.name);
    if (it.rotation === undefined) return;
    await issued(site, it.name);
    await waitFor(`the keys of ${it.name} are as its rotation has them`, () => keysAreBack(stage, it), {
      timeout: 90_000,
      every: 200,
    });
  },
  async then(stage) {
    const { site } = stage;
    const { before, accesses, rotated } = standingOf(stage, it);
    const identity = await site.find(it.name);
    if (identity?.status?.holds !== undefined)
      stage.broken("S10", `${it.name} says that it is held, and no hold is there.`, identity.status.holds);
    const isReplaced = it.hold?.compromised === true;
    for (const line of differencesBack(before, await outsideOf(site, it.name), rotated, { isReplaced }))
      stage.broken("END", `${it.name} is not as it was before the hold.`, line);
    for (const one of accesses) one.close();
  },
});

/** What is delivered logs in; a key that a hold calls compromised has been replaced and is gone. */
async function keysAreBack({ site }: Stage, it: HeldLife): Promise<boolean> {
  const { client } = site.lane.world.stack.aws;
  const delivered = await deliveredKey(site, it.name);
  const keys = await client.listAccessKeys(site.awsName(it.name, "lake"));
  if (delivered === undefined || (await answerTo(accessKey(site, delivered))) === "refused")
    throw new Error(`what is delivered does not log in: ${JSON.stringify(keys)}`);
  const alive = keys.filter(({ status }) => status === "Active").map(({ accessKeyId }) => accessKeyId);
  const isAlone = it.rotation === "beside" || keys.length === 1;
  if (alive.length === 1 && alive[0] === delivered.accessKeyId && isAlone) return true;
  throw new Error(`its keys are ${JSON.stringify(keys)}`);
}

/** Deleted under the hold: the ledger goes on with it. */
const goneBeneath = (it: HeldLife): Phase => ({
  ...{ name: `${it.name}-gone`, life: it.name },
  act: ({ site }) => site.team.delete(site.path(it.name)),
  async rest({ site }) {
    await site.gone(it.name);
    await waitFor(`the hold of ${it.name} matches what the ledger has`, () => saysHeld(site, it.name), {
      timeout: 90_000,
      every: 60,
    });
  },
  then: provenHeld(it),
});

/** Made again under its name, while the hold is there: it is held as before. */
const madeBeneath = (it: HeldLife): Phase => ({
  ...{ name: `${it.name}-made`, life: it.name },
  act: ({ site }) => site.apply(declared(site, it)),
  rest: isHeld(it),
  then: provenHeld(it),
});

export const holdStory: readonly Phase[] = [
  ...[putOn(lives.held), takenOff(lives.held)],
  ...[putOn(lives.leaked), takenOff(lives.leaked)],
  ...[putOn(lives.again), goneBeneath(lives.again), madeBeneath(lives.again), takenOff(lives.again)],
];
