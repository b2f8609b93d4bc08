import type { Outside, Thing } from "../../lane/outside.ts";
import { atProviders, compareOutside, only, readOutside } from "../../lane/outside.ts";
import { briefly, identityCondition } from "../../lane/identity.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { waitFor } from "../../stack/wait.ts";
import { deliveredKey } from "./access.ts";
import type { Leaver } from "./leaver.ts";

/**
 * Brings a suspended identity back. What was replaced is in its place again; keys that a SecretRotation answers for are as they were, every
 * other one stays off and the resource names it. One line for each thing that is not so.
 */
export async function comesBack(leaver: Leaver, before: Outside): Promise<readonly string[]> {
  const { site, name } = leaver;
  await leaver.lift();
  const rotated = (await deliveredKey(site, name))?.accessKeyId;
  await site.team.mergePatch(site.path(name), { spec: { state: "Active" } });
  await untilBack(site, name);
  const was = only(before, isOf(name));
  const plan = ((await site.find(name))?.status?.plan?.lines ?? []).join("\n");
  const differences = differencesBack(was, await outsideOf(site, name), rotated);
  const unnamed = [...was.values()]
    .flatMap(keysOf)
    .filter(({ id }) => id !== rotated && !new RegExp(`${id} stays off`).test(plan))
    .map(({ id }) => `key …${id.slice(-4)} stays off, and the plan does not name it: ${plan}`);
  return [...differences, ...unnamed];
}

const isOf =
  (name: string) =>
  (key: string): boolean =>
    new RegExp(`[./]${name}([.-]|$)`).test(key);

/** What the providers have of an identity. */
export async function outsideOf(site: IdentitySite, name: string): Promise<Outside> {
  return only(atProviders(await readOutside(site)), isOf(name));
}

/**
 * One line for each thing that is not as it was before the end. `rotated`: the id of the key that a rotation answers for; where it is
 * `isReplaced` in between, another key has its place, and its Secret another value.
 */
export function differencesBack(
  before: Outside,
  now: Outside,
  rotated: string | undefined,
  { isReplaced = false }: { readonly isReplaced?: boolean } = {},
): readonly string[] {
  if (!isReplaced)
    return compareOutside(expectedBack(before, rotated), keyIdsOnly(now), { ids: true, names: withoutMarks });
  const withoutValues = (all: Outside): Outside => only(all, (key) => !key.startsWith("kubernetes/Secret/"));
  return compareOutside(withoutValues(before), withoutValues(now), { names: withoutMarks });
}

/** It is in use again. What stands there by hand is a difference that is reported, so Ready need not be True. */
export async function untilBack(site: IdentitySite, name: string): Promise<void> {
  await waitFor(
    `${name} is back`,
    async () => {
      const identity = await site.find(name);
      const { observedGeneration, state } = identity?.status ?? {};
      const rests = observedGeneration === identity?.metadata.generation && state === "Active";
      if (rests && identityCondition(identity, "Reconciling")?.status !== "True") return true;
      throw new Error(briefly(identity).slice(0, 2500));
    },
    { timeout: 90_000, every: 200 },
  );
}

/** The state before the end as it must be after the return: of each user's keys, only the rotation's is on. */
export function expectedBack(before: Outside, rotated: string | undefined): Outside {
  return mapped(before, (thing) => {
    if (!isUser(thing)) return { ...thing, id: "" };
    const keys = keysOf(thing).map(({ id, status }) => ({ id, status: id === rotated ? status : "Inactive" }));
    const statuses = keys.map(({ status }) => status).sort();
    return { ...thing, id: keyIds(keys), shape: { ...(thing.shape as object), keys: statuses } };
  });
}

/** Ids of keys alone: a ServiceAccount that was deleted has another one. */
function keyIdsOnly(now: Outside): Outside {
  return mapped(now, (thing) => ({ ...thing, id: isUser(thing) ? keyIds(keysOf(thing)) : "" }));
}

function mapped(all: Outside, change: (thing: Thing) => Thing): Outside {
  return new Map([...all].map(([key, thing]) => [key, change(thing)]));
}

interface Key {
  readonly id: string;
  readonly status: string;
}

function keysOf(thing: Thing): readonly Key[] {
  if (!isUser(thing)) return [];
  const [, ...keys] = thing.id.split(",");
  return keys.map((key) => {
    const [id = "", status = ""] = key.split(" ");
    return { id, status };
  });
}

function keyIds(keys: readonly Key[]): string {
  return keys.map(({ id, status }) => `${id} ${status}`).join(",");
}

function isUser({ key }: Thing): boolean {
  return key.startsWith("aws/user/");
}

function withoutMarks(text: string): string {
  return text.replace(/"(uid|keyturn\.dev\/closed)":"[^"]*"/g, "");
}
