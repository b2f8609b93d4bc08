import type { Credential } from "../accept/lifecycle/credentials.ts";
import { accessKey, appRole, serviceAccountToken } from "../accept/lifecycle/credentials.ts";
import { identityCondition } from "../lane/identity.ts";
import type { Identity } from "../lane/identity.ts";
import type { IdentitySite } from "../lane/identity-site.ts";
import { openIdentitySite } from "../lane/identity-site.ts";
import type { Lane } from "../lane/lane.ts";
import type { Outside } from "../lane/outside.ts";
import { atProviders, compareOutside, readOutside } from "../lane/outside.ts";
import type { Timeline } from "./timeline.ts";

/** What the numbers at the end tell of the identity. */
export interface IdentityStory {
  readonly site: IdentitySite;
  readonly credentialsTried: number;
  readonly secondsToRefusal: number;
}

const name = "exporter";

/** A joiner, a mover whose change fails and is taken back, and a leaver: one identity at three providers. */
export async function tellIdentity(lane: Lane, lines: Timeline): Promise<IdentityStory> {
  lines.chapter("A joiner");
  const site = await openIdentitySite(lane, { name: "billing" });
  lines.did("platform: grants", "which roles and policies may be given in this namespace, and to nobody else");
  await site.startOperator();
  const { client: kube } = lane.world.stack.kubernetes;
  const { client: aws } = lane.world.stack.aws;
  const identity = (): Promise<Identity | undefined> => site.find(name);
  const outside = async (): Promise<Outside> => atProviders(await readOutside(site));
  const good = site.identity(
    name,
    [
      site.kubernetesAccount({ roles: ["reader"] }),
      site.awsUser({ policies: ["read"], groups: ["staff"] }),
      site.vaultAccount({ policies: ["read"] }),
    ],
    {
      purpose: "Exports invoices to the data lake",
      deletion: { holdFor: "4s", timeout: "30s" },
      progressDeadline: "3s",
    },
  );
  const nobody = await outside();
  await site.apply(good);
  lines.did("identity applied", "a ServiceAccountLifecycle, by the team: accounts in Kubernetes, AWS and Vault");
  await lines.see("asked for by", async () => (await identity())?.metadata.annotations?.["keyturn.dev/changed-by"]);
  await lines.see("plan", async () => {
    const plan = (await identity())?.status?.plan;
    return plan === undefined
      ? undefined
      : `${plan.lines.length} lines before anything is done, digest ${plan.digest.slice(0, 12)}`;
  });
  await lines.see("created, with its owner on it", async () => {
    const serviceAccount = await kube.find(`/api/v1/namespaces/${site.namespace}/serviceaccounts/${name}`);
    const tags: Record<string, string> = await aws.listUserTags(site.awsName(name, "lake")).catch(() => ({}));
    const entity = (await outside()).get(`vault/entity/${site.vaultName(name, "secrets")}`);
    const team = serviceAccount?.metadata.annotations?.["keyturn.dev/team"];
    if (team === undefined || tags["keyturn.dev/team"] !== team || entity === undefined) return undefined;
    return `ServiceAccount, IAM user and Vault entity belong to team ${team}`;
  });
  await lines.see("joined", async () => said(await identity(), "Ready"));
  const credentials: Credential[] = [
    await serviceAccountToken(site, name),
    accessKey(site, await site.createKey(site.awsName(name, "lake"))),
    ...(await appRole(site, site.vaultName(name, "secrets"))),
  ];
  await lines.see("its credentials work", async () => {
    const answers = await Promise.all(credentials.map((one) => one.tryIt()));
    return answers.every((answer) => answer === "accepted")
      ? "a Kubernetes token, an AWS key, a Vault login, its token and a child of that"
      : undefined;
  });

  lines.chapter("A mover whose change fails");
  const before = await outside();
  await site.apply({
    ...good,
    spec: {
      ...good.spec,
      owner: { team: "lakehouse", contact: "lakehouse@example.com" },
      accounts: [
        site.kubernetesAccount({ roles: ["reader", "writer"] }),
        {
          name: "lake",
          aws: {
            connectionRef: { name: site.connections.aws },
            user: { policies: [site.policyArn("read"), site.policyArn("missing")], groups: [site.group("staff")] },
          },
        },
        site.vaultAccount({ policies: ["read", "write"] }),
      ],
    },
  });
  lines.did("spec changed", "one more right at each provider; the policy at AWS does not exist");
  await lines.see("refused, and reverted", async () => {
    const found = await identity();
    return said(found, "Reverted") === undefined
      ? undefined
      : `Reverted=True, reason ${identityCondition(found, "Reverted")?.reason ?? ""}`;
  });
  await lines.see("rights are as before", async () => {
    const rights = (state: Outside): Outside => new Map([...state].filter(([key]) => !key.includes("Secret")));
    const left = compareOutside(withoutOwner(rights(before)), withoutOwner(rights(await outside())), { ids: true });
    return left.length === 0 ? "read at all three providers, by their own ids" : undefined;
  });
  await lines.see("its credentials still work", async () => {
    const answers = await Promise.all(credentials.map((one) => one.tryIt()));
    return answers.every((answer) => answer === "accepted") ? `${answers.length} of ${answers.length}` : undefined;
  });

  lines.chapter("A leaver");
  const left = Date.now();
  await site.team.mergePatch(site.path(name), { spec: { state: "Decommissioned" } });
  lines.did("state: Decommissioned", "inside the spec that has failed: it acts at once");
  let refusedAfter = 0;
  await lines.see("every credential is refused", async () => {
    const answers = await Promise.all(credentials.map((one) => one.tryIt()));
    if (!answers.every((answer) => answer === "refused")) return undefined;
    refusedAfter = (Date.now() - left) / 1000;
    return `we tried all ${answers.length} again, ${refusedAfter.toFixed(1)} s after`;
  });
  await lines.see("offboarded, and proven", async () => said(await identity(), "Offboarded"));
  await lines.see("nothing of it is left", async () => {
    const found = await identity();
    if ((found?.status?.accounts ?? []).length > 0) return undefined;
    return compareOutside(nobody, await outside(), { ids: true }).length === 0
      ? "after the hold of 4 s; read at the three providers"
      : undefined;
  });
  await lines.see("what belongs to others", async () =>
    (await site.foreign.touched()).length === 0 ? `${site.foreign.planted} things beside it are untouched` : undefined,
  );
  for (const one of credentials) one.close();
  return { site, credentialsTried: credentials.length, secondsToRefusal: refusedAfter };
}

function said(identity: Identity | undefined, type: string): string | undefined {
  const condition = identityCondition(identity, type);
  const current = identity?.status?.observedGeneration === identity?.metadata.generation;
  return condition?.status === "True" && current ? `${type}=True, reason ${condition.reason}` : undefined;
}

/** Owner and team are always the newest: they are no right. */
function withoutOwner(state: Outside): Outside {
  const owner = /"(keyturn[.-](?:dev\/)?(?:team|contact|environment|purpose))":"[^"]*"/g;
  return new Map(
    [...state].map(([key, thing]) => [
      key,
      { ...thing, shape: JSON.parse(JSON.stringify(thing.shape).replace(owner, '"$1":"…"')) as unknown },
    ]),
  );
}
