import type { OperatorError } from "../../../kernel/errors.ts";
import type { AuthMount, Entity, EntityAlias, IdentityCalls, RoleSettings } from "./calls.ts";
import type { TokenCalls, TokenFacts } from "./token-calls.ts";

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
  /** How auth methods are tuned, by mount. */
  readonly tuned = new Map<string, Partial<Omit<AuthMount, "accessor">>>();
  readonly tokens = new Map<string, TokenFacts>();
  /** Texts of ACL policies, by name. */
  readonly policies = new Map<string, string>();
  /** Rights that the operator's policy does not give, as paths. */
  readonly missingRights = new Set<string>();
  /** The server's own limit on the life of tokens. */
  longestLifeSeconds = 2_764_800;
  /** Entities that were merged, and into which. */
  readonly #merged = new Map<string, string>();
  readonly #now: () => Date;
  #ids = 0;

  constructor(now: () => Date = () => new Date(0)) {
    this.#now = now;
  }

  /**
   * A login, as Vault 1.21 does it: the role must stand, the entity of the alias must not be disabled, and where no entity has that alias Vault
   * makes one, without policies. Gives the token's accessor and policies; undefined when it is refused.
   */
  logIn(
    mount: string,
    name: string,
    alias: string,
  ): { readonly accessor: string; readonly policies: readonly string[] } | undefined {
    const role = this.roles.get(`${mount}/${name}`);
    const mountAccessor = this.mounts.get(mount);
    if (role === undefined || mountAccessor === undefined) return undefined;
    const presented = role.settings["bound_subject"] ?? role.roleId;
    if (presented !== alias) return undefined;
    const entity = this.#holder({ name: alias, mountAccessor })?.entity ?? this.#invented(mount, alias);
    if (entity.disabled) return undefined;
    const accessor = this.#id();
    const token = { path: `auth/${mount}/login`, role: name, entityId: entity.id, createdAt: this.#now() };
    this.tokens.set(accessor, token);
    const own = (role.settings["token_policies"] ?? []) as readonly string[];
    return { accessor, policies: ["default", ...own, ...entity.policies] };
  }

  /** Is a request with this token let in? Not while its entity, or the one that it was merged into, is gone or disabled. */
  works(accessor: string): boolean {
    const token = this.tokens.get(accessor);
    if (token?.entityId === undefined) return token !== undefined;
    const entity = this.#byId(token.entityId);
    return entity !== undefined && !entity.disabled;
  }

  /** `identity/entity/merge`: the one goes, its aliases come to the other and so do its tokens; its policies do not. */
  merge(from: string, to: string): void {
    const [gone, kept] = [this.entities.get(from), this.entities.get(to)];
    if (gone === undefined || kept === undefined) throw new Error(`no entity ${from} or ${to}`);
    kept.aliases = [...kept.aliases, ...gone.aliases];
    this.#merged.set(gone.id, kept.id);
    this.entities.delete(from);
  }

  rename(from: string, to: string): void {
    const entity = this.entities.get(from);
    if (entity === undefined) throw new Error(`no entity ${from}`);
    this.entities.delete(from);
    this.entities.set(to, Object.assign(entity, { name: to }));
  }

  /** The token store, for the accessors of all tokens. */
  tokenCalls(call: Wrap, refused: Refuse): TokenCalls {
    const asked = <T>(path: string, run: () => T): (() => T) => this.#ifAllowed(path, refused, run);
    return {
      listAccessors: () =>
        call(
          "listAccessors",
          asked("auth/token/accessors", () => [...this.tokens.keys()]),
        ),
      lookUpAccessor: (accessor) =>
        call(
          "lookUpAccessor",
          asked("auth/token/lookup-accessor", () => this.tokens.get(accessor)),
        ),
      capabilities: (paths) =>
        call("capabilities", () =>
          Object.fromEntries(paths.map((path) => [path, this.missingRights.has(path) ? ["deny"] : ["root"]])),
        ),
      mayRevoke: () => call("mayRevoke", () => !this.missingRights.has("auth/token/revoke-accessor")),
      revokeAccessor: (accessor) =>
        call(
          "revokeAccessor",
          asked("auth/token/revoke-accessor", () => void this.tokens.delete(accessor)),
        ),
    };
  }

  #ifAllowed<T>(path: string, refused: Refuse, run: () => T): () => T {
    return () => {
      if (this.missingRights.has(path)) throw refused(403, ["permission denied"]);
      return run();
    };
  }

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
      listEntities: (prefix) =>
        call("listEntities", () => [...this.entities.keys()].filter((name) => name.startsWith(prefix))),
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
      authMounts: () =>
        call("authMounts", () => new Map([...this.mounts].map(([mount]) => [mount, this.#mount(mount)]))),
      longestLife: (mount) =>
        call(
          "longestLife",
          this.#ifAllowed(`sys/mounts/auth/${mount}/tune`, refused, () => {
            const { maxTtlSeconds } = this.#mount(mount);
            return maxTtlSeconds > 0 ? maxTtlSeconds : this.longestLifeSeconds;
          }),
        ),
      readPolicy: (name) =>
        call(
          "readPolicy",
          this.#ifAllowed("sys/policies/acl", refused, () => this.policies.get(name)),
        ),
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
      listSecretIds: (place) =>
        call("listSecretIds", () => {
          const role = roleAt(place);
          if (role === undefined) throw refused(400, ["role does not exist"]);
          return [...role.secretIds.keys()];
        }),
      lookUpSecretId: (place, accessor) =>
        call("lookUpSecretId", () => {
          const role = roleAt(place);
          if (role === undefined) throw refused(500, ["role does not exist"]);
          const createdAt = role.secretIds.get(accessor);
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

  #mount(mount: string): AuthMount {
    const accessor = this.mounts.get(mount) ?? "gone";
    return { maxTtlSeconds: 0, givesBatchTokens: false, ...this.tuned.get(mount), accessor };
  }

  /** As Vault makes an entity at the login of an alias that nobody has. */
  #invented(mount: string, alias: string): Stored {
    const name = `entity_${this.#id().slice(-8)}`;
    this.entities.set(name, this.#fresh(name));
    this.addAlias(name, mount, alias);
    return this.entities.get(name) ?? this.#fresh(name);
  }

  #byId(id: string): Stored | undefined {
    const kept = this.#merged.get(id);
    if (kept !== undefined) return this.#byId(kept);
    return [...this.entities.values()].find((entity) => entity.id === id);
  }

  #fresh(name: string): Stored {
    return { id: this.#id(), name, disabled: false, policies: [], metadata: {}, aliases: [], groups: [] };
  }

  #id(): string {
    this.#ids += 1;
    return `00000000-0000-0000-0000-${String(this.#ids).padStart(12, "0")}`;
  }
}
