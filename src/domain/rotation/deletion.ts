import type { ObservedId } from "./action.ts";
import type { PendingRevocation, RotationStatus } from "./record.ts";
import type { RotationSettings } from "./settings.ts";

/** What is known when a SecretRotation is being deleted. */
export interface DeletionInput {
  readonly now: Date;
  readonly deletedAt: Date;
  readonly deletion: RotationSettings["deletion"];
  readonly status: RotationStatus;
  readonly staged: readonly Pick<PendingRevocation, "version" | "id">[];
  /** Of the source. Where nothing can be disabled, the ledger revokes at once. */
  readonly canDisable: boolean;
  /** False: what there is is left to expire. */
  readonly revokes: boolean;
  /** Is the ledger entry for this object's UID there? */
  readonly inLedger: boolean;
  readonly listing?: readonly ObservedId[] | undefined;
  /** Targets of deliveries that still stand and are ours. */
  readonly standing?: readonly string[] | undefined;
  /** What was adopted has been given back. */
  readonly givenBack?: boolean | undefined;
}

export type DeletionAction =
  | { readonly type: "observe"; readonly what: "listing" | "deliveries" }
  | { readonly type: "writeLedger" }
  | { readonly type: "disable"; readonly id: string }
  | { readonly type: "withdraw"; readonly target: string }
  | { readonly type: "giveBack" }
  | { readonly type: "releaseAll" }
  | { readonly type: "removeFinalizer" };

/** Every credential that the record says is ours, the one in use last. */
export const ownCredentials = (
  status: RotationStatus,
  staged: readonly Pick<PendingRevocation, "version" | "id">[] = [],
): readonly Pick<PendingRevocation, "version" | "id">[] => {
  const pending = status.rotation?.credential;
  const all = [
    ...(status.pendingRevocations ?? []),
    ...(pending === undefined || status.rotation === undefined
      ? []
      : [{ version: status.rotation.version, id: pending.id }]),
    ...(status.rotation?.previous === undefined ? [] : [status.rotation.previous]),
    ...(status.current === undefined ? [] : [status.current]),
    // Issued and staged, but the record of it was lost.
    ...staged,
  ];
  return all
    .map(({ version, id }) => ({ version, id }))
    .filter((entry, index) => all.findIndex(({ id }) => id === entry.id) === index);
};

/** What has to go: everything of ours, less the credential in use where the owner wants to keep it or it was only adopted. */
export const credentialsToEnd = (
  status: RotationStatus,
  staged: DeletionInput["staged"],
  policy: RotationSettings["deletion"]["policy"],
): ReturnType<typeof ownCredentials> =>
  ownCredentials(status, staged).filter(
    ({ id }) => id !== status.current?.id || (policy !== "Retain" && status.current.adopted !== true),
  );

/**
 * Deleting a resource: first the ledger knows everything that is left to do, then the keys are made inactive at once and the
 * deliveries withdrawn, then the finalizer goes. The ledger does the rest, so that a namespace never hangs on a dead provider.
 */
export const planDeletion = (input: DeletionInput): DeletionAction => {
  const { status } = input;
  const { policy } = input.deletion;
  const ending = input.revokes ? credentialsToEnd(status, input.staged, policy) : (status.pendingRevocations ?? []);
  const nothingMade = (status.sequence ?? 0) === 0;
  const adopted = status.current?.adopted === true;
  const nothingToEnd =
    ending.length === 0 && (policy === "Retain" || !input.revokes || (adopted && status.rotation === undefined));
  const returning = adopted && input.givenBack !== true;
  if (nothingMade) return { type: "releaseAll" };
  if (nothingToEnd) {
    if (policy !== "Retain" && input.standing === undefined) return { type: "observe", what: "deliveries" };
    const [beside] = input.standing ?? [];
    if (beside !== undefined) return { type: "withdraw", target: beside };
    return { type: returning ? "giveBack" : "releaseAll" };
  }
  if (!input.inLedger) return { type: "writeLedger" };
  if (input.canDisable) {
    if (input.listing === undefined) return { type: "observe", what: "listing" };
    const ours = new Set(ending.map(({ id }) => id));
    const enabled = input.listing.find(({ id, enabled: on }) => on && ours.has(id));
    if (enabled !== undefined) return { type: "disable", id: enabled.id };
  }
  if (returning) return { type: "giveBack" };
  if (policy === "Retain") return { type: "removeFinalizer" };
  if (input.standing === undefined) return { type: "observe", what: "deliveries" };
  const standing = input.standing[0];
  if (standing !== undefined) return { type: "withdraw", target: standing };
  return { type: "removeFinalizer" };
};

/** After the time-out a failed disabling is the ledger's business too, unless the spec says that the object must stay. */
export const mayHandOver = (input: Pick<DeletionInput, "now" | "deletedAt" | "deletion">): boolean =>
  input.deletion.onTimeout === "HandOver" &&
  input.now.getTime() - input.deletedAt.getTime() >= input.deletion.timeoutMs;
