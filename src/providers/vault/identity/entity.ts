import type { Piece } from "../../../domain/lifecycle/piece.ts";
import { loginFactsIn } from "../../../domain/lifecycle/pieces/vault.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { CallContext } from "../../contract.ts";
import type { Entity, EntityContent, IdentityCalls } from "./calls.ts";
import type { Holder } from "./holder.ts";
import { holderOfAlias, loginAlias, readRole } from "./look.ts";
import { marked, unmarked } from "./marks.ts";
import { accessorOf, forgetAccessors, noSuchMount } from "./mounts.ts";
import { aliasTaken, internal, notOurs } from "./refusals.ts";
import { isOurRole, roleSettings } from "./roles.ts";

type Removal = Promise<"removed" | "alreadyAbsent">;

/** Writes what is meant to change, and the marks: Vault makes what is not there any more. */
const change = async (
  identity: IdentityCalls,
  before: Entity,
  next: Partial<EntityContent>,
  signal: AbortSignal,
): Promise<void> => {
  await identity.writeEntity(before.name, { metadata: before.metadata, ...next }, signal);
};

export const setDisabled = (holder: Holder, disabled: boolean, context: CallContext): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    await disable(identity, await holder.readOurs(identity, signal), disabled, signal);
  });

/** Where the entity is gone there is nothing to open: it is made anew, and all that hangs on it. */
export const openLogin = (holder: Holder, context: CallContext): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    const found = await holder.readUnlessForeign(identity, signal);
    if (found !== undefined) await disable(identity, found, false, signal);
  });

/** Of an entity that was just read. */
export const disable = async (
  identity: IdentityCalls,
  before: Entity,
  disabled: boolean,
  signal: AbortSignal,
): Promise<void> => {
  if (before.disabled !== disabled) await change(identity, before, { disabled }, signal);
};

export const applyPrincipal = (holder: Holder, context: CallContext, desired: readonly Piece[]): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    if ((await holder.readUnlessForeign(identity, signal)) !== undefined) return;
    const record = desired.find((piece) => piece.key === "owner");
    if (record === undefined) throw internal("an account without an owner record");
    const metadata = marked({}, holder.owner, record.value);
    await identity.writeEntity(holder.name, { disabled: false, policies: [], metadata }, signal);
  });

export const applyOwner = (holder: Holder, piece: Piece, context: CallContext): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    const found = await identity.readEntity(holder.name, signal);
    if (found === undefined || holder.whose(found) === "foreign") throw notOurs(`Vault entity ${holder.name}`);
    await change(identity, found, { metadata: marked(found.metadata, holder.owner, piece.value) }, signal);
  });

export const giveBack = (holder: Holder, context: CallContext): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    const before = await holder.readOurs(identity, signal);
    await change(identity, before, { metadata: unmarked(before.metadata) }, signal);
  });

export const applyAlias = (holder: Holder, wanted: string, context: CallContext): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    const { connection } = holder;
    const { login } = holder.place;
    const entity = await holder.readOurs(identity, signal);
    const before = loginAlias(entity, login);
    if (before?.name === wanted) return;
    const taken = await holderOfAlias(connection, identity, { ...login, alias: wanted }, entity, signal);
    if (taken !== undefined) throw aliasTaken(login.mount);
    const mountAccessor = await accessorOf(connection, identity, login.mount, signal);
    if (mountAccessor === undefined) throw noSuchMount(login.mount);
    const alias = { name: wanted, mountAccessor, entityId: entity.id };
    try {
      if (before === undefined) await identity.writeAlias(alias, signal);
      else await identity.renameAlias(before.id, alias, signal);
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code !== "InvalidSpec") throw error;
      // The accessor is of a mount that was made anew since.
      forgetAccessors(connection);
      throw noSuchMount(login.mount);
    }
  });

/** A role that comes back after its closing may lack what was not as declared then: that is taken from what is declared now. */
export const applyLogin = (
  holder: Holder,
  piece: Piece,
  context: CallContext,
  desired: readonly Piece[],
): Promise<void> =>
  holder.within(context, async ({ identity }, signal) => {
    await holder.readOurs(identity, signal);
    const found = await readRole(identity, holder.place, signal);
    if (found !== undefined && !isOurRole(holder.place.login, found)) throw notOurs(`Login role ${holder.name}`);
    const declared = desired.find(({ key }) => key === "login");
    const facts = { ...(declared === undefined ? {} : loginFactsIn(declared.value)), ...loginFactsIn(piece.value) };
    if (facts.mode === "JWT" && facts.audience === undefined) throw internal("a JWT login without an audience");
    await identity.writeRole(holder.rolePlace, roleSettings(facts), signal);
  });

export const setPolicy = (holder: Holder, policy: string, wanted: boolean, context: CallContext): Removal =>
  holder.within(context, async ({ identity }, signal) => {
    const before = wanted ? await holder.readOurs(identity, signal) : await holder.readUnlessForeign(identity, signal);
    if (before === undefined || before.policies.includes(policy) === wanted) return "alreadyAbsent";
    const others = before.policies.filter((each) => each !== policy);
    await change(identity, before, { policies: wanted ? [...others, policy] : others }, signal);
    return "removed";
  });

export const removeAlias = (holder: Holder, key: string, context: CallContext): Removal =>
  holder.within(context, async ({ identity }, signal) => {
    const entity = await holder.readUnlessForeign(identity, signal);
    const alias = entity?.aliases.find((each) =>
      key === "alias" ? each === loginAlias(entity, holder.place.login) : key === `alias/${each.id}`,
    );
    if (alias === undefined) return "alreadyAbsent";
    await identity.deleteAlias(alias.id, signal);
    return "removed";
  });

export const removeLogin = (holder: Holder, context: CallContext): Removal =>
  holder.within(context, async ({ identity }, signal) => {
    const { role, roleIsOurs } = await holder.look(identity, signal);
    if (role === undefined) return "alreadyAbsent";
    if (!roleIsOurs) throw notOurs(`Login role ${holder.name}`);
    await identity.deleteRole(holder.rolePlace, signal);
    return "removed";
  });

/** The login goes first: a login whose entity is missing makes Vault invent another. */
export const removePrincipal = (holder: Holder, context: CallContext): Removal =>
  holder.within(context, async ({ identity }, signal) => {
    const found = await holder.readUnlessForeign(identity, signal);
    if (found === undefined) return "alreadyAbsent";
    const standing = await readRole(identity, holder.place, signal);
    const hasLogin = standing !== undefined && isOurRole(holder.place.login, standing);
    if (hasLogin || found.aliases.length > 0 || found.policies.length > 0) {
      throw new OperatorError("InUse", {
        publicMessage: `Vault entity ${holder.name} still has a login, an alias or policies, so it is kept until they are gone.`,
      });
    }
    await identity.deleteEntity(holder.name, signal);
    holder.removed = true;
    return "removed";
  });
