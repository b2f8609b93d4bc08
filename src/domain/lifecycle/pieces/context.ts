import type { OwnerRecord } from "../record.ts";

/** What the pieces of an account follow from, besides the account's own declaration. */
export interface PieceContext {
  readonly cluster: string;
  /** Of the ServiceAccountLifecycle. */
  readonly namespace: string;
  readonly name: string;
  /** Name of the account in spec.accounts. */
  readonly account: string;
  readonly owner: OwnerRecord;
  readonly purpose: string;
  /** ServiceAccount of the identity's kubernetes account: whom a JWT login and a web identity trust are pinned to. */
  readonly serviceAccountName?: string | undefined;
  readonly connection: ConnectionFacts;
  /** permissionsBoundary that the grant which lets this account be demands, where the account declares none itself. */
  readonly requiredBoundary?: string | undefined;
}

/** The parts of a ProviderConnection's spec that pieces need, with every default filled in. */
export type ConnectionFacts = KubernetesFacts | AwsFacts | VaultFacts;

export interface KubernetesFacts {
  readonly kind: "kubernetes";
}

export interface AwsFacts {
  readonly kind: "aws";
  readonly accountId: string;
  /** Begins and ends with a slash; the namespace comes after it. */
  readonly pathPrefix: string;
  /** URL of the cluster's OIDC issuer (aws.webIdentity), for roles. */
  readonly issuer?: string | undefined;
  /** `aws` when absent. */
  readonly partition?: string | undefined;
}

export interface VaultFacts {
  readonly kind: "vault";
  readonly namePrefix: string;
  readonly appRoleMount: string;
  readonly jwtMount: string;
  readonly host: string;
  readonly vaultNamespace?: string | undefined;
}
