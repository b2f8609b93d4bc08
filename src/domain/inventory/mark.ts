/** Something outside that says itself that it belongs to a resource of ours. */
export interface Mark {
  readonly kind:
    | "KubernetesServiceAccount"
    | "RoleBinding"
    | "ClusterRoleBinding"
    | "AwsUser"
    | "AwsRole"
    | "VaultEntity"
    | "VaultLoginRole";
  /** Where it is, as in the claim of an account (`aws-user/<account id>/<name>`): the same thing has one id through every connection. */
  readonly id: string;
  /** What its owner mark says: `<cluster>/<namespace>/<name>`. */
  readonly owner: string;
  readonly ownerUid?: string | undefined;
}
