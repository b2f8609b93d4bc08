import { OperatorError } from "../kernel/errors.ts";
import type { LimitKind, PermitRequest } from "../stores/limits.ts";
import type { Ports } from "./ports.ts";

type Counting = Pick<Ports, "limits">;

const WHAT: Readonly<Record<LimitKind, string>> = {
  offboarding: "offboardings (flags --limit-offboardings, --limit-offboardings-per-namespace)",
  grant: "grants (flag --limit-grants)",
  issue: "issues (flag --limit-issues)",
};

/** When a deletion that gathers asks again. */
export const ASK_AGAIN_MS = 1000;

/**
 * The permit to end the access of a resource that is gone; nothing that somebody declared to end asks for one. "none": it waits for a person;
 * "later": it is to ask again after ASK_AGAIN_MS.
 */
export const permitForOffboarding = (ports: Counting, request: PermitRequest): Promise<"taken" | "none" | "later"> =>
  ports.limits.take("offboarding", request);

/**
 * Before a credential is made. One that replaces a leaked or a lost credential has a bound of its own (replacementsBound) and is refused by no
 * limit; one that expires within its margin goes first. Throws LimitReached.
 */
export const requireIssuePermit = async (
  ports: Counting,
  request: PermitRequest,
  of: { readonly replacesDead: boolean; readonly expires: boolean },
): Promise<void> => {
  const asked = { ...request, urgent: of.replacesDead || of.expires };
  if (!of.replacesDead) return requirePermit(ports, "issue", asked);
  await ports.limits.take("issue", asked);
};

/** Throws LimitReached when the cluster has seen as many of the kind in ten minutes as it may, or others are first in turn. */
export const requirePermit = async (ports: Counting, kind: LimitKind, request: PermitRequest): Promise<void> => {
  if ((await ports.limits.take(kind, request)) === "taken") return;
  throw new OperatorError("LimitReached", {
    publicMessage: `The limit on ${WHAT[kind]} in ten minutes is reached; it is tried again as the ten minutes pass.`,
  });
};
