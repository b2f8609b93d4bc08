import type { NotLooked, Outstanding } from "../../../domain/lifecycle/action.ts";
import type { FormerPiece } from "../../../domain/lifecycle/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { VaultSession } from "../sdk.ts";
import { disable } from "./entity.ts";
import type { Holder, Standing } from "./holder.ts";
import { holderOfAlias } from "./look.ts";
import { mountNow } from "./mounts.ts";
import { withRight } from "./optional.ts";
import { changedMeanwhile, notOurs } from "./refusals.ts";
import { formerLogin, givesBatchTokens, lifeIn, longestLifeOf, type TokenLife } from "./roles.ts";
import { revokeTokens, surveyTokens, type Survey, type TokenWish } from "./tokens.ts";

/** Accessors that one look may look up, and one closing: a look must not take long, a closing must come to its end. */
const LOOKED_UP_AT_ONCE = { look: 300, closing: 5000 } as const;

/** How an account's login stands, and what it leaves behind. */
export interface Closing {
  readonly closes: readonly FormerPiece[];
  /** Tokens of it stand that closing takes away, or it is not known yet whether any do. */
  readonly tokensLeft: boolean;
  readonly outstanding: readonly Outstanding[];
  readonly notLooked: readonly NotLooked[];
}

/** What closing the login would take away, and which tokens go on. Changes nothing. */
export const lookAtClosing = async (
  holder: Holder,
  session: VaultSession,
  at: Standing,
  signal: AbortSignal,
): Promise<Closing> => {
  const life = await lifeOf(holder, session, at, signal);
  const closes = at.roleMustGo && at.role ? [formerLogin(holder.place.login, at.role, life)] : [];
  if (!reachesTokens(holder, at)) {
    const asleep = sleeps(holder, at) ? [tokensAsleep(holder, life.seconds)] : [];
    return { closes, tokensLeft: false, outstanding: asleep, notLooked: [] };
  }
  const survey = await surveyOf(holder, session, at, { most: LOOKED_UP_AT_ONCE.look, signal });
  if (survey.kind === "looked" && !life.batch) {
    const tokensLeft = survey.accessors.length > 0 || survey.left > 0;
    return { closes, tokensLeft, outstanding: [], notLooked: [] };
  }
  const notLooked = survey.kind === "notLooked" ? [survey.notLooked, ...life.notLooked] : life.notLooked;
  const known = survey.kind === "looked" && (survey.accessors.length > 0 || survey.left > 0);
  const gave = at.roleMustGo || formerOf(holder) !== undefined || holder.record?.revokeTokens === true;
  return { closes, tokensLeft: known, outstanding: gave ? [tokensLive(holder, life)] : [], notLooked };
};

/**
 * Refuses every new login: our entity is disabled, and the login role is deleted where that does not close it. Then the tokens that the cut
 * does not reach end, where the operator may revoke them.
 */
export const closeLogin = async (holder: Holder, session: VaultSession, signal: AbortSignal): Promise<void> => {
  const { identity } = session;
  const at = await holder.look(identity, signal);
  const reaches = reachesTokens(holder, at);
  const nothing = at.principal === "absent" && at.role === undefined;
  if (at.principal !== "ours" && !at.roleMustGo && !reaches && !nothing) throw notOurs(`Vault entity ${holder.name}`);
  if (at.principal === "ours" && at.entity !== undefined) await disable(identity, at.entity, true, signal);
  if (at.roleMustGo) {
    // What it takes away must be on record before.
    if (!holder.announced && formerOf(holder) === undefined) throw changedMeanwhile(`Login role ${holder.name}`);
    await identity.deleteRole(holder.rolePlace, signal);
  }
  if (reaches) await endTokens(holder, session, at, signal);
};

/** Where they may not be looked for, the next look says so; that is no failure of the closing. */
const endTokens = async (holder: Holder, session: VaultSession, at: Standing, signal: AbortSignal): Promise<void> => {
  const survey = await surveyOf(holder, session, at, { most: LOOKED_UP_AT_ONCE.closing, signal });
  if (survey.kind === "notLooked") return;
  await revokeTokens(holder.connection, session.tokens, survey.accessors, signal);
  if (survey.left === 0) return;
  throw new OperatorError("Unavailable", {
    publicMessage: `${survey.left} tokens of this Vault have not been looked up yet for those of login role ${holder.name}; it goes on.`,
  });
};

const formerOf = ({ record }: Holder): FormerPiece | undefined => record?.former?.find(({ key }) => key === "login");

/**
 * Does the account's end reach for its tokens one by one? Where its entity is not there to be disabled, and under a hold that says that
 * somebody else may have them. `removed`: this operator has just taken the entity away itself, and all that it gave.
 */
const reachesTokens = (holder: Holder, at: Standing): boolean => {
  const { record } = holder;
  if (record?.leaving !== true || at.principal === "adoptable") return false;
  if (record.revokeTokens === true || at.roleMustGo || formerOf(holder) !== undefined) return true;
  return at.principal !== "ours" && record.externalId !== undefined && !holder.removed;
};

/** Its tokens are refused because the entity is disabled, and for as long. */
const sleeps = ({ record }: Holder, at: Standing): boolean =>
  record?.leaving === true && at.principal === "ours" && at.roleIsOurs;

const surveyOf = async (
  holder: Holder,
  session: VaultSession,
  at: Standing,
  options: { readonly most: number; readonly signal: AbortSignal },
): Promise<Survey> => {
  const spared = await sparedEntities(holder, session, at, options.signal);
  const { record, place } = holder;
  const present = at.principal === "ours" ? at.entity?.id : undefined;
  const wish: TokenWish = {
    mount: place.login.mount,
    role: place.name,
    entityIds: [record?.externalId, present].filter((id) => id !== undefined),
    sparing: spared,
    byRole: at.role === undefined || at.roleIsOurs,
    givenUntil: at.role === undefined ? record?.closedAt : undefined,
  };
  return surveyTokens(holder.connection, session.tokens, wish, options);
};

/**
 * Entities whose tokens Vault refuses anyhow: ours while it is disabled, and one that was deleted. Of one that is gone with its role, and whose
 * alias nobody has, that is all that can have happened: so it is at every account's own end.
 */
const sparedEntities = async (
  holder: Holder,
  { identity }: VaultSession,
  at: Standing,
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const { connection, place, record } = holder;
  if (record?.revokeTokens === true) return [];
  if (at.principal === "ours") return at.entity === undefined ? [] : [at.entity.id];
  if (at.role !== undefined || formerOf(holder) !== undefined || record?.externalId === undefined) return [];
  const elsewhere = await holderOfAlias(connection, identity, place.login, at.entity, signal);
  return elsewhere === undefined ? [record.externalId] : [];
};

interface Life extends TokenLife {
  readonly notLooked: readonly NotLooked[];
}

const NO_LIFE: Life = { seconds: undefined, batch: false, notLooked: [] };

/** As it was when the role was closed, or as it is. Asked for only when somebody leaves. */
const lifeOf = async (holder: Holder, session: VaultSession, at: Standing, signal: AbortSignal): Promise<Life> => {
  if (holder.record?.leaving !== true && !at.roleMustGo) return NO_LIFE;
  const former = formerOf(holder);
  const before = former === undefined ? NO_LIFE : { ...NO_LIFE, ...lifeIn(former) };
  const { mount } = holder.place.login;
  const methods = { right: "read sys/auth", what: `how auth/${mount} limits tokens` };
  const mounted = await withRight(holder.connection, methods, () =>
    mountNow(holder.connection, session.identity, mount, signal),
  );
  // It may give batch tokens, for all that is known.
  if (mounted.kind === "missing") return { ...before, batch: true, notLooked: [mounted.notLooked] };
  const found = mounted.value;
  if (found === undefined) return before;
  const role = at.roleIsOurs ? at.role : undefined;
  if (role === undefined) return { ...before, batch: before.batch || found.givesBatchTokens };
  const batch = found.givesBatchTokens || givesBatchTokens(role);
  const own = longestLifeOf(role, found.maxTtlSeconds > 0 ? found.maxTtlSeconds : undefined);
  if (own !== undefined) return { seconds: own, batch, notLooked: [] };
  const wish = { right: `read sys/mounts/auth/${mount}/tune`, what: `the longest life of tokens of auth/${mount}` };
  const asked = await withRight(holder.connection, wish, () => session.identity.longestLife(mount, signal));
  return asked.kind === "given"
    ? { seconds: longestLifeOf(role, asked.value), batch, notLooked: [] }
    : { seconds: undefined, batch, notLooked: [asked.notLooked] };
};

const untilOf = ({ record }: Holder, seconds: number | undefined): Pick<Outstanding, "until"> => {
  const since = record?.closedAt ?? record?.cutAt;
  return since === undefined || seconds === undefined ? {} : { until: new Date(since.getTime() + seconds * 1000) };
};

const roleTitle = ({ place }: Holder): string => `login role ${place.name} of auth/${place.login.mount}`;

const tokensAsleep = (holder: Holder, seconds: number | undefined): Outstanding => ({
  title: `tokens of ${roleTitle(holder)}: refused while the entity is disabled, and valid again when it is enabled`,
  ...untilOf(holder, seconds),
  holdsUp: false,
});

const tokensLive = (holder: Holder, { seconds, batch }: TokenLife): Outstanding => ({
  title: `tokens of ${roleTitle(holder)}${batch ? ", batch tokens among them," : ""} that were given before it was closed`,
  ...untilOf(holder, seconds),
  holdsUp: true,
});
