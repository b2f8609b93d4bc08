import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { spareNames } from "../../lane/identity-site.ts";
import { accountId } from "../../lane/ground.ts";
import { briefly } from "../../lane/identity.ts";
import { waitFor } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { othersForbid } from "./denials.ts";
import { guarded, placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

// What the spec no longer names goes at once (A9), the way fits the quota (A10).

/** Identities that change at once on one site. */
const atOnce = 4;

type Done = (id: string, tally: EndingTally) => void;

/** One privilege that the next spec does not name, and how one sees it at its provider. */
interface Privilege {
  readonly id: string;
  before(site: IdentitySite): Account;
  after(site: IdentitySite): Account;
  /** What the new spec names in its place, of the same class, and does not come about. */
  instead?(site: IdentitySite): Account;
  stands(place: Place): Promise<boolean>;
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const privileges: readonly Privilege[] = [
  {
    id: "role-binding",
    before: (site) => site.kubernetesAccount({ roles: ["reader"] }),
    after: (site) => site.kubernetesAccount({ roles: [] }),
    async stands({ site, name }) {
      const { items } = await site.lane.world.stack.kubernetes.client.list(
        `${rbac}/namespaces/${site.namespace}/rolebindings`,
      );
      return items.some((one) => JSON.stringify(one["subjects"] ?? []).includes(`"${name}"`));
    },
  },
  {
    id: "managed-policy",
    before: (site) => site.awsUser({ policies: ["read"] }),
    // An empty object, which server-side apply stores as null.
    after: (site) => site.awsUser(),
    instead: (site) => userWith(site, { policies: [site.policyArn("missing")] })[0]!,
    stands: async ({ held, site }) => (await held())?.attached.includes(site.policyArn("read")) === true,
  },
  {
    id: "inline-policy",
    before: (site) => site.awsUser({ policies: ["read"], inline: ["s3:Get*"] }),
    after: (site) => site.awsUser({ policies: ["read"] }),
    stands: async ({ held }) => (await held())?.inline.has("s3-Get-") === true,
  },
  {
    id: "group",
    before: (site) => site.awsUser({ policies: ["read"], groups: ["staff"] }),
    after: (site) => site.awsUser({ policies: ["read"] }),
    stands: async ({ held, site }) => (await held())?.groups.includes(site.group("staff")) === true,
  },
  {
    id: "vault-policy",
    before: (site) => site.vaultAccount({ policies: ["read", "write"] }),
    after: (site) => site.vaultAccount({ policies: ["read"] }),
    instead: (site) => ({
      name: "secrets",
      vault: {
        connectionRef: { name: site.connections.vault },
        policies: [site.vaultPolicy("read"), site.vaultPolicy("missing")],
        login: { mode: "AppRole" },
      },
    }),
    async stands({ site, entity }) {
      const found = await site.lane.world.stack.vault.client.call("GET", `identity/entity/name/${entity}`);
      return ((found?.["data"] as { policies?: string[] } | undefined)?.policies ?? []).includes(
        site.vaultPolicy("write"),
      );
    },
  },
];

/** Beside what else a new spec removes it: something that fails at another account, in the same class, or nothing at all. */
const besides = ["alone", "failing-elsewhere", "failing-exchange"] as const;

/** A removal that is in nobody's way is there within this; an exchange waits for its progress deadline (2 s) besides. */
const mostSecondsToRemove = 20;

const removedAtOnce = (done: Done): Scenario => ({
  id: "removals",
  site: { resync: "5s", leavers: true },
  async play(stage) {
    const tally = emptyEnding();
    const all = privileges.flatMap((one) =>
      besides.filter((how) => how !== "failing-exchange" || one.instead !== undefined).map((how) => ({ one, how })),
    );
    await inParallel([...all.entries()], atOnce, async ([i, { one, how }]) => {
      const place = placeOf(stage, `r${i + 1}`);
      const { site, name } = place;
      const title = `removals/${one.id}/${how}`;
      const extra = (policy: "read" | "missing"): Account => ({
        name: "beside",
        aws: { connectionRef: { name: site.connections.aws }, user: { policies: [site.policyArn(policy)] } },
      });
      const spec = (account: Account, policy: "read" | "missing") =>
        site.identity(name, [account, extra(policy)], { deletion: { holdFor: "1h", timeout: "30s" } });
      await guarded(stage, title, async () => {
        await site.apply(spec(one.before(site), "read"));
        await site.until(name, "Good", 90_000);
        if (!(await one.stands(place))) throw new Error("it was never given");
        tally.removals += 1;
        const after = how === "failing-exchange" ? (one.instead ?? one.after)(site) : one.after(site);
        await site.apply(spec(after, how === "failing-elsewhere" ? "missing" : "read"));
        const gone = async (): Promise<boolean> => !(await one.stands(place));
        await waitFor(`${title}: it is gone`, gone, { timeout: mostSecondsToRemove * 1000, every: 250 }).catch(
          async () => {
            tally.removalsHeldUp += 1;
            stage.broken(
              "S5",
              `${title}: is still there after ${mostSecondsToRemove} s.`,
              briefly(await site.find(name)),
            );
          },
        );
      });
    });
    done("removals", tally);
  },
});

/** A full quota before and after: what stands and what is declared fit, both together do not. */
interface Exchange {
  readonly id: string;
  before(site: IdentitySite): readonly Account[];
  after(site: IdentitySite): readonly Account[];
}

const spareArns = (site: IdentitySite, left: number): string[] =>
  spareNames.filter((_, i) => i !== left).map((name) => `arn:aws:iam::${accountId}:policy/${site.namespace}-${name}`);
const spareGroups = (site: IdentitySite, left: number): string[] =>
  spareNames.filter((_, i) => i !== left).map((name) => `${site.namespace}-${name}`);
const userWith = (site: IdentitySite, user: object): readonly Account[] => [
  { name: "lake", aws: { connectionRef: { name: site.connections.aws }, user } },
];
const roleWith = (site: IdentitySite, role: object): readonly Account[] => [
  site.kubernetesAccount(),
  { name: "job", aws: { connectionRef: { name: site.connections.aws }, role } },
];
/** An inline policy of about so many characters; one resource may have 512. */
const long = (name: string, length: number): object => {
  const resources = Array.from({ length: Math.ceil(length / 400) }, (_, i) => `arn:aws:s3:::${i}${"x".repeat(385)}`);
  return { name, statements: [{ effect: "Allow", actions: ["s3:GetObject"], resources }] };
};

const exchanges: readonly Exchange[] = [
  {
    id: "ten-policies-of-a-user",
    before: (site) => userWith(site, { policies: spareArns(site, 10) }),
    after: (site) => userWith(site, { policies: spareArns(site, 0) }),
  },
  {
    id: "ten-policies-of-a-role",
    before: (site) => roleWith(site, { policies: spareArns(site, 10) }),
    after: (site) => roleWith(site, { policies: spareArns(site, 3) }),
  },
  {
    id: "ten-groups",
    before: (site) => userWith(site, { groups: spareGroups(site, 10) }),
    after: (site) => userWith(site, { groups: spareGroups(site, 5) }),
  },
  {
    id: "policies-and-groups",
    before: (site) => userWith(site, { policies: spareArns(site, 10), groups: spareGroups(site, 10) }),
    after: (site) => userWith(site, { policies: spareArns(site, 1), groups: spareGroups(site, 1) }),
  },
  {
    id: "inline-room-of-a-user",
    before: (site) => userWith(site, { inlinePolicies: [long("old", 1500)] }),
    after: (site) => userWith(site, { inlinePolicies: [long("new", 1500)] }),
  },
  {
    id: "inline-room-one-grows",
    before: (site) => userWith(site, { inlinePolicies: [long("one", 1200), long("two", 200)] }),
    after: (site) => userWith(site, { inlinePolicies: [long("one", 200), long("two", 1200)] }),
  },
];

const exchanged = (done: Done): Scenario => ({
  id: "exchanges",
  site: { resync: "5s", leavers: true },
  async play(stage) {
    const tally = emptyEnding();
    await inParallel([...exchanges.entries()], atOnce, async ([i, one]) => {
      const place = placeOf(stage, `x${i + 1}`);
      const { site, name } = place;
      await guarded(stage, `exchanges/${one.id}`, async () => {
        await site.apply(site.identity(name, one.before(site)));
        await site.until(name, "Good", 90_000);
        await site.apply(site.identity(name, one.after(site)));
        await site.until(name, "Good", 60_000);
        const { user, role } = one.after(site).find(({ aws }) => aws !== undefined)?.aws ?? {};
        const wanted = { policies: [], inlinePolicies: [], ...role, ...user };
        const held = await place.held();
        const isSo =
          same(held?.attached ?? [], wanted.policies) &&
          same(
            [...(held?.inline.keys() ?? [])],
            wanted.inlinePolicies.map((policy) => policy.name),
          ) &&
          same(held?.groups ?? [], user?.groups ?? []);
        if (isSo) tally.exchanges += 1;
        else stage.broken("END", `exchanges/${one.id}: IAM does not hold what is declared.`, held);
      });
    });
    done("exchanges", tally);
  },
});

function same(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}

/** A8, A9 and A10; `done` is given what each counts. */
export function changeScenarios(done: Done): readonly Scenario[] {
  return [othersForbid(done), removedAtOnce(done), exchanged(done)];
}
