import { demandRunning } from "../running.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { KubernetesAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { Piece } from "../../domain/lifecycle/piece.ts";
import {
  grantOfKey,
  grantTitle,
  roleGrantsOf,
  serviceAccountNameOf,
  type RoleGrant,
} from "../../domain/lifecycle/pieces/kubernetes.ts";
import { NOTHING_TO_CUT, type AccountClient, type AccountOwner } from "../account.ts";
import type { CallContext } from "../contract.ts";
import { rbacGroup, type IdentityObject, type KubernetesCalls } from "./calls.ts";
import { bindingPlace, lookAtBindings, piecesOf, readBinding, type Subject } from "./look.ts";
import {
  isAdoptable,
  isMarkedOurs,
  MANAGED_BY,
  noAnnotations,
  ownerAnnotations,
  ownershipMarks,
  PIECE,
} from "./marks.ts";
import { describeAttributes, questionsOf, stillAllowed } from "./proof.ts";

export interface KubernetesAccountOptions {
  readonly calls: KubernetesCalls;
  readonly clock: Clock;
  /**
   * All ClusterRoleBindings, perhaps a minute old: what others have bound the ServiceAccount to. Without it only RoleBindings of
   * the namespace are looked at for that.
   */
  readonly clusterBindings?: () => Promise<readonly IdentityObject[]>;
}

/** kube-apiserver's authorizer follows a change of bindings within moments; a yes is asked for again before it is believed. */
const PROOF_TRIES = 4;
const PROOF_PAUSE_MS = 250;

/**
 * A ServiceAccount of the owner's namespace, with one binding per role. Rights are cut by removing the bindings: RBAC has no deny.
 * Tokens die with the ServiceAccount, whose removal is conditioned on its UID. Throws InvalidSpec for the ServiceAccount `default`.
 */
export const kubernetesAccount = (
  options: KubernetesAccountOptions,
  owner: AccountOwner,
  account: KubernetesAccount,
): AccountClient => {
  const { calls } = options;
  const name = serviceAccountNameOf(account, owner);
  const subject: Subject = { owner, namespace: owner.namespace, name };
  const place = { kind: "ServiceAccount", namespace: owner.namespace, name } as const;
  const declared = roleGrantsOf(account);
  /** UID on record, as the last observation was told: proves whose the ServiceAccount is when its marks are gone. */
  let recorded: string | undefined;

  const whose = (found: IdentityObject): "ours" | "adoptable" | "foreign" => {
    if (isMarkedOurs(found, owner) || found.metadata.uid === recorded) return "ours";
    return isAdoptable(found, owner) ? "adoptable" : "foreign";
  };

  const read = async (context: CallContext): Promise<IdentityObject | undefined> => {
    demandRunning(context);
    return calls.get(place);
  };

  /** The ServiceAccount as it stands now, proven to be ours. */
  const readOurs = async (context: CallContext): Promise<IdentityObject> => {
    const found = await read(context);
    if (found === undefined || whose(found) !== "ours") throw notOurs(`ServiceAccount ${owner.namespace}/${name}`);
    return found;
  };

  const createPrincipal = async (context: CallContext, desired: readonly Piece[]): Promise<void> => {
    const found = await read(context);
    if (found !== undefined) {
      if (whose(found) !== "ours") throw notOurs(`ServiceAccount ${owner.namespace}/${name}`);
      return;
    }
    await createOnly(calls.create(place, { labels: LABELS, annotations: present(annotationsFor(owner, desired)) }));
  };

  const writeOwner = async (piece: Piece, context: CallContext): Promise<void> => {
    const found = await read(context);
    if (found === undefined || whose(found) === "foreign") throw notOurs(`ServiceAccount ${owner.namespace}/${name}`);
    // Somebody else's mark (Helm's, say) on an adopted one stays.
    const labels = found.metadata.labels?.[MANAGED_BY.label] === undefined ? { labels: LABELS } : {};
    await calls.mergePatch(place, {
      metadata: { ...preconditionsOf(found), annotations: ownerAnnotations(owner, piece), ...labels },
    });
  };

  const writeBinding = async (grant: RoleGrant, key: string, context: CallContext): Promise<void> => {
    await readOurs(context);
    const at = bindingPlace(subject, grant);
    const found = await readBinding(calls, subject, grant);
    const subjects = [{ kind: "ServiceAccount", name, namespace: owner.namespace }];
    const annotations = { ...ownershipMarks(owner), [PIECE]: key };
    const make = () => {
      const roleRef = { apiGroup: rbacGroup, kind: grant.kind, name: grant.name };
      return createOnly(calls.create(at, { labels: LABELS, annotations, roleRef, subjects }), grant);
    };
    if (found === undefined) return make();
    if (found.own === undefined) throw notOurs(`${grant.binding} ${at.name}`);
    const { object } = found;
    if (object.roleRef?.kind !== grant.kind || object.roleRef.name !== grant.name) {
      // A roleRef cannot be changed. Stopped in between, the next call finds nothing and makes the right one.
      await calls.delete(at, preconditionsOf(object));
      return make();
    }
    await calls.mergePatch(at, { metadata: { ...preconditionsOf(object), labels: LABELS, annotations }, subjects });
  };

  const removePrincipal = async (context: CallContext): Promise<"removed" | "alreadyAbsent"> => {
    const found = await read(context);
    if (found === undefined) return "alreadyAbsent";
    if (whose(found) !== "ours") throw notOurs(`ServiceAccount ${owner.namespace}/${name}`);
    const { own } = await lookAtBindings(calls, subject, declared, []);
    if (own.length > 0) {
      throw new OperatorError("InUse", {
        publicMessage: `ServiceAccount ${owner.namespace}/${name} still has bindings, so it is kept until they are gone.`,
      });
    }
    return (await calls.delete(place, preconditionsOf(found))) ? "removed" : "alreadyAbsent";
  };

  const removeBinding = async (grant: RoleGrant, context: CallContext): Promise<"removed" | "alreadyAbsent"> => {
    demandRunning(context);
    const at = bindingPlace(subject, grant);
    const found = await readBinding(calls, subject, grant);
    if (found === undefined) return "alreadyAbsent";
    if (found.own === undefined) throw notOurs(`${grant.binding} ${at.name}`);
    return (await calls.delete(at, preconditionsOf(found.object))) ? "removed" : "alreadyAbsent";
  };

  return {
    kind: "KubernetesServiceAccount",
    target: `kubernetes-service-account/${owner.namespace}/${name}`,
    capabilities: { cutsByRemoval: true, canDisableCredentials: false },

    async observe(context, record) {
      recorded = record?.externalId;
      const found = await read(context);
      const others = (await options.clusterBindings?.()) ?? [];
      const { own, conflicts, foreign } = await lookAtBindings(calls, subject, declared, others);
      const principal = found === undefined ? "absent" : whose(found);
      return {
        ...NOTHING_TO_CUT,
        principal,
        ...(found === undefined ? {} : { externalId: found.metadata.uid }),
        pieces: piecesOf(subject, principal === "foreign" ? undefined : found, own),
        conflicts,
        foreignGrants: foreign,
        credentials: [],
        rightsCut: own.length === 0,
        loginClosed: true,
        grantsGone: own.length === 0,
      };
    },

    async apply(piece, context, desired) {
      if (piece.key === "principal") return createPrincipal(context, desired);
      if (piece.key === "owner") return writeOwner(piece, context);
      return writeBinding(grantOf(piece.key), piece.key, context);
    },

    async remove(key, context) {
      if (key === "principal") return removePrincipal(context);
      // The record goes with the ServiceAccount that it stands on.
      if (key === "owner") return "alreadyAbsent";
      return removeBinding(grantOf(key), context);
    },

    cut: () => Promise.reject(notAvailable("cut")),
    uncut: () => Promise.reject(notAvailable("uncut")),
    // Tokens are given to pods by kubelets and cannot be refused one by one; without bindings they open nothing.
    closeLogin: () => Promise.resolve(),
    openLogin: () => Promise.resolve(),
    setCredentialEnabled: () => Promise.reject(notAvailable("switch a credential")),
    removeCredential: () => Promise.resolve("alreadyAbsent"),

    async proveRefused(grants, context) {
      const found = await read(context);
      // Tokens are of a UID: those of a ServiceAccount that is gone open nothing, whatever its name is bound to.
      const replaced = found !== undefined && whose(found) === "foreign" && recorded !== undefined;
      if (found === undefined || replaced) return { kind: "refused", proof: "ProvenByListing" };
      const asked = [];
      for (const grant of grants.flatMap((key) => grantOfKey(key) ?? [])) {
        demandRunning(context);
        asked.push(...(await questionsOf(calls, grant, owner.namespace)));
      }
      for (let tries = 1; ; tries += 1) {
        demandRunning(context);
        const allowed = await stillAllowed(calls, subject, asked);
        if (allowed === undefined) return { kind: "refused", proof: "ProvenByReview" };
        if (tries === PROOF_TRIES) return { kind: "accepted", what: describeAttributes(allowed) };
        await options.clock.sleep(PROOF_PAUSE_MS, context.signal);
      }
    },

    async giveBack(context) {
      const found = await readOurs(context);
      const labels = found.metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value ? { labels: NO_LABELS } : {};
      await calls.mergePatch(place, {
        metadata: { ...preconditionsOf(found), annotations: noAnnotations, ...labels },
      });
    },
  };
};

/** All ClusterRoleBindings, read at most once a minute: every account asks, and a cluster has many. */
export const rememberedClusterBindings = (
  calls: Pick<KubernetesCalls, "list">,
  clock: Clock,
): (() => Promise<readonly IdentityObject[]>) => {
  let held: { readonly at: number; readonly list: Promise<readonly IdentityObject[]> } | undefined;
  return () => {
    const now = clock.monotonicMs();
    if (held !== undefined && now - held.at < REMEMBER_MS) return held.list;
    const list = calls.list("ClusterRoleBinding", {});
    held = { at: now, list };
    list.catch(() => {
      if (held?.list === list) held = undefined;
    });
    return list;
  };
};

const REMEMBER_MS = 60_000;
const LABELS = { [MANAGED_BY.label]: MANAGED_BY.value };
const NO_LABELS = { [MANAGED_BY.label]: null };

const preconditionsOf = ({ metadata: { uid, resourceVersion } }: IdentityObject) => ({ uid, resourceVersion });

const annotationsFor = (owner: AccountOwner, desired: readonly Piece[]): Readonly<Record<string, string | null>> => {
  const record = desired.find((piece) => piece.key === "owner");
  if (record === undefined) throw internal("an account without an owner record");
  return ownerAnnotations(owner, record);
};

const present = (annotations: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null));

const grantOf = (key: string): RoleGrant => {
  const grant = grantOfKey(key);
  if (grant === undefined) throw internal("a piece that no ServiceAccount has");
  return grant;
};

/** Somebody made it between the look and the call: Conflict, as for everything that is not ours. */
const createOnly = async (call: Promise<unknown>, grant?: RoleGrant): Promise<void> => {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    if (error.code === "AlreadyExists") throw new OperatorError("Conflict", { publicMessage: error.publicMessage });
    if (error.code !== "PermissionDenied" || grant === undefined) throw error;
    throw new OperatorError("PermissionDenied", {
      publicMessage: `The operator may not bind ${grantTitle(grant)}; the platform has to give it the verb bind on this role by name.`,
      status: error.status,
      serverCode: error.serverCode,
    });
  }
};

const notOurs = (what: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `${what} is not this resource's: it has no mark of it, or is not there any more.`,
  });

const notAvailable = (what: string): OperatorError => internal(`a ServiceAccount has no ${what}`);

const internal = (what: string): OperatorError =>
  new OperatorError("Unknown", { publicMessage: `Internal error: ${what}.` });
