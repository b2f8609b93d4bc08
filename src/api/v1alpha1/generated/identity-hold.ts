// Made from crds/ by `npm run generate`; do not edit.
import type { ResourceMeta } from "../meta.ts";

/**
 * A suspension that a tenant cannot lift. It holds identities, their SecretRotations and their targets by name until it is deleted.
 */
export interface IdentityHold {
  readonly apiVersion: "keyturn.dev/v1alpha1";
  readonly kind: "IdentityHold";
  readonly metadata: ResourceMeta;
  /**
   * What is held, and why. It never changes; another hold may be made beside this one.
   */
  readonly spec: {
    /**
     * Namespace of the identity that is held. It need not exist.
     */
    readonly namespace: string;
    /**
     * Name of the ServiceAccountLifecycle that is held, with every SecretRotation that names it. "\*" holds all of the namespace.
     */
    readonly name: string;
    /**
     * Accounts and holders of credentials that are held besides, whichever resource of whichever namespace declares them.
     */
    readonly targets?: ReadonlyArray<{
      /**
       * The ProviderConnection by which the provider's account is known. Connections to the same account are one.
       */
      readonly connectionRef?: {
        readonly name: string;
      };
      /**
       * What the target is at its provider.
       */
      readonly kind: "AwsUser" | "AwsRole" | "VaultEntity" | "VaultAppRole" | "VaultDatabaseRole" | "VaultPKIRole" | "KubernetesServiceAccount" | "HookTarget";
      /**
       * Its name. Of an IAM user or role and of a Vault entity the name at the provider; of the other kinds the name that a resource of spec.namespace declares.
       */
      readonly name: string;
    }>;
    /**
     * Why it is held; shown to the team.
     */
    readonly reason: string;
    /**
     * Somebody else may have the credentials. Keys that were switched off do not come back when the hold is deleted, and Vault tokens are revoked. Absent means false.
     */
    readonly compromised?: boolean;
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
     * What the hold matches now, and what has become of each.
     */
    readonly matched?: ReadonlyArray<{
      readonly kind: "ServiceAccountLifecycle" | "SecretRotation" | "OrphanedCredential" | "Target";
      /**
       * Absent for what is in no namespace.
       */
      readonly namespace?: string;
      /**
       * Name of the resource; of a target its claim.
       */
      readonly name: string;
      /**
       * Open: not all of it is cut; message says why. Cut: all is cut and not yet proven. Proven: refusal is proven. Foreign: it is not Keyturn's, so nothing of it was cut.
       */
      readonly state: "Open" | "Cut" | "Proven" | "Foreign";
      /**
       * Why it is not cut or not proven.
       */
      readonly message?: string;
    }>;
    /**
     * Matches that found no room in the list; they are held all the same.
     */
    readonly matchedOmitted?: number;
    /**
     * Targets that what is held has had since the hold was made, as claims name them. They stay held under any other name, also after the resource is gone.
     */
    readonly targets?: ReadonlyArray<string>;
  };
}
