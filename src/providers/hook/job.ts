import { OperatorError } from "../../kernel/errors.ts";
import { HOOK_CONTRACT, answerOf, type HookCall } from "./call.ts";
import type { HookJob } from "./config.ts";
import { sealedAnswer } from "./sealed.ts";

/** One run of a Job in the operator's namespace. Compose builds it from the ClusterClient: providers do not import cluster/. */
export interface JobRunner {
  /**
   * Runs it to its end and takes everything away again. `request` is given to the container by a Secret, as the variable KEYTURN_REQUEST. Answers its
   * termination message; undefined when it has left none.
   */
  run(job: HookJob, request: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The verbs as runs of a Job: slower than HTTPS, and nothing has to listen. */
export const hookJobCalls =
  (job: HookJob, runner: JobRunner): HookCall =>
  async (verb, members, signal) => {
    const answer = await sealedAnswer();
    const request = JSON.stringify({ contract: HOOK_CONTRACT, verb, ...members, answerKey: answer.publicKey });
    const message = await runner.run(job, request, signal);
    if (message === undefined)
      throw new OperatorError("Unavailable", {
        publicMessage: `The hook's ${verb} ended without an answer; look at the Job's events and at the image.`,
        ambiguous: true,
      });
    const opened = answer.open(message);
    if (opened === undefined)
      throw new OperatorError("Unavailable", {
        publicMessage: `The hook's ${verb} left an answer that is not sealed for this request (docs/reference/hook.md).`,
        ambiguous: true,
      });
    return answerOf(verb, answerIn(opened));
  };

/** `<status> <body>`. */
const answerIn = (text: string) => {
  const status = Number(text.slice(0, 3));
  return { status: Number.isInteger(status) ? status : 0, headers: {}, text: text.slice(4) };
};
