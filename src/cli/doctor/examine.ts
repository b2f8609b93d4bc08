import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { CRD_DIGESTS } from "../../api/v1alpha1/generated/crd-digests.ts";
import type { AccessQuestion, ClusterClient, KubeObject, ResourceKind } from "../../cluster/contract.ts";
import { configMaps, leases } from "../../cluster/resources.ts";
import { FAIRNESS_RIGHT, neededRights, type NeededRight } from "../../cluster/rights.ts";
import { listWatched } from "../../cluster/list-watched.ts";
import type { Watched } from "../../domain/watched.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import { LIMITS_NAME, WINDOW_MS, type LimitSettings } from "../../stores/limits.ts";
import type { ConfigMap } from "../../stores/kinds.ts";
import type { ReadOnlyState } from "../../stores/read-only.ts";
import { age } from "../columns.ts";
import { waitingFirst, waitOf, waitsSince, type Waiting } from "../waiting.ts";
import type { Finding } from "./finding.ts";
import { metrics, type MetricsPorts } from "./metrics.ts";
import { schemaDigest } from "./schema-digest.ts";
import { stuckIn, type Patient } from "./stuck.ts";
import { leftOutOf, nameOf, readableOf, wholeOf, type Listed } from "../../kernel/listed.ts";

export interface DoctorPorts extends MetricsPorts {
  readonly cluster: Pick<ClusterClient, "get" | "list" | "review" | "serverTime">;
  serverVersion(): Promise<{ readonly major: string; readonly minor: string }>;
  /** What is not in force of the admission policies. */
  admissionMissing(): Promise<string | undefined>;
  /** Logs in as the operator does. Undefined where that would be somebody else's login: on a workstation. */
  readonly login: ((connection: ProviderConnection) => Promise<void>) | undefined;
  /** Writes to the audit folder; undefined where it is not mounted. */
  readonly auditWritable: (() => Promise<void>) | undefined;
  killSwitch(): Promise<boolean>;
  readOnly(): Promise<ReadOnlyState>;
  now(): Date;
  readonly serviceAccount: string;
  readonly watched: Watched;
  /** Namespaces take turns by the label of this name; undefined: each for itself. */
  readonly fairnessLabel: string | undefined;
  readonly leaseName: string;
  readonly leaderElect: boolean;
  readonly limits: LimitSettings;
}

/** Looks at everything, in the order in which one thing rests on the other. Changes nothing and throws nothing. */
export const examine = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const api = await tried("api/version", "kube-apiserver", () => apiVersion(ports));
  if (api.some(({ result }) => result === "unknown")) return api.map((one) => ({ ...one, next: NO_API }));
  const rest = await Promise.all([
    clock(ports),
    tried("crds", "CRDs", () => crds(ports)),
    tried("policies", "admission policies", () => policies(ports)),
    tried("policies/in-force", "admission policies are in force", () => inForce(ports)),
    tried("rights", "rights of the operator", () => rights(ports)),
    tried("lease", "leader", () => leader(ports)),
    tried("kill-switch", "kill switch", () => kill(ports)),
    tried("read-only", "read-only", () => readOnly(ports)),
    tried("limits", "limits", () => limits(ports)),
    tried("metrics", "readers of the metrics are reviewed", () => metrics(ports)),
    audit(ports),
    tried("connections", "ProviderConnections", () => connections(ports)),
    ...KINDS.map((kind) => tried(`stuck/${kind.kind}`, kind.kind, () => stuck(ports, kind))),
    tried(`stuck/${IDENTITY_HOLD.kind}`, IDENTITY_HOLD.kind, () => holds(ports)),
  ]);
  return [...api, ...rest.flat()];
};

const KINDS: readonly ResourceKind[] = [SECRET_ROTATION, SERVICE_ACCOUNT_LIFECYCLE, ORPHANED_CREDENTIAL];
const NO_API = "Check the kubeconfig and the network: kubectl version.";
const OLDEST_MINOR = 30;
const STAMPING_MINOR = 36;
/** The operator retires nothing by time beyond this. */
const MOST_SKEW_MS = 30_000;

const cluster = (group: string, version: string, plural: string, kind: string): ResourceKind => ({
  group,
  version,
  plural,
  kind,
  namespaced: false,
});
export const CRDS = cluster("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition");
const ADMISSION = "admissionregistration.k8s.io";
export const POLICIES = {
  validating: cluster(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
  validatingBinding: cluster(ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
  mutating: cluster(ADMISSION, "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy"),
  mutatingBinding: cluster(ADMISSION, "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"),
};
/** As config/policies names them; a test compares. */
export const POLICY_NAMES = {
  validating: [
    "keyturn-bind",
    "keyturn-finalizer",
    "keyturn-ledger",
    "keyturn-marks",
    "keyturn-metadata-bound",
    "keyturn-requester",
    "keyturn-spec-bound",
    "keyturn-status",
    "keyturn-switches",
  ],
  mutating: ["keyturn-stamp"],
  /** Tells people something and refuses nothing. */
  warning: ["keyturn-retain"],
} as const;

/** What a look throws is a finding: it could not be looked. */
const tried = async (
  id: string,
  what: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> => {
  try {
    return await look();
  } catch (thrown) {
    const { publicMessage, code } = toOperatorError(thrown);
    const next =
      code === "PermissionDenied"
        ? "Look as somebody who may: docs/reference/cli.md says what it needs."
        : "Try again.";
    return [{ id, what, result: "unknown", why: publicMessage, next }];
  }
};

const ok = (id: string, what: string): Finding => ({ id, what, result: "ok" });
const bad = (result: "warn" | "fail", id: string, what: string, why: string, next: string): Finding => ({
  id,
  what,
  result,
  why,
  next,
});

const minorOf = (minor: string): number => Number(/^\d+/.exec(minor)?.[0] ?? NaN);

const apiVersion = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const { major, minor } = await ports.serverVersion();
  const what = `kube-apiserver ${major}.${minor}`;
  if (major !== "1" || !(minorOf(minor) >= OLDEST_MINOR)) {
    const why = `older than 1.${OLDEST_MINOR}`;
    return [bad("fail", "api/version", what, why, `Upgrade the cluster to 1.${OLDEST_MINOR} or later.`)];
  }
  return [ok("api/version", what)];
};

const clock = async ({ cluster: client }: DoctorPorts): Promise<readonly Finding[]> => {
  const skewMs = client.serverTime()?.skewMs ?? 0;
  const what = "clock beside kube-apiserver's";
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return [ok("clock", what)];
  const why = `${age(Math.abs(skewMs) / 1000)} ${skewMs > 0 ? "ahead" : "behind"} here`;
  return [
    bad(
      "warn",
      "clock",
      what,
      why,
      "Put this machine's clock right; on the operator's node nothing is retired by time until then.",
    ),
  ];
};

interface Crd extends KubeObject {
  readonly spec: {
    readonly versions: readonly { readonly name: string; readonly schema?: Readonly<Record<string, unknown>> }[];
  };
  readonly status?: {
    readonly storedVersions?: readonly string[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const crds = async (ports: DoctorPorts): Promise<readonly Finding[]> =>
  Promise.all(
    Object.entries(CRD_DIGESTS).map(async ([name, digest]) => {
      const [id, what] = [`crds/${name}`, `CRD ${name}`];
      const crd = await ports.cluster.get<Crd>({ kind: CRDS, name });
      const apply = "Apply the CRDs of this version: kubectl apply --server-side -k config/crd, or upgrade the chart.";
      if (crd === undefined) return bad("fail", id, what, "it is not there", apply);
      if (crd.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") !== true)
        return bad("fail", id, what, "it is not established", "See its conditions.");
      if (crd.status.storedVersions?.includes("v1alpha1") !== true)
        return bad("fail", id, what, "v1alpha1 is not stored", apply);
      const version = crd.spec.versions.find((one) => one.name === "v1alpha1");
      return schemaDigest(version?.schema) === digest
        ? ok(id, what)
        : bad("warn", id, what, "its schema is not the one of this version", apply);
    }),
  );

interface Binding extends KubeObject {
  readonly spec?: { readonly policyName?: string; readonly validationActions?: readonly string[] };
}

const policies = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const { minor } = await ports.serverVersion();
  const [validating, bindings] = await Promise.all([
    everyOne(ports, POLICIES.validating),
    everyOne<Binding>(ports, POLICIES.validatingBinding),
  ]);
  const denying = bindings.filter(({ spec }) => spec?.validationActions?.includes("Deny") === true);
  const warning = bindings.filter(({ spec }) => spec?.validationActions?.includes("Warn") === true);
  const found = [
    ...POLICY_NAMES.validating.map((name) => policy(name, validating, denying)),
    ...POLICY_NAMES.warning.map((name) => policy(name, validating, warning, "warn")),
  ];
  if (minorOf(minor) < STAMPING_MINOR) {
    const [id, what] = ["policies/keyturn-stamp", "MutatingAdmissionPolicy keyturn-stamp"];
    const why = `kube-apiserver has none before 1.${STAMPING_MINOR}; whoever asks stamps the resource themselves`;
    return [...found, bad("warn", id, what, why, "See docs/how-to/grants-and-requesters.md.")];
  }
  const [mutating, mutatingBindings] = await Promise.all([
    everyOne(ports, POLICIES.mutating),
    everyOne<Binding>(ports, POLICIES.mutatingBinding),
  ]);
  return [...found, ...POLICY_NAMES.mutating.map((name) => policy(name, mutating, mutatingBindings))];
};

/** A policy counts as missing only when nothing was left out. */
const everyOne = async <T extends KubeObject>(ports: DoctorPorts, kind: ResourceKind): Promise<readonly T[]> =>
  wholeOf(kind.plural, await ports.cluster.list<T>(kind, {}));

const policy = (
  name: string,
  there: readonly KubeObject[],
  bindings: readonly Binding[],
  weight: "fail" | "warn" = "fail",
): Finding => {
  const [id, what] = [`policies/${name}`, `admission policy ${name}`];
  const apply = "Apply the policies of this version: config/policies, or upgrade the chart.";
  if (!there.some(({ metadata }) => metadata.name === name)) return bad(weight, id, what, "it is not there", apply);
  return bindings.some(({ spec }) => spec?.policyName === name)
    ? ok(id, what)
    : bad(weight, id, what, "no binding puts it in force", apply);
};

const inForce = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const missing = await ports.admissionMissing();
  const [id, what] = ["policies/in-force", "admission policies are in force (dry run)"];
  return missing === undefined
    ? [ok(id, what)]
    : [
        bad(
          "fail",
          id,
          what,
          missing,
          "Nothing is granted until they are: apply config/policies, or upgrade the chart.",
        ),
      ];
};

const rights = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const what = "rights of the operator";
  const questions = questionsOf(ports);
  const answers = await Promise.all(
    questions.map(async (question) => ({
      ...question,
      allowed: await ports.cluster.review(accessOf(ports, question)),
    })),
  );
  const missing = answers.filter(({ allowed }) => !allowed).map(wordsOf);
  return missing.length === 0
    ? [ok("rights", `${what} (${questions.length} asked)`)]
    : [bad("fail", "rights", what, `not allowed: ${missing.join("; ")}`, "Apply config/rbac, or upgrade the chart.")];
};

interface RightsQuestion {
  readonly right: NeededRight;
  /** Undefined: in the whole cluster. */
  readonly namespace: string | undefined;
}

/** Who looks at some namespaces needs no right beyond them, and may have it. */
const questionsOf = ({
  watched,
  fairnessLabel,
  operatorNamespace,
  serviceAccount,
}: DoctorPorts): readonly RightsQuestion[] => {
  const besides = fairnessLabel === undefined ? [] : [FAIRNESS_RIGHT];
  return neededRights(watched.length === 0 ? "Cluster" : "Namespaces", serviceAccount, besides).flatMap(
    (right): readonly RightsQuestion[] => {
      if (right.scope === "Operator") return [{ right, namespace: operatorNamespace }];
      if (right.scope === "Cluster" || watched.length === 0) return [{ right, namespace: undefined }];
      return watched.map((namespace) => ({ right, namespace }));
    },
  );
};

const accessOf = (ports: DoctorPorts, { right, namespace }: RightsQuestion): AccessQuestion => ({
  user: `system:serviceaccount:${ports.operatorNamespace}:${ports.serviceAccount}`,
  groups: ["system:serviceaccounts", `system:serviceaccounts:${ports.operatorNamespace}`, "system:authenticated"],
  attributes: {
    kind: "resource",
    verb: right.verb,
    group: right.group,
    resource: right.resource,
    subresource: right.subresource,
    namespace,
    name: right.name,
  },
});

const wordsOf = ({ right, namespace }: RightsQuestion): string => {
  const resource = [right.resource, right.subresource].filter((part) => part !== undefined).join("/");
  const full = right.group === "" ? resource : `${resource}.${right.group}`;
  return `${right.verb} ${full}${namespace === undefined ? "" : ` in ${namespace}`}`;
};

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

const leader = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const [id, what] = ["lease", `leader (Lease ${ports.operatorNamespace}/${ports.leaseName})`];
  if (!ports.leaderElect) return [ok(id, "leader: --leader-elect is false")];
  const ref = { kind: leases, namespace: ports.operatorNamespace, name: ports.leaseName };
  const lease = await ports.cluster.get<Lease>(ref);
  const next = "See the operator's Pods and their log.";
  if (lease === undefined) return [bad("fail", id, what, "there is none: no operator has ever led", next)];
  const { holderIdentity = "", renewTime, leaseDurationSeconds = 0 } = lease.spec ?? {};
  if (holderIdentity === "") return [bad("fail", id, what, "nobody leads", next)];
  const quiet = renewTime === undefined ? Infinity : (nowOf(ports).getTime() - Date.parse(renewTime)) / 1000;
  return quiet <= leaseDurationSeconds + 2
    ? [ok(id, `${what}: ${holderIdentity}`)]
    : [bad("fail", id, what, `${holderIdentity} has not renewed it for ${age(Math.min(quiet, 1e9))}`, next)];
};

const nowOf = (ports: DoctorPorts): Date => ports.cluster.serverTime()?.now ?? ports.now();

const kill = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const [id, what] = ["kill-switch", "kill switch"];
  return (await ports.killSwitch())
    ? [bad("warn", id, what, "it is on: nothing but revocation goes on", "docs/how-to/kill-switch-and-limits.md")]
    : [ok(id, what)];
};

/** What is waiting, the oldest leaver first. */
const readOnly = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const [id, what] = ["read-only", "read-only"];
  const connections = readableOf(await ports.cluster.list<Waiting>(PROVIDER_CONNECTION, {}));
  // The operator's flag shows only by what the operator says.
  const said = connections.some((one) => waitOf(one) !== undefined);
  const state = said ? "on" : await ports.readOnly();
  const lists = await Promise.all(KINDS.map((kind) => listWatched<Waiting>(ports.cluster, kind, ports)));
  const waiting = waitingFirst(
    lists.flatMap((list, index) => readableOf(list).map((object) => ({ ...object, kind: KINDS[index]?.kind ?? "" }))),
  ).filter((object) => waitOf(object) !== undefined);
  if (state === "off" && waiting.length === 0) return [ok(id, what)];
  const ending = waiting.filter((object) => waitOf(object)?.reason === "EndWaiting").length;
  const why =
    state === "unknown"
      ? "it cannot be read whether it is on, so nothing is changed"
      : `it is on: nothing is changed; ${waiting.length} wait, ${ending} of them to end`;
  return [
    bad("warn", id, what, why, READ_ONLY_PAGE),
    ...waiting.slice(0, MOST_WAITING).map((object) => {
      const { kind, metadata } = object;
      const name = [metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/");
      const lasted = (nowOf(ports).getTime() - Date.parse(waitsSince(object))) / 1000;
      const reason = `waits for ${age(lasted)}: ${waitOf(object)?.message ?? ""}`;
      return bad("warn", `${id}/${kind}/${name}`, `${kind} ${name}`, reason, READ_ONLY_PAGE);
    }),
  ];
};

const READ_ONLY_PAGE = "docs/how-to/read-only.md";
const MOST_WAITING = 50;

const limits = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const ref = { kind: configMaps, namespace: ports.operatorNamespace, name: LIMITS_NAME };
  const counter = await ports.cluster.get<ConfigMap>(ref);
  const from = nowOf(ports).getTime() - WINDOW_MS;
  return Object.entries(ports.limits).map(([kind, limit]) => {
    const times = (counter?.data?.[kind] ?? "").split(" ").map((entry) => Number(entry.split("@")[1] ?? NaN) * 1000);
    const used = times.filter((time) => time > from).length;
    const [id, what] = [
      `limits/${kind}`,
      `limit on ${kind} (${used} of ${limit === 0 ? "any" : limit} in ten minutes)`,
    ];
    if (limit === 0 || used < limit) return ok(id, what);
    return bad(
      "warn",
      id,
      what,
      "it is reached",
      "Find out why so much happens at once: docs/how-to/kill-switch-and-limits.md",
    );
  });
};

const audit = async ({ auditWritable }: DoctorPorts): Promise<readonly Finding[]> => {
  const [id, what] = ["audit", "audit folder"];
  if (auditWritable === undefined)
    return [
      { ...notHere(id, what), why: "it is in the operator's Pod", next: "kubectl exec the operator: keyturn doctor" },
    ];
  try {
    await auditWritable();
    return [ok(id, what)];
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown error";
    return [bad("fail", id, what, `it cannot be written to (${code})`, "See --audit-dir and the volume behind it.")];
  }
};

const notHere = (id: string, what: string): Finding => ({ id, what, result: "unknown", notFromHere: true });

const connections = async (ports: DoctorPorts): Promise<readonly Finding[]> => {
  const all = await ports.cluster.list<ProviderConnection & KubeObject>(PROVIDER_CONNECTION, {});
  const found = await Promise.all(readableOf(all).map((one) => connection(ports, one)));
  return [...found.flat(), ...unread(PROVIDER_CONNECTION, all)];
};

const connection = async (ports: DoctorPorts, one: ProviderConnection): Promise<readonly Finding[]> => {
  const { name } = one.metadata;
  const next = "Put the connection's endpoint, caBundle or login right; kubectl describe pconn has the rest.";
  const seen = one.status?.conditions?.find(({ type }) => type === "Ready");
  const [seenId, seenWhat] = [`connections/${name}/seen`, `ProviderConnection ${name}, as the operator sees it`];
  const said =
    seen?.status === "True"
      ? ok(seenId, seenWhat)
      : seen === undefined
        ? bad("warn", seenId, seenWhat, "the operator has not tried it yet", "Is the operator running?")
        : bad("fail", seenId, seenWhat, `${seen.reason}: ${seen.message}`, next);
  const lacks = one.status?.conditions?.find(({ type, status }) => type === "RightsMissing" && status === "True");
  const rights =
    lacks === undefined
      ? []
      : [
          bad(
            "warn",
            `connections/${name}/rights`,
            `ProviderConnection ${name}, rights of the operator's login`,
            lacks.message,
            "Allow them at the provider, or leave it: docs/how-to/upgrade.md says what each is for.",
          ),
        ];
  const [id, what] = [`connections/${name}/login`, `ProviderConnection ${name}, login now`];
  if (ports.login === undefined) {
    const why = "from here it would not be the operator's login";
    return [
      said,
      ...rights,
      { ...notHere(id, what), why, next: "keyturn doctor in the operator's Pod, or --try-logins" },
    ];
  }
  const failed = await ports.login(one).then(() => undefined, toOperatorError);
  return [
    said,
    ...rights,
    failed === undefined ? ok(id, what) : bad("fail", id, what, `${failed.code}: ${failed.publicMessage}`, next),
  ];
};

/** Holds are for whoever keeps security; others do without. */
const holds = (ports: DoctorPorts): Promise<readonly Finding[]> =>
  stuck(ports, IDENTITY_HOLD).catch((thrown: unknown) => {
    if (toOperatorError(thrown).code !== "PermissionDenied") throw thrown;
    const [id, what] = [`stuck/${IDENTITY_HOLD.kind}`, IDENTITY_HOLD.kind];
    const next = "Look as somebody who may: ClusterRole keyturn-security.";
    return [{ ...notHere(id, what), why: "you may not list IdentityHolds", next }];
  });

const stuck = async (ports: DoctorPorts, kind: ResourceKind): Promise<readonly Finding[]> => {
  const all = await listWatched<Patient>(ports.cluster, kind, ports);
  const found = readableOf(all).flatMap((object) => stuckIn(kind.kind, object, nowOf(ports)));
  const fine = ok(`stuck/${kind.kind}`, `${kind.kind}: none of ${readableOf(all).length} is stuck`);
  return [...(found.length > 0 ? found : [fine]), ...unread(kind, all)];
};

/** By name, those that no list can read: the operator does nothing about them, and believes no absence. */
const unread = (kind: ResourceKind, listed: Listed<KubeObject>): readonly Finding[] =>
  leftOutOf(listed).map((each) =>
    bad(
      "fail",
      `unreadable/${kind.kind}/${nameOf(each)}`,
      `${kind.kind} ${nameOf(each)}`,
      each.why === "TooLarge" ? "it is larger than is read" : "it lacks what every object has",
      "docs/runbooks/KeyturnObjectUnreadable.md",
    ),
  );
