import {
  PROVIDER_CONNECTION,
  type ProviderConnection,
  type ProviderConnectionStatus,
} from "../../api/v1alpha1/provider-connection.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import type { PassContext, Reconciler } from "../../engine/contract.ts";
import { condition, nextConditions, type ConditionUpdate } from "../../kernel/conditions.ts";
import { isRefusal, toOperatorError, type OperatorError } from "../../kernel/errors.ts";
import { READ_ONLY_NAME, type ReadOnlyState } from "../../stores/read-only.ts";
import type { Ports } from "../ports.ts";
import { refuseNewer } from "../version-skew.ts";

const RECHECK_WHEN_BAD_MS = 30_000;

/** ProviderConnections: logs in once per generation and at every resync, and says how it went. Changes nothing outside. */
export const connectionReconciler = (ports: Ports): Reconciler => ({
  name: "providerconnection",
  async reconcile({ name }, context) {
    const ref = { kind: PROVIDER_CONNECTION, name };
    const object = await ports.cluster.get<ProviderConnection>(ref);
    if (object === undefined) {
      ports.sources.retire(name);
      ports.metrics.forget({ kind: "ProviderConnection", namespace: "", name });
      return { kind: "settled" };
    }
    const refused = await refuseNewer(object, ref, ports);
    if (refused !== undefined) return refused;
    const error = await ports.sources
      .check(object, { signal: context.signal, log: context.log })
      .then(() => undefined, toOperatorError);
    if (error?.code === "Aborted") return { kind: "failed", error };
    const missing = error === undefined ? await missingRights(object, context, ports) : undefined;
    const held = readOnlyUpdates(await ports.readOnly.state());
    const now = ports.cluster.serverTime()?.now ?? context.clock.now();
    const generation = object.metadata.generation ?? 0;
    const conditions = nextConditions(
      object.status?.conditions ?? [],
      [...updates(error), ...held, ...rights(missing, object)],
      { generation, now },
    );
    const next = { observedGeneration: generation, conditions } as ProviderConnectionStatus;
    await writeStatus<ProviderConnection>(ports.cluster, ref, { base: object, next }, { clock: context.clock });
    ports.metrics.conditions({ kind: "ProviderConnection", namespace: "", name }, conditions);
    if (error !== undefined) {
      ports.events.record(
        { ref, uid: object.metadata.uid },
        { type: "Warning", reason: "ConnectionFailed", action: "Login", note: error.publicMessage },
      );
    }
    return error === undefined ? { kind: "settled" } : { kind: "waiting", recheckAfterMs: RECHECK_WHEN_BAD_MS };
  },
});

const updates = (error: OperatorError | undefined): readonly ConditionUpdate[] => {
  if (error === undefined) {
    return [
      { type: "Ready", status: "True", reason: "LoggedIn", message: "The operator logged in through this connection." },
    ];
  }
  const bad = { reason: error.code, message: error.publicMessage };
  return [
    { type: "Ready", status: "False", ...bad },
    isRefusal(error) || error.code === "Unauthenticated"
      ? { type: "Stalled", status: "True", ...bad }
      : { type: "Reconciling", status: "True", reason: "BackingOff", message: error.publicMessage },
  ];
};

/** Undefined: it could not be found out now. */
const missingRights = async (
  object: ProviderConnection,
  { signal, log }: PassContext,
  ports: Ports,
): Promise<readonly string[] | undefined> => {
  try {
    return await ports.sources.missingRights(object, { signal, log });
  } catch (thrown) {
    if (toOperatorError(thrown).code === "Aborted") throw thrown;
    log.warn("Which rights the operator's login lacks could not be found out; it is asked again at the next look", {
      error: thrown,
    });
    return undefined;
  }
};

/** Nothing waits for them, so Ready stays as it is. What could not be found out now stays as it was said. */
const rights = (missing: readonly string[] | undefined, { status }: ProviderConnection): readonly ConditionUpdate[] => {
  if (missing === undefined) return (status?.conditions ?? []).filter(({ type }) => type === "RightsMissing");
  if (missing.length === 0) return [];
  const message = `The operator's login lacks ${missing.join(", ")}. All else goes on; leavers and what others have put on an account are looked at less well. Allow them as docs/how-to/upgrade.md says.`;
  return [condition("RightsMissing", "True", "NotAllowed", message)];
};

const readOnlyUpdates = (state: ReadOnlyState): readonly ConditionUpdate[] => {
  switch (state) {
    case "off":
      return [];
    case "on":
      return [readOnly("Engaged", "Read-only is on: nothing is changed through this connection.")];
    case "unknown":
      return [readOnly("NotKnown", `Nothing is changed until ConfigMap ${READ_ONLY_NAME} can be read.`)];
  }
};

const readOnly = (reason: string, message: string): ConditionUpdate => condition("ReadOnly", "True", reason, message);
