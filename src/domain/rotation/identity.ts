import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { LifecycleState } from "../lifecycle/record.ts";

/** `NotReady`: it does not exist yet, or the account that is asked for does not. Nothing fails by that; it is waited for. */
export type IdentityState = "Active" | "Suspended" | "Decommissioned" | "NotReady";

export interface IdentityView {
  readonly state: IdentityState;
  /** A sentence for people; empty while it is Active. */
  readonly why: string;
}

export interface IdentityInput {
  readonly name: string;
  /** The account that the credential belongs to, where the spec names one. */
  readonly account?: string | undefined;
  /** As it is now, by a live read. */
  readonly object: ServiceAccountLifecycle | undefined;
  /** It, and the account, have been there before: what is gone since then has ended. */
  readonly seenBefore: boolean;
  readonly now: Date;
}

/** May a credential of this identity be made now? Its end, its suspension and its expiry count from the moment they are declared. */
export const viewIdentity = (input: IdentityInput): IdentityView => {
  const { name, object, seenBefore, now } = input;
  const is = (state: IdentityState, what: string): IdentityView => ({
    state,
    why: `ServiceAccountLifecycle ${name} ${what}.`,
  });
  if (object === undefined) return seenBefore ? is("Decommissioned", "is gone") : is("NotReady", "does not exist");
  if (object.metadata.deletionTimestamp !== undefined) return is("Decommissioned", "is being deleted");
  const { expiresAt, state } = object.spec;
  // What cannot be read as a time has not been let in by the schema; it must not keep an identity alive either.
  if (expiresAt !== undefined && !(Date.parse(expiresAt) > now.getTime())) return is("Decommissioned", "has expired");
  if (state === "Decommissioned") return is("Decommissioned", "is decommissioned");
  if (state === "Suspended") return is("Suspended", "is suspended");
  if (object.status?.holds !== undefined) return is("Suspended", "is held");
  const account = input.account === undefined ? ACTIVE : viewAccount(object, input.account, is, seenBefore);
  return account.state === "Active" ? viewRecord(object, now, is) : account;
};

/**
 * Its spec says that it lives; its own reconciler asks who may have that (ADR 0048), and keeps it down where they may not. What that one has
 * decided about this very spec counts as declared. Until it has decided, nothing is issued, and nothing given up: the record may lag.
 */
const viewRecord = (
  { metadata, status }: ServiceAccountLifecycle,
  now: Date,
  is: (state: IdentityState, what: string) => IdentityView,
): IdentityView => {
  const end = endOnRecord(status?.state);
  if (end !== undefined) {
    const decided = status?.observedGeneration === metadata.generation && status?.permittedReturn === undefined;
    return decided
      ? is(end, "is kept down; its condition Ready says why")
      : is("NotReady", "has not been brought back yet");
  }
  const { permittedUntil } = status ?? {};
  const over = permittedUntil !== undefined && !(Date.parse(permittedUntil) > now.getTime());
  return over ? is("NotReady", "is at its former end, and nobody has permitted a later one yet") : ACTIVE;
};

const endOnRecord = (state: LifecycleState | undefined): "Suspended" | "Decommissioned" | undefined => {
  switch (state) {
    case "Suspending":
    case "Suspended":
      return "Suspended";
    case "Decommissioning":
    case "Decommissioned":
      return "Decommissioned";
    case "Pending":
    case "Active":
    case "Resuming":
    case undefined:
      return undefined;
  }
};

const ACTIVE: IdentityView = { state: "Active", why: "" };

const viewAccount = (
  object: ServiceAccountLifecycle,
  account: string,
  is: (state: IdentityState, what: string) => IdentityView,
  seenBefore: boolean,
): IdentityView => {
  const declared = object.spec.accounts.find(({ name }) => name === account);
  const record = object.status?.accounts?.find(({ name }) => name === account);
  if (declared !== undefined && declared.aws?.user === undefined)
    return is("NotReady", `has an account ${account} that is not an AWS user`);
  if (record === undefined) {
    if (declared !== undefined) return is("NotReady", `has not made its account ${account} yet`);
    return seenBefore
      ? is("Decommissioned", `has no account ${account} any more`)
      : is("NotReady", `has no account ${account}`);
  }
  switch (record.state) {
    case "Gone":
      return is("Decommissioned", `has deleted its account ${account}`);
    case "Leaving":
    case "Cut":
      return declared === undefined
        ? is("Decommissioned", `no longer has account ${account}`)
        : is("Suspended", `has not given its account ${account} back yet`);
    case "Pending":
      return is("NotReady", `has not made its account ${account} yet`);
    case "Active":
      return record.externalId === undefined ? is("NotReady", `has not made its account ${account} yet`) : ACTIVE;
  }
};

/** Nothing is issued, published or switched on, and what was begun is given up. */
export const hasEnded = (state: IdentityState | undefined): state is "Suspended" | "Decommissioned" =>
  state === "Suspended" || state === "Decommissioned";
