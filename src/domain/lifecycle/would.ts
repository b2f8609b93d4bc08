import { adds, ends, type Would } from "../would.ts";
import type { LifecycleAction, PlanLine } from "./action.ts";
import type { IdentityDeletionAction } from "./deletion.ts";

/** What a pass of an identity, its deletion or its ledger entry would do next, in words for the condition ReadOnly. Undefined: it only looks. */
export const wouldChange = (action: LifecycleAction | IdentityDeletionAction): Would | undefined => {
  switch (action.type) {
    case "observe":
    case "wait":
    case "refuse":
      return undefined;
    case "recordPlan":
      return planned(action.lines);
    case "declare":
      return adds(`claim the accounts ${action.records.map(({ name }) => name).join(", ")}`);
    case "apply":
      return adds(`apply ${action.piece.title} to account ${action.account}`);
    case "beginNarrowing":
      return ends(`begin to remove what the spec no longer names from ${action.accounts.join(", ")}`);
    case "remove":
      return ends(`remove ${action.key} from account ${action.account} (${action.because})`);
    case "recordGood":
      return adds("record this spec as the last known good");
    case "recordDrift":
      return adds(`record what differs from the spec: ${action.lines.slice(0, SHOWN).join("; ")}`);
    case "beginLeaving":
      return ends(`begin to cut account ${action.account}`);
    case "recordFormer":
      return ends(`record what the cut of account ${action.account} replaces`);
    case "cut":
      return ends(`cut the rights of account ${action.account}`);
    case "closeLogin":
      return ends(`close the login of account ${action.account}`);
    case "disableCredential":
      return ends(`disable the credential ${action.id} of account ${action.account}`);
    case "prove":
      return ends(`prove that account ${action.account} is refused`);
    case "voidProof":
      return ends(`cut account ${action.account} again, for the proven cut is gone`);
    case "removeCredential":
      return ends(`delete the credential ${action.id} of account ${action.account}`);
    case "forget":
      return ends(`release the claim of account ${action.account}`);
    case "giveBack":
      return ends(`give account ${action.account} back`);
    case "beginReturning":
      return adds(`begin to bring account ${action.account} back`);
    case "openLogin":
      return adds(`open the login of account ${action.account}`);
    case "enableCredential":
      return adds(`enable the credential ${action.id} of account ${action.account}`);
    case "uncut":
      return adds(`lift the cut of account ${action.account}`);
    case "recordResumed":
      return adds(`record that account ${action.account} is in use again`);
    case "writeLedger":
      return ends("put its accounts on the ledger");
    case "releaseAll":
      return ends("release its claims and its finalizer");
    case "removeFinalizer":
      return ends("release its finalizer");
    default:
      return unforeseen(action);
  }
};

/** A condition's message has room for about so many lines. */
const SHOWN = 8;

/** It belongs to an end when it only takes away. */
const planned = (lines: readonly PlanLine[]): Would => {
  if (lines.length === 0) return adds("take note of the spec, which changes no privilege");
  const shown = lines.slice(0, SHOWN).map(({ sign, account, title }) => `${sign} ${account}: ${title}`);
  const more = lines.length > SHOWN ? ` and ${lines.length - SHOWN} more` : "";
  const text = `carry out this plan: ${shown.join("; ")}${more}`;
  return lines.every(({ sign }) => sign === "-") ? ends(text) : adds(text);
};

const unforeseen = (action: never): never => {
  throw new Error(`No words for ${JSON.stringify(action)}.`);
};
