import { revocationDue, rotationDeadline, slotDue } from "../../domain/rotation/deadlines.ts";
import type { RotationStatus } from "../../domain/rotation/record.ts";
import type { Ports } from "../ports.ts";
import { capabilitiesFor, type RotationScope } from "./scope.ts";

/** Sets the series of a SecretRotation to what its pass has found; alerts judge by these deadlines. */
export const gauge = (scope: RotationScope, status: RotationStatus, ports: Ports): void => {
  const { namespace, name } = scope.request;
  const { inForce, situation } = scope;
  ports.metrics.conditions({ kind: "SecretRotation", namespace, name }, status.conditions ?? []);
  const input = inForce && { status, settings: inForce.settings, facts: capabilitiesFor({ inForce, ports }) };
  // What is due and waits for a slot, as its spec has it, is not late yet.
  const waitsForSlot = situation?.kind === "waiting" && situation.wait.for === "FreeSlot";
  const slot = input === undefined || !waitsForSlot ? undefined : slotDue(input);
  const next = status.nextRotationTime === undefined ? undefined : Date.parse(status.nextRotationTime);
  ports.metrics.credential(
    { namespace, name },
    {
      createdAt: status.current === undefined ? undefined : new Date(status.current.issuedAt),
      nextRotationAt: next === undefined ? undefined : new Date(Math.max(next, slot ?? 0)),
      rotationDeadline: asDate(input && rotationDeadline(input)),
      revocationDueAt: asDate(input && revocationDue(input)),
    },
  );
  ports.metrics.pendingRevocations({ namespace, name }, (status.pendingRevocations ?? []).length);
};

const asDate = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
