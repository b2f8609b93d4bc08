import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { CONDITIONS, EVENTS, type ConditionMeaning } from "../../api/v1alpha1/reasons.ts";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
  type ServiceAccountLifecycleSpec,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import type { AccountRecord, LifecycleStatus } from "../../domain/lifecycle/record.ts";
import type { Outcome } from "../../engine/contract.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import type { AccountKind } from "../../providers/account.ts";
import { FakeAccountPlace } from "../../providers/fake-account.ts";
import { Bench, connectionRef, type Trap } from "../ports.fake.ts";
import { serviceAccountLifecycleReconciler } from "./reconciler.ts";

export const REQUEST = { namespace: "payments", name: "billing" };
export const IDENTITY: ObjectRef = { kind: SERVICE_ACCOUNT_LIFECYCLE, ...REQUEST };
type Stored = ServiceAccountLifecycle & KubeObject;

const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
export const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
export const OPERATIONS = "arn:aws:iam::111122223333:policy/operations";

/** Short waits, three accounts: a ServiceAccount with a role, an IAM user with a policy, a Vault entity with a policy. */
export const SPEC: ServiceAccountLifecycleSpec = {
  owner: { team: "payments", contact: "oncall@example.com" },
  purpose: "Exports invoices",
  accounts: [
    { name: "cluster", kubernetes: { roles: [{ kind: "Role", name: "reader" }] } },
    { name: "lake", aws: { connectionRef: { name: "aws" }, user: { policies: [READ_ONLY] } } },
    { name: "secrets", vault: { connectionRef: { name: "vault" }, login: { mode: "AppRole" }, policies: ["billing"] } },
  ],
  progressDeadline: "20s",
  deletion: { holdFor: "60s", timeout: "30s" },
};

/** The same with one more privilege at every provider. */
export const WIDER: ServiceAccountLifecycleSpec["accounts"] = [
  {
    name: "cluster",
    kubernetes: {
      roles: [
        { kind: "Role", name: "reader" },
        { kind: "Role", name: "writer" },
      ],
    },
  },
  { name: "lake", aws: { connectionRef: { name: "aws" }, user: { policies: [READ_ONLY, OPERATIONS] } } },
  {
    name: "secrets",
    vault: { connectionRef: { name: "vault" }, login: { mode: "AppRole" }, policies: ["billing", "reports"] },
  },
];

const PLACES: Readonly<Record<string, readonly [AccountKind, string]>> = {
  cluster: ["KubernetesServiceAccount", "kubernetes-service-account/payments/billing"],
  lake: ["AwsUser", "aws-user/111122223333/payments.billing.lake"],
  secrets: ["VaultEntity", "vault-entity/vault:8200/-/keyturn.payments.billing.secrets"],
};

/** An identity with its providers, and an operator process that can be killed at any mutation and started again. */
export class LifecycleBench {
  readonly bench = new Bench();

  constructor() {
    const { bench } = this;
    const grants = {
      "in-cluster": { kubernetes: {}, grants: [{ name: "roles", roles: ROLES }] },
      aws: {
        grants: [{ name: "reading", policies: [READ_ONLY, OPERATIONS, "arn:aws:iam::111122223333:policy/app-*"] }],
      },
      vault: { grants: [{ name: "policies", policies: ["billing", "reports"] }] },
    };
    for (const [name, spec] of Object.entries(grants)) {
      const before = bench.cluster.peek<KubeObject & { readonly spec?: object }>(connectionRef(name));
      bench.cluster.seed(connectionRef(name), {
        metadata: { generation: 1 },
        spec: { allowedNamespaces: { mode: "All" }, ...before?.spec, ...spec },
      });
    }
    for (const [name, [kind, target]] of Object.entries(PLACES)) {
      bench.places.set(name, new FakeAccountPlace(bench.clock, kind, target));
    }
  }

  // People.

  apply(
    spec: Partial<ServiceAccountLifecycleSpec> = {},
    annotations: Readonly<Record<string, string | undefined>> = STAMP,
  ): void {
    const before = this.bench.cluster.peek<Stored>(IDENTITY);
    const generation = (before?.metadata.generation ?? 0) + 1;
    const all = Object.entries({ ...before?.metadata.annotations, ...annotations });
    this.bench.cluster.seed(IDENTITY, {
      ...before,
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ServiceAccountLifecycle",
      metadata: {
        ...before?.metadata,
        generation,
        annotations: Object.fromEntries(all.filter(([, value]) => value !== undefined)),
      },
      spec: { ...SPEC, ...spec },
    });
  }

  annotate(annotations: Readonly<Record<string, string | undefined>>): void {
    const { metadata, ...rest } = this.object();
    const all = Object.entries({ ...metadata.annotations, ...annotations }).filter(([, value]) => value !== undefined);
    this.bench.cluster.seed(IDENTITY, { ...rest, metadata: { ...metadata, annotations: Object.fromEntries(all) } });
  }

  /** A SecretRotation of the identity with these ids: the first is in use, the others are what it has replaced. */
  rotationHas(ids: readonly string[], more: { readonly leaked?: string; readonly annotations?: object } = {}): void {
    const held = ids.map((id, index) => ({
      version: `${index + 1}-aaaa`,
      id,
      ...(more.leaked === id ? { leaked: true } : {}),
    }));
    const revoking = { why: "Superseded", since: "2026-01-01T00:00:00Z", graceSeconds: 0, overlapSeconds: 0 };
    this.bench.cluster.seed(
      { kind: SECRET_ROTATION, namespace: REQUEST.namespace, name: "billing-aws" },
      {
        metadata: { annotations: { ...more.annotations } },
        spec: { identityRef: { name: REQUEST.name }, source: { awsAccessKey: { accountRef: { name: "lake" } } } },
        status: {
          // Its own reconciler has taken note of the end.
          suspension: { reason: "IdentitySuspended", since: "2026-01-01T00:00:00Z" },
          current: { ...held[0], issuedAt: "2026-01-01T00:00:00Z" },
          pendingRevocations: held.slice(1).map((each) => ({ ...each, ...revoking })),
        },
      },
    );
  }

  /** The platform lets accounts behind these connections be kept by Retain. */
  allowRetain(...connections: readonly string[]): void {
    for (const name of connections) {
      const before = this.bench.cluster.peek<KubeObject & { readonly spec?: object }>(connectionRef(name));
      this.bench.cluster.seed(connectionRef(name), { ...before, spec: { ...before?.spec, retain: "Allowed" } });
    }
  }

  async delete(): Promise<void> {
    await this.bench.cluster.delete(IDENTITY, { uid: this.object().metadata.uid });
  }

  // Looking.

  object(): Stored {
    const object = this.bench.cluster.peek<Stored>(IDENTITY);
    if (object === undefined) throw new Error("The ServiceAccountLifecycle is gone.");
    return object;
  }

  get exists(): boolean {
    return this.bench.cluster.peek(IDENTITY) !== undefined;
  }

  status(): LifecycleStatus {
    return this.object().status ?? {};
  }

  record(account: string): AccountRecord | undefined {
    return this.status().accounts?.find(({ name }) => name === account);
  }

  condition(type: string): { readonly status: string; readonly reason: string; readonly message: string } | undefined {
    return this.status().conditions?.find((condition) => condition.type === type);
  }

  place(account: string): FakeAccountPlace {
    const place = this.bench.places.get(account);
    if (place === undefined) throw new Error(`There is no place ${account}.`);
    return place;
  }

  /** Keys of what stands, without the principal's own. */
  keys(account: string): readonly string[] {
    return [...this.place(account).pieces.keys()].filter((key) => key !== "principal" && key !== "owner").sort();
  }

  /** Everything outside: what must be the same again after a revert, and whatever path led there. Ids that chance chose are left out. */
  world(): string {
    return JSON.stringify(
      Object.keys(PLACES).map((name) => {
        const place = this.place(name);
        const pieces = [...place.pieces.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        const credentials = [...place.credentials.values()].map(({ id, enabled }) => [id, enabled]);
        return [place.principal?.mark?.owner, pieces, credentials, place.cut, place.loginClosed];
      }),
    );
  }

  entry(): OrphanedCredential | undefined {
    return this.bench.cluster.all<OrphanedCredential & KubeObject>(ORPHANED_CREDENTIAL)[0];
  }

  entryAccount(account: string): AccountRecord | undefined {
    const entry = this.entry();
    const accounts: readonly AccountRecord[] | undefined = entry?.status?.accounts ?? entry?.spec.accounts;
    return accounts?.find(({ name }) => name === account);
  }

  claims(): number {
    return this.bench.cluster
      .all<KubeObject>({ group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true })
      .filter(({ metadata }) => metadata.name.startsWith("keyturn-claim-")).length;
  }

  /** Writes of status since the mark. */
  statusWrites(): number {
    return this.bench.cluster.calls.filter(({ verb }) => verb === "replaceStatus").length;
  }

  // Running.

  async pass(): Promise<Outcome> {
    const outcome = await serviceAccountLifecycleReconciler(this.bench.ports)
      .reconcile(REQUEST, this.bench.context())
      .catch((thrown: unknown): Outcome => ({ kind: "failed", error: toOperatorError(thrown) }));
    this.#onlyKnownWords();
    return outcome;
  }

  /** Passes until none is asked for within an hour; a killed process is started again. */
  async toRest(most = 200): Promise<Outcome> {
    for (let pass = 0; pass < most; pass += 1) {
      const outcome = await this.pass();
      if (this.bench.dead) {
        this.revive();
        continue;
      }
      if (outcome.kind === "settled" || outcome.kind === "stalled") return outcome;
      if ((outcome.recheckAfterMs ?? 0) > 3_600_000) return outcome;
      await this.bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, outcome.kind === "failed" ? 1000 : 0));
    }
    throw new Error(`No rest after ${most} passes; activity: ${this.status().activity ?? ""}`);
  }

  /** Passes while they are asked for within so many milliseconds; time goes only as far as they ask. */
  async settle(withinMs = 0, most = 100): Promise<Outcome> {
    for (let pass = 0; pass < most; pass += 1) {
      const outcome = await this.pass();
      if (this.bench.dead) {
        this.revive();
        continue;
      }
      const again = outcome.kind === "failed" ? (outcome.recheckAfterMs ?? 1000) : outcome.recheckAfterMs;
      if (again === undefined || again > withinMs) return outcome;
      await this.bench.clock.advance(again);
    }
    throw new Error(`Not settled after ${most} passes; activity: ${this.status().activity ?? ""}`);
  }

  async ledgerPass(): Promise<Outcome> {
    return this.bench.ledgerPass();
  }

  async ledgerToRest(most = 100): Promise<void> {
    for (let pass = 0; pass < most && this.entry() !== undefined; pass += 1) {
      const outcome = await this.ledgerPass();
      if (this.bench.dead) this.revive();
      else if (outcome.kind === "settled") return;
      await this.bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
  }

  revive(): void {
    this.bench.trap = undefined;
    this.bench.start();
  }

  arm(trap: Trap): void {
    this.bench.mutations = 0;
    this.bench.trap = trap;
  }

  /** No condition, reason or event that the reference pages do not list. */
  #onlyKnownWords(): void {
    const said = this.exists ? (this.status().conditions ?? []) : [];
    const conditions: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
    const unknown = said.filter(({ type, reason }) => conditions[type]?.reasons[reason] === undefined);
    const events: Readonly<Record<string, { readonly type: string }>> = EVENTS;
    const unheard = this.bench.events.filter(({ type, reason }) => events[reason]?.type !== type);
    if (unknown.length + unheard.length > 0)
      throw new Error(`Words that are not in reasons.ts: ${JSON.stringify([...unknown, ...unheard])}`);
  }
}

const ROLES = [
  { kind: "Role", name: "reader" },
  { kind: "Role", name: "writer" },
];

export const STAMP = {
  [CHANGED_BY]: "alice",
  [CHANGED_BY_UID]: "a-1",
  [CHANGED_BY_GROUPS]: "developers\nsystem:authenticated",
};
