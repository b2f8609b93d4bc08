import { ROTATE_AT } from "../../../api/v1alpha1/annotations.ts";
import { opened, renewed } from "../../../domain/rotation/transitions.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { randomWord } from "../../../kernel/ids.ts";
import type { Listing } from "../../../providers/contract.ts";
import { capabilitiesFor, subjectOf, type RotationScope } from "../scope.ts";
import { openSource } from "../steps/observe.ts";
import { callContext, isRenewal, openRotation, say, type Act, type Carry } from "./act.ts";
import { ensureFinalizer, ensureOwnership } from "./ownership.ts";

/**
 * Before the first outside write for a credential: finalizer, claim, owner mark, and then the intent itself, which this pass's
 * status write makes durable under the resourceVersion that was read. Issuing is for the next pass.
 */
export const openIntent: Carry<"openIntent"> = async (act, { trigger }) => {
  const { scope, ports } = act;
  // What is begun goes on to its end, so the share is asked before anything is begun.
  if (!isRenewal(trigger)) await ports.outside.demandShare(subjectOf(scope), scope.passId);
  await ensureFinalizer(act);
  await ensureOwnership(act, { next: true });
  const listing = requireListing(scope);
  if (trigger === "Lost") await confirmLoss(act, listing);
  const rotationId = randomWord(12);
  const handled = trigger === "Requested" ? scope.object.metadata.annotations?.[ROTATE_AT] : undefined;
  const status = opened(
    scope.status,
    trigger,
    {
      rotationId,
      word: rotationId.slice(0, 5),
      issuer: ports.self,
      now: scope.now,
      providerTime: listing.providerTime,
      knownIds: listing.credentials.map(({ id }) => id),
    },
    handled,
  );
  say(
    act,
    "Normal",
    "RotationStarted",
    `Rotation to credential ${status.rotation?.version ?? ""} has started (${trigger}).`,
  );
  return status;
};

/** One listing may have left the current credential out; only a second one says that it is gone. */
const confirmLoss = async (act: Act, first: Listing): Promise<void> => {
  const { scope, inForce, ports } = act;
  const id = scope.status.current?.id;
  if (id === undefined || first.credentials.some((credential) => credential.id === id)) return;
  const source = await openSource(scope, inForce, ports);
  const second = await source.list(callContext(act));
  if (!second.credentials.some((credential) => credential.id === id)) return;
  throw new OperatorError("Unavailable", {
    publicMessage: "The provider's listings disagree about the current credential; it is asked again.",
  });
};

/** Another process wrote the intent: it is written anew, so that two processes never issue under the same one knowingly. */
export const renewIntent: Carry<"renewIntent"> = async (act) => {
  const { scope, ports } = act;
  const overwrites = capabilitiesFor(act).overwrites === true;
  const knownIds = requireListing(scope).credentials.map(({ id }) => id);
  return renewed(scope.status, openRotation(act), { issuer: ports.self, ...(overwrites ? { knownIds } : {}) });
};

const requireListing = (scope: RotationScope): Listing => {
  if (scope.listing !== undefined) return scope.listing;
  throw new OperatorError("Unknown", { publicMessage: "The provider's listing was not read before the intent." });
};
