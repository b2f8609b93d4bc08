import type { AccountOwner, Recorded } from "../../account.ts";
import type { CallContext } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import type { Entity, IdentityCalls } from "./calls.ts";
import { loginAlias, readRole, type EntityPlace } from "./look.ts";
import { isAdoptable, isMarkedOurs, VAULT_MARKS } from "./marks.ts";
import { notOurs } from "./refusals.ts";
import { aliasOf, isOurRole, presentsItsSubject, type StandingRole } from "./roles.ts";

/** What stands under an account's name, and whose it is. */
export interface Standing {
  readonly entity: Entity | undefined;
  readonly role: StandingRole | undefined;
  readonly principal: "absent" | "ours" | "adoptable" | "foreign";
  readonly roleIsOurs: boolean;
  /**
   * The role is ours and disabling our entity does not close it: the entity is merged, deleted, renamed or not ours, or a login by this
   * role comes to another one.
   */
  readonly roleMustGo: boolean;
}

/** One account's place, whose it is to be, and what the last observation was told of its record. */
export class Holder {
  readonly connection: VaultConnection;
  readonly owner: AccountOwner;
  readonly place: EntityPlace;
  record: Recorded | undefined;
  /** The last observation has said what closing the login takes away. */
  announced = false;
  /** The entity was taken away through this client. */
  removed = false;

  constructor(connection: VaultConnection, owner: AccountOwner, place: EntityPlace) {
    this.connection = connection;
    this.owner = owner;
    this.place = place;
  }

  get name(): string {
    return this.place.name;
  }

  get rolePlace(): { readonly mount: string; readonly name: string } {
    return { mount: this.place.login.mount, name: this.place.name };
  }

  within<T>(context: CallContext, run: (session: VaultSession, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.connection.use((session) => run(session, context.signal), context);
  }

  whose(entity: Entity): "ours" | "adoptable" | "foreign" {
    if (isMarkedOurs(entity.metadata, this.owner) || entity.id === this.record?.externalId) return "ours";
    return isAdoptable(entity.metadata, this.owner) ? "adoptable" : "foreign";
  }

  /** The entity as it stands now, proven to be ours. */
  async readOurs(identity: IdentityCalls, signal: AbortSignal): Promise<Entity> {
    const found = await this.readUnlessForeign(identity, signal);
    if (found === undefined) throw notOurs(`Vault entity ${this.name}`);
    return found;
  }

  /** Undefined when there is none. */
  async readUnlessForeign(identity: IdentityCalls, signal: AbortSignal): Promise<Entity | undefined> {
    const found = await identity.readEntity(this.name, signal);
    if (found !== undefined && this.whose(found) !== "ours") throw notOurs(`Vault entity ${this.name}`);
    return found;
  }

  /** Entity and login role as they stand now. */
  async look(identity: IdentityCalls, signal: AbortSignal): Promise<Standing> {
    const entity = await identity.readEntity(this.name, signal);
    const role = await readRole(identity, this.place, signal);
    const principal = entity === undefined ? "absent" : this.whose(entity);
    const roleIsOurs = role !== undefined && this.isOwnRole(role, entity);
    const closedByEntity =
      principal === "adoptable" || (principal === "ours" && role !== undefined && this.#comesToIts(entity, role));
    return { entity, role, principal, roleIsOurs, roleMustGo: roleIsOurs && !closedByEntity };
  }

  /**
   * Our role id, or a subject of our namespace, on a role of our name. A JWT role has no place for a mark: it is made after the entity and goes
   * before it, so where neither the entity stands nor an id of it is on record, it is somebody else's. Where another resource of
   * Keyturn has the entity of that name by now (another cluster of the same name on this Vault), the role may be that one's.
   */
  isOwnRole(role: StandingRole, entity: Entity | undefined): boolean {
    const { login } = this.place;
    const standing = entity === undefined ? undefined : this.whose(entity);
    const anothers = standing === "foreign" && entity?.metadata[VAULT_MARKS.owner] !== undefined;
    if (!isOurRole(login, role) || anothers) return false;
    return (
      login.mode === "AppRole" ||
      this.record?.externalId !== undefined ||
      (standing !== undefined && standing !== "foreign")
    );
  }

  /** Does a login by this role come to this entity and to no other? */
  #comesToIts(entity: Entity | undefined, role: StandingRole): boolean {
    const { login } = this.place;
    return presentsItsSubject(login, role) && loginAlias(entity, login)?.name === aliasOf(login, role);
  }
}
