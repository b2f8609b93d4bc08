import { loginValue, type VaultLoginFacts } from "../../../domain/lifecycle/pieces/vault.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
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

const aliasOf = (login: EntityLogin, role: StandingRole): string => {
  const alias = login.mode === "AppRole" ? role.roleId : role.settings["bound_subject"];
  return typeof alias === "string" ? alias : "";
};

export const isOurRole = (login: EntityLogin, role: StandingRole): boolean => login.isOurs(aliasOf(login, role));

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
