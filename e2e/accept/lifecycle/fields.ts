import type { Account, ServiceAccountLifecycleSpec } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import { specInForce } from "../../../src/domain/lifecycle/last-known-good.ts";
import type { AccountConnection } from "../../../src/domain/lifecycle/pieces/index.ts";
import { desiredAccounts } from "../../../src/domain/lifecycle/pieces/index.ts";
import { planLifecycle } from "../../../src/domain/lifecycle/plan.ts";
import { OperatorError } from "../../../src/kernel/errors.ts";
import { accountId } from "../../lane/ground.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import type { Identity, Rest } from "../../lane/identity.ts";
import { briefly } from "../../lane/identity.ts";
import { atProviders, compareOutside, only, readOutside } from "../../lane/outside.ts";
import type { Outside } from "../../lane/outside.ts";
import { waitFor } from "../../stack/wait.ts";
import { attempts, changed, placesOf, specLeaves } from "./leaves.ts";
import type { Scenario, Stage } from "./stage.ts";

type Draft = ReturnType<typeof wholeSpec>;

/** Two other legal values for a leaf, each as a change of the whole spec. */
interface Field {
  readonly path: string;
  readonly one: (spec: Draft, site: IdentitySite) => Draft;
  readonly two: (spec: Draft, site: IdentitySite) => Draft;
  /** How it rests with the first value and with the second; absent means Good. */
  readonly rests?: readonly [Rest, Rest];
  /** moto answers 500 to it, so it goes to the API server and the planner only. */
  readonly serverOnly?: true;
}

/** Every leaf with every kind of value, before the API server (dry run) and the planner. */
export const leavesAgainstServerAndPlanner: Scenario = {
  id: "fields/server-and-planner",
  async play(stage) {
    const { site } = stage;
    const kube = site.team;
    const folder = `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/serviceaccountlifecycles?dryRun=All`;
    const leaves = await specLeaves();
    let tried = 0;
    let accepted = 0;
    for (const leaf of leaves) {
      const specs = [wholeSpec(site, "leaf", "JWT"), wholeSpec(site, "leaf", "AppRole")];
      const spec = specs.find((one) => placesOf(one, leaf.path).length > 0);
      const place = spec === undefined ? undefined : placesOf(spec, leaf.path).at(-1);
      if (spec === undefined || place === undefined) {
        stage.broken("RUN", `No spec of this campaign has ${leaf.path}.`);
        continue;
      }
      const legal = fields.find(({ path }) => path === leaf.path);
      const values: [string, Draft, boolean | "depends"][] = attempts(leaf).map(({ what, value, legal: may }) => [
        what,
        changed(spec, place, value),
        may,
      ]);
      if (legal !== undefined) {
        values.push(
          ["another that is legal", legal.one(spec, site), true],
          ["one more that is legal", legal.two(spec, site), true],
        );
      }
      for (const [what, one, may] of values) {
        tried += 1;
        const answer = await kube.raw("POST", folder, identityOf(site, "leaf", one));
        const ok = answer.status === 201;
        if (ok) accepted += 1;
        if (answer.status >= 500)
          stage.broken("RUN", `The API server fails over ${leaf.path} ${what}.`, answer.body.slice(0, 400));
        if (may !== "depends" && may !== ok)
          stage.broken(
            "END",
            `${leaf.path} ${what}: the API server ${ok ? "accepts" : "refuses"} it.`,
            answer.body.slice(0, 600),
          );
        // The planner must answer to whatever has the right shape, also to what an older schema let in.
        if (ok || what === "empty" || what === "too long" || what === "against the pattern")
          plan(stage, `${leaf.path} ${what}`, one);
      }
    }
    stage.say(`${leaves.length} leaves, ${tried} values (${accepted} accepted) before the API server and the planner`);
  },
};

/** Leaves all the way: applied, taken back, the world as before; and the same world by another path. */
export const fieldsAllTheWay: readonly Scenario[] = [0, 1, 2].map((part) => ({
  id: `fields/all-the-way-${part + 1}`,
  site: { spareConnections: true },
  async play(stage) {
    const queue = fields.filter(({ serverOnly }) => serverOnly !== true).filter((_, i) => i % 3 === part);
    const work = async (name: string): Promise<void> => {
      const { site } = stage;
      const spec = wholeSpec(site, name, "JWT");
      await site.apply(identityOf(site, name, spec));
      await site.until(name, "Good");
      stage.count("joined");
      for (let field = queue.shift(); field !== undefined; field = queue.shift())
        await thereAndBack(stage, name, spec, field);
    };
    await Promise.all(["robot-a", "robot-b", "robot-c"].map(work));
  },
}));

/** For the sample: so many fields of one identity. */
export function someFields(paths: readonly string[]): Scenario {
  return {
    id: "fields/some",
    site: { spareConnections: true },
    async play(stage) {
      const { site } = stage;
      const spec = wholeSpec(site, "robot-a", "JWT");
      await site.apply(identityOf(site, "robot-a", spec));
      await site.until("robot-a", "Good");
      for (const field of fields) if (paths.includes(field.path)) await thereAndBack(stage, "robot-a", spec, field);
    },
  };
}

/** Leaves that go all the way. */
export const fieldPaths = (): readonly string[] =>
  fields.filter(({ serverOnly }) => serverOnly !== true).map(({ path }) => path);

async function thereAndBack(stage: Stage, name: string, spec: Draft, field: Field): Promise<void> {
  const { site } = stage;
  const [restOne = "Good", restTwo = "Good"] = field.rests ?? [];
  const state = async (): Promise<Outside> => only(atProviders(await readOutside(site)), (key) => key.includes(name));
  const go = async (to: Draft, how: Rest): Promise<Outside> => {
    await site.apply(identityOf(site, name, to));
    await site.until(name, how);
    await noLeavers(site, name, to);
    return state();
  };
  const differ = (what: string, a: Outside, b: Outside): void => {
    const lines = compareOutside(a, b);
    if (lines.length === 0) return;
    stage.count("pathDependent");
    stage.broken("END", `${field.path}: ${what}`, lines.join("\n"));
  };
  try {
    const before = await state();
    const first = await go(field.one(spec, site), restOne);
    differ("taken back, the world is not as before.", before, await go(spec, "Good"));
    await go(field.two(spec, site), restTwo);
    differ("by another path the world is another.", first, await go(field.one(spec, site), restOne));
    differ("taken back from another path, the world is not as before.", before, await go(spec, "Good"));
    stage.count("mutatedFields");
  } catch (error) {
    const { message, cause } = error as Error;
    stage.broken("L1", `${field.path}: ${message.slice(0, 200)}`, (cause as Error | undefined)?.message ?? "");
    await site.apply(identityOf(site, name, spec));
    await site.until(name, "Good").catch(() => undefined);
  }
}

/** An account that was left out has gone too: also a hold of 0 s lasts to the end of its second, and Good does not wait for holds. */
async function noLeavers(site: IdentitySite, name: string, { accounts }: Draft): Promise<void> {
  const declared = new Set(accounts.map((account) => account.name));
  await waitFor(
    `only the declared accounts of ${name} are on record`,
    async () => {
      const identity = await site.find(name);
      if ((identity?.status?.accounts ?? []).every((account) => declared.has(account.name))) return true;
      throw new Error(briefly(identity).slice(0, 2500));
    },
    { timeout: 30_000 },
  );
}

function identityOf(site: IdentitySite, name: string, spec: Draft): Identity {
  const identity = site.identity(name, spec.accounts as unknown as Account[]);
  return { ...identity, spec: spec as unknown as ServiceAccountLifecycleSpec };
}

/** A spec in which every field is set; `login` because audience is for JWT alone. */
function wholeSpec(site: IdentitySite, name: string, login: "JWT" | "AppRole") {
  const statement = {
    effect: "Allow",
    actions: ["s3:Get*"],
    resources: ["arn:aws:s3:::invoices/*"],
    conditions: { StringEquals: { "aws:RequestedRegion": ["eu-central-1"] } },
  };
  const ns = site.namespace;
  return {
    owner: { team: "payments", contact: "payments@example.com" },
    purpose: "Holds every field",
    environment: "staging",
    state: "Active",
    expiresAt: "2099-01-01T00:00:00Z",
    review: { every: "2160h" },
    accounts: [
      {
        name: "cluster",
        kubernetes: {
          connectionRef: { name: site.connections.kubernetes },
          serviceAccountName: `${name}-sa`,
          onCut: "RemoveBindings",
          roles: [
            { kind: "Role", name: "reader" },
            { kind: "ClusterRole", name: `${ns}-viewer`, scope: "Cluster" },
          ],
        },
      },
      {
        name: "lake",
        aws: {
          connectionRef: { name: site.connections.aws },
          user: {
            name: `${ns}-${name}`,
            policies: [site.policyArn("read")],
            inlinePolicies: [{ name: "invoices", statements: [statement] }],
            groups: [site.group("staff")],
            ...(name === "leaf" ? { permissionsBoundary: site.policyArn("read") } : {}),
          },
        },
      },
      {
        name: "job",
        aws: {
          connectionRef: { name: site.connections.aws },
          role: {
            name: `${ns}-${name}-job`,
            policies: [site.policyArn("read")],
            inlinePolicies: [{ name: "invoices", statements: [statement] }],
            permissionsBoundary: site.policyArn("read"),
            audience: "sts.amazonaws.com",
            maxSessionDuration: "1h",
          },
        },
      },
      {
        name: "secrets",
        vault: {
          connectionRef: { name: site.connections.vault },
          policies: [site.vaultPolicy("read")],
          login:
            login === "JWT"
              ? { mode: "JWT", audience: "vault", tokenTTL: "30m" }
              : { mode: "AppRole", tokenTTL: "30m" },
        },
      },
    ],
    adoption: { mode: "Never" },
    drift: { mode: "Enforce" },
    progressDeadline: "2s",
    deletion: { policy: "Delete", holdFor: "0s", timeout: "30s", onTimeout: "HandOver" },
    rollback: { mode: "Effective" },
  };
}

/** A change at the last place of a path. */
function at(path: string, value: (site: IdentitySite) => unknown): Field["one"] {
  return (spec, site) => changed(spec, placesOf(spec, path).at(-1) ?? [], value(site));
}

/** A field with two other values. */
function field(path: string, one: unknown, two: unknown, rests?: Field["rests"]): Field {
  const value = (given: unknown) => (site: IdentitySite) =>
    typeof given === "function" ? (given as (site: IdentitySite) => unknown)(site) : given;
  return {
    path,
    one: at(path, value(one)),
    two: at(path, value(two)),
    ...(rests === undefined ? {} : { rests }),
  };
}

/**
 * What is immutable changes with the account: the old one is taken out, one of another name, and with other names at the
 * provider, is declared.
 */
function instead(path: string, index: number, one?: unknown, two?: unknown): Field {
  const of =
    (suffix: string, given: unknown): Field["one"] =>
    (spec, site) => {
      const account = spec.accounts[index] as Record<string, unknown> & { name: string };
      const renamed = structuredClone(spec);
      const fresh = renamed.accounts[index] as unknown as {
        name: string;
        kubernetes?: { serviceAccountName: string };
        aws?: { user?: { name: string }; role?: { name: string } };
      };
      fresh.name = `${account.name}-${suffix}`;
      for (const named of [fresh.aws?.user, fresh.aws?.role]) if (named !== undefined) named.name += `-${suffix}`;
      if (fresh.kubernetes !== undefined) fresh.kubernetes.serviceAccountName += `-${suffix}`;
      if (given === undefined) return renamed;
      const value = typeof given === "function" ? (given as (site: IdentitySite) => unknown)(site) : given;
      return changed(renamed, placesOf(renamed, path).find((place) => place[1] === index) ?? [], value);
    };
  return { path, one: of("a", one), two: of("b", two) };
}

const awsFields = (kind: "user" | "role"): Field[] => {
  const path = `accounts[].aws.${kind}`;
  const inline = `${path}.inlinePolicies[]`;
  const statement = `${inline}.statements[]`;
  return [
    field(
      `${path}.policies[]`,
      (site: IdentitySite) => site.policyArn("write"),
      (site: IdentitySite) => site.policyArn("list"),
    ),
    field(`${inline}.name`, "receipts", "orders"),
    field(`${statement}.effect`, "Deny", "Deny"),
    field(`${statement}.actions[]`, "s3:List*", "sqs:Send*"),
    field(`${statement}.resources[]`, "arn:aws:s3:::receipts/*", "*"),
    field(`${statement}.conditions{}{}[]`, "eu-west-1", "us-east-1"),
  ];
};

const fields: readonly Field[] = [
  field("owner.team", "billing", "shipping"),
  field("owner.contact", "billing@example.com", "shipping@example.com"),
  field("purpose", "Another purpose", "A third one: with + and /"),
  field("environment", "production", undefined),
  field("state", "Suspended", undefined, ["Suspended", "Good"]),
  field("expiresAt", "2098-01-01T00:00:00Z", undefined),
  field("review.every", "1h", "43800h"),
  instead("accounts[].name", 3),
  field(
    "accounts[].kubernetes.connectionRef.name",
    (site: IdentitySite) => `${site.connections.kubernetes}-spare`,
    (site: IdentitySite) => `${site.connections.kubernetes}-spare`,
  ),
  instead("accounts[].kubernetes.serviceAccountName", 0),
  {
    path: "accounts[].kubernetes.roles[].kind",
    one: (spec, site) =>
      changed(spec, ["accounts", 0, "kubernetes", "roles", 0], {
        kind: "ClusterRole",
        name: `${site.namespace}-viewer`,
      }),
    two: (spec) => changed(spec, ["accounts", 0, "kubernetes", "roles", 0], undefined),
  },
  {
    path: "accounts[].kubernetes.roles[].name",
    one: (spec) => changed(spec, ["accounts", 0, "kubernetes", "roles", 0, "name"], "writer"),
    two: (spec) => changed(spec, ["accounts", 0, "kubernetes", "roles", 0, "name"], "watcher"),
  },
  field("accounts[].kubernetes.roles[].scope", "Namespace", undefined),
  field("accounts[].kubernetes.onCut", "DeleteServiceAccount", undefined),
  instead(
    "accounts[].aws.connectionRef.name",
    1,
    (site: IdentitySite) => `${site.connections.aws}-spare`,
    (site: IdentitySite) => `${site.connections.aws}-spare`,
  ),
  instead("accounts[].aws.user.name", 1),
  ...awsFields("user"),
  field("accounts[].aws.user.groups[]", (site: IdentitySite) => site.group("audit"), undefined),
  instead("accounts[].aws.role.name", 2),
  ...awsFields("role"),
  field(
    "accounts[].aws.role.permissionsBoundary",
    (site: IdentitySite) => site.policyArn("write"),
    (site: IdentitySite) => site.policyArn("list"),
  ),
  {
    ...field(
      "accounts[].aws.user.permissionsBoundary",
      (site: IdentitySite) => site.policyArn("write"),
      (site: IdentitySite) => site.policyArn("list"),
    ),
    serverOnly: true,
  },
  field("accounts[].aws.role.audience", "sts.example.com", undefined),
  field("accounts[].aws.role.maxSessionDuration", "12h", undefined),
  instead(
    "accounts[].vault.connectionRef.name",
    3,
    (site: IdentitySite) => `${site.connections.vault}-spare`,
    (site: IdentitySite) => `${site.connections.vault}-spare`,
  ),
  field(
    "accounts[].vault.policies[]",
    (site: IdentitySite) => site.vaultPolicy("write"),
    (site: IdentitySite) => site.vaultPolicy("list"),
  ),
  {
    path: "accounts[].vault.login.mode",
    one: (spec) => appRoleInstead(spec, "secrets-a"),
    two: (spec) => appRoleInstead(spec, "secrets-b"),
  },
  field("accounts[].vault.login.audience", "vault.example.com", undefined),
  field("accounts[].vault.login.tokenTTL", "24h", "1m"),
  { ...field("adoption.mode", "IfAnnotated", undefined), two: (spec) => changed(spec, ["adoption"], undefined) },
  { ...field("drift.mode", "Report", undefined), two: (spec) => changed(spec, ["drift"], undefined) },
  field("progressDeadline", "24h", "1s"),
  field("deletion.policy", "Disable", "Retain"),
  field("deletion.holdFor", "1s", undefined),
  field("deletion.timeout", "1s", "720h"),
  field("deletion.onTimeout", "Block", undefined),
  field("rollback.mode", "None", "RewriteSpec"),
];

function appRoleInstead(spec: Draft, name: string): Draft {
  const account = spec.accounts[3] as unknown as { vault: object };
  const other = { ...account, name, vault: { ...account.vault, login: { mode: "AppRole", tokenTTL: "30m" } } };
  return { ...spec, accounts: [...spec.accounts.slice(0, 3), other] as unknown as Draft["accounts"] };
}

/** What the planner says to a fresh resource with this spec; anything thrown but an OperatorError breaks. */
function plan(stage: Stage, what: string, spec: Draft): void {
  const { namespace } = stage.site;
  try {
    const now = new Date();
    const given = spec as unknown as ServiceAccountLifecycleSpec;
    const inForce = specInForce({ spec: given, status: {}, generation: 1, connectionGeneration: 1, now });
    const facts: Readonly<Record<string, AccountConnection>> = Object.fromEntries(
      inForce.settings.accounts.map((account) => [account.name, { facts: factsOf(account) }]),
    );
    const desired = desiredAccounts(inForce.settings, { cluster: "c", namespace, name: "leaf" }, facts);
    const action = planLifecycle({
      now,
      timeTrusted: true,
      status: inForce.status,
      settings: inForce.settings,
      specHash: inForce.specHash,
      generation: 1,
      own: inForce.own,
      desired,
      leaving: {},
      observed: {},
      dryRun: false,
      paused: false,
      ...(inForce.refusal === undefined ? {} : { refusal: inForce.refusal }),
    });
    if (typeof action.type !== "string") stage.broken("RUN", `The planner has no answer to ${what}.`);
  } catch (error) {
    if (error instanceof OperatorError) return;
    stage.broken("RUN", `The planner throws over ${what}.`, String((error as Error).stack));
  }
}

function factsOf(account: Account): AccountConnection["facts"] {
  if (account.kubernetes !== undefined) return { kind: "kubernetes" };
  if (account.aws !== undefined)
    return { kind: "aws", accountId, pathPrefix: "/keyturn/", issuer: "https://kubernetes.default.svc.cluster.local" };
  return { kind: "vault", namePrefix: "keyturn", appRoleMount: "approle", jwtMount: "jwt", host: "127.0.0.1:8200" };
}
