import { demandRunning } from "../../running.ts";
import { OWNER, OWNER_UID, ROTATION, TOKEN_FOR } from "../../../api/v1alpha1/annotations.ts";
import { GROUP } from "../../../api/v1alpha1/meta.ts";
import type { Clock } from "../../../kernel/clock.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { randomWord } from "../../../kernel/ids.ts";
import { SecretMaterial } from "../../../kernel/secret-material.ts";
import type {
  CredentialSource,
  IssuedCredential,
  Listing,
  ObservedCredential,
  OwnerMark,
  ProviderCapabilities,
  RefusalOutcome,
  TargetObservation,
  VerifyOutcome,
} from "../../contract.ts";
import type { IdentityObject, KubernetesCalls } from "../calls.ts";
import { MANAGED_BY } from "../marks.ts";
import { LEGACY } from "../token-secrets.ts";
import type { TokenCalls } from "./calls.ts";
import { wholeOf } from "../../../kernel/listed.ts";

export const TOKEN_CAPABILITIES: ProviderCapabilities = {
  slots: 1000,
  canDisable: false,
  materialShownOnce: true,
  reportsLastUse: false,
  lockout: false,
  controlCounts: false,
  leavesNothing: false,
  marks: true,
  settleMs: 0,
  // kube-apiserver remembers for so long that a token was good.
  lingersMs: 10_000,
};

export const TOKEN_FIELD = "token";

/** On the Secrets that tokens are bound to. */
const ANCHOR = { label: `${GROUP}/token-anchor`, value: "true" } as const;
const FOR = `${GROUP}/service-account`;
const EXPIRES_AT = `${GROUP}/expires-at`;
/** UID of the ServiceAccount that the token is of: it dies with that one, whatever is made under its name afterwards. */
const FOR_UID = `${GROUP}/service-account-uid`;

export interface TokenRequest {
  /** None: kube-apiserver's own. */
  readonly audiences: readonly string[];
  readonly ttlSeconds: number;
}

export interface TokenTarget {
  readonly namespace: string;
  readonly serviceAccountName: string;
  /** Without it nothing can be issued or tried, only revoked. */
  readonly request?: TokenRequest | undefined;
}

export interface TokenSourceOptions {
  readonly calls: KubernetesCalls;
  readonly tokens: TokenCalls;
  readonly clock: Clock;
}

/**
 * Tokens of one ServiceAccount for consumers outside the cluster. Each is bound to an empty Secret of its own, its anchor: with the anchor it
 * ends, whoever has it. The anchor's name is the credential's id, and its annotation says which rotation made it. Token Secrets of old, which never
 * end, are listed too: nothing of ours explains them, so they are reported. A token of a ServiceAccount that was deleted is dead although its
 * anchor stands: once another has the name it is listed no more, so that its rotation issues anew, and its anchor goes with the next issue.
 */
export const tokenSource = (options: TokenSourceOptions, target: TokenTarget): CredentialSource => {
  const { calls, tokens, clock } = options;
  const { namespace, serviceAccountName: name, request } = target;
  const account = { kind: "ServiceAccount", namespace, name } as const;
  const anchorAt = (anchor: string) => ({ kind: "Secret", namespace, name: anchor }) as const;

  const ownAnchor = async (id: string): Promise<IdentityObject | undefined> => {
    const found = await calls.get(anchorAt(id));
    if (found === undefined || isAnchorOf(found, name)) return found;
    throw new OperatorError("Conflict", {
      publicMessage: `Secret ${namespace}/${id} is no token's anchor of ServiceAccount ${name}; it is left alone.`,
    });
  };

  const requestFor = (): TokenRequest => {
    if (request !== undefined) return request;
    throw new OperatorError("Unknown", { publicMessage: "Nothing can be issued without a request." });
  };

  const isAccepted = async (token: string, audiences: readonly string[]): Promise<boolean> => {
    const { authenticated, username } = await tokens.reviewToken(token, audiences);
    return authenticated && username === `system:serviceaccount:${namespace}:${name}`;
  };

  const bindToken = async (anchor: IdentityObject): Promise<string> => {
    const { uid } = anchor.metadata;
    const { audiences, ttlSeconds: expirationSeconds } = requestFor();
    const boundTo = { name: anchor.metadata.name, uid };
    return inIssuersPlace(tokens.requestToken({ namespace, name }, { audiences, expirationSeconds, boundTo }));
  };

  /** Nobody has this right unless somebody gave it in just this namespace. */
  const inIssuersPlace = async <T>(run: Promise<T>): Promise<T> => {
    try {
      return await run;
    } catch (thrown) {
      if (!(thrown instanceof OperatorError) || thrown.code !== "PermissionDenied") throw thrown;
      throw new OperatorError("PermissionDenied", {
        publicMessage: `The operator may not make tokens in namespace ${namespace}; bind the ClusterRole keyturn-token-issuer there (chart: tokenNamespaces).`,
        status: thrown.status,
      });
    }
  };

  const anchorsOfAccount = async (): Promise<readonly IdentityObject[]> => {
    const anchors = await inIssuersPlace(
      calls.list("Secret", { namespace, labelSelector: `${ANCHOR.label}=${ANCHOR.value}` }),
    );
    return wholeOf("Secrets", anchors).filter((anchor) => isAnchorOf(anchor, name));
  };

  /** Whose tokens are dead for good. While no ServiceAccount has the name, anchors are ended like any other. */
  const outlived = async (anchors: readonly IdentityObject[]): Promise<readonly IdentityObject[]> => {
    const told = anchors.filter(({ metadata }) => metadata.annotations?.[FOR_UID] !== undefined);
    const uid = told.length === 0 ? undefined : (await calls.get(account))?.metadata.uid;
    return uid === undefined ? [] : told.filter(({ metadata }) => metadata.annotations?.[FOR_UID] !== uid);
  };

  const removeOutlived = async (): Promise<void> => {
    for (const anchor of await outlived(await anchorsOfAccount())) await remove(anchor);
  };

  const remove = async ({ metadata: { name: anchor, uid, resourceVersion } }: IdentityObject): Promise<boolean> =>
    calls.delete(anchorAt(anchor), { uid, resourceVersion });

  return {
    capabilities: TOKEN_CAPABILITIES,

    async observeTarget(context): Promise<TargetObservation> {
      demandRunning(context);
      const found = await calls.get(account);
      const { annotations = {} } = found?.metadata ?? {};
      return {
        exists: found !== undefined,
        allowed: true,
        owner: annotations[OWNER],
        ownerUid: annotations[OWNER_UID],
        tokenFor: annotations[TOKEN_FOR],
      };
    },

    async markOwner({ uid, owner }: OwnerMark, context): Promise<void> {
      demandRunning(context);
      const found = await calls.get(account);
      if (found === undefined) throw noAccount(namespace, name);
      const { uid: of, resourceVersion } = found.metadata;
      const annotations = { [OWNER_UID]: uid, ...(owner === undefined ? {} : { [OWNER]: owner }) };
      await calls.mergePatch(account, { metadata: { uid: of, resourceVersion, annotations } });
    },

    async list(context): Promise<Listing> {
      demandRunning(context);
      const anchors = await anchorsOfAccount();
      const dead = await outlived(anchors);
      const legacy = await calls.list("Secret", { namespace, fieldSelector: `type=${LEGACY.type}` });
      return {
        credentials: [
          ...anchors.filter((anchor) => !dead.includes(anchor)).map(anchorSeen),
          ...wholeOf("Secrets", legacy)
            .filter(({ metadata }) => metadata.annotations?.[LEGACY.of] === name)
            .map(legacySeen),
        ],
        providerTime: clock.now(),
      };
    },

    lastUse: () => Promise.resolve({ kind: "unknown" }),

    async issue(context, rotationId): Promise<IssuedCredential> {
      demandRunning(context);
      // Names end where Kubernetes ends them; the word makes it this one's.
      const id = `${name.slice(0, 200).replace(/\W+$/, "")}-token-${randomWord(10)}`;
      const anchor = await calls.create(anchorAt(id), {
        labels: { [MANAGED_BY.label]: MANAGED_BY.value, [ANCHOR.label]: ANCHOR.value },
        annotations: { [FOR]: name, ...(rotationId === undefined ? {} : { [ROTATION]: rotationId }) },
      });
      const token = await bindToken(anchor).catch(async (thrown: unknown) => {
        // Nobody has got anything: the anchor goes at once, or its mark has it found.
        await remove(anchor).catch(() => undefined);
        throw thrown;
      });
      const expiresAt = endOf(token);
      const uid = accountUidOf(token);
      await calls.mergePatch(anchorAt(id), {
        metadata: {
          uid: anchor.metadata.uid,
          annotations: { [EXPIRES_AT]: expiresAt.toISOString(), ...(uid === undefined ? {} : { [FOR_UID]: uid }) },
        },
      });
      // What is left is an empty Secret, and the next issue finds it.
      await removeOutlived().catch(() => undefined);
      return { id, material: new SecretMaterial({ [TOKEN_FIELD]: token }), issuedAt: clock.now(), expiresAt };
    },

    async verify(material, _issuedAt, context): Promise<VerifyOutcome> {
      demandRunning(context);
      const token = tokenIn(material);
      return { kind: token !== undefined && (await isAccepted(token, requestFor().audiences)) ? "usable" : "rejected" };
    },

    async negativeControl(material, context): Promise<RefusalOutcome> {
      demandRunning(context);
      const token = required(material);
      return { kind: (await isAccepted(misSigned(token), audiencesOf(token))) ? "accepted" : "refused" };
    },

    async proveRefused(material, context): Promise<RefusalOutcome> {
      demandRunning(context);
      const token = required(material);
      return { kind: (await isAccepted(token, audiencesOf(token))) ? "accepted" : "refused" };
    },

    setEnabled: () =>
      Promise.reject(new OperatorError("InvalidSpec", { publicMessage: "A token cannot be disabled, only ended." })),

    async revoke(id, context): Promise<"removed" | "alreadyAbsent"> {
      demandRunning(context);
      const anchor = await ownAnchor(id);
      return anchor !== undefined && (await remove(anchor)) ? "removed" : "alreadyAbsent";
    },
  };
};

const isAnchorOf = ({ metadata: { labels, annotations } }: IdentityObject, serviceAccount: string): boolean =>
  labels?.[ANCHOR.label] === ANCHOR.value && annotations?.[FOR] === serviceAccount;

const createdAt = ({ metadata }: IdentityObject): Date => new Date(metadata.creationTimestamp ?? 0);

const anchorSeen = (anchor: IdentityObject): ObservedCredential => {
  const { name, annotations = {} } = anchor.metadata;
  const end = annotations[EXPIRES_AT];
  return {
    id: name,
    createdAt: createdAt(anchor),
    enabled: true,
    mark: annotations[ROTATION],
    ...(end === undefined ? {} : { expiresAt: new Date(end) }),
  };
};

/** No anchor has a name with a slash. */
const legacySeen = (secret: IdentityObject): ObservedCredential => ({
  id: `secret/${secret.metadata.name}`,
  createdAt: createdAt(secret),
  enabled: true,
});

/** By the token's own word: kube-apiserver may give less than was asked for (--service-account-max-token-expiration). */
const endOf = (token: string): Date => {
  const { exp } = claimsOf(token);
  if (typeof exp === "number" && Number.isFinite(exp)) return new Date(exp * 1000);
  throw new OperatorError("Unavailable", { publicMessage: "kube-apiserver answered with a token that names no end." });
};

/** Whom it is for, whatever the spec says by now: a token that is tried for somebody else is refused anyway. */
const audiencesOf = (token: string): readonly string[] => {
  const { aud } = claimsOf(token);
  return Array.isArray(aud) ? aud.filter((one) => typeof one === "string") : [];
};

/** By the token's own word: the one that it was made of, whatever has the name by now. */
const accountUidOf = (token: string): string | undefined => {
  const uid = claimsOf(token)["kubernetes.io"]?.serviceaccount?.uid;
  return typeof uid === "string" && uid !== "" ? uid : undefined;
};

interface Claims {
  readonly exp?: unknown;
  readonly aud?: unknown;
  readonly "kubernetes.io"?: { readonly serviceaccount?: { readonly uid?: unknown } };
}

/** Unchecked: what kube-apiserver has answered, or what nobody believes. */
const claimsOf = (token: string): Claims => {
  const [, payload = ""] = token.split(".");
  try {
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims;
  } catch {
    return {};
  }
};

/** The same token under a signature that is none: its bytes are turned round. */
const misSigned = (token: string): string => {
  const [header, payload, signature = ""] = token.split(".");
  const turned = Buffer.from(signature, "base64url").map((byte) => byte ^ 0xff);
  return [header, payload, Buffer.from(turned).toString("base64url")].join(".");
};

const tokenIn = (material: SecretMaterial): string | undefined => material.reveal()[TOKEN_FIELD];

const required = (material: SecretMaterial): string => {
  const token = tokenIn(material);
  if (token) return token;
  throw new OperatorError("NotFound", { publicMessage: "The token's material is not whole: it cannot be tried." });
};

const noAccount = (namespace: string, name: string): OperatorError =>
  new OperatorError("NotFound", { publicMessage: `ServiceAccount ${namespace}/${name} does not exist.` });
