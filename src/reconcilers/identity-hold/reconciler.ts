import { IDENTITY_HOLD, type IdentityHold, type IdentityHoldStatus } from "../../api/v1alpha1/identity-hold.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import { reportHold } from "../../domain/hold/report.ts";
import type { Reconciler } from "../../engine/contract.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import { holdInForce, namedTargets } from "../holds.ts";
import type { Ports } from "../ports.ts";
import { refuseNewer } from "../version-skew.ts";
import { findMatches, type Holdable } from "./matches.ts";
import { wholeOf } from "../../kernel/listed.ts";

/** What is under way tells the watch; this makes up for an event that was lost. */
const LOOK_AGAIN_MS = 30_000;

/** IdentityHolds: says what each matches and how far it is, and remembers the targets that it has seen. The holding itself is done by what is held. */
export const identityHoldReconciler = (
  ports: Pick<Ports, "cluster" | "clock" | "claims" | "events" | "metrics" | "seen">,
  world: Holdable,
): Reconciler => ({
  name: "identityhold",
  async reconcile({ name }, context) {
    const ref = { kind: IDENTITY_HOLD, name };
    const object = await ports.cluster.get<IdentityHold>(ref);
    if (object === undefined) {
      ports.metrics.forget({ kind: "IdentityHold", namespace: "", name });
      return { kind: "settled" };
    }
    const refused = await refuseNewer(object, ref, ports);
    if (refused !== undefined) return refused;
    try {
      const connection = (of: string) => ports.seen.connection(of);
      const unknown = (object.spec.targets ?? []).filter(
        ({ connectionRef }) => connectionRef !== undefined && connection(connectionRef.name) === undefined,
      );
      const claims = wholeOf("claims", await ports.claims.list());
      const at = {
        named: namedTargets(object.spec, connection),
        unknown: unknown.map((target) => `${target.kind} ${target.name} (${target.connectionRef?.name ?? ""})`),
      };
      const found = findMatches(holdInForce(object, connection), at, world, claims);
      const before = object.status ?? {};
      const next = reportHold({
        before,
        ...found,
        generation: object.metadata.generation ?? 0,
        now: ports.cluster.serverTime()?.now ?? ports.clock.now(),
      });
      await writeStatus<IdentityHold>(ports.cluster, ref, { base: object, next }, { clock: context.clock });
      tell(object, { before, next }, ports);
      return isReady(next) ? { kind: "settled" } : { kind: "waiting", recheckAfterMs: LOOK_AGAIN_MS };
    } catch (thrown) {
      return { kind: "failed", error: toOperatorError(thrown) };
    }
  },
});

const isReady = ({ conditions }: IdentityHoldStatus): boolean =>
  conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

/** Events for what people must know, once each time that it becomes so. */
const tell = (
  { metadata: { name, uid } }: IdentityHold,
  { before, next }: { readonly before: IdentityHoldStatus; readonly next: IdentityHoldStatus },
  ports: Pick<Ports, "events" | "metrics">,
): void => {
  const conditions = next.conditions ?? [];
  ports.metrics.conditions({ kind: "IdentityHold", namespace: "", name }, conditions);
  const about = { ref: { kind: IDENTITY_HOLD, name }, uid };
  const unmatched = conditions.find(({ type }) => type === "Unmatched");
  const known = before.conditions?.find(({ type }) => type === "Unmatched");
  if (unmatched !== undefined && unmatched.reason !== known?.reason)
    ports.events.record(about, { type: "Warning", reason: "HoldUnmatched", action: "Hold", note: unmatched.message });
  const ready = conditions.find(({ type }) => type === "Ready");
  if (isReady(next) && !isReady(before))
    ports.events.record(about, { type: "Normal", reason: "Held", action: "Hold", note: ready?.message ?? "" });
};
