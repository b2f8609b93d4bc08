import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { Account, ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { iamNameOf } from "./pieces/aws.ts";

/** Which SecretRotations an identity answers for: by its name, or because the credentials are those of one of its accounts. */

type Source = SecretRotation["spec"]["source"];
type Identity = Pick<ServiceAccountLifecycle, "metadata" | "spec" | "status">;

/** Does the SecretRotation name the identity, or hold credentials of one of its accounts without naming it? Both are of one namespace. */
export const belongsTo = ({ spec }: Pick<SecretRotation, "spec">, identity: Identity): boolean =>
  spec.identityRef?.name === identity.metadata.name || accountHolding(spec.source, identity) !== undefined;

/**
 * The account of the identity whose credentials this source issues, although it names the holder itself; declared, or on record as it was
 * declared last. Undefined: none.
 */
export const accountHolding = (source: Source, { metadata, spec, status }: Identity): string | undefined => {
  const taken = (status?.accounts ?? []).filter(({ name }) => spec.accounts.every((account) => account.name !== name));
  const recorded = taken.flatMap(({ declaration }) => accountIn(declaration) ?? []);
  const place = { namespace: metadata.namespace ?? "", name: metadata.name };
  return [...spec.accounts, ...recorded].find((account) => isHolder(source, account, place))?.name;
};

/** Can the holder that this source names be an account at all? */
export const mayBeOfAccount = ({ awsAccessKey, vaultAppRole, kubernetesToken }: Source): boolean =>
  awsAccessKey?.userName !== undefined || vaultAppRole !== undefined || kubernetesToken !== undefined;

const isHolder = (
  { awsAccessKey, vaultAppRole, kubernetesToken }: Source,
  { name, aws, vault, kubernetes }: Account,
  place: { readonly namespace: string; readonly name: string },
): boolean => {
  if (awsAccessKey !== undefined)
    return (
      aws?.user !== undefined &&
      aws.connectionRef.name === awsAccessKey.connectionRef?.name &&
      iamNameOf(aws, { ...place, account: name }) === awsAccessKey.userName
    );
  // The AppRole of an account is called so by the identity's own reconciler.
  if (vaultAppRole !== undefined)
    return (
      vault?.connectionRef.name === vaultAppRole.connectionRef.name && vaultAppRole.role === `${place.name}.${name}`
    );
  return (
    kubernetesToken !== undefined &&
    kubernetes !== undefined &&
    (kubernetes.serviceAccountName ?? place.name) === kubernetesToken.serviceAccountName
  );
};

/** An account as it was declared last. Another version of the operator, or a forger, may have written what cannot be read. */
export const accountIn = (declaration: string | undefined): Account | undefined => {
  try {
    return declaration === undefined ? undefined : (JSON.parse(declaration) as Account);
  } catch {
    return undefined;
  }
};
