import { isRefusal, OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import { directionOf } from "../../../domain/lifecycle/pieces/direction.ts";
import type { Proof } from "../../../domain/lifecycle/record.ts";
import { accountIn, formerIn, stepOf } from "../../../domain/lifecycle/step-names.ts";
import { wayRefused } from "../../../domain/lifecycle/transitions.ts";
import { requirePermit } from "../../limits.ts";
import type { Ports } from "../../ports.ts";
import type { AccountScope } from "../scope.ts";
import { connectionOf, clientOf, declarationOf, noteFailure, recordOf } from "../steps/accounts.ts";
import { demandGranted } from "../steps/permissions.ts";
import { demandAllowed } from "../connections.ts";
import { callContext, actOutside, isWidening, proveRefused, type AccountAct, type OutsideAction } from "./account.ts";

/** The same thing done so often in one pass without being seen afterwards is left to a later one. */
const MOST_REPEATS = 3;

/**
 * Carries out one outside action; the account has to be observed again before anything else is decided about it. A failure is
 * noted with its step, which is left alone for the rest of the pass, so that every other goes on. True when it went well.
 */
export const carryOutside = async (scope: AccountScope, action: OutsideAction, ports: Ports): Promise<boolean> => {
  const about = stepOf(action);
  const run = async (): Promise<void> => {
    countOnce(scope, `${action.type} ${about}`, about);
    const act = await accountAct(scope, action.account, ports);
    if (action.type === "apply" || isWidening(action)) await demandRoom(scope, action, ports);
    if (GIVES_BACK.includes(action.type)) await demandGranted(scope, action.account, ports);
    if (action.type === "remove" && action.insteadOf !== undefined)
      await act.client.check?.(action.insteadOf, callContext(act));
    const narrows = action.type === "apply" && isNarrowing(scope, action);
    scope.observed.delete(action.account);
    await actOutside(act, action, { narrows });
  };
  return attempt(scope, about, run, (error) => {
    if (action.type === "cut" && isRefusal(error) && !error.ambiguous)
      scope.status = wayRefused(scope.status, action.account, action.way);
  });
};

/** The account is in use again with all that stands: what a connection's grants have lost since it was cut is not given again. */
const GIVES_BACK: readonly OutsideAction["type"][] = ["openLogin", "enableCredential", "uncut"];

/** The proof, or undefined when there was none; what failed is noted. */
export const carryProof = async (scope: AccountScope, account: string, ports: Ports): Promise<Proof | undefined> => {
  let proof: Proof | undefined;
  await attempt(scope, stepOf({ type: "prove", account }), async () => {
    countOnce(scope, `prove ${account}`, account);
    const act = await accountAct(scope, account, ports);
    proof = await proveRefused(act, recordOf(scope, account)?.pieces ?? []);
  });
  return proof;
};

const attempt = async (
  scope: AccountScope,
  about: string,
  run: () => Promise<void>,
  failed?: (error: OperatorError) => void,
): Promise<boolean> => {
  try {
    await run();
    scope.succeeded.add(about);
    return true;
  } catch (thrown) {
    const error = toOperatorError(thrown);
    failed?.(error);
    // What a retry may cure is put back before the account is opened.
    const passing = formerIn(about) !== undefined && !isRefusal(error);
    noteFailure(scope, passing ? accountIn(about) : about, error);
    return false;
  }
};

const accountAct = async (scope: AccountScope, account: string, ports: Ports): Promise<AccountAct> => ({
  ports,
  subject: scope.subject,
  passId: scope.passId,
  signal: scope.signal,
  turn: scope.turn,
  account,
  client: await clientOf(scope, account, ports),
  desired: scope.desired.get(account)?.pieces ?? [],
  former: recordOf(scope, account)?.former ?? [],
});

const countOnce = (scope: AccountScope, key: string, about: string): void => {
  const before = scope.done.get(key) ?? 0;
  scope.done.set(key, before + 1);
  if (before < MOST_REPEATS) return;
  throw new OperatorError("Unavailable", {
    publicMessage: `What was done about ${about} does not show at the provider yet; it is looked at again.`,
  });
};

type Apply = Extract<OutsideAction, { type: "apply" }>;

/** Giving needs the connection's leave and a permit; taking away needs neither. */
const demandRoom = async (scope: AccountScope, action: OutsideAction, ports: Ports): Promise<void> => {
  demandAllowed(await connectionOf(scope, declarationOf(scope, action.account), ports), scope.request.namespace);
  if (action.type === "apply") {
    if (action.piece.class === "attribute" || isNarrowing(scope, action)) return;
    if (action.piece.class === "restriction") demandNothingElse(scope, action.account);
  } else demandNothingElse(scope, action.account);
  await requirePermit(ports, "grant", { key: scope.owner.uid, namespace: scope.request.namespace });
};

/**
 * Which boundary an account may have was judged by what it is declared to be given, so the boundary is loosened only while it has
 * nothing else.
 */
const demandNothingElse = (scope: AccountScope, account: string): void => {
  const desired = scope.desired.get(account)?.pieces ?? [];
  const other = scope.observed
    .get(account)
    ?.pieces.find(
      ({ key, value, class: kind }) =>
        kind === "grant" && !desired.some((piece) => piece.key === key && piece.value === value),
    );
  if (other === undefined) return;
  throw new OperatorError("Unavailable", {
    publicMessage: `The permissions boundary of account ${account} is not loosened while ${other.title} stands under it, which is not declared so.`,
  });
};

const isNarrowing = (scope: AccountScope, { account, piece }: Apply): boolean => {
  const standing = scope.observed.get(account)?.pieces.find(({ key }) => key === piece.key);
  return directionOf(piece.key, standing?.value, piece.value) === "narrow";
};
