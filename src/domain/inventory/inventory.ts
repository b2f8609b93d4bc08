import { isWatched, type Watched } from "../watched.ts";
import type { IdentityFacts, OwnerFacts } from "./facts.ts";
import type { Mark } from "./mark.ts";
import { nameOf, type LeftOut } from "../../kernel/listed.ts";

/** Everything that was found, as plain values. */
export interface Found {
  /** The first part of every owner mark of ours. */
  readonly clusterName: string;
  readonly namespaces: Watched;
  readonly identities: readonly IdentityFacts[];
  readonly owners: readonly OwnerFacts[];
  readonly marks: readonly { readonly connection: string; readonly marks: readonly Mark[] }[];
  readonly users: readonly ListedUser[];
  readonly unreached: readonly Unreached[];
  /** Resources and ledger entries (without a namespace) that could not be read: of what may be theirs nothing is called a stray. */
  readonly unread: readonly LeftOut[];
}

/** A user whose keys are ours to know, with the keys that its provider lists now. */
export interface ListedUser {
  readonly connection: string;
  readonly userName: string;
  /** Of the resource that manages it. */
  readonly namespace: string;
  readonly name: string;
  /** Target of the account, when it is an identity's. */
  readonly target?: string | undefined;
  readonly credentials: readonly ListedCredential[];
}

export interface ListedCredential {
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
}

/** A place where it could not be looked, and why: public words only. */
export interface Unreached {
  readonly place: string;
  readonly reason: string;
}

export interface Inventory {
  readonly identities: readonly InventoriedIdentity[];
  readonly totals: readonly Total[];
  /** Marked as ours at a provider, and no resource or ledger entry that it belongs to. */
  readonly unowned: readonly UnownedMark[];
  readonly unknownCredentials: readonly UnknownCredential[];
  readonly unreached: readonly Unreached[];
}

export interface InventoriedIdentity extends IdentityFacts {
  readonly oldestCredentialAgeSeconds?: number | undefined;
}

export interface Total {
  readonly team: string;
  /** "" where nobody has said. */
  readonly environment: string;
  readonly state: string;
  readonly count: number;
  readonly oldestCredentialAt?: string | undefined;
  readonly nextExpiryAt?: string | undefined;
  readonly reviewsDue: number;
}

export interface UnownedMark extends Mark {
  readonly connection: string;
  readonly because: "NoResource" | "OtherUid";
}

export interface UnknownCredential {
  readonly connection: string;
  readonly userName: string;
  readonly namespace: string;
  readonly name: string;
  readonly id: string;
  readonly createdAt: string;
  readonly enabled: boolean;
}

/** The whole picture, in an order that does not depend on who answered first. */
export const inventory = (found: Found, now: Date): Inventory => {
  const identities = found.identities.map((facts) => withLiveCredentials(facts, found.users, now)).sort(byKey(keyOf));
  return {
    identities,
    totals: totals(identities, now),
    unowned: unownedMarks(found),
    unknownCredentials: unknownCredentials(found),
    unreached: [...found.unreached].sort(byKey(({ place }) => place)),
  };
};

/** Counts by owner team, environment and state. */
export const totals = (
  identities: readonly Pick<
    IdentityFacts,
    "team" | "environment" | "state" | "oldestCredentialAt" | "expiresAt" | "reviewDueAt"
  >[],
  now: Date,
): readonly Total[] => {
  const groups = Map.groupBy(identities, ({ team, environment = "", state }) =>
    JSON.stringify([team, environment, state]),
  );
  return [...groups]
    .map(([key, members]) => {
      const [team = "", environment = "", state = ""] = JSON.parse(key) as string[];
      return {
        team,
        environment,
        state,
        count: members.length,
        oldestCredentialAt: earliest(members.map(({ oldestCredentialAt }) => oldestCredentialAt)),
        nextExpiryAt: earliest(members.map(({ expiresAt }) => expiresAt).filter((at) => isAhead(at, now))),
        reviewsDue: members.filter(({ reviewDueAt }) => reviewDueAt !== undefined && !isAhead(reviewDueAt, now)).length,
      };
    })
    .sort(byKey(({ team, environment, state }) => JSON.stringify([team, environment, state])));
};

/** What carries our mark and belongs to nobody. A mark of another cluster's, or of a namespace that is not looked at, is not ours to judge. */
export const unownedMarks = (
  found: Pick<Found, "clusterName" | "namespaces" | "owners" | "marks" | "unread">,
): readonly UnownedMark[] => {
  const byName = Map.groupBy(found.owners, ({ namespace, name }) => `${namespace}/${name}`);
  const seen = new Set<string>();
  return found.marks
    .toSorted(byKey(({ connection }) => connection))
    .flatMap(({ connection, marks }) =>
      marks.flatMap((mark): readonly UnownedMark[] => {
        const owner = resourceOf(mark.owner, found);
        // Two connections to one account see the same things.
        const key = `${mark.kind} ${mark.id}`;
        if (owner === undefined || seen.has(key) || mayBeUnread(found, owner)) return [];
        seen.add(key);
        const owners = byName.get(owner) ?? [];
        if (owners.some(({ uids }) => mark.ownerUid === undefined || uids.includes(mark.ownerUid))) return [];
        return [{ ...mark, connection, because: owners.length === 0 ? "NoResource" : "OtherUid" }];
      }),
    )
    .sort(byKey(({ kind, id }) => `${kind} ${id}`));
};

/** `<namespace>/<name>` of a mark of this cluster, as far as it was looked for. */
const resourceOf = (
  owner: string,
  { clusterName, namespaces }: Pick<Found, "clusterName" | "namespaces">,
): string | undefined => {
  const [cluster, ...rest] = owner.split("/");
  if (cluster !== clusterName) return undefined;
  return isWatched(namespaces, rest[0] ?? "") ? rest.join("/") : undefined;
};

/** May `<namespace>/<name>` be what could not be read? A ledger entry that could not be read may be anybody's. */
const mayBeUnread = ({ unread }: Pick<Found, "unread">, owner: string): boolean =>
  unread.some((each) => each.namespace === undefined || nameOf(each) === owner);

/** Keys that the provider lists for a managed user and that no rotation and no ledger entry has on record. */
const unknownCredentials = ({ users, owners, unread }: Found): readonly UnknownCredential[] => {
  const known = new Set(owners.flatMap(({ credentialIds }) => credentialIds));
  const judged = users.filter(({ namespace }) =>
    unread.every((each) => each.namespace !== undefined && each.namespace !== namespace),
  );
  const unknown = judged.flatMap(({ connection, userName, namespace, name, credentials }) =>
    credentials
      .filter(({ id }) => !known.has(id))
      .map(({ id, createdAt, enabled }) => ({
        connection,
        userName,
        namespace,
        name,
        id,
        createdAt: createdAt.toISOString(),
        enabled,
      })),
  );
  // A user may be an identity's account and a rotation's target at once.
  return [...new Map(unknown.map((each) => [each.id, each])).values()].sort(
    byKey(({ userName, id }) => `${userName} ${id}`),
  );
};

const withLiveCredentials = (facts: IdentityFacts, users: readonly ListedUser[], now: Date): InventoriedIdentity => {
  const targets = facts.accounts.map(({ target }) => target).filter((target) => target !== undefined);
  const listed = users.filter(({ target }) => target !== undefined && targets.includes(target));
  // What was listed now goes before what the operator saw at its last pass, once everything that may hold credentials was listed.
  const complete = targets.filter(mayHoldCredentials).every((target) => listed.some((user) => user.target === target));
  const live = listed.flatMap(({ credentials }) => credentials);
  const oldest = complete
    ? earliest(live.map(({ createdAt }) => createdAt.toISOString()))
    : earliest([facts.oldestCredentialAt, ...live.map(({ createdAt }) => createdAt.toISOString())]);
  return {
    ...facts,
    credentials: complete ? live.length : facts.credentials,
    oldestCredentialAt: oldest,
    ...(oldest === undefined
      ? {}
      : { oldestCredentialAgeSeconds: Math.max(0, Math.floor((now.getTime() - Date.parse(oldest)) / 1000)) }),
  };
};

/** Of the targets that accounts have (`aws-user/…`): roles and ServiceAccounts have no credentials of their own that anybody lists. */
const mayHoldCredentials = (target: string): boolean =>
  target.startsWith("aws-user/") || target.startsWith("vault-entity/");

const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;

const isAhead = (time: string | undefined, now: Date): boolean =>
  time !== undefined && Date.parse(time) > now.getTime();

/** Times may be written with fractions and offsets, so they are compared as times. */
const earliest = (times: readonly (string | undefined)[]): string | undefined =>
  times.reduce((first, time) => {
    if (time === undefined || Number.isNaN(Date.parse(time))) return first;
    return first === undefined || Date.parse(time) < Date.parse(first) ? time : first;
  }, undefined);

const byKey =
  <T>(key: (each: T) => string) =>
  (a: T, b: T): number => {
    const [left, right] = [key(a), key(b)];
    if (left === right) return 0;
    return left < right ? -1 : 1;
  };
