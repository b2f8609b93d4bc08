import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import type { Outcome, PassContext, Step } from "./contract.ts";

export interface PipelineOptions<Scope> {
  /** Told once, before the report steps run, so that they can tell how the pass went. */
  readonly ended?: (scope: Scope, outcome: Outcome) => void;
  /** Told after every step, with its duration in seconds. */
  readonly measure?: (step: string, seconds: number) => void;
}

/**
 * One pass: gather, decide and act steps in their order until one stops or throws; then every report step, whatever happened
 * before. Never throws: what a step throws becomes a `failed` outcome. An earlier failure is not hidden by a later one; a
 * report step that stops or throws otherwise has the last word. No step but report begins after the signal was aborted.
 */
export const runPipeline = async <Scope>(
  steps: readonly Step<Scope>[],
  scope: Scope,
  context: PassContext,
  options: PipelineOptions<Scope> = {},
): Promise<Outcome> => {
  const outcome = (await runUntilStop(steps, scope, context, options)) ?? SETTLED;
  options.ended?.(scope, outcome);
  return report(steps, scope, context, { ...options, outcome });
};

const SETTLED: Outcome = { kind: "settled" };

const runUntilStop = async <Scope>(
  steps: readonly Step<Scope>[],
  scope: Scope,
  context: PassContext,
  options: PipelineOptions<Scope>,
): Promise<Outcome | undefined> => {
  for (const step of steps.filter((candidate) => candidate.group !== "report")) {
    await itsTurn(context);
    if (context.signal.aborted) return { kind: "failed", error: stopped(context.signal) };
    const outcome = await runStep(step, scope, context, options);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
};

const report = async <Scope>(
  steps: readonly Step<Scope>[],
  scope: Scope,
  context: PassContext,
  options: PipelineOptions<Scope> & { readonly outcome: Outcome },
): Promise<Outcome> => {
  let outcome = options.outcome;
  for (const step of steps.filter((candidate) => candidate.group === "report")) {
    await itsTurn(context);
    const said = await runStep(step, scope, context, options);
    if (said !== undefined && outcome.kind !== "failed") outcome = said;
  }
  return outcome;
};

/** Waiting for it is no part of a step's time. */
const itsTurn = async ({ turns }: PassContext): Promise<void> => {
  const wait = turns?.take();
  if (wait !== undefined) await wait;
};

/** The outcome that a step stops with; undefined when the next one may run. */
const runStep = async <Scope>(
  step: Step<Scope>,
  scope: Scope,
  context: PassContext,
  options: PipelineOptions<Scope>,
): Promise<Outcome | undefined> => {
  const startedMs = context.clock.monotonicMs();
  try {
    const result = await step.run(scope, context);
    return result.kind === "stop" ? result.outcome : undefined;
  } catch (thrown) {
    // What is not an OperatorError is a bug of ours: its stack is seen here and nowhere later.
    if (!(thrown instanceof OperatorError)) context.log.error("Step threw.", { step: step.name, error: thrown });
    return { kind: "failed", error: toOperatorError(thrown) };
  } finally {
    options.measure?.(step.name, (context.clock.monotonicMs() - startedMs) / 1000);
  }
};

const stopped = (signal: AbortSignal): OperatorError =>
  signal.reason instanceof OperatorError
    ? signal.reason
    : new OperatorError("Aborted", { publicMessage: "The operation was stopped." });
