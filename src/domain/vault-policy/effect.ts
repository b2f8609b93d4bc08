import type { Effect } from "../lifecycle/piece.ts";
import { isList, isObject, parseHcl, type HclMember, type HclObject, type HclValue } from "./parse.ts";

/**
 * What an ACL policy of Vault does, by its text (HCL or JSON): `Denies` where every rule forbids, `Allows` where none does. What is not
 * surely understood is `Both`: nobody may take it away, or count on it. A policy without rules forbids nothing.
 */
export const policyTextEffect = (text: string): Exclude<Effect, "Unread"> => {
  const parsed = parseHcl(text);
  const rules = parsed === undefined ? undefined : rulesOf(parsed);
  const verdicts = rules?.map(verdictOf);
  if (verdicts === undefined || verdicts.includes(undefined)) return "Both";
  const forbids = verdicts.some((verdict) => verdict?.forbids === true);
  const gives = verdicts.some((verdict) => verdict?.gives === true);
  if (forbids && gives) return "Both";
  return forbids ? "Denies" : "Allows";
};

interface Verdict {
  readonly gives: boolean;
  readonly forbids: boolean;
}

/** Bodies of all `path` rules; undefined where the text holds anything else than these and a name. */
const rulesOf = ({ members }: HclObject): readonly HclObject[] | undefined => {
  const found = members.map(rulesIn);
  return found.some((rules) => rules === undefined) ? undefined : found.flatMap((rules) => rules ?? []);
};

const rulesIn = ({ keys, value }: HclMember): readonly HclObject[] | undefined => {
  const [kind, path, ...more] = keys;
  if (kind === "name" && path === undefined) return typeof value === "string" ? [] : undefined;
  if (kind !== "path" || more.length > 0) return undefined;
  return path === undefined ? rulesByPath(value) : bodies(value);
};

/** JSON: `"path": { "kv/*": { … } }`, or a list of such. */
const rulesByPath = (value: HclValue): readonly HclObject[] | undefined => {
  const objects = bodies(value);
  if (objects === undefined) return undefined;
  const found = objects.flatMap(({ members }) =>
    members.map((member) => (member.keys.length === 1 ? bodies(member.value) : undefined)),
  );
  return found.some((rules) => rules === undefined) ? undefined : found.flatMap((rules) => rules ?? []);
};

const bodies = (value: HclValue): readonly HclObject[] | undefined => {
  if (isObject(value)) return [value];
  return isList(value) && value.every(isObject) ? value : undefined;
};

const GIVING: readonly string[] = [
  "create",
  "read",
  "update",
  "delete",
  "list",
  "sudo",
  "patch",
  "subscribe",
  "recover",
];
/** From before there were capabilities. */
const OLD_GIVING: readonly string[] = ["read", "write", "sudo"];
/** Vault joins these of all policies that name a path: a rule that has one forbids what another allows. */
const NARROWING: readonly string[] = [
  "allowed_parameters",
  "denied_parameters",
  "required_parameters",
  "min_wrapping_ttl",
  "max_wrapping_ttl",
  "mfa_methods",
  "control_group",
];
const NEUTRAL: readonly string[] = ["comment", "subscribe_event_types"];

/** Undefined: not understood. */
const verdictOf = ({ members }: HclObject): Verdict | undefined => {
  const names = members.map(({ keys }) => keys.join(" "));
  const known = ["capabilities", "policy", ...NARROWING, ...NEUTRAL];
  if (names.some((name) => !known.includes(name)) || new Set(names).size !== names.length) return undefined;
  const valueOf = (name: string): HclValue | undefined => members.find(({ keys }) => keys[0] === name)?.value;
  const words = capabilitiesIn(valueOf("capabilities"));
  const old = valueOf("policy");
  if (words === undefined || (old !== undefined && typeof old !== "string")) return undefined;
  if (words.some((word) => word !== "deny" && !GIVING.includes(word))) return undefined;
  if (old !== undefined && old !== "deny" && !OLD_GIVING.includes(old)) return undefined;
  // Deny takes all else with it. A rule that gives nothing stands in the way of a wider one that does.
  const denies = words.includes("deny") || old === "deny" || (words.length === 0 && old === undefined);
  if (denies) return { gives: false, forbids: true };
  return { gives: true, forbids: names.some((name) => NARROWING.includes(name)) };
};

const capabilitiesIn = (value: HclValue | undefined): readonly string[] | undefined => {
  if (value === undefined) return [];
  if (!isList(value) || value.some((each) => typeof each !== "string")) return undefined;
  return value as readonly string[];
};
