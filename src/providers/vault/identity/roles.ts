import { loginValue, type VaultLoginFacts } from "../../../domain/lifecycle/pieces/vault.ts";
import type { FormerPiece } from "../../../domain/lifecycle/record.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import { without } from "../../../kernel/without.ts";
import { record } from "../answers.ts";
import type { RoleSettings } from "./calls.ts";

/**
 * What every login role has: no policies of its own, so that a token has those of the entity and nothing else, and no limits that
 * somebody set by hand. Vault keeps what a write does not name, so all of it is named every time.
 */
const TOKEN_SETTINGS: RoleSettings = {
  token_policies: [],
  token_no_default_policy: false,
  token_type: "default",
  token_bound_cidrs: [],
  token_max_ttl: 0,
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_num_uses: 0,
};

const APP_ROLE_SETTINGS: RoleSettings = {
  ...TOKEN_SETTINGS,
  bind_secret_id: true,
  secret_id_bound_cidrs: [],
  secret_id_num_uses: 0,
  secret_id_ttl: 0,
};

const JWT_SETTINGS: RoleSettings = {
  ...TOKEN_SETTINGS,
  role_type: "jwt",
  user_claim: "sub",
  user_claim_json_pointer: false,
  bound_claims: {},
  bound_claims_type: "string",
  claim_mappings: {},
  groups_claim: "",
  clock_skew_leeway: 0,
  expiration_leeway: 0,
  not_before_leeway: 0,
};

const fixedOf = (mode: VaultLoginFacts["mode"]): RoleSettings =>
  mode === "AppRole" ? APP_ROLE_SETTINGS : JWT_SETTINGS;

/** The whole role as it has to be. */
export const roleSettings = (login: VaultLoginFacts): RoleSettings => ({
  ...fixedOf(login.mode),
  token_ttl: login.ttlSeconds,
  ...(login.mode === "AppRole"
    ? { role_id: login.alias }
    : { bound_subject: login.alias, bound_audiences: [login.audience] }),
});

/** A role as it stands, and the role id where it is an AppRole. */
export interface StandingRole {
  readonly settings: RoleSettings;
  readonly roleId?: string | undefined;
}

/** How an account logs in, as far as it follows from names alone. */
export interface EntityLogin {
  readonly mode: "AppRole" | "JWT";
  readonly mount: string;
  /** The alias that is wanted; undefined where the ServiceAccount of a JWT login is not known any more (a leaver). */
  readonly alias: string | undefined;
  /**
   * Can only be this account's: a role id of our choosing, or a ServiceAccount of the account's own namespace (it may be another
   * than is wanted now: identities get new ServiceAccounts).
   */
  isOurs(alias: string): boolean;
}

/** Whom a login by this role comes as. */
export const aliasOf = (login: EntityLogin, role: StandingRole): string => {
  const alias = login.mode === "AppRole" ? role.roleId : role.settings["bound_subject"];
  return typeof alias === "string" ? alias : "";
};

/** Is that the alias for certain? A JWT role may take another claim for it. */
export const presentsItsSubject = ({ mode }: EntityLogin, { settings }: StandingRole): boolean =>
  mode === "AppRole" || (settings["user_claim"] === "sub" && settings["user_claim_json_pointer"] !== true);

export const isOurRole = (login: EntityLogin, role: StandingRole): boolean => login.isOurs(aliasOf(login, role));

/**
 * The longest that a token of this role may live, in seconds; undefined where that is not known. `mountSeconds`: the limit of its auth
 * method. An explicit maximum holds for renewals by period too.
 */
export const longestLifeOf = ({ settings }: StandingRole, mountSeconds: number | undefined): number | undefined => {
  const seconds = (name: string): number => {
    const value = settings[name];
    return typeof value === "number" && value > 0 ? value : 0;
  };
  const explicit = seconds("token_explicit_max_ttl");
  if (explicit > 0) return explicit;
  const own = seconds("token_max_ttl");
  const most = own > 0 ? Math.min(own, mountSeconds ?? own) : mountSeconds;
  return most === undefined ? undefined : Math.max(most, seconds("token_period"));
};

/** What is known of the tokens of a login: how long one lives at most, and whether some have no accessor. */
export interface TokenLife {
  readonly seconds: number | undefined;
  readonly batch: boolean;
}

/** The role as it is before it is deleted: what makes it again, and what is known of the tokens that it gave. */
export const formerLogin = (login: EntityLogin, role: StandingRole, life: TokenLife): FormerPiece => {
  const facts = without(JSON.parse(observedLogin(login, role)) as Readonly<Record<string, unknown>>, "deviations");
  const known = { longestLifeSeconds: life.seconds, ...(life.batch ? { batchTokens: true } : {}) };
  return { key: "login", value: canonicalJson({ ...facts, ...known }) };
};

/** Of a value that `formerLogin` made. */
export const lifeIn = ({ value }: FormerPiece): TokenLife => {
  const { longestLifeSeconds: seconds, batchTokens } = record(JSON.parse(value));
  return { seconds: typeof seconds === "number" ? seconds : undefined, batch: batchTokens === true };
};

/** May a login by this role give a batch token by the role's own settings? */
export const givesBatchTokens = ({ settings }: StandingRole): boolean =>
  settings["token_type"] === "batch" || settings["token_type"] === "default-batch";

/** The value of the role as it stands; equal to the desired one when every setting that matters is as Keyturn sets it. */
export const observedLogin = (login: EntityLogin, role: StandingRole): string => {
  const { mode, mount } = login;
  const { settings } = role;
  const deviations = Object.entries(fixedOf(mode)).flatMap(([name, wanted]) => {
    const found = settings[name];
    // A setting that this server does not know cannot deviate.
    return found === undefined || comparable(found) === comparable(wanted) ? [] : [[name, found] as const];
  });
  const audience = mode === "JWT" ? onlyMember(settings["bound_audiences"]) : undefined;
  if (mode === "JWT" && audience === undefined)
    deviations.push(["bound_audiences", settings["bound_audiences"] ?? null]);
  const ttl = settings["token_ttl"];
  return loginValue(
    { mode, mount, alias: aliasOf(login, role), audience, ttlSeconds: typeof ttl === "number" ? ttl : 0 },
    deviations.length === 0 ? undefined : Object.fromEntries(deviations),
  );
};

const onlyMember = (list: unknown): string | undefined => {
  const [only, ...others] = Array.isArray(list) ? (list as readonly unknown[]) : [];
  return typeof only === "string" && others.length === 0 ? only : undefined;
};

/** Servers written in Go have null, an empty list and an empty map for "none". */
const comparable = (value: unknown): string => {
  const none = value === null || value === "" || (Array.isArray(value) && value.length === 0);
  const emptyMap = typeof value === "object" && !Array.isArray(value) && Object.keys(record(value)).length === 0;
  return none || emptyMap ? "none" : canonicalJson(value);
};
