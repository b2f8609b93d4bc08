import { cleared } from "../../../domain/rotation/failures.ts";
import { deleted, disabled, provenDead } from "../../../domain/rotation/ending.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import { formatDuration } from "../../../kernel/duration.ts";
import type { CredentialSource } from "../../../providers/contract.ts";
import { openForTakingBack } from "../steps/observe.ts";
import type { RotationStatus } from "../../../domain/rotation/record.ts";
import { capabilitiesFor, subjectOf, wordsFor } from "../scope.ts";
import { underPermit } from "./refusals.ts";
import { callContext, mutate, say, type Act, type Carry } from "./act.ts";

/** The key is made inactive: it can still be switched on again, should somebody have been forgotten. */
export const disable: Carry<"disable"> = async (act, { id, requireUnusedForMs }) => {
  const { scope, ports, inForce } = act;
  const source = await openForTakingBack(scope, inForce, ports);
  if (requireUnusedForMs !== undefined) await demandUnused(act, source, id, requireUnusedForMs);
  const listing = await source.list(callContext(act)).catch((thrown: unknown) => unlessAborted(thrown));
  const seen = listing?.credentials.find((credential) => credential.id === id);
  // A listing that lags, or fails, may not show a key that works, so absence is no reason to leave it be.
  if (seen?.enabled !== false) {
    await mutate(
      act,
      { action: wordsFor(act).enable, kind: "Revoking", target: id, facts: { status: "Inactive" } },
      () => source.setEnabled(id, false, callContext(act)),
    ).catch((thrown: unknown) => absentIsFine(thrown));
    say(act, "Normal", "Disabled", `${wordsFor(act).credential} ${id} is disabled.`, "Retire");
  }
  return cleared(disabled(scope.status, id, scope.now), "revocationFailures");
};

/** Whoever may not list may still switch off. */
const unlessAborted = (thrown: unknown): undefined => {
  if (toOperatorError(thrown).code === "Aborted") throw thrown;
};

const absentIsFine = (thrown: unknown): void => {
  if (!(thrown instanceof OperatorError) || thrown.code !== "NotFound") throw thrown;
};

/** Fails closed: where the provider cannot say when a key was last used, it stays. */
const demandUnused = async (act: Act, source: CredentialSource, id: string, forMs: number): Promise<void> => {
  const use = await source.lastUse(id, callContext(act));
  if (use.kind === "never") return;
  if (use.kind === "at" && act.scope.now.getTime() - use.at.getTime() >= forMs) return;
  throw new OperatorError("StillInUse", {
    publicMessage:
      use.kind === "unknown"
        ? `The provider does not say when ${wordsFor(act).credential.toLowerCase()} ${id} was last used, so it stays enabled.`
        : `${wordsFor(act).credential} ${id} was used within the last ${formatDuration(forMs)} (spec.retire.requireUnusedFor), so it stays enabled.`,
  });
};

export const revoke: Carry<"revoke"> = async (act, { id, onlyIfNeverUsed }) => {
  const { scope, ports, inForce } = act;
  const source = await openForTakingBack(scope, inForce, ports);
  if (onlyIfNeverUsed && (await source.lastUse(id, callContext(act))).kind !== "never") {
    throw new OperatorError("StillInUse", {
      publicMessage: `${wordsFor(act).credential} ${id} was made under an intent of this resource but somebody has used it; it is disabled. Delete it at the provider once you know who it was.`,
    });
  }
  await mutate(act, { action: wordsFor(act).revoke, kind: "Revoking", target: id }, () =>
    source.revoke(id, callContext(act)),
  );
  say(act, "Normal", "Deleted", `${wordsFor(act).credential} ${id} is deleted.`, "Retire");
  return cleared(deleted(scope.status, id, scope.now), "revocationFailures");
};

/** A good login after a refused one, so that the target forgets the refusal. */
const logInAgain = async (act: Act, source: CredentialSource): Promise<void> => {
  const { current } = act.scope.status;
  const material = act.scope.staging?.versions.find(
    ({ version, id }) => version === current?.version && id === current.id,
  )?.material;
  if (material !== undefined) await source.verify(material, act.scope.now, callContext(act));
};

/** The proof is a record of the audit trail, beside the status. */
const proven = async (act: Act, id: string, proof: Parameters<typeof provenDead>[2]): Promise<RotationStatus> => {
  const { scope, ports } = act;
  const about = { subject: subjectOf(scope), target: id, passId: scope.passId };
  await ports.outside.note({ action: "proof:Refused", ...about, result: "OK", facts: { proof } });
  return provenDead(scope.status, id, proof, scope.now);
};

/** The dead credential is tried and must be refused; where its value is lost, the provider's listing is the proof. */
export const prove: Carry<"prove"> = async (act, { id, version }) => {
  const { scope, ports, inForce } = act;
  if (capabilitiesFor({ inForce, ports }).leavesNothing) {
    // `revoke` has read it back.
    say(act, "Normal", "Proven", `${wordsFor(act).credential} ${id} is revoked, says who issued it.`, "Prove");
    return proven(act, id, "ProvenByAuthority");
  }
  const material = scope.staging?.versions.find((entry) => entry.version === version && entry.id === id)?.material;
  if (material === undefined) {
    say(act, "Normal", "Proven", `${wordsFor(act).credential} ${id} is gone from the provider's listing.`, "Prove");
    return proven(act, id, "ProvenByListing");
  }
  const source = await openForTakingBack(scope, inForce, ports);
  const outcome = await underPermit(act, version, {
    run: () => source.proveRefused(material, callContext(act)),
    refused: ({ kind }) => kind === "refused",
  });
  if (source.capabilities.lockout) await logInAgain(act, source);
  if (outcome.kind === "accepted") {
    throw new OperatorError("Unavailable", {
      publicMessage: `${wordsFor(act).credential} ${id} is deleted but its login is still accepted; it is tried again.`,
    });
  }
  say(
    act,
    "Normal",
    "Proven",
    `A login with the deleted ${wordsFor(act).credential.toLowerCase()} ${id} was refused.`,
    "Prove",
  );
  return proven(act, id, "ProvenByLogin");
};
