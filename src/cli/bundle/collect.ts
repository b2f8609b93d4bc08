import { CHANGED_BY, DRY_RUN, PAUSED, RELEASE, RETRY, REVIEWED_AT, ROTATE_AT } from "../../api/v1alpha1/annotations.ts";
import { GROUP } from "../../api/v1alpha1/meta.ts";
import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION } from "../../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient, KubeObject, ResourceKind } from "../../cluster/contract.ts";
import { events } from "../../cluster/resources.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import type { Setting } from "../../options.ts";
import { doctorText } from "../doctor/text.ts";
import { listWatched } from "../../cluster/list-watched.ts";
import type { Watched } from "../../domain/watched.ts";
import type { Finding } from "../doctor/finding.ts";
import { withoutSecrets } from "./without-secrets.ts";
import { leftOutOf, readableOf, type Listed } from "../../kernel/listed.ts";

export interface BundlePorts {
  readonly cluster: Pick<ClusterClient, "list">;
  readonly watched: Watched;
  readonly settings: readonly Setting[];
  readonly findings: readonly Finding[];
  readonly versions: Readonly<Record<string, string>>;
  /** The operator's /metrics; undefined where nobody said where. */
  readonly metrics: (() => Promise<string>) | undefined;
  /** The operator's log; undefined where nobody gave one. */
  readonly log: (() => Promise<string>) | undefined;
  /** The last look at every text: takes out values that this process knows. */
  scrub(text: string): string;
}

const KINDS: readonly ResourceKind[] = [
  SECRET_ROTATION,
  SERVICE_ACCOUNT_LIFECYCLE,
  PROVIDER_CONNECTION,
  ORPHANED_CREDENTIAL,
  IDENTITY_HOLD,
];
/** Of annotations only these are taken: what other people write there is theirs. */
const ANNOTATIONS: readonly string[] = [CHANGED_BY, DRY_RUN, PAUSED, RELEASE, RETRY, REVIEWED_AT, ROTATE_AT];
const MOST_LOG_LINES = 5000;

/** Name → text of what is in the bundle. Only what is on a list goes in; Secrets, ConfigMaps and workloads are never asked for. */
export const collect = async (ports: BundlePorts): Promise<ReadonlyMap<string, string>> => {
  const files = new Map<string, string>();
  const put = (name: string, text: string): void => {
    files.set(`keyturn-support/${name}`, ports.scrub(withoutSecrets(text)));
  };
  const attempt = async (name: string, make: () => Promise<string>): Promise<void> => {
    try {
      put(name, await make());
    } catch (thrown) {
      put(`${name}.missing`, `${toOperatorError(thrown).publicMessage}\n`);
    }
  };
  put("versions.json", json(ports.versions));
  put("settings.json", json(ports.settings.map(({ flag, value, origin }) => ({ name: flag.name, value, origin }))));
  put("doctor.json", json(ports.findings));
  put("doctor.txt", doctorText(ports.findings, true));
  for (const kind of KINDS) {
    await attempt(`resources/${kind.plural}.json`, async () => json(described(await list(ports, kind), kind)));
  }
  await attempt("events.json", async () =>
    json(
      readableOf(await list<Event>(ports, events))
        .filter(ours)
        .map(event),
    ),
  );
  const { metrics, log } = ports;
  if (metrics !== undefined) await attempt("metrics.txt", async () => metricLines(await metrics()));
  if (log !== undefined) await attempt("log.jsonl", async () => logLines(await log()));
  return files;
};

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const list = <T extends KubeObject>(ports: BundlePorts, kind: ResourceKind): Promise<Listed<T>> =>
  listWatched<T>(ports.cluster, kind, ports);

/** With a line for each that could not be read. */
const described = (listed: Listed<Resource>, { kind }: ResourceKind): readonly unknown[] => [
  ...readableOf(listed).map(resource),
  ...leftOutOf(listed).map(({ namespace, name, why }) => ({ kind, metadata: { name, namespace }, unreadable: why })),
];

type Resource = KubeObject & { readonly spec?: unknown; readonly status?: unknown };

const resource = ({ apiVersion, kind, metadata, spec, status }: Resource): unknown => {
  const { name, namespace, uid, generation, creationTimestamp, deletionTimestamp, finalizers } = metadata;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => ANNOTATIONS.includes(key)),
  );
  const kept = { name, namespace, uid, generation, creationTimestamp, deletionTimestamp, finalizers, annotations };
  return { apiVersion, kind, metadata: kept, spec, status };
};

interface Event extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly action?: string;
  readonly note?: string;
  readonly eventTime?: string;
  readonly series?: unknown;
  readonly reportingController?: string;
  readonly regarding?: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

const ours = ({ regarding, reportingController }: Event): boolean =>
  regarding?.apiVersion?.startsWith(`${GROUP}/`) === true && reportingController?.startsWith(GROUP) === true;

const event = ({ type, reason, action, note, eventTime, series, regarding, metadata }: Event): unknown => ({
  time: eventTime ?? metadata.creationTimestamp,
  type,
  reason,
  action,
  note,
  series,
  about: { kind: regarding?.kind, namespace: regarding?.namespace, name: regarding?.name },
});

/** What the operator and Node measure, and nothing else that may answer there. */
const metricLines = (text: string): string =>
  text
    .split("\n")
    .filter((line) => /^(# (HELP|TYPE) )?(keyturn|process|nodejs)_/.test(line))
    .map((line) => `${line}\n`)
    .join("");

/** The end of the log, and of it only the lines that the operator has written. */
const logLines = (text: string): string =>
  text
    .split("\n")
    .slice(-MOST_LOG_LINES)
    .filter(isLogLine)
    .map((line) => `${line}\n`)
    .join("");

const isLogLine = (line: string): boolean => {
  try {
    const parsed = JSON.parse(line) as Readonly<Record<string, unknown>> | null;
    return typeof parsed?.["time"] === "string" && typeof parsed["message"] === "string" && "level" in parsed;
  } catch {
    return false;
  }
};
