import type { OperatorError } from "../../../kernel/errors.ts";
import type { Entity, EntityAlias, IdentityCalls, RoleSettings } from "./calls.ts";

type Stored = { -readonly [key in keyof Entity]: Entity[key] };

interface FakeRole {
  settings: RoleSettings;
  roleId: string;
  readonly secretIds: Map<string, Date>;
}

type Wrap = <T>(name: string, run: () => T) => Promise<T>;
type Refuse = (status: number, errors: readonly string[]) => OperatorError;

/** Vault's identity store and login roles in memory; an alias that exists is moved by a write, as Vault does. */
export class FakeIdentity {
  readonly entities = new Map<string, Stored>();
  /** By `<mount>/<name>`. */
  readonly roles = new Map<string, FakeRole>();
  /** Auth methods: mount and accessor. */
  readonly mounts = new Map([
    ["approle", "auth_approle_1"],
    ["jwt", "auth_jwt_1"],
  ]);
  #ids = 0;

  /** An entity as somebody else would make it. */
  seed(name: string, content: Partial<Pick<Entity, "policies" | "metadata" | "disabled" | "groups">> = {}): Entity {
    const entity = { ...this.#fresh(name), ...content };
    this.entities.set(name, entity);
    return entity;
  }

  addAlias(entityName: string, mount: string, name: string): EntityAlias {
    const entity = this.entities.get(entityName);
    if (entity === undefined) throw new Error(`no entity ${entityName}`);
    const alias = { id: this.#id(), name, mount, mountAccessor: this.mounts.get(mount) ?? "gone" };
    entity.aliases = [...entity.aliases, alias];
    return alias;
  }

  addSecretId(place: string, createdAt: Date): string {
    const id = this.#id();
    this.roles.get(place)?.secretIds.set(id, createdAt);
    return id;
  }

  /** Everything that stands. */
  snapshot(): string {
    const roles = [...this.roles].map(([place, role]) => [place, { ...role, secretIds: [...role.secretIds] }]);
    return JSON.stringify({ entities: [...this.entities], roles }, null, 1);
  }

  calls(call: Wrap, refused: Refuse): IdentityCalls {
    const roleAt = ({ mount, name }: { readonly mount: string; readonly name: string }) => {
      if (!this.mounts.has(mount)) throw refused(404, ["no handler for route"]);
      return this.roles.get(`${mount}/${name}`);
    };
    return {
      readEntity: (name) => call("readEntity", () => structuredClone(this.entities.get(name))),
      writeEntity: (name, content) =>
        call("writeEntity", () => {
          const bad = Object.keys(content.metadata).some((key) => !/^[\w-]+$/.test(key));
          if (bad) throw refused(500, ["key contains invalid characters"]);
          this.entities.set(name, { ...(this.entities.get(name) ?? this.#fresh(name)), ...structuredClone(content) });
        }),
      deleteEntity: (name) =>
        call("deleteEntity", () => {
          this.entities.delete(name);
        }),
      listEntities: () => call("listEntities", () => [...this.entities.keys()]),
      entityOfAlias: (alias) => call("entityOfAlias", () => structuredClone(this.#holder(alias)?.entity)),
      writeAlias: ({ name, mountAccessor, entityId }) =>
        call("writeAlias", () => {
          const mount = [...this.mounts].find(([, accessor]) => accessor === mountAccessor)?.[0];
          const entity = [...this.entities.values()].find((each) => each.id === entityId);
          if (mount === undefined || entity === undefined) throw refused(400, ["invalid mount accessor"]);
          if (entity.aliases.some((each) => each.mount === mount)) throw refused(400, ["Alias already exists"]);
          const before = this.#holder({ name, mountAccessor });
          if (before !== undefined) {
            before.entity.aliases = before.entity.aliases.filter((each) => each !== before.alias);
          }
          entity.aliases = [...entity.aliases, before?.alias ?? { id: this.#id(), name, mountAccessor, mount }];
        }),
      renameAlias: (id, { name, mountAccessor }) =>
        call("writeAlias", () => {
          const mount = [...this.mounts].find(([, accessor]) => accessor === mountAccessor)?.[0];
          if (mount === undefined || this.#holder({ name, mountAccessor }) !== undefined)
            throw refused(400, ["exists"]);
          for (const entity of this.entities.values()) {
            entity.aliases = entity.aliases.map((alias) => (alias.id === id ? { ...alias, name } : alias));
          }
        }),
      deleteAlias: (id) =>
        call("deleteAlias", () => {
          for (const entity of this.entities.values()) {
            entity.aliases = entity.aliases.filter((alias) => alias.id !== id);
          }
        }),
      mountAccessors: () => call("mountAccessors", () => new Map(this.mounts)),
      readRole: (place) => call("readRole", () => structuredClone(roleAt(place)?.settings)),
      writeRole: (place, settings) =>
        call("writeRole", () => {
          const before = roleAt(place);
          const { role_id: roleId, ...rest } = settings;
          this.roles.set(`${place.mount}/${place.name}`, {
            settings: { ...before?.settings, ...structuredClone(rest) },
            roleId: typeof roleId === "string" ? roleId : (before?.roleId ?? this.#id()),
            secretIds: before?.secretIds ?? new Map<string, Date>(),
          });
        }),
      deleteRole: (place) =>
        call("deleteRole", () => {
          roleAt(place);
          this.roles.delete(`${place.mount}/${place.name}`);
        }),
      readRoleId: (place) => call("readRoleId", () => roleAt(place)?.roleId),
      listSecretIds: (place) => call("listSecretIds", () => [...(roleAt(place)?.secretIds.keys() ?? [])]),
      lookUpSecretId: (place, accessor) =>
        call("lookUpSecretId", () => {
          const createdAt = roleAt(place)?.secretIds.get(accessor);
          return createdAt === undefined ? undefined : { accessor, createdAt, metadata: {} };
        }),
      destroySecretId: (place, accessor) =>
        call("destroySecretId", () => {
          if (roleAt(place)?.secretIds.delete(accessor) !== true) throw refused(500, ["failed to find accessor entry"]);
        }),
    };
  }

  #holder(wanted: { readonly name: string; readonly mountAccessor: string }) {
    for (const entity of this.entities.values()) {
      const alias = entity.aliases.find(
        ({ name, mountAccessor }) => name === wanted.name && mountAccessor === wanted.mountAccessor,
      );
      if (alias !== undefined) return { entity, alias };
    }
    return undefined;
  }

  #fresh(name: string): Stored {
    return { id: this.#id(), name, disabled: false, policies: [], metadata: {}, aliases: [], groups: [] };
  }

  #id(): string {
    this.#ids += 1;
    return `00000000-0000-0000-0000-${String(this.#ids).padStart(12, "0")}`;
  }
}
