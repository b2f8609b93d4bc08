import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import type { KnownKind } from "../api/v1alpha1/shape.ts";
import type { KubeObject, ObjectRef } from "../cluster/contract.ts";
import { writeStatus, type WithStatus } from "../cluster/status-writer.ts";
import { skewedStatus, skewMessage, unknownField } from "../domain/version-skew.ts";
import type { Outcome } from "../engine/contract.ts";
import type { Condition } from "../kernel/conditions.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import type { Ports } from "./ports.ts";

interface Reported {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

/**
 * The door before every pass about an object: one that a newer version has written to is not acted on, nothing is asked of anybody
 * outside, and nothing of its record is lost; its deletion waits as well. Undefined: it is understood, and the pass may go on.
 */
export const refuseNewer = async (
  object: KubeObject & { readonly spec?: unknown; readonly status?: unknown },
  ref: ObjectRef,
  ports: Pick<Ports, "cluster" | "clock" | "events" | "metrics">,
): Promise<Outcome | undefined> => {
  const kind = ref.kind.kind as KnownKind;
  const field = unknownField(kind, object);
  if (field === undefined) return undefined;
  const message = skewMessage(field);
  const before = (object.status ?? {}) as Reported;
  const generation = object.metadata.generation ?? 0;
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  const next = skewedStatus(before, { message, generation, now });
  try {
    await writeStatus<KubeObject & WithStatus>(ports.cluster, ref, { base: object, next }, { clock: ports.clock });
  } catch (thrown) {
    return { kind: "failed", error: toOperatorError(thrown) };
  }
  ports.metrics.conditions({ kind, namespace: ref.namespace ?? "", name: ref.name }, next.conditions ?? []);
  const told = before.conditions?.some(({ type, reason }) => type === "Stalled" && reason === "VersionSkew") === true;
  if (!told) {
    const { uid } = object.metadata;
    ports.events.record({ ref, uid }, { type: "Warning", reason: "VersionSkew", action: "Refuse", note: message });
  }
  return { kind: "stalled" };
};

/** A connection that says more than this version understands is not used: what it does not know may be a restriction. */
export const understood = (connection: ProviderConnection): ProviderConnection => {
  const field = unknownField("ProviderConnection", connection);
  if (field === undefined) return connection;
  throw new OperatorError("VersionSkew", {
    publicMessage: `ProviderConnection ${connection.metadata.name}: ${skewMessage(field)}`,
  });
};
