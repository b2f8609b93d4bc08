import type { Clock } from "../kernel/clock.ts";
import type { OperatorError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Lane, Turn } from "../kernel/turn.ts";

/** What one pass is about. Namespace is "" for a cluster-scoped kind. */
export interface ReconcileRequest {
  readonly namespace: string;
  readonly name: string;
}

/** How a pass ended. `settled` forgets earlier failures; `failed` backs off by the queue's limiter or the error's own wish. */
export type Outcome =
  | { readonly kind: "settled"; readonly recheckAfterMs?: number }
  | { readonly kind: "waiting"; readonly recheckAfterMs: number }
  | { readonly kind: "stalled"; readonly recheckAfterMs?: number }
  | { readonly kind: "failed"; readonly error: OperatorError; readonly recheckAfterMs?: number };

export interface PassContext {
  readonly passId: string;
  readonly clock: Clock;
  /** Aborted when the operator must stop: no new outside mutation after that. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Asked before every step. Without one, a pass goes on whenever it can. */
  readonly turns?: { take(): Promise<void> | undefined } | undefined;
  /** In which lane the pass goes, and with whom it shares its turns; its calls outside go by it. Absent: the rest, in a turn of its own. */
  readonly turn?: Turn | undefined;
}

export interface Reconciler {
  readonly name: string;
  reconcile(request: ReconcileRequest, context: PassContext): Promise<Outcome>;
}

/** What a step says. Only the report group turns these into conditions. */
export type StepResult = { readonly kind: "next" } | { readonly kind: "stop"; readonly outcome: Outcome };

export interface Step<Scope> {
  readonly name: string;
  readonly group: "gather" | "decide" | "act" | "report";
  run(scope: Scope, context: PassContext): Promise<StepResult>;
}

/** Seams through which the engine is watched; implemented in telemetry. */
export interface EngineMetrics {
  passEnded(controller: string, result: Outcome["kind"] | "panicked", seconds: number): void;
  queueDepth(controller: string, lane: Lane, depth: number): void;
  /** For how long an object was due before its pass began. */
  waited(controller: string, lane: Lane, seconds: number): void;
  stepEnded(controller: string, step: string, seconds: number): void;
}
