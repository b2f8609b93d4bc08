import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { accountHolding, accountIn, mayBeOfAccount } from "../../../domain/lifecycle/holders.ts";
import { iamNameOf } from "../../../domain/lifecycle/pieces/aws.ts";
import { hasEnded, viewIdentity, type IdentityView } from "../../../domain/rotation/identity.ts";
import { skewMessage, unknownField } from "../../../domain/version-skew.ts";
import type { RotationSettings } from "../../../domain/rotation/settings.ts";
import { holderOf, type SourceTarget } from "../../../domain/rotation/source.ts";
import { isIdentityHeldBack } from "../../orphan/declared.ts";
import type { Ports } from "../../ports.ts";
import type { Identity, RotationScope } from "../scope.ts";
import { leftOutOf, readableOf } from "../../../kernel/listed.ts";

/**
 * The identity that the credential belongs to, read live in every pass, so that nothing is issued for one that has ended. One that is not named,
 * but whose account the credentials are of, counts only when it has ended. Undefined when it belongs to none.
 */
export const readIdentity = async (
  scope: RotationScope,
  settings: RotationSettings,
  ports: Pick<Ports, "cluster" | "identitiesIn">,
): Promise<Identity | undefined> => {
  const named = await readNamed(scope, settings, ports);
  return hasEnded(named?.state) ? named : ((await readHolders(scope, ports)) ?? named);
};

/** The watch says which identities have such an account, and a live read what has become of them. One that it could not read may have it too. */
const readHolders = async (
  { request: { namespace }, object: { spec }, now }: RotationScope,
  ports: Pick<Ports, "cluster" | "identitiesIn">,
): Promise<Identity | undefined> => {
  const { cluster, identitiesIn } = ports;
  if (!mayBeOfAccount(spec.source)) return undefined;
  const listed = identitiesIn(namespace);
  const holding = readableOf(listed).filter((seen) => accountHolding(spec.source, seen) !== undefined);
  for (const { name } of [...holding.map(({ metadata }) => metadata), ...leftOutOf(listed)]) {
    const object = await cluster.get<ServiceAccountLifecycle>({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace, name });
    const account = object === undefined ? undefined : accountHolding(spec.source, object);
    if (object === undefined || account === undefined) continue;
    const view = viewIdentity({ name, object, seenBefore: true, now });
    if (hasEnded(view.state) && (await isIdentityHeldBack(object, object.metadata.uid, ports, now)))
      return { ...heldBackView(name), name };
    if (hasEnded(view.state)) return { ...view, name };
    if (!object.spec.accounts.some((declared) => declared.name === account))
      return {
        state: "Decommissioned",
        why: `ServiceAccountLifecycle ${name} no longer has account ${account}.`,
        name,
      };
  }
  return undefined;
};

/** Nothing is made for it, and nothing of it ends, until it is decided. */
const heldBackView = (name: string): IdentityView => ({
  state: "NotReady",
  why: `ServiceAccountLifecycle ${name} is deleted; the limit on offboardings holds its end back.`,
});

const readNamed = async (
  scope: RotationScope,
  settings: RotationSettings,
  ports: Pick<Ports, "cluster" | "identitiesIn">,
): Promise<Identity | undefined> => {
  const { identity: name, source } = settings;
  if (name === undefined) return undefined;
  const { namespace } = scope.request;
  const object = await ports.cluster.get<ServiceAccountLifecycle>({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace, name });
  const uid = object?.metadata.uid ?? scope.status.identityUid;
  if (await isIdentityHeldBack(object, uid, ports, scope.now)) return { ...heldBackView(name), name, uid };
  const field = object === undefined ? undefined : unknownField("ServiceAccountLifecycle", object);
  if (field !== undefined) {
    // What a newer version has written may forbid to give, never to end what says in known words that it has ended.
    const view = viewIdentity({ name, object, seenBefore: true, now: scope.now });
    const why = `ServiceAccountLifecycle ${name}: ${skewMessage(field)}`;
    return hasEnded(view.state) ? { ...view, name } : { state: "NotReady", why, name };
  }
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

/** The account as it is declared; an account that is being taken out is on record as it was declared last. */
const userOf = (object: ServiceAccountLifecycle, account: string, namespace: string): SourceTarget | undefined => {
  const asked = ({ name }: { readonly name: string }): boolean => name === account;
  const declared = object.spec.accounts.find(asked) ?? accountIn(object.status?.accounts?.find(asked)?.declaration);
  const { aws } = declared ?? {};
  if (aws?.user === undefined) return undefined;
  const userName = iamNameOf(aws, { namespace, name: object.metadata.name, account });
  return { kind: "awsAccessKey", connection: aws.connectionRef.name, userName };
};
