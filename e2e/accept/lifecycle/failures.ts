import type { Call, StackServer } from "../../stack/fault-proxy.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import type { Identity } from "../../lane/identity.ts";
import { briefly, identityCondition, rests } from "../../lane/identity.ts";
import { atProviders, compareOutside, readOutside } from "../../lane/outside.ts";
import type { Outside } from "../../lane/outside.ts";
import type { Scenario, Stage } from "./stage.ts";
import { stillness } from "./stage.ts";

export type Place = "first" | "middle" | "last";

const places: readonly Place[] = ["first", "middle", "last"];
const servers: readonly StackServer[] = ["kubernetes", "aws", "vault"];

/** How each server says no to a request. */
const refusals = {
  kubernetes: { status: 403 },
  aws: { status: 403, code: "AccessDenied" },
  vault: { status: 403 },
} as const;

/** A change that is refused at each provider's first, middle and last request: everything is as it was before. */
export const failedGenerations: readonly Scenario[] = [
  ...servers.map((server): Scenario => ({
    id: `failed-generation/${server}`,
    async play(stage) {
      const { site } = stage;
      await site.apply(base(site, "app"));
      await site.until("app", "Good");
      await stillness(stage);
      const count = await rehearse(stage, server, base, widened);
      for (const place of places) await failAt(stage, server, place, count, { from: base, to: widened });
    },
  })),
  ...servers.map((server): Scenario => ({
    id: `failed-join/${server}`,
    async play(stage) {
      const count = await rehearse(stage, server, undefined, base);
      for (const place of places) await failAt(stage, server, place, count, { from: undefined, to: base });
    },
  })),
  {
    id: "failed-generation/refused-for-real",
    async play(stage) {
      const { site } = stage;
      await site.apply(base(site, "app"));
      await site.until("app", "Good");
      await stillness(stage);
      for (const [what, to] of realRefusals(site)) await goBack(stage, what, to);
    },
  },
];

/** A narrowing that fails half-way goes forward; what acts at once acts inside a failing spec; who may rewrite the spec. */
export const mixedChanges: readonly Scenario[] = [
  { id: "narrowing/goes-forward", play: narrowingGoesForward },
  { id: "narrowing/suspended-in-a-failing-spec", play: suspendedInFailing },
  { id: "rewrite/as-asked", play: (stage) => rewriteSpec(stage, false) },
  { id: "rewrite/refused-under-argo", play: (stage) => rewriteSpec(stage, true) },
];

const base = (site: IdentitySite, name: string): Identity =>
  site.identity(name, [
    site.kubernetesAccount({ roles: ["reader"] }),
    site.awsUser({ policies: ["read"], groups: ["staff"] }),
    site.vaultAccount({ policies: ["read"] }),
  ]);

/** Rights alone: an owner is always the newest one, and is not taken back. */
const widened = (site: IdentitySite, name: string): Identity =>
  site.identity(name, [
    site.kubernetesAccount({ roles: ["reader", "writer", "watcher", "viewer"] }),
    site.awsUser({ policies: ["read", "write", "list"], inline: ["s3:Get*"], groups: ["staff", "audit"] }),
    site.vaultAccount({ policies: ["read", "write", "list"] }),
  ]);

/** Real refusals: a thing that does not exist, at each provider, and what the connection does not grant. */
function realRefusals(site: IdentitySite): [string, Identity][] {
  const good = base(site, "app").spec.accounts;
  const [kubernetes, aws, vault] = good as [(typeof good)[number], (typeof good)[number], (typeof good)[number]];
  const of = (...accounts: Identity["spec"]["accounts"]): Identity => site.identity("app", accounts);
  const wide = widened(site, "app").spec.accounts;
  const policies = (...names: ("read" | "list" | "missing" | "admin")[]): Identity["spec"]["accounts"][number] => ({
    name: "lake",
    aws: {
      connectionRef: { name: site.connections.aws },
      user: { policies: names.map((name) => site.policyArn(name)), groups: [site.group("staff")] },
    },
  });
  const vaultPolicies = (...names: ("read" | "list" | "admin")[]): Identity["spec"]["accounts"][number] => ({
    name: "secrets",
    vault: {
      connectionRef: { name: site.connections.vault },
      policies: names.map((name) => site.vaultPolicy(name)),
      login: { mode: "AppRole" },
    },
  });
  return [
    [
      "a managed policy that does not exist",
      of(wide[0] ?? kubernetes, policies("read", "list", "missing"), wide[2] ?? vault),
    ],
    ["a managed policy that is not granted", of(wide[0] ?? kubernetes, policies("read", "admin"), vault)],
    [
      "a Vault policy that is not granted",
      of(wide[0] ?? kubernetes, wide[1] ?? aws, vaultPolicies("read", "list", "admin")),
    ],
    [
      "an inline policy that is not granted",
      of(kubernetes, site.awsUser({ policies: ["read"], groups: ["staff"], inline: ["ec2:*"] }), vault),
    ],
    [
      "a Kubernetes role that is not granted",
      of(
        {
          ...kubernetes,
          kubernetes: {
            ...kubernetes.kubernetes,
            roles: [
              { kind: "Role", name: "reader" },
              { kind: "Role", name: "writer" },
              { kind: "Role", name: "secrets" },
            ],
          },
        },
        wide[1] ?? aws,
        vault,
      ),
    ],
  ];
}

/** Requests that change something at a provider; the operator's own records are none. */
function isOutside(call: Call): boolean {
  if (!call.mutating || call.kind === "login") return false;
  if (call.server !== "kubernetes") return true;
  return /\/(serviceaccounts|rolebindings|clusterrolebindings)(\/\{name\})?$/.test(call.template);
}

/** How many requests the change takes at a server when nothing fails. The rehearsing identity goes again. */
async function rehearse(
  stage: Stage,
  server: StackServer,
  from: typeof base | undefined,
  to: typeof base,
): Promise<number> {
  const { site } = stage;
  if (from !== undefined) {
    await site.apply(from(site, "rehearsal"));
    await site.until("rehearsal", "Good");
  }
  await stillness(stage);
  const seen = site.lane.proxies[server].calls().length;
  await site.apply(to(site, "rehearsal"));
  await site.until("rehearsal", "Good");
  const count = site.lane.proxies[server].calls().slice(seen).filter(isOutside).length;
  await site.team.delete(site.path("rehearsal"));
  await site.gone("rehearsal");
  await waitFor("the rehearsing identity has left nothing", async () =>
    [...(await readOutside(site)).keys()].every((key) => !key.includes("rehearsal") && !key.startsWith("own/ledger")),
  );
  await stillness(stage);
  if (count === 0) stage.broken("RUN", `The change asks nothing of ${server}, so nothing can fail there.`);
  stage.count("joined");
  return count;
}

/** Refuses one request of the change for good, and looks at what is left. */
async function failAt(
  stage: Stage,
  server: StackServer,
  place: Place,
  count: number,
  change: { from: typeof base | undefined; to: typeof base },
): Promise<void> {
  const { site } = stage;
  const n = place === "first" ? 1 : place === "last" ? count : Math.ceil((count + 1) / 2);
  const before = atProviders(await readOutside(site));
  let seen = 0;
  let refused: string | undefined;
  const rule = site.lane.proxies[server].add({
    name: `refuse ${place}`,
    times: Infinity,
    match: (call, body) => {
      if (!isOutside(call)) return false;
      const signature = `${call.verb} ${call.path} ${body}`;
      if (refused !== undefined) return signature === refused;
      seen += 1;
      if (seen !== n) return false;
      refused = signature;
      return true;
    },
    action: { do: "answer", ...refusals[server] },
  });
  const what = `${server}, ${place} of ${count}`;
  await site.apply(change.to(site, "app"));
  if (change.from === undefined) {
    await waitFor(
      `${what}: everything is taken back`,
      async () => {
        if (rule.hits() === 0) return false;
        const left = compareOutside(before, atProviders(await readOutside(site)));
        if (left.length > 0) throw new Error(`${left.join("; ")} ${briefly(await site.find("app"))}`);
        return true;
      },
      { timeout: 60_000, every: 200 },
    );
    // It is tried again after a back-off, so this one look counts.
    stage.count("reverts");
  } else {
    await site.until("app", "Reverted");
    await leftovers(stage, what, before);
  }
  if (rule.hits() === 0) stage.broken("RUN", `${what}: the request never came.`);
  rule.remove();
  if (change.from === undefined) {
    await site.team.delete(site.path("app"));
    await site.gone("app");
    // What a retry has made again since then is the ledger's to take away.
    await waitFor(
      `${what}: nothing is left of the resource`,
      async () => {
        const left = compareOutside(before, atProviders(await readOutside(site)));
        if (left.length > 0) throw new Error(left.join("; "));
        return true;
      },
      { timeout: 40_000, every: 200 },
    );
  } else {
    await site.apply(change.from(site, "app"));
    await site.until("app", "Good");
  }
  await stillness(stage, 1200);
  await leftovers(stage, `${what}, after the good spec`, before);
}

async function goBack(stage: Stage, what: string, to: Identity): Promise<void> {
  const { site } = stage;
  const before = atProviders(await readOutside(site));
  await site.apply(to);
  await site.until("app", "Reverted");
  await leftovers(stage, what, before);
  await site.apply(base(site, "app"));
  await site.until("app", "Good");
  await stillness(stage);
}

/** The state outside equals the state before, by the providers' own ids. */
async function leftovers(stage: Stage, what: string, before: Outside): Promise<void> {
  stage.count("reverts");
  const left = compareOutside(before, atProviders(await readOutside(stage.site)), { ids: true });
  if (left.length === 0) return;
  stage.count("revertLeftovers", left.length);
  stage.broken("S12", `A failed change has left something behind (${what}).`, left.join("\n"));
}

/** A right is taken away, then the provider refuses the rest: the right never comes back, and the rest follows. */
async function narrowingGoesForward(stage: Stage): Promise<void> {
  const { site } = stage;
  await site.apply(widened(site, "app"));
  await site.until("app", "Good");
  await stillness(stage);
  const wide = atProviders(await readOutside(site));
  // Whatever goes first, one of the two servers has done its part when the other refuses.
  const rules = [
    site.lane.proxies.aws.add({
      name: "refuse",
      times: Infinity,
      match: (call) => isOutside(call),
      action: { do: "answer", ...refusals.aws },
    }),
  ];
  await site.apply(base(site, "app"));
  const gone = new Set<string>();
  const end = Date.now() + 8000;
  while (Date.now() < end) {
    const now = atProviders(await readOutside(site));
    for (const key of wide.keys()) if (!now.has(key)) gone.add(key);
    for (const key of gone)
      if (now.has(key)) {
        stage.count("narrowingsReverted");
        stage.broken("S12", "A right that had been taken away has come back.", key);
        gone.delete(key);
      }
    await sleep(150);
  }
  if (gone.size === 0)
    stage.broken("L1", "Nothing was narrowed although only one provider refused.", (await site.find("app"))?.status);
  const identity = await site.find("app");
  if (identityCondition(identity, "Reverted")?.status === "True") {
    stage.count("narrowingsReverted");
    stage.broken("S12", "A change that only narrows has been reverted.", identity?.status);
  }
  for (const rule of rules) rule.remove();
  await site.team.mergePatch(site.path("app"), { metadata: { annotations: { "keyturn.dev/retry": "1" } } });
  await site.until("app", "Good", 90_000);
  stage.count("moved");
}

/** The same spec asks for what cannot be and for suspension: the suspension acts at once. */
async function suspendedInFailing(stage: Stage): Promise<void> {
  const { site } = stage;
  await site.apply(base(site, "app"));
  await site.until("app", "Good");
  const failing = realRefusals(site)[0]?.[1] ?? base(site, "app");
  await site.apply({ ...failing, spec: { ...failing.spec, state: "Suspended" } });
  await waitFor(
    "suspended inside a failing spec",
    async () => {
      const identity = await site.find("app");
      if (
        identity?.status?.state === "Suspended" &&
        identity.status.observedGeneration === identity.metadata.generation
      )
        return true;
      throw new Error(briefly(identity));
    },
    { timeout: 30_000 },
  );
  const state = await readOutside(site);
  const binding = [...state.keys()].filter((key) =>
    key.startsWith(`kubernetes/RoleBinding/keyturn.${site.namespace}.app.`),
  );
  if (binding.length > 0) stage.broken("S10", "Suspended, and a RoleBinding stands.", binding);
  await site.apply(base(site, "app"));
  await site.until("app", "Good");
  stage.count("moved");
}

/** RewriteSpec writes the good spec back once; where Argo CD owns the object it does not. */
async function rewriteSpec(stage: Stage, argo: boolean): Promise<void> {
  const { site } = stage;
  const asked = (identity: Identity): Identity => ({
    ...identity,
    metadata: {
      ...identity.metadata,
      ...(argo
        ? {
            annotations: {
              "argocd.argoproj.io/tracking-id": `shop:keyturn.dev/ServiceAccountLifecycle:${site.namespace}/app`,
            },
          }
        : {}),
    },
    spec: { ...identity.spec, rollback: { mode: "RewriteSpec" } },
  });
  const good = asked(base(site, "app"));
  await site.apply(good);
  await site.until("app", "Good");
  await stillness(stage);
  const before = atProviders(await readOutside(site));
  const failing = asked(realRefusals(site)[0]?.[1] ?? good);
  const applied = await site.apply(failing);
  await waitFor(
    argo ? "reverted, with its spec left alone" : "the good spec is written back",
    async () => {
      const identity = await site.find("app");
      if (identity === undefined) return false;
      const back =
        JSON.stringify(identity.spec.accounts) === JSON.stringify((await applyDry(site, good)).spec.accounts);
      if (argo ? rests(identity, "Reverted") : back && rests(identity, "Good")) return true;
      throw new Error(JSON.stringify({ spec: identity.spec.accounts, status: briefly(identity) }));
    },
    { timeout: 40_000 },
  );
  const identity = await site.find("app");
  if (argo && identity?.metadata.generation !== applied.metadata.generation) {
    stage.count("specWrites");
    stage.broken("S12", "The spec was written although Git owns the object.", identity?.metadata.generation);
  }
  if (!argo && identity?.spec.rollback?.mode !== "RewriteSpec")
    stage.broken("S12", "More than the accounts was written back.", identity?.spec);
  await leftovers(stage, argo ? "rewrite refused" : "rewritten", before);
}

/** The spec as the API server would store it. */
function applyDry(site: IdentitySite, identity: Identity): Promise<Identity> {
  const kube = site.lane.world.stack.kubernetes.client;
  return kube.create<Identity>(
    `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/serviceaccountlifecycles?dryRun=All`,
    { ...identity, metadata: { ...identity.metadata, name: `${identity.metadata.name}-dry` } },
  );
}
