import { OperatorError } from "../kernel/errors.ts";
import type { LimitKind } from "../stores/limits.ts";
import type { Ports } from "./ports.ts";

type Counting = Pick<Ports, "limits">;

const WHAT: Readonly<Record<LimitKind, string>> = {
  offboarding: "offboardings (flag --limit-offboardings)",
  grant: "grants (flag --limit-grants)",
  issue: "issues (flag --limit-issues)",
};

/** The permit to take a resource's credentials or an identity's account out of use; "none": it waits for a person. */
export const permitForOffboarding = (ports: Counting, key: string): Promise<"taken" | "none"> =>
  ports.limits.take("offboarding", key);

/** Throws LimitReached when the cluster has seen as many of the kind in ten minutes as it may. */
export const requirePermit = async (ports: Counting, kind: LimitKind, key: string): Promise<void> => {
  if ((await ports.limits.take(kind, key)) === "taken") return;
  throw new OperatorError("LimitReached", {
    publicMessage: `The cluster's limit on ${WHAT[kind]} in ten minutes is reached; it is tried again as the ten minutes pass.`,
  });
};

/** Before a credential is made: one permit per rotation. */
export const requireIssuePermit = (ports: Counting, key: string): Promise<void> => requirePermit(ports, "issue", key);
