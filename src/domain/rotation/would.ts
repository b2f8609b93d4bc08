import { adds, ends, type Would } from "../would.ts";
import type { RotationAction } from "./action.ts";
import type { DeletionAction } from "./deletion.ts";

/** What a pass of a SecretRotation would do next, in words for its condition ReadOnly. Undefined: it only looks. */
export const wouldRotate = (action: RotationAction): Would | undefined => {
  switch (action.type) {
    case "observe":
    case "wait":
    case "stall":
      return undefined;
    case "recordStray":
      return ends(`record ${action.id}, a credential of a late answer, and revoke it`);
    case "recordLeak":
      return ends(`record that version ${action.version} has leaked`);
    case "openIntent":
      return adds(`begin a rotation (${action.trigger})`);
    case "renewIntent":
      return adds("take over the intent of the process before it");
    case "issueAndStage":
      return adds("issue a credential and stage it");
    case "recordStaged":
      return adds(`record the staged credential ${action.id}`);
    case "discardPending":
      return ends(`discard the pending credential (${action.because})`);
    case "recordSuspension":
      return ends(`stop issuing, for its identity is not Active (${action.reason})`);
    case "comeBack":
      return adds("bring the current credential back with its identity");
    case "adopt":
      return adds("adopt the credential that is in use");
    case "giveBack":
      return ends(`give the adopted credential back (${action.because})`);
    case "reserveRefusal":
      return adds("record a login that may be refused");
    case "keepPrevious":
      return adds("keep the value in use, so that a way back is left");
    case "restage":
      return adds(`stage version ${action.version} again`);
    case "verify":
      return adds(`verify version ${action.version} by a login`);
    case "declare":
      return adds(`claim the delivery ${action.delivery}`);
    case "sign":
      return adds(`issue and publish a credential (${action.because})`);
    case "recordSigned":
      return adds(`record what was published at ${action.delivery}`);
    case "surrender":
      return ends("revoke the credential of an identity that has ended");
    case "recordExpired":
      return ends(`record that ${action.id} has expired`);
    case "publish":
      return adds(`publish version ${action.version} at ${action.delivery}`);
    case "recordPublished":
      return adds("record that every delivery carries the new version");
    case "moveDependent":
      return adds(`move the dependent ${action.name} to version ${action.version}`);
    case "recordDependent":
      return adds(`record that the dependent ${action.name} has moved`);
    case "recordHold":
      return adds(`record the roll-out of the dependent ${action.name}`);
    case "goBack":
      return adds(`publish the version before again (${action.because})`);
    case "closeRotation":
      return adds(`close the rotation (${action.result})`);
    case "resume":
      return adds("bring back the credential that was in use");
    case "disable":
      return ends(`disable ${action.id}`);
    case "revoke":
      return ends(`revoke ${action.id}`);
    case "prove":
      return ends(`prove that ${action.id} is refused`);
    case "withdraw":
      return ends(`withdraw ${action.target}`);
    case "pruneStaging":
      return ends("drop staged values that are no longer needed");
    case "recordGood":
      return adds("record this spec as the last known good");
    default:
      return unforeseen(action);
  }
};

/** What the deletion of a SecretRotation would do next. */
export const wouldDeleteRotation = (action: DeletionAction): Would | undefined => {
  switch (action.type) {
    case "observe":
      return undefined;
    case "writeLedger":
      return ends("put its credentials on the ledger");
    case "disable":
      return ends(`disable ${action.id}`);
    case "withdraw":
      return ends(`withdraw ${action.target}`);
    case "giveBack":
      return ends("give the adopted credential back");
    case "releaseAll":
      return ends("release its claims and its finalizer");
    case "removeFinalizer":
      return ends("release its finalizer");
    default:
      return unforeseen(action);
  }
};

const unforeseen = (action: never): never => {
  throw new Error(`No words for ${JSON.stringify(action)}.`);
};
