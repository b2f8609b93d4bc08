import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type Account,
  type ServiceAccountLifecycle,
} from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient } from "../../../cluster/contract.ts";
import { iamNameOf } from "../../../domain/lifecycle/pieces/aws.ts";
import { viewIdentity, type IdentityView } from "../../../domain/rotation/identity.ts";
import { skewMessage, unknownField } from "../../../domain/version-skew.ts";
import type { RotationSettings } from "../../../domain/rotation/settings.ts";
import { holderOf, type SourceTarget } from "../../../domain/rotation/source.ts";
import type { Identity, RotationScope } from "../scope.ts";

/**
 * The identity that the credential belongs to, read live in every pass, so that nothing is issued for one that has ended. Undefined
 * when it belongs to none.
 */
export const readIdentity = async (
  scope: RotationScope,
  settings: RotationSettings,
  cluster: ClusterClient,
): Promise<Identity | undefined> => {
  const { identity: name, source } = settings;
  if (name === undefined) return undefined;
  const { namespace } = scope.request;
  const object = await cluster.get<ServiceAccountLifecycle>({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace, name });
  const field = object === undefined ? undefined : unknownField("ServiceAccountLifecycle", object);
  if (field !== undefined)
    return { state: "NotReady", why: `ServiceAccountLifecycle ${name}: ${skewMessage(field)}`, name };
  const account = source.kind === "account" ? source.account : undefined;
  const { target, identityUid } = scope.status;
  const seenBefore = account === undefined ? identityUid !== undefined : target !== undefined;
  const view = viewIdentity({ name, account, object, seenBefore, now: scope.now });
  const holder = object === undefined || account === undefined ? undefined : userOf(object, account, namespace);
  const known = { ...named(view, { account, holder }), name, uid: object?.metadata.uid };
  if (holder === undefined || target === undefined) return { ...known, holder };
  if (holderOf(holder) === target.userName && holder.connection === target.connection) return { ...known, holder };
  // An account of the same name, made anew: the keys on record are another user's.
  const why = `Account ${account ?? ""} of ServiceAccountLifecycle ${name} is another IAM user than the one that this resource holds a key of; create a new SecretRotation for it.`;
  return { ...known, state: view.state === "Active" ? "NotReady" : view.state, why: view.why === "" ? why : view.why };
};

/** An account that stands and whose user nobody can name is not there for us. */
const named = (
  view: IdentityView,
  { account, holder }: { readonly account: string | undefined; readonly holder: SourceTarget | undefined },
): IdentityView =>
  view.state !== "Active" || account === undefined || holder !== undefined
    ? view
    : { state: "NotReady", why: `The user of account ${account} is not on record.` };

/** Another version of the operator, or a forger, may have written what cannot be read. */
const recorded = (declaration: string | undefined): Account | undefined => {
  try {
    return declaration === undefined ? undefined : (JSON.parse(declaration) as Account);
  } catch {
    return undefined;
  }
};

/** The account as it is declared; an account that is being taken out is on record as it was declared last. */
const userOf = (object: ServiceAccountLifecycle, account: string, namespace: string): SourceTarget | undefined => {
  const asked = ({ name }: { readonly name: string }): boolean => name === account;
  const declared = object.spec.accounts.find(asked) ?? recorded(object.status?.accounts?.find(asked)?.declaration);
  const { aws } = declared ?? {};
  if (aws?.user === undefined) return undefined;
  const userName = iamNameOf(aws, { namespace, name: object.metadata.name, account });
  return { kind: "awsAccessKey", connection: aws.connectionRef.name, userName };
};
