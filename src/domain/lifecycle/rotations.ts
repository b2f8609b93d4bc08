import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ConditionUpdate } from "../../kernel/conditions.ts";
import type { RotationStatus } from "../rotation/record.ts";

/** What the SecretRotations of an identity that has ended still hold: no end is proven while one of their credentials may be accepted. */

/** One that is not done, with a clause for people that follows its name. */
export interface LeftOfRotation {
  readonly name: string;
  readonly words: string;
}

/** `notLooked`: they could not be read, so nothing is known of them. */
export type RotationsView =
  | { readonly kind: "looked"; readonly left: readonly LeftOfRotation[] }
  | { readonly kind: "notLooked"; readonly why: string };

/** Of resources and ledger entries that belong to the identity, each read live: those whose credentials are not gone. */
export const viewRotations = (
  rotations: readonly SecretRotation[],
  entries: readonly OrphanedCredential[],
): RotationsView => ({
  kind: "looked",
  left: [...rotations.flatMap((each) => leftOf(each) ?? []), ...entries.flatMap((each) => leftInLedger(each) ?? [])],
});

/** Undefined: nothing of it is accepted any more, or what is is the account's, which is proven by itself. */
export const leftOf = ({ metadata, spec, status }: SecretRotation): LeftOfRotation | undefined => {
  const record: RotationStatus = status ?? {};
  const words =
    (metadata.deletionTimestamp === undefined ? inProgress(record) : undefined) ??
    (spec.source.awsAccessKey?.accountRef === undefined ? heldBy(record) : undefined);
  return words === undefined ? undefined : { name: `SecretRotation ${metadata.name}`, words };
};

/** Its own reconciler has not seen the end yet, so that it may be issuing at this moment. */
const inProgress = ({ suspension, rotation }: RotationStatus): string | undefined => {
  if (rotation !== undefined) return `has a rotation to credential ${rotation.version} open`;
  return suspension === undefined || suspension.resumedAt !== undefined ? "has not taken note of the end" : undefined;
};

const heldBy = ({ current, rotation, pendingRevocations = [], revocationFailures }: RotationStatus) => {
  if (current !== undefined) return `holds credential ${current.version}${untilItEnds(current)}`;
  if (rotation?.credential !== undefined)
    return `holds credential ${rotation.version}${untilItEnds(rotation.credential)}`;
  const [first] = pendingRevocations;
  if (first === undefined) return undefined;
  const failing = pendingRevocations.find(({ id }) => id === revocationFailures?.about) ?? first;
  const why = revocationFailures === undefined ? "" : `: ${revocationFailures.message}`;
  return `has not proven that credential ${failing.version} is revoked${untilItEnds(failing)}${why}`;
};

const untilItEnds = ({ expiresAt }: { readonly expiresAt?: string | undefined }): string =>
  expiresAt === undefined ? "" : ` (ends by itself at ${expiresAt})`;

/** Of a deleted SecretRotation. What is switched off there is held, and not accepted. */
export const leftInLedger = ({ metadata, spec, status }: OrphanedCredential): LeftOfRotation | undefined => {
  const states =
    status?.credentials ?? (spec.credentials ?? []).map((each) => ({ ...each, state: "Pending" as const }));
  const switched = spec.source?.awsAccessKey !== undefined;
  const alive = states.find(({ state }) => state !== "Proven" && !(switched && state !== "Pending"));
  if (alive === undefined) return undefined;
  const why = spec.held === undefined ? (status?.failures?.message ?? "") : "a limit holds the entry back";
  return {
    name: `OrphanedCredential ${metadata.name} (of SecretRotation ${spec.origin.name})`,
    words: `has not proven that credential ${alive.version} is revoked${why === "" ? "" : `: ${why}`}`,
  };
};

/** The reasons that `waitingForRotations` gives. */
export const WAITING_FOR_ROTATIONS = ["CredentialsAlive", "NotLooked"] as const;

/**
 * What the conditions Offboarded and Suspended say in place of the proof of the accounts; undefined: the rotations do not stand in its way,
 * or were not asked for.
 */
export const waitingForRotations = (
  type: "Offboarded" | "Suspended",
  view: RotationsView | undefined,
): ConditionUpdate | undefined => {
  if (view === undefined) return undefined;
  if (view.kind === "notLooked")
    return {
      type,
      status: "False",
      reason: "NotLooked",
      message: `The accounts are refused, but the SecretRotations of this identity could not be looked at: ${view.why}`,
    };
  if (view.left.length === 0) return undefined;
  const told = view.left.slice(0, MOST_TOLD).map(({ name, words }) => `${name} ${words}`);
  const more = view.left.length > MOST_TOLD ? `; and ${view.left.length - MOST_TOLD} more` : "";
  return {
    type,
    status: "False",
    reason: "CredentialsAlive",
    message: `The accounts are refused, but not every credential is gone: ${told.join("; ")}${more}.`.slice(0, LONGEST),
  };
};

const MOST_TOLD = 5;
const LONGEST = 1024;
