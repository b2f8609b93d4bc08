import { ends, type Would } from "../would.ts";
import type { OrphanAction } from "./plan.ts";

/** What the ledger would do next about an entry of a SecretRotation, in words for the condition ReadOnly. Undefined: it only looks. */
export const wouldEnd = (action: OrphanAction): Would | undefined => {
  switch (action.type) {
    case "observe":
    case "wait":
      return undefined;
    case "recordStray":
      return ends(`record ${action.id}, a credential of a late answer, and revoke it`);
    case "disable":
      return ends(`disable ${action.id}`);
    case "revoke":
      return ends(`revoke ${action.id}`);
    case "prove":
      return ends(`prove that ${action.id} is refused`);
    case "withdraw":
      return ends("withdraw its deliveries");
    case "finish":
      return ends("release its claims and delete the entry");
    default:
      return unforeseen(action);
  }
};

const unforeseen = (action: never): never => {
  throw new Error(`No words for ${JSON.stringify(action)}.`);
};
