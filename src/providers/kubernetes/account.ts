import { demandRunning } from "../running.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import { LIFECYCLE_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import type { KubernetesAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { Piece } from "../../domain/lifecycle/piece.ts";
import {
  grantOfKey,
  grantTitle,
  roleGrantsOf,
  serviceAccountNameOf,
  type RoleGrant,
} from "../../domain/lifecycle/pieces/kubernetes.ts";
import type { FormerPiece } from "../../domain/lifecycle/record.ts";
import {
  NOTHING_TO_CUT,
  type AccountClient,
  type AccountObservation,
  type AccountOwner,
  type Recorded,
} from "../account.ts";
import type { CallContext } from "../contract.ts";
import { bindingSurvey, type BindingSurvey, type SeenBindings } from "./bindings.ts";
import { rbacGroup, type IdentityObject, type KubernetesCalls } from "./calls.ts";
import { contentOf, formerPrincipal } from "./former.ts";
import {
  bindingPlace,
  describeBinding,
  isSpent,
  lookAtBindings,
  piecesOf,
  readBinding,
  type Bindings,
  type Subject,
} from "./look.ts";
import {
  isAdoptable,
  isMarkedOurs,
  MANAGED_BY,
  noAnnotations,
  ownerAnnotations,
  ownershipMarks,
  PIECE,
} from "./marks.ts";
import { describeAttributes, questionsOf, stillAllowed, unexplained } from "./proof.ts";
import { tokenSecrets, type TokenSecrets } from "./token-secrets.ts";

export interface KubernetesAccountOptions {
  readonly calls: KubernetesCalls;
  readonly clock: Clock;
  /** What others have bound: one for all accounts. */
  readonly bindings: BindingSurvey;
  /** Token Secrets of old, where they may be listed: one for all accounts. */
  readonly tokenSecrets: TokenSecrets;
}

/** What all accounts of one cluster share. */
export const kubernetesAccountOptions = (
  calls: KubernetesCalls,
  clock: Clock,
  site: {
    readonly resyncMs: number;
    /** The namespaces in which the operator has rights; empty: all. */
    readonly watched: readonly string[];
    /** The operator's own ServiceAccount. */
    readonly operator: { readonly namespace: string; readonly name: string };
  },
): KubernetesAccountOptions => ({
  calls,
  clock,
  bindings: bindingSurvey({ calls, clock, resyncMs: site.resyncMs, watched: site.watched }),
  tokenSecrets: tokenSecrets({ calls, clock, operator: site.operator, rememberMs: site.resyncMs }),
});

/** kube-apiserver's authorizer follows a change of bindings within moments; a yes is asked for again before it is believed. */
const PROOF_TRIES = 4;
const PROOF_PAUSE_MS = 250;

/**
 * A ServiceAccount of the owner's namespace, with one binding per role. Rights are cut by removing the bindings: RBAC has no deny.
 * Tokens die with the ServiceAccount, whose removal is conditioned on its UID: at the end, or with onCut DeleteServiceAccount as the
 * closing of its login (ADR 0044). Throws InvalidSpec for the ServiceAccount `default`.
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
  const onCut = account.onCut ?? LIFECYCLE_DEFAULTS.onCut;
  /** As the last observation was told. The UID on record proves whose the ServiceAccount is when its marks are gone. */
  let known: Recorded = {};

  const whose = (found: IdentityObject): "ours" | "adoptable" | "foreign" => {
    if (isMarkedOurs(found, owner) || found.metadata.uid === known.externalId) return "ours";
    return isAdoptable(found, owner) ? "adoptable" : "foreign";
  };

  /** What was adopted and is not ours yet keeps its ServiceAccount, whatever is declared. */
  const deletedAtCut = (): boolean => onCut === "DeleteServiceAccount" && known.adopting !== true;

  const bindingsNow = (seen: SeenBindings, keys: readonly string[] = []): Promise<Bindings> => {
    const recorded = [...(known.pieces ?? []), ...keys].flatMap((key) => grantOfKey(key) ?? []);
    return lookAtBindings(calls, subject, { declared, recorded }, seen);
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

  const createPrincipal = async (
    context: CallContext,
    desired: readonly Piece[],
    former: readonly FormerPiece[] | undefined,
  ): Promise<void> => {
    const found = await read(context);
    if (found !== undefined) {
      if (whose(found) !== "ours") throw notOurs(`ServiceAccount ${owner.namespace}/${name}`);
      return;
    }
    const before = contentOf(former);
    const annotations = { ...before.annotations, ...present(annotationsFor(owner, desired)) };
    await createOnly(calls.create(place, { ...before, labels: { ...LABELS, ...before.labels }, annotations }));
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
    const principal = await readOurs(context);
    if (isDying(principal)) throw heldBy(`ServiceAccount ${owner.namespace}/${name}`);
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
    // It would work until it goes, and then be gone.
    if (isDying(object)) throw heldBy(`${grant.binding} ${at.name}`);
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
    const { own } = await bindingsNow(await options.bindings.look("Leaver", 0));
    if (own.length > 0) {
      throw new OperatorError("InUse", {
        publicMessage: `ServiceAccount ${owner.namespace}/${name} still has bindings, so it is kept until they are gone.`,
      });
    }
    return deleteOurs(found);
  };

  const deleteOurs = async (found: IdentityObject): Promise<"removed" | "alreadyAbsent"> => {
    if (isDying(found)) throw heldBy(`ServiceAccount ${owner.namespace}/${name}`);
    return (await calls.delete(place, preconditionsOf(found))) ? "removed" : "alreadyAbsent";
  };

  const removeBinding = async (grant: RoleGrant, context: CallContext): Promise<"removed" | "alreadyAbsent"> => {
    demandRunning(context);
    const at = bindingPlace(subject, grant);
    const found = await readBinding(calls, subject, grant);
    if (found === undefined) return "alreadyAbsent";
    if (found.own === undefined) throw notOurs(`${grant.binding} ${at.name}`);
    const { object } = found;
    if (isSpent(object)) return "alreadyAbsent";
    const { finalizers = [] } = object.metadata;
    // RBAC honours a binding until it is gone: somebody's finalizer must not keep what it gives.
    if (finalizers.length > 0 && (object.subjects ?? []).length > 0) {
      await calls.mergePatch(at, { metadata: preconditionsOf(object), subjects: [] });
      return "removed";
    }
    return (await calls.delete(at, preconditionsOf(object))) ? "removed" : "alreadyAbsent";
  };

  /** While something of ours can be taken away, a leaver does not wait for the survey: it has time for that when that is done. */
  const lookAround = async (found: IdentityObject | undefined) => {
    if (known.leaving !== true) {
      const seen = await options.bindings.look("Resync");
      return { seen, ...(await bindingsNow(seen)) };
    }
    const soon = await options.bindings.look("Leaver", 0);
    const first = { seen: soon, ...(await bindingsNow(soon)) };
    const busy = first.own.length > 0 || (deletedAtCut() && found !== undefined && whose(found) === "ours");
    if (busy || !soon.notLooked.some(({ why }) => why === "Failed")) return first;
    const seen = await options.bindings.look("Leaver");
    return { seen, ...(await bindingsNow(seen)) };
  };

  /** What of a leaver's ServiceAccount works on without rights, until it is deleted. */
  const lasting = async (): Promise<Pick<AccountObservation, "outstanding" | "notLooked">> => {
    const bound = { title: `tokens of the ServiceAccount ${owner.namespace}/${name}`, holdsUp: false };
    const secrets = await options.tokenSecrets.of(owner.namespace, name);
    return "why" in secrets
      ? { outstanding: [bound], notLooked: [secrets] }
      : { outstanding: [bound, ...secrets], notLooked: [] };
  };

  return {
    kind: "KubernetesServiceAccount",
    target: `kubernetes-service-account/${owner.namespace}/${name}`,
    capabilities: { cutsByRemoval: true, canDisableCredentials: false },

    async observe(context, record) {
      known = record ?? {};
      const found = await read(context);
      const { own, conflicts, foreign, groups, seen } = await lookAround(found);
      const principal = found === undefined ? "absent" : whose(found);
      const leaving = known.leaving === true;
      const closing = principal === "ours" && deletedAtCut();
      const cut = leaving && principal === "ours" && own.length === 0 && !closing;
      const rest = cut ? await lasting() : { outstanding: [], notLooked: [] };
      // What names a ServiceAccount that has left and is gone gives nobody anything.
      const gone = leaving && principal === "absent";
      return {
        ...NOTHING_TO_CUT,
        principal,
        ...(found === undefined ? {} : { externalId: found.metadata.uid }),
        pieces: piecesOf(subject, principal === "foreign" ? undefined : found, own),
        conflicts,
        foreignGrants: gone ? [] : foreign.map(describeBinding),
        groupGrants: gone ? [] : groups,
        credentials: [],
        rightsCut: own.length === 0,
        loginClosed: !closing,
        grantsGone: own.length === 0,
        closes: closing && found !== undefined ? [formerPrincipal(found)] : [],
        outstanding: rest.outstanding,
        notLooked: [...(gone ? [] : seen.notLooked), ...rest.notLooked],
      };
    },

    async apply(piece, context, desired, former) {
      if (piece.key === "principal") return createPrincipal(context, desired, former);
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
    // Tokens are given to pods by kubelets and cannot be refused one by one; without bindings they open nothing. They die with the
    // ServiceAccount, and who is asked to close it has tried its bindings before.
    async closeLogin(context) {
      const found = await read(context);
      if (found !== undefined && deletedAtCut() && whose(found) === "ours") await deleteOurs(found);
    },
    openLogin: () => Promise.resolve(),
    setCredentialEnabled: () => Promise.reject(notAvailable("switch a credential")),
    removeCredential: () => Promise.resolve("alreadyAbsent"),

    async proveRefused(grants, context) {
      const found = await read(context);
      // Tokens are of a UID: those of a ServiceAccount that is gone open nothing, whatever its name is bound to.
      const replaced = found !== undefined && whose(found) === "foreign" && known.externalId !== undefined;
      if (found === undefined || replaced) return { kind: "refused", proof: "ProvenByListing" };
      const asked = [];
      for (const grant of grants.flatMap((key) => grantOfKey(key) ?? [])) {
        demandRunning(context);
        asked.push(...(await questionsOf(calls, grant, owner.namespace)));
      }
      for (let tries = 1; ; tries += 1) {
        demandRunning(context);
        const allowed = await stillAllowed(calls, subject, asked);
        if (allowed.length === 0) return { kind: "refused", proof: "ProvenByReview" };
        const { own, foreign } = await bindingsNow(await options.bindings.look("Leaver"), grants);
        const [first] = own.length > 0 ? allowed : await unexplained(calls, allowed, foreign);
        // The review answers for what others give as well; of what we gave nothing is there under its name.
        if (first === undefined) return { kind: "refused", proof: "ProvenByListing" };
        if (tries === PROOF_TRIES) return { kind: "accepted", what: describeAttributes(first) };
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

const LABELS = { [MANAGED_BY.label]: MANAGED_BY.value };
const NO_LABELS = { [MANAGED_BY.label]: null };

const isDying = ({ metadata }: IdentityObject): boolean => metadata.deletionTimestamp !== undefined;

/** It goes when somebody else says so; until then every try would only ask for the same again. */
const heldBy = (what: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `${what} is being deleted, and metadata.finalizers that others have put there hold it; remove them.`,
  });

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
