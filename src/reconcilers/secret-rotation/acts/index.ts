import type { RotationAction } from "../../../domain/rotation/action.ts";
import type { RotationStatus } from "../../../domain/rotation/record.ts";
import type { Act } from "./act.ts";
import { adopt, giveBack } from "./adoption.ts";
import { closeRotation, goBack, moveDependent, recordDependent, recordHold } from "./dependents.ts";
import { openIntent, renewIntent } from "./intent.ts";
import {
  discardPending,
  issueAndStage,
  keepPrevious,
  recordLeak,
  recordStaged,
  recordStray,
  restage,
} from "./issue.ts";
import { declare, pruneStaging, publish, recordGood, recordPublished, withdraw } from "./publish.ts";
import { reserveRefusal } from "./refusals.ts";
import { disable, prove, revoke } from "./retire.ts";
import { recordExpired, recordSigned, sign, surrender } from "./sign.ts";
import { comeBack, recordSuspension } from "./suspension.ts";
import { resume, verify } from "./verify.ts";

/** The act for each of the planner's actions: a list to read, not a place for logic. */
export const act = (context: Act, action: RotationAction): Promise<RotationStatus> => {
  switch (action.type) {
    case "recordLeak":
      return recordLeak(context, action);
    case "openIntent":
      return openIntent(context, action);
    case "renewIntent":
      return renewIntent(context, action);
    case "issueAndStage":
      return issueAndStage(context, action);
    case "recordStaged":
      return recordStaged(context, action);
    case "recordStray":
      return recordStray(context, action);
    case "discardPending":
      return discardPending(context, action);
    case "keepPrevious":
      return keepPrevious(context, action);
    case "restage":
      return restage(context, action);
    case "verify":
      return verify(context, action);
    case "declare":
      return declare(context, action);
    case "publish":
      return publish(context, action);
    case "recordPublished":
      return recordPublished(context, action);
    case "moveDependent":
      return moveDependent(context, action);
    case "recordDependent":
      return recordDependent(context, action);
    case "recordHold":
      return recordHold(context, action);
    case "goBack":
      return goBack(context, action);
    case "closeRotation":
      return closeRotation(context, action);
    case "resume":
      return resume(context, action);
    case "disable":
      return disable(context, action);
    case "revoke":
      return revoke(context, action);
    case "prove":
      return prove(context, action);
    case "withdraw":
      return withdraw(context, action);
    case "pruneStaging":
      return pruneStaging(context, action);
    case "recordGood":
      return recordGood(context, action);
    case "recordSuspension":
      return recordSuspension(context, action);
    case "comeBack":
      return comeBack(context, action);
    case "adopt":
      return adopt(context, action);
    case "giveBack":
      return giveBack(context, action);
    case "sign":
      return sign(context, action);
    case "recordSigned":
      return recordSigned(context, action);
    case "reserveRefusal":
      return reserveRefusal(context, action);
    case "surrender":
      return surrender(context, action);
    case "recordExpired":
      return recordExpired(context, action);
    case "observe":
    case "wait":
    case "stall":
      return Promise.resolve(context.scope.status);
  }
};
