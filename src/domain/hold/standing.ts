import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccountRecord } from "../lifecycle/record.ts";
import { leftInLedger } from "../lifecycle/rotations.ts";
import { isIdentityEntry, type OrphanSpec } from "../orphan/record.ts";
import { isToldHeld } from "./match.ts";
import type { HoldMatch } from "./report.ts";

type Standing = Pick<HoldMatch, "state" | "message">;

const PROVEN: Standing = { state: "Proven" };
const open = (message: string): Standing => ({ state: "Open", message });
const NOT_TAKEN_UP = open("its record does not say yet that it is held");

/** Reasons of Suspended and Offboarded with which all of it is cut, and something else keeps the proof away. */
const CUT: readonly string[] = ["ForeignGrant", "TokensOutstanding", "CredentialsAlive", "NotLooked"];

/** How far an identity is under the hold of this name, by what it says itself. */
export const standingOfIdentity = ({ metadata, status }: ServiceAccountLifecycle, hold: string): Standing => {
  if (status === undefined || !isToldHeld(status.holds, hold))
    return metadata.deletionTimestamp === undefined ? NOT_TAKEN_UP : open("it is being deleted");
  const said = (status.conditions ?? []).filter(({ type }) => type === "Suspended" || type === "Offboarded");
  const told = said.find(({ type }) => type === "Offboarded") ?? said[0];
  if (told === undefined) return open("it has not said yet that it is cut");
  if (told.status === "True") return PROVEN;
  const { reason, message } = told;
  if (reason === "NotOurs") return { state: "Foreign", message };
  return { state: CUT.includes(reason) ? "Cut" : "Open", message };
};

/** The same of a SecretRotation. `identity`: of the identity that it names, where that is held as well; its account's key ends with it. */
export const standingOfRotation = (
  { spec, status = {} }: Pick<SecretRotation, "spec" | "status">,
  hold: string,
  identity: Standing | undefined,
): Standing => {
  const { current, rotation, pendingRevocations = [], suspension, revocationFailures } = status;
  if (!isToldHeld(status.holds, hold)) return NOT_TAKEN_UP;
  const made = current !== undefined || rotation !== undefined || pendingRevocations.length > 0;
  if (!made) return PROVEN;
  if (suspension === undefined || suspension.resumedAt !== undefined || rotation !== undefined)
    return open("it is ending what it has begun");
  if (pendingRevocations.length > 0) {
    const why = revocationFailures === undefined ? "" : `: ${revocationFailures.message}`;
    const message = `${pendingRevocations.length} credential(s) are being revoked${why}`;
    return { state: pendingRevocations.every(({ disabledAt }) => disabledAt !== undefined) ? "Cut" : "Open", message };
  }
  if (spec.source.awsAccessKey?.accountRef === undefined) return open(`credential ${current?.version ?? ""} is in use`);
  return identity ?? open("its key ends with its account, which is not held");
};

/** The same of what a deleted resource has left in the ledger. */
export const standingOfEntry = (entry: OrphanedCredential, hold: string): Standing => {
  const { status } = entry;
  const spec: OrphanSpec = entry.spec;
  if (isIdentityEntry(spec)) {
    if (status === undefined || !isToldHeld(status.holds, hold)) return NOT_TAKEN_UP;
    const accounts: readonly AccountRecord[] = status.accounts ?? spec.accounts;
    const left = accounts.filter(({ state }) => state !== "Gone");
    if (left.every(({ state, provenAt }) => state === "Cut" && provenAt !== undefined)) return PROVEN;
    const message = status.failures?.message ?? "its accounts are being cut";
    return { state: left.every(({ cutAt }) => cutAt !== undefined) ? "Cut" : "Open", message };
  }
  const left = leftInLedger(entry);
  return left === undefined ? PROVEN : open(left.words);
};
