// Made from crds/ by `npm run generate`; do not edit.
import type { ResourceMeta } from "../meta.ts";

/**
 * One non-human identity. Who answers for it, what it is for, when it ends, and its accounts and privileges at each provider.
 */
export interface ServiceAccountLifecycle {
  readonly apiVersion: "keyturn.dev/v1alpha1";
  readonly kind: "ServiceAccountLifecycle";
  readonly metadata: ResourceMeta;
  /**
   * The wanted state. Nothing here is filled in by the server; an absent field means the default that its description names.
   */
  readonly spec: {
    /**
     * Who answers for this identity. Written on every account before the account gets a privilege.
     */
    readonly owner: {
      /**
       * Name of the team, as a label value.
       */
      readonly team: string;
      /**
       * A mailbox that people read.
       */
      readonly contact: string;
    };
    /**
     * What the identity is for, in a sentence. Letters, digits and plain punctuation, as tags at the providers allow them.
     */
    readonly purpose: string;
    /**
     * Where the identity is used, as a label value (production, staging). Absent means that nobody has said.
     */
    readonly environment?: string;
    /**
     * Active. Suspended: rights cut and logins disabled, all of it reversible. Decommissioned: the same, then deleted after deletion.holdFor; until then it may be set back. Setting it to Active needs the verb bind on every role of the identity. Absent means Active.
     */
    readonly state?: "Active" | "Suspended" | "Decommissioned";
    /**
     * From this time on the identity counts as Decommissioned. A later value within deletion.holdFor brings it back. A later value, or none, needs the verb bind on every role of the identity. Absent means no end.
     */
    readonly expiresAt?: string;
    /**
     * Attestation. Absent means none.
     */
    readonly review?: {
      /**
       * How long one attestation (annotation keyturn.dev/reviewed-at) holds. 1h to 43800h.
       */
      readonly every: string;
    };
    /**
     * The identity's accounts, each with exactly one provider. An account that is taken out is suspended at once and deleted after deletion.holdFor.
     */
    readonly accounts: ReadonlyArray<{
      /**
       * Name of the account within this resource; part of names at the providers.
       */
      readonly name: string;
      /**
       * A ServiceAccount of this namespace. May be empty; null means the same.
       */
      readonly kubernetes?: {
        /**
         * The ProviderConnection (kind kubernetes) whose grants decide. Absent means the one named in-cluster.
         */
        readonly connectionRef?: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Name of the ServiceAccount. Absent means metadata.name. Immutable. One that exists already is a Conflict unless it is adopted.
         */
        readonly serviceAccountName?: string;
        /**
         * What a suspension or an end does. RemoveBindings: its bindings go; its tokens still authenticate, without rights. DeleteServiceAccount: then the ServiceAccount goes too, and every token with it; coming back makes it anew, with a new UID. Absent means RemoveBindings.
         */
        readonly onCut?: "RemoveBindings" | "DeleteServiceAccount";
        /**
         * What the ServiceAccount may do. Whoever adds one must hold the verb bind on it.
         */
        readonly roles?: ReadonlyArray<{
          /**
           * Role: of this namespace. ClusterRole: bound in this namespace, or in the whole cluster with scope Cluster.
           */
          readonly kind: "Role" | "ClusterRole";
          /**
           * Name of the role.
           */
          readonly name: string;
          /**
           * Namespace: a RoleBinding. Cluster: a ClusterRoleBinding. Absent means Namespace.
           */
          readonly scope?: "Namespace" | "Cluster";
        }>;
      };
      /**
       * An IAM user or an IAM role.
       */
      readonly aws?: {
        /**
         * The ProviderConnection (kind aws). Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * An IAM user under the connection's path for this namespace. May be empty; null means the same.
         */
        readonly user?: {
          /**
           * Name at IAM. Absent means `<namespace>.<metadata.name>.<account>`, shortened with a hash where IAM's 64 characters do not hold it. Immutable.
           */
          readonly name?: string;
          /**
           * ARNs of managed policies.
           */
          readonly policies?: ReadonlyArray<string>;
          /**
           * Policies of this identity alone. Compared by meaning, not by text.
           */
          readonly inlinePolicies?: ReadonlyArray<{
            /**
             * Name of the policy.
             */
            readonly name: string;
            /**
             * Statements of the policy document (version 2012-10-17).
             */
            readonly statements: ReadonlyArray<{
              readonly effect: "Allow" | "Deny";
              /**
               * Actions such as s3:GetObject; \* and ? are wildcards.
               */
              readonly actions: ReadonlyArray<string>;
              /**
               * ARNs; \* and ? are wildcards.
               */
              readonly resources: ReadonlyArray<string>;
              /**
               * Operator → key → values, as in a policy document: StringEquals: { aws:RequestedRegion: [eu-central-1] }.
               */
              readonly conditions?: {
                [key: string]: {
                  [key: string]: ReadonlyArray<string>;
                };
              };
            }>;
          }>;
          /**
           * ARN of the managed policy that bounds what the other policies can give. Absent means none, or what the connection's grant demands.
           */
          readonly permissionsBoundary?: string;
          /**
           * Names of IAM groups that the user is a member of.
           */
          readonly groups?: ReadonlyArray<string>;
        };
        /**
         * An IAM role that only this identity's ServiceAccount may assume, by web identity (issuer, subject and audience are pinned). May be empty; null means the same.
         */
        readonly role?: {
          /**
           * Name at IAM. Absent means `<namespace>.<metadata.name>.<account>`, shortened with a hash where IAM's 64 characters do not hold it. Immutable.
           */
          readonly name?: string;
          /**
           * ARNs of managed policies.
           */
          readonly policies?: ReadonlyArray<string>;
          /**
           * Policies of this identity alone. Compared by meaning, not by text.
           */
          readonly inlinePolicies?: ReadonlyArray<{
            /**
             * Name of the policy.
             */
            readonly name: string;
            /**
             * Statements of the policy document (version 2012-10-17).
             */
            readonly statements: ReadonlyArray<{
              readonly effect: "Allow" | "Deny";
              /**
               * Actions such as s3:GetObject; \* and ? are wildcards.
               */
              readonly actions: ReadonlyArray<string>;
              /**
               * ARNs; \* and ? are wildcards.
               */
              readonly resources: ReadonlyArray<string>;
              /**
               * Operator → key → values, as in a policy document: StringEquals: { aws:RequestedRegion: [eu-central-1] }.
               */
              readonly conditions?: {
                [key: string]: {
                  [key: string]: ReadonlyArray<string>;
                };
              };
            }>;
          }>;
          /**
           * ARN of the managed policy that bounds what the other policies can give. Absent means none, or what the connection's grant demands.
           */
          readonly permissionsBoundary?: string;
          /**
           * Audience of the ServiceAccount's token. Absent means sts.amazonaws.com.
           */
          readonly audience?: string;
          /**
           * How long a session may last. 1h to 12h; absent means 1h.
           */
          readonly maxSessionDuration?: string;
        };
      };
      /**
       * A Vault entity with its policies, and one way to log in to it. Policies stand on the entity, so that a change reaches tokens that are out already.
       */
      readonly vault?: {
        /**
         * The ProviderConnection (kind vault). Immutable.
         */
        readonly connectionRef: {
          /**
           * Name of the ProviderConnection.
           */
          readonly name: string;
        };
        /**
         * Names of Vault policies that exist already.
         */
        readonly policies?: ReadonlyArray<string>;
        /**
         * How the identity logs in.
         */
        readonly login: {
          /**
           * AppRole: role id and secret ids. JWT: tokens of this identity's ServiceAccount (it needs a kubernetes account).
           */
          readonly mode: "AppRole" | "JWT";
          /**
           * Audience of the ServiceAccount's token. Absent means vault.
           */
          readonly audience?: string;
          /**
           * How long a token from a login lives, renewals apart. 1m to 24h; absent means 1h.
           */
          readonly tokenTTL?: string;
        };
      };
    }>;
    /**
     * What happens with an identity that exists already. Absent means mode Never.
     */
    readonly adoption?: {
      /**
       * Never: it is a Conflict. IfAnnotated: it is taken over when it says so itself (annotation, tag or metadata keyturn.dev/adopt: <namespace>/<name>).
       */
      readonly mode: "Never" | "IfAnnotated";
    };
    /**
     * What happens with what somebody changed by hand. Absent means mode Enforce.
     */
    readonly drift?: {
      /**
       * Enforce: put back. Report: condition, event and metric only.
       */
      readonly mode: "Enforce" | "Report";
    };
    /**
     * How long a provider may refuse a new spec before the last good one is put back. 1s to 24h; absent means 10m.
     */
    readonly progressDeadline?: string;
    /**
     * What happens to the accounts when this resource is deleted, or the identity is decommissioned or expires. May be empty; null means the same.
     */
    readonly deletion?: {
      /**
       * Delete: cut and disabled at once, deleted after holdFor. Disable: cut and disabled, kept. Retain: kept without an owner, but never beyond expiresAt or a suspension, and without an end only where the platform allows it (ProviderConnection spec.retain); else as Disable. Absent means Delete.
       */
      readonly policy?: "Delete" | "Disable" | "Retain";
      /**
       * How long it may be undone. 0s to 8760h; absent means 24h.
       */
      readonly holdFor?: string;
      /**
       * How long the finalizer waits for rights to be cut. 1s to 720h; absent means 1h.
       */
      readonly timeout?: string;
      /**
       * HandOver: the ledger goes on. Block: the resource stays until it is done. Absent means HandOver.
       */
      readonly onTimeout?: "HandOver" | "Block";
    };
    /**
     * What happens when a new spec cannot be applied.
     */
    readonly rollback?: {
      /**
       * Effective: the last good accounts are put back in force, spec is left alone. RewriteSpec: spec is written back too, unless Git owns the object. None: it is tried for ever. Absent means Effective.
       */
      readonly mode: "Effective" | "RewriteSpec" | "None";
    };
  };
  /**
   * Written by the operator alone.
   */
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: ReadonlyArray<{
      readonly type: string;
      readonly status: "True" | "False" | "Unknown";
      readonly reason: string;
      readonly message: string;
      readonly lastTransitionTime: string;
      readonly observedGeneration?: number;
    }>;
    /**
     * Names of the IdentityHolds that hold this identity; absent when there is none.
     */
    readonly holds?: ReadonlyArray<string>;
    /**
     * While it is held: the end that is in force beneath the holds. Absent means that it lives again when they are gone.
     */
    readonly endBeneath?: "Suspended" | "Decommissioned";
    /**
     * What the identity is now; one word for kubectl get.
     */
    readonly state?: "Pending" | "Active" | "Suspending" | "Suspended" | "Resuming" | "Decommissioning" | "Decommissioned";
    /**
     * One line that says what is going on now.
     */
    readonly activity?: string;
    /**
     * What is to be done for the newest spec, written before anything of it is done.
     */
    readonly plan?: {
      readonly generation: number;
      /**
       * SHA-256 of all lines, also of those that found no room.
       */
      readonly digest: string;
      /**
       * + creates, ~ changes, - removes.
       */
      readonly lines: ReadonlyArray<string>;
      /**
       * Lines that found no room.
       */
      readonly omitted?: number;
    };
    /**
     * What stands, or may stand, at the providers because of this resource; also accounts that are on their way out.
     */
    readonly accounts?: ReadonlyArray<{
      readonly name: string;
      /**
       * Provider, account and name: what is claimed.
       */
      readonly target: string;
      /**
       * The account as it was declared last (JSON text); enough to take it back.
       */
      readonly declaration: string;
      /**
       * The provider's own unchangeable id.
       */
      readonly externalId?: string;
      /**
       * Keys of what may stand there because of this resource, written before it is made.
       */
      readonly pieces: ReadonlyArray<string>;
      readonly state: "Pending" | "Active" | "Leaving" | "Cut" | "Gone";
      /**
       * Ids that were active when the account was cut; resuming switches on those of them that a SecretRotation has on record and that are not reported leaked.
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
      /**
       * Ways of cutting that were begun, written before each; coming back lifts them.
       */
      readonly cutWays?: ReadonlyArray<"Deny" | "Boundary" | "AttachedDeny" | "Room" | "Grants" | "Disable">;
      /**
       * What the cut replaced or took away, written before it did; coming back puts it in its place.
       */
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
      /**
       * When new logins were closed.
       */
      readonly closedAt?: string;
    }>;
    /**
     * Who asked for each privilege; checked again whenever it is granted.
     */
    readonly requesters?: ReadonlyArray<{
      readonly privilege: string;
      readonly username: string;
      readonly uid?: string;
      readonly groups?: ReadonlyArray<string>;
      readonly generation: number;
    }>;
    /**
     * Owner, team and environment as they stand at the providers.
     */
    readonly ownerRecord?: {
      readonly team: string;
      readonly contact: string;
      readonly environment?: string;
    };
    /**
     * Changes of owner, team and environment, newest first.
     */
    readonly moves?: ReadonlyArray<{
      readonly field: "team" | "contact" | "environment";
      readonly from: string;
      readonly to: string;
      readonly time: string;
      readonly by?: string;
    }>;
    /**
     * The last spec that was wholly applied and verified.
     */
    readonly lastKnownGood?: {
      readonly generation: number;
      readonly specHash: string;
      /**
       * The whole spec as JSON text.
       */
      readonly spec: string;
    };
    /**
     * The spec that has failed and is not tried again until it changes or a retry is asked for.
     */
    readonly quarantine?: {
      readonly specHash: string;
      readonly connectionGeneration: number;
      readonly generation: number;
      readonly reason: string;
      readonly message: string;
    };
    /**
     * Since when privileges that the spec no longer names wait for others that it adds instead.
     */
    readonly exchangeSince?: string;
    /**
     * What specs that have failed would have added; it delays no removal of a later one.
     */
    readonly triedAdditions?: ReadonlyArray<string>;
    /**
     * The failed generation whose spec was written back (rollback.mode RewriteSpec).
     */
    readonly rewrittenGeneration?: number;
    /**
     * Hash of the spec under which something has been removed or narrowed already; it goes forward only.
     */
    readonly narrowed?: string;
    /**
     * Since when a dry run or a pause holds back what a changed spec takes out; it goes an hour later at the latest.
     */
    readonly removalsSince?: {
      readonly generation: number;
      readonly time: string;
    };
    /**
     * Back-off that survives a restart.
     */
    readonly failures?: {
      readonly count: number;
      readonly reason: string;
      readonly message: string;
      /**
       * Account and piece that it is about.
       */
      readonly about?: string;
      readonly since: string;
      readonly nextAttemptTime: string;
    };
    /**
     * Back-off that survives a restart.
     */
    readonly leaveFailures?: {
      readonly count: number;
      readonly reason: string;
      readonly message: string;
      /**
       * Account and piece that it is about.
       */
      readonly about?: string;
      readonly since: string;
      readonly nextAttemptTime: string;
    };
    /**
     * What differs from the spec in force and was not put back (drift.mode Report).
     */
    readonly drift?: ReadonlyArray<string>;
    /**
     * What the providers list, as of the last look that found a change.
     */
    readonly inventory?: {
      readonly credentials?: number;
      readonly oldestCredentialTime?: string;
      /**
       * Credentials that no SecretRotation of this identity knows.
       */
      readonly unknownCredentials?: ReadonlyArray<string>;
    };
    readonly review?: {
      readonly lastTime?: string;
      readonly dueTime?: string;
    };
    readonly lastHandledRetry?: string;
    /**
     * The latest end that somebody who may grant the privileges has asked for. A later one, or none, is asked for anew; until it is permitted this one holds. Absent means that no end is known.
     */
    readonly permittedUntil?: string;
    /**
     * The generation whose asker was permitted to bring the whole identity back; until it is back.
     */
    readonly permittedReturn?: number;
    /**
     * Rules newer than version 0.1.0 that hold for this resource, because it was first seen or its spec was changed under them. RetainByPermission: deletion.policy Retain keeps nothing beyond an end, and without an end only what the platform allows. Absent means none.
     */
    readonly rules?: ReadonlyArray<"RetainByPermission">;
    /**
     * UIDs of resources of the same name that this one took over from.
     */
    readonly predecessors?: ReadonlyArray<string>;
  };
}
