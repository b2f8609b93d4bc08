import type { LifecycleAction } from "../../../domain/lifecycle/action.ts";
import type { Piece } from "../../../domain/lifecycle/piece.ts";
import type { FormerPiece, Proof } from "../../../domain/lifecycle/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { Turn } from "../../../kernel/turn.ts";
import type { AccountClient } from "../../../providers/account.ts";
import type { CallContext } from "../../../providers/contract.ts";
import type { Mutation } from "../../outside.ts";
import type { Ports } from "../../ports.ts";

/** One account and whoever acts on it: its resource, or the ledger when the resource is gone. */
export interface AccountAct {
  readonly ports: Pick<Ports, "outside" | "log">;
  readonly subject: Mutation["subject"];
  readonly passId: string;
  readonly signal: AbortSignal;
  readonly turn?: Turn | undefined;
  /** Its name in spec.accounts. */
  readonly account: string;
  readonly client: AccountClient;
  /** What it is to be, where it is declared. */
  readonly desired: readonly Piece[];
  /** What it had before it was cut. */
  readonly former: readonly FormerPiece[];
}

/** What is one request to a provider; the account is observed again afterwards. */
export type OutsideAction = Extract<
  LifecycleAction,
  {
    readonly type:
      | "apply"
      | "remove"
      | "cut"
      | "closeLogin"
      | "disableCredential"
      | "removeCredential"
      | "giveBack"
      | "openLogin"
      | "enableCredential"
      | "uncut";
  }
>;

export const callContext = ({ signal, turn, ports }: AccountAct): CallContext => ({ signal, turn, log: ports.log });

/** Carries out one action at the provider, on record before and after. */
export const actOutside = (
  act: AccountAct,
  action: OutsideAction,
  options: { readonly narrows?: boolean } = {},
): Promise<unknown> => {
  const { verb, kind, about, because, run } = callOf(act, action, options.narrows === true);
  const facts = {
    account: act.account,
    ...(about === undefined ? {} : { key: about }),
    ...(because === undefined ? {} : { because }),
  };
  return act.ports.outside.mutate(
    {
      action: `account:${verb}`,
      kind,
      subject: act.subject,
      target: act.client.target,
      passId: act.passId,
      facts,
    },
    act.signal,
    run,
  );
};

interface Call {
  readonly verb: string;
  /** What takes away goes on without an audit trail and under the kill switch; what gives does not. */
  readonly kind: Mutation["kind"];
  readonly about?: string;
  readonly because?: string;
  readonly run: () => Promise<unknown>;
}

/** A list to read, not a place for logic. */
const callOf = (act: AccountAct, action: OutsideAction, narrows: boolean): Call => {
  const { client, desired } = act;
  const context = callContext(act);
  switch (action.type) {
    case "apply":
      return {
        verb: "Apply",
        kind: narrows ? "Revoking" : "Issuing",
        about: action.piece.key,
        because: action.because,
        run: () => client.apply(action.piece, context, desired, act.former),
      };
    case "remove":
      return {
        verb: "Remove",
        kind: isWidening(action) ? "Issuing" : "Revoking",
        about: action.key,
        because: action.because,
        run: () => client.remove(action.key, context),
      };
    case "cut":
      return { verb: "Cut", kind: "Revoking", about: action.way, run: () => client.cut(context, action.way) };
    case "closeLogin":
      return { verb: "CloseLogin", kind: "Revoking", run: () => client.closeLogin(context) };
    case "disableCredential":
      return {
        verb: "DisableCredential",
        kind: "Revoking",
        about: action.id,
        run: () => client.setCredentialEnabled(action.id, false, context).catch(absentIsFine),
      };
    case "removeCredential":
      return {
        verb: "RemoveCredential",
        kind: "Revoking",
        about: action.id,
        run: () => client.removeCredential(action.id, context),
      };
    case "giveBack":
      return { verb: "GiveBack", kind: "Revoking", run: () => client.giveBack(context) };
    case "openLogin":
      return { verb: "OpenLogin", kind: "Issuing", run: () => client.openLogin(context, desired) };
    case "enableCredential":
      return {
        verb: "EnableCredential",
        kind: "Issuing",
        about: action.id,
        run: () => client.setCredentialEnabled(action.id, true, context).catch(absentIsFine),
      };
    case "uncut":
      return { verb: "Uncut", kind: "Issuing", run: () => client.uncut(context, action) };
  }
};

/** A boundary that goes while the account stays lets more be done. */
export const isWidening = (action: OutsideAction): boolean =>
  action.type === "remove" && action.key === "boundary" && WHILE_IT_STAYS.includes(action.because);

const WHILE_IT_STAYS: readonly string[] = ["NotDeclared", "Drift"];

/** Whoever took a credential away while the account was cut has made its switch moot. */
const absentIsFine = (thrown: unknown): void => {
  if (!(thrown instanceof OperatorError) || thrown.code !== "NotFound") throw thrown;
};

/** The provider is asked whether it really refuses; what is still accepted is a failure that is tried again. */
export const proveRefused = async (act: AccountAct, keys: readonly string[]): Promise<Proof> => {
  const outcome = await act.client.proveRefused(keys.filter(isGrantKey), callContext(act));
  if (outcome.kind === "refused") {
    await act.ports.outside.note({
      action: "proof:Refused",
      subject: act.subject,
      target: act.client.target,
      passId: act.passId,
      result: "OK",
      facts: { account: act.account, proof: outcome.proof },
    });
    return outcome.proof;
  }
  throw new OperatorError("Unavailable", {
    publicMessage: `Account ${act.account} is cut and ${outcome.what} is still accepted; it is tried again.`,
  });
};

const GRANT_PREFIXES = ["binding/", "clusterBinding/", "managedPolicy/", "inlinePolicy/", "group/", "policy/"];

const isGrantKey = (key: string): boolean => GRANT_PREFIXES.some((prefix) => key.startsWith(prefix));
