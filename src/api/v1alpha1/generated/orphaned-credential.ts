// Made from crds/ by `npm run generate`; do not edit.
import type { ResourceMeta } from "../meta.ts";

/**
 * Something of ours that must still be disabled or deleted at a provider although its resource is gone. Written by the operator only.
 */
export interface OrphanedCredential {
  readonly apiVersion: "keyturn.dev/v1alpha1";
  readonly kind: "OrphanedCredential";
  readonly metadata: ResourceMeta;
  /**
   * What was known when the resource went.
   */
  readonly spec: {
    /**
     * The resource that is gone.
     */
    readonly origin: {
      readonly kind: "SecretRotation" | "ServiceAccountLifecycle";
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
    };
    /**
     * Who issued the credentials; as in the resource that is gone.
     */
    readonly source?: {
      /**
       * Another source, as JSON text: its kind, connection and holder.
       */
      readonly declared?: string;
      readonly awsAccessKey?: {
        readonly connectionRef: {
          readonly name: string;
        };
        readonly userName: string;
        readonly exclusive: boolean;
      };
    };
    /**
     * The claim's target; of an identity, namespace and name.
     */
    readonly target: string;
    /**
     * Why nothing is done, not even disabling. LimitReached: until spec.until, until what it was is declared to end, or until a person sets the annotation keyturn.dev/release to true (kubectl keyturn overflow end; with keyturn.dev/keep it stays in use and alerts no more). UntilEnd: accounts that were in use stay so until spec.until, or until that annotation is set.
     */
    readonly held?: "LimitReached" | "UntilEnd";
    /**
     * The identity's end, as declared by the resource that is gone: what was in use is cut then, whatever holds the entry. Absent means at once, or with LimitReached when a person decides.
     */
    readonly until?: string;
    /**
     * UID under which the values are staged.
     */
    readonly stagingUid?: string;
    /**
     * As declared by the resource that is gone.
     */
    readonly policy: "Delete" | "Disable";
    /**
     * Nothing is deleted before this.
     */
    readonly heldUntil?: string;
    readonly recordedAt: string;
    readonly holdSeconds: number;
    /**
     * How long after the last intent closed a new id may still be ours.
     */
    readonly attributionSeconds?: number;
    /**
     * The credentials of ours that were known.
     */
    readonly credentials?: ReadonlyArray<{
      readonly version: string;
      readonly id: string;
    }>;
    /**
     * Intents under which a new id may still be ours.
     */
    readonly intents?: ReadonlyArray<{
      readonly id: string;
      readonly version: string;
      readonly openedAt: string;
      readonly closedAt: string;
      readonly providerTime: string;
      readonly knownIds: ReadonlyArray<string>;
      readonly result: "Succeeded" | "RolledBack" | "Abandoned";
    }>;
    /**
     * What was delivered and must be withdrawn.
     */
    readonly deliveries?: ReadonlyArray<{
      readonly name: string;
      readonly version: string;
      readonly target: string;
      readonly place: {
        readonly kubernetesSecret?: {
          readonly name: string;
          readonly type?: "Opaque" | "TLS" | "BasicAuth" | "SSHAuth" | "DockerConfig";
          readonly keys?: Readonly<Record<string, string>>;
        };
        readonly vaultKV?: {
          readonly connectionRef: {
            readonly name: string;
          };
          readonly path: string;
          readonly keys?: Readonly<Record<string, string>>;
        };
        readonly hook?: {
          readonly connectionRef: {
            readonly name: string;
          };
          readonly place: string;
        };
      };
      readonly digest: string;
    }>;
    /**
     * Credentials made for this target so far; undo counts on from here.
     */
    readonly sequence?: number;
    /**
     * The version that was in use.
     */
    readonly currentVersion?: string;
    /**
     * The identity's accounts, as its status had them.
     */
    readonly accounts?: ReadonlyArray<{
      readonly name: string;
      /**
       * Provider, account and name: what is claimed.
       */
      readonly target: string;
      /**
       * The account as it was declared last (JSON text).
       */
      readonly declaration: string;
      /**
       * The provider's own unchangeable id.
       */
      readonly externalId?: string;
      /**
       * Keys of what may stand there.
       */
      readonly pieces: ReadonlyArray<string>;
      readonly state: "Pending" | "Active" | "Leaving" | "Cut" | "Gone";
      /**
       * Ids that were active when the account was cut; undo switches on exactly these.
       */
      readonly enabledCredentials?: ReadonlyArray<string>;
      /**
       * It existed before; until it is first wholly applied it is given back untouched.
       */
      readonly adopted?: boolean;
      /**
       * What an adopted account had when it was taken over.
       */
      readonly foundPieces?: ReadonlyArray<string>;
      readonly cutAt?: string;
      readonly provenAt?: string;
      readonly proof?: "ProvenByLogin" | "ProvenByReview" | "ProvenByListing";
      readonly heldUntil?: string;
      readonly cutWays?: ReadonlyArray<"Deny" | "Boundary" | "AttachedDeny" | "Room" | "Grants" | "Disable">;
      readonly former?: ReadonlyArray<{
        readonly key: string;
        readonly value: string;
        /**
         * It forbids as well, or could not be read: it comes back whatever spec.drift.mode says.
         */
        readonly mayDeny?: boolean;
      }>;
      /**
       * It was cut under a hold that says that its credentials may be in other hands; coming back switches none of them on.
       */
      readonly compromised?: boolean;
      readonly closedAt?: string;
    }>;
    /**
     * UIDs of earlier resources whose marks may still be on the accounts.
     */
    readonly predecessors?: ReadonlyArray<string>;
  };
  /**
   * What has been done.
   */
  readonly status?: {
    readonly observedGeneration?: number;
    /**
     * Names of the IdentityHolds that hold what the resource has left; absent when there is none.
     */
    readonly holds?: ReadonlyArray<string>;
    readonly conditions?: ReadonlyArray<{
      readonly type: string;
      readonly status: "True" | "False" | "Unknown";
      readonly reason: string;
      readonly message: string;
      readonly lastTransitionTime: string;
      readonly observedGeneration?: number;
    }>;
    /**
     * How far each credential is, those found later among them.
     */
    readonly credentials?: ReadonlyArray<{
      readonly version: string;
      readonly id: string;
      readonly state: "Pending" | "Disabled" | "Deleted" | "Proven";
      readonly disabledAt?: string;
      readonly deletedAt?: string;
      readonly provenAt?: string;
      readonly proof?: "ProvenByLogin" | "ProvenByListing" | "ProvenByAuthority" | "Expired";
    }>;
    /**
     * Back-off that survives a restart.
     */
    readonly failures?: {
      readonly count: number;
      readonly reason: string;
      readonly message: string;
      /**
       * Id of the credential, or names of the accounts, that it is about; others are not held up.
       */
      readonly about?: string;
      readonly since: string;
      readonly nextAttemptTime: string;
    };
    /**
     * One line that says what is going on now.
     */
    readonly activity?: string;
    /**
     * What was delivered has been taken away.
     */
    readonly withdrawn?: boolean;
    /**
     * How far each account is.
     */
    readonly accounts?: ReadonlyArray<{
      readonly name: string;
      /**
       * Provider, account and name: what is claimed.
       */
      readonly target: string;
      /**
       * The account as it was declared last (JSON text).
       */
      readonly declaration: string;
      /**
       * The provider's own unchangeable id.
       */
      readonly externalId?: string;
      /**
       * Keys of what may stand there.
       */
      readonly pieces: ReadonlyArray<string>;
      readonly state: "Pending" | "Active" | "Leaving" | "Cut" | "Gone";
      /**
       * Ids that were active when the account was cut; undo switches on exactly these.
       */
      readonly enabledCredentials?: ReadonlyArray<string>;
      /**
       * It existed before; until it is first wholly applied it is given back untouched.
       */
      readonly adopted?: boolean;
      /**
       * What an adopted account had when it was taken over.
       */
      readonly foundPieces?: ReadonlyArray<string>;
      readonly cutAt?: string;
      readonly provenAt?: string;
      readonly proof?: "ProvenByLogin" | "ProvenByReview" | "ProvenByListing";
      readonly heldUntil?: string;
      readonly cutWays?: ReadonlyArray<"Deny" | "Boundary" | "AttachedDeny" | "Room" | "Grants" | "Disable">;
      readonly former?: ReadonlyArray<{
        readonly key: string;
        readonly value: string;
        /**
         * It forbids as well, or could not be read: it comes back whatever spec.drift.mode says.
         */
        readonly mayDeny?: boolean;
      }>;
      /**
       * It was cut under a hold that says that its credentials may be in other hands; coming back switches none of them on.
       */
      readonly compromised?: boolean;
      readonly closedAt?: string;
    }>;
    /**
     * UID of the resource that took this over (undo).
     */
    readonly takenOverBy?: string;
  };
}
