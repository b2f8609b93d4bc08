import type { KubeObject, ObjectRef, ResourceKind } from "../cluster/contract.ts";
import { writeStatus } from "../cluster/status-writer.ts";
import type { Outcome, PassContext, Reconciler, ReconcileRequest } from "../engine/contract.ts";
import { nextConditions, type Condition } from "../kernel/conditions.ts";
import { toOperatorError } from "../kernel/errors.ts";
import { behindDoors, Gate } from "./doors.ts";
import { isHalted, type Halted } from "./halted.ts";
import type { Ports } from "./ports.ts";

type Reported = KubeObject & {
  readonly spec?: { readonly state?: string; readonly expiresAt?: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
};

/** Right after the start the switch has mostly not been read yet. */
const FIRST_ANSWER_MS = 10_000;
const ASK_AGAIN_MS = 500;

/**
 * The same reconciler, each pass behind a gate of its own. A pass that read-only has halted records nothing of what it found: its
 * status stays as it was but for the condition ReadOnly, which says what would be done next.
 */
export const halting = (kind: ResourceKind, ports: Ports, make: (ports: Ports) => Reconciler): Reconciler => ({
  name: make(ports).name,
  async reconcile(request, context) {
    const gate = new Gate(ports.readOnly);
    const closed = (await answered(ports, context)) !== "off";
    const outcome = await make(behindDoors(closed ? unspent(ports) : ports, gate))
      .reconcile(request, context)
      .catch((thrown: unknown): Outcome => {
        if (gate.halted === undefined && !isHalted(thrown)) throw thrown;
        return { kind: "failed", error: toOperatorError(thrown) };
      });
    if (gate.halted === undefined) return outcome;
    return tellWaiting({ ref: refOf(kind, request), halted: gate.halted, ports });
  },
});

/** What a pass uses up in memory is there still for the one that may act. */
const unspent = (ports: Ports): Ports => ({ ...ports, revived: new Set(ports.revived) });

const answered = async ({ readOnly, clock }: Ports, { signal }: PassContext) => {
  const until = clock.monotonicMs() + FIRST_ANSWER_MS;
  let state = await readOnly.state();
  while (state === "unknown" && clock.monotonicMs() < until && !signal.aborted) {
    await clock.sleep(ASK_AGAIN_MS, signal).catch(() => undefined);
    state = await readOnly.state();
  }
  return state;
};

const refOf = (kind: ResourceKind, { namespace, name }: ReconcileRequest): ObjectRef =>
  kind.namespaced ? { kind, namespace, name } : { kind, name };

const tellWaiting = async ({
  ref,
  halted,
  ports,
}: {
  readonly ref: ObjectRef;
  readonly halted: Halted;
  readonly ports: Ports;
}): Promise<Outcome> => {
  try {
    const object = await ports.cluster.get<Reported>(ref);
    if (object === undefined) return { kind: "settled" };
    const next = { ...object.status, conditions: conditionsOf(object, { ref, halted, ports }) };
    const stored = await writeStatus<Reported>(ports.cluster, ref, { base: object, next }, { clock: ports.clock });
    ports.freshness.wrote(stored.metadata);
    const labels = { kind: ref.kind.kind, namespace: ref.namespace ?? "", name: ref.name };
    ports.metrics.conditions(labels, next.conditions);
    // When it is switched off everything is looked at again.
    return { kind: "settled" };
  } catch (thrown) {
    return { kind: "failed", error: toOperatorError(thrown) };
  }
};

const conditionsOf = (
  object: Reported,
  { ref, halted, ports }: { readonly ref: ObjectRef; readonly halted: Halted; readonly ports: Ports },
): readonly Condition[] => {
  const current = object.status?.conditions ?? [];
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  const ending = halted.would.ends || ref.kind.kind === "OrphanedCredential" || leaves(object, now);
  const known = ports.readOnly.last() === "unknown" ? "is not known yet to be off" : "is on";
  const waiting = {
    type: "ReadOnly",
    status: "True",
    reason: ending ? "EndWaiting" : "Waiting",
    message: `Read-only ${known}. Next, Keyturn would ${halted.would.text}.`,
  } as const;
  return [
    ...current.filter(({ type }) => type !== waiting.type),
    ...nextConditions(current, [waiting], { generation: object.metadata.generation ?? 0, now }),
  ];
};

/** The first step of an end may be one that only records. */
const leaves = ({ metadata, spec }: Reported, now: Date): boolean =>
  metadata.deletionTimestamp !== undefined ||
  (spec?.state !== undefined && spec.state !== "Active") ||
  (spec?.expiresAt !== undefined && Date.parse(spec.expiresAt) <= now.getTime());
