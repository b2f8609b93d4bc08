import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { describeRef } from "../../cluster/resources.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { text, WrongUse, type Given } from "../arguments.ts";
import { columns, plain } from "../columns.ts";
import { EXIT } from "../doctor/finding.ts";
import { nextStep } from "../doctor/next-steps.ts";
import type { Condition } from "../doctor/stuck.ts";
import { waitingFirst } from "../waiting.ts";
import { printed } from "../print.ts";
import type { PluginPorts, Said } from "./act.ts";
import { referenceOf } from "./reference.ts";
import { joinListed, leftOutOf, namesOf, readableOf } from "../../kernel/listed.ts";

/** What is read of a rotation or an identity. */
interface Shown extends KubeObject {
  readonly spec?: { readonly state?: string; readonly owner?: { readonly team?: string } };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly state?: string;
    readonly activity?: string;
    /** Names of the IdentityHolds that hold it. */
    readonly holds?: readonly string[];
    readonly current?: { readonly version?: string; readonly id?: string; readonly issuedAt?: string };
    readonly lastRotationTime?: string;
    readonly nextRotationTime?: string;
    readonly nextRotationReason?: string;
    readonly rotation?: {
      readonly version: string;
      readonly trigger: string;
      readonly direction?: string;
      readonly openedAt: string;
      readonly dependents?: readonly { readonly name: string; readonly doneAt?: string }[];
    };
    readonly pendingRevocations?: readonly { readonly version: string; readonly why: string; readonly since: string }[];
    readonly plan?: {
      readonly generation: number;
      readonly digest: string;
      readonly lines: readonly string[];
      readonly omitted?: number;
    };
  };
}

const KINDS = [SERVICE_ACCOUNT_LIFECYCLE, SECRET_ROTATION];
const BAD: readonly string[] = ["Stalled", "Reverted", "Conflict"];

export const status = async (given: Given, ports: PluginPorts): Promise<Said> => {
  const namespace = text(given, "namespace") ?? ports.namespace;
  if (given.positionals.length > 0) {
    const ref = referenceOf(given.positionals, namespace);
    const object = await existing(ports, ref);
    return { code: exitOf([object]), out: printed(summary(object), given.form, () => detail(ref, object)) };
  }
  const everywhere = given.values["all-namespaces"] === true;
  const lists = await Promise.all(
    KINDS.map((kind) => ports.cluster.list<Shown>(kind, { namespace: everywhere ? undefined : namespace })),
  );
  const listed = joinListed(lists);
  const all = waitingFirst(readableOf(listed));
  const unread = leftOutOf(listed);
  const summaries = [
    ...all.map(summary),
    ...unread.map(({ namespace, name, why }) => ({ namespace, name, unreadable: why })),
  ];
  const rest = unread.length === 0 ? "" : `Cannot be read: ${namesOf(unread)}\n`;
  const out = printed(summaries, given.form, (wide) => `${table(all, wide)}${rest}`);
  return { code: unread.length === 0 ? exitOf(all) : EXIT.found, out };
};

/** 1 while something needs a person. */
const exitOf = (all: readonly Shown[]): number =>
  all.some((object) => BAD.some((type) => isTrue(object, type))) ? EXIT.found : EXIT.fine;

const existing = async (ports: PluginPorts, ref: ObjectRef): Promise<Shown> => {
  const object = await ports.cluster.get<Shown>(ref);
  if (object === undefined)
    throw new OperatorError("NotFound", { publicMessage: `${describeRef(ref)} does not exist.` });
  return object;
};

const conditionOf = ({ status: is }: Shown, type: string): Condition | undefined =>
  is?.conditions?.find((condition) => condition.type === type);
const isTrue = (object: Shown, type: string): boolean => conditionOf(object, type)?.status === "True";

const summary = (object: Shown): unknown => {
  const { kind, metadata, spec, status: is } = object;
  const ready = conditionOf(object, "Ready");
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    ready: ready?.status ?? "Unknown",
    reason: ready?.reason,
    state: is?.state ?? spec?.state,
    activity: is?.activity,
    holds: is?.holds,
    current: is?.current,
    rotation: is?.rotation,
    lastRotationTime: is?.lastRotationTime,
    nextRotationTime: is?.nextRotationTime,
    nextRotationReason: is?.nextRotationReason,
    conditions: is?.conditions ?? [],
  };
};

const table = (all: readonly Shown[], wide: boolean): string => {
  if (all.length === 0) return "No rotations and no identities.\n";
  const head = ["KIND", "NAMESPACE", "NAME", "READY", "REASON", "ATTENTION", "NEXT ROTATION"];
  return columns(
    wide ? [...head, "STATE", "CURRENT", "ACTIVITY"] : head,
    all.map((object) => row(object, wide)),
  );
};

const row = (object: Shown, wide: boolean): readonly string[] => {
  const { kind = "", metadata, status: is } = object;
  const ready = conditionOf(object, "Ready");
  const attention = [...BAD, "ReadOnly", "Leaked", "Paused", "ReviewDue", "Drifted", "Suspended"].filter((type) =>
    isTrue(object, type),
  );
  if ((is?.holds ?? []).length > 0) attention.push("Held");
  const narrow = [
    kind,
    metadata.namespace ?? "",
    metadata.name,
    ready?.status ?? "Unknown",
    ready?.reason ?? "-",
    attention.length === 0 ? "-" : attention.join(","),
    is?.nextRotationTime ?? "-",
  ];
  return wide ? [...narrow, is?.state ?? "-", is?.current?.id ?? "-", is?.activity ?? "-"] : narrow;
};

const detail = (ref: ObjectRef, object: Shown): string => {
  const conditions = object.status?.conditions ?? [];
  const steps = conditions
    .filter(({ type, status: is }) => BAD.includes(type) && is === "True")
    .map(({ type, reason }) => `do: ${nextStep(type, reason)}\n`);
  const { activity, holds = [] } = object.status ?? {};
  return [
    `${plain(describeRef(ref))}\n`,
    ...(activity === undefined ? [] : [`${plain(activity)}\n`]),
    ...(holds.length === 0 ? [] : [`Held by IdentityHold ${plain(holds.join(", "))}: only its deletion ends that.\n`]),
    "\n",
    columns(
      ["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"],
      conditions.map(({ type, status: is, reason, lastTransitionTime, message }) => [
        type,
        is,
        reason,
        lastTransitionTime,
        message,
      ]),
    ),
    ...(steps.length === 0 ? [] : ["\n", ...steps]),
  ].join("");
};

export const plan = async (given: Given, ports: PluginPorts): Promise<Said> => {
  const ref = referenceOf(given.positionals, text(given, "namespace") ?? ports.namespace);
  const object = await existing(ports, ref);
  const { status: is, metadata } = object;
  if (ref.kind.kind === SERVICE_ACCOUNT_LIFECYCLE.kind) {
    if (is?.plan === undefined)
      return { code: EXIT.fine, out: printed({ lines: [] }, given.form, () => "Nothing is planned.\n") };
    const { generation, lines, omitted = 0, digest } = is.plan;
    const old =
      generation === metadata.generation
        ? ""
        : `For generation ${generation}; the spec is at ${metadata.generation ?? 0}.\n`;
    const more = omitted > 0 ? `and ${omitted} more\n` : "";
    return {
      code: EXIT.fine,
      out: printed(
        is.plan,
        given.form,
        () => `${old}${lines.map((line) => `${plain(line)}\n`).join("")}${more}digest ${digest}\n`,
      ),
    };
  }
  const open = is?.rotation;
  const whole = {
    rotation: open,
    nextRotationTime: is?.nextRotationTime,
    nextRotationReason: is?.nextRotationReason,
    pendingRevocations: is?.pendingRevocations ?? [],
  };
  return { code: EXIT.fine, out: printed(whole, given.form, () => rotationPlan(object)) };
};

const nextLine = (is: Shown["status"]): string => {
  if (is?.nextRotationTime === undefined) return "No rotation is due.";
  const why = is.nextRotationReason === undefined ? "" : ` (${is.nextRotationReason})`;
  return `Next rotation: ${is.nextRotationTime}${why}`;
};

const rotationPlan = ({ status: is }: Shown): string => {
  const open = is?.rotation;
  const lines = [
    ...(open === undefined
      ? [nextLine(is)]
      : [
          `Open: ${open.version}, ${open.trigger}, ${open.direction ?? "Forward"}, since ${open.openedAt}`,
          ...(open.dependents ?? []).map(
            ({ name, doneAt }) => `  ${name}: ${doneAt === undefined ? "moving" : `moved at ${doneAt}`}`,
          ),
        ]),
    ...(is?.pendingRevocations ?? []).map(({ version, why, since }) => `To revoke: ${version}, ${why}, since ${since}`),
    ...(is?.activity === undefined ? [] : [is.activity]),
  ];
  return lines.map((line) => `${plain(line)}\n`).join("");
};

/** Every command of the plugin that only looks. */
export const show = (command: string, given: Given, ports: PluginPorts): Promise<Said> => {
  if (command === "status") return status(given, ports);
  if (command === "plan") return plan(given, ports);
  throw new WrongUse(`No command ${command}.`);
};
