import type { AuditTrail } from "../audit/contract.ts";
import { isRefusal, type OperatorError } from "../kernel/errors.ts";
import type { Outside } from "./outside.ts";

/** A failure that is a refusal, and not only something out of reach. The share of the volume has a record of its own. */
export const isOnRecord = (error: OperatorError): boolean => isRefusal(error) || error.code === "LimitReached";

const AGAIN_MS = 3_600_000;
const MOST_KNOWN = 10_000;

/**
 * Records refusals, each once an hour: passes come again and again, and their refusals must not fill the volume. While it knows of as
 * many as it can, further ones are not recorded; the status of their resources has them.
 */
export const refusals = (audit: AuditTrail, monotonicMs: () => number): Outside["refused"] => {
  const known = new Map<string, number>();
  const forget = (now: number): void => {
    for (const [key, at] of known) if (now - at >= AGAIN_MS) known.delete(key);
  };
  return async (about, error) => {
    const { action, subject, target, passId } = about;
    const now = monotonicMs();
    const key = [subject?.kind, subject?.namespace, subject?.name, subject?.uid, action, target, error.code].join("\n");
    const at = known.get(key);
    if (at !== undefined && now - at < AGAIN_MS) return;
    if (known.size >= MOST_KNOWN) forget(now);
    if (known.size >= MOST_KNOWN) return;
    known.set(key, now);
    const facts = { refused: action, why: error.publicMessage };
    await audit.note({ action: "refusal", subject, target, passId, result: error.code, facts });
  };
};
