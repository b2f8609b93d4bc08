import type { OrphanSpec, OrphanStatus } from "./record.ts";

/**
 * By when the first of the ledger's entries should have ended, as Unix milliseconds: when its hold and the time in which a late answer
 * may still come are over. An entry that is kept disabled, as declared (`Ready`), or that a limit holds back, has no end. Undefined: none has to.
 */
export const ledgerDue = (
  entries: readonly { readonly spec: OrphanSpec; readonly status?: OrphanStatus | undefined }[],
): number | undefined => {
  let first: number | undefined;
  for (const { spec, status } of entries) {
    if (status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true) continue;
    if (isHeldBack(spec, status)) continue;
    const due = entryDue(spec);
    if (first === undefined || due < first) first = due;
  }
  return first;
};

/** A limit holds it back, or a person keeps it: the overflow has an alert of its own, and what ends by itself is late only after that. */
const isHeldBack = ({ held, until }: OrphanSpec, status: OrphanStatus | undefined): boolean =>
  held === "LimitReached" &&
  until === undefined &&
  status?.conditions?.some(({ type, reason }) => type === "Ready" && HELD_BACK.includes(reason)) === true;

const HELD_BACK: readonly string[] = ["LimitReached", "KeptInUse"];

const entryDue = ({
  policy,
  recordedAt,
  until,
  heldUntil,
  holdSeconds,
  attributionSeconds = 0,
}: OrphanSpec): number => {
  // What stays in use until its end is not late before.
  const recorded = Math.max(Date.parse(recordedAt), Date.parse(until ?? recordedAt));
  // Disabling waits for nothing else.
  if (policy === "Disable") return recorded;
  const held = heldUntil === undefined ? recorded + holdSeconds * 1000 : Date.parse(heldUntil);
  return Math.max(held, recorded + attributionSeconds * 1000);
};
