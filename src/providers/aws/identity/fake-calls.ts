import type { OperatorError } from "../../../kernel/errors.ts";
import { DeleteRefused } from "../errors.ts";
import type { FakeAws } from "../fake-calls.ts";
import { awsRefusal } from "../fake-refusal.ts";
import type { HangingKind, Identity, IdentityCalls } from "./contract.ts";
import { IN_THE_WAY } from "./fake-credentials.ts";

export interface FakeCredential {
  readonly kind: HangingKind;
  readonly id: string;
  readonly createdAt: Date;
  enabled: boolean;
}

/** What hangs on a user or role. */
export interface FakeRights {
  readonly id: string;
  boundary: string | undefined;
  readonly attached: Set<string>;
  readonly inline: Map<string, string>;
  readonly memberOf: Set<string>;
  /** All but access keys. */
  readonly credentials: FakeCredential[];
}

export interface FakeRole extends FakeRights {
  path: string;
  readonly tags: Map<string, string>;
  trust: string;
  maxSessionSeconds: number;
}

export const newRights = (id: string): FakeRights => ({
  id,
  boundary: undefined,
  attached: new Set(),
  inline: new Map(),
  memberOf: new Set(),
  credentials: [],
});

export type FakeCall = <T>(name: string, run: () => T) => Promise<T>;

/** IAM's default quotas: managed policies of one identity, groups of one user, characters of all inline policies without white space. */
const MOST_ATTACHED = 10;
const MOST_GROUPS = 10;
const MOST_CHARACTERS = { user: 2048, role: 10_240 } as const;

/** The identity calls over a FakeAws: what IAM does with users and roles, in memory. */
export const fakeIdentityCalls = (world: FakeAws, call: FakeCall, time: () => Date): IdentityCalls => {
  const all = (kind: Identity["kind"]) => (kind === "user" ? world.users : world.roles);
  const need = ({ kind, name }: Identity) => {
    const found = all(kind).get(name);
    if (found === undefined) throw noSuchEntity();
    return found;
  };
  const role = (name: string): FakeRole => {
    const found = world.roles.get(name);
    if (found === undefined) throw noSuchEntity();
    return found;
  };
  const user = (name: string) => need({ kind: "user", name });

  return {
    find: (who) =>
      call("find", () => {
        const found = all(who.kind).get(who.name);
        if (found === undefined) return undefined;
        const asRole = world.roles.get(who.name);
        const { id, path, boundary } = found;
        return {
          ...{ id, path, boundary, tags: Object.fromEntries(found.tags), time: time() },
          trust: who.kind === "role" ? asRole?.trust : undefined,
          maxSessionSeconds: who.kind === "role" ? asRole?.maxSessionSeconds : undefined,
        };
      }),
    create: (who, made) =>
      call("create", () => {
        const taken = [...all(who.kind).keys()].some((name) => name.toLowerCase() === who.name.toLowerCase());
        if (taken) throw awsRefusal("AlreadyExists", "EntityAlreadyExists", 409);
        if (made.boundary !== undefined && world.policies?.has(made.boundary) === false) throw noSuchEntity();
        if (who.kind === "user") {
          world.addUser(who.name, made.path, made.tags).boundary = made.boundary;
          return;
        }
        world.roles.set(who.name, {
          ...newRights(world.nextId("AROA")),
          path: made.path,
          tags: new Map(Object.entries(made.tags)),
          boundary: made.boundary,
          trust: made.trust ?? "",
          maxSessionSeconds: made.maxSessionSeconds ?? 3600,
        });
      }),
    remove: (who) =>
      call("remove", () => {
        const { attached, inline, memberOf, credentials } = need(who);
        const operation = who.kind === "user" ? "DeleteUser" : "DeleteRole";
        const keys = who.kind === "user" ? (world.users.get(who.name)?.keys.size ?? 0) : 0;
        if (keys > 0) throw new DeleteRefused(operation, "an access key");
        if (attached.size + inline.size > 0) throw new DeleteRefused(operation, "a policy");
        if (memberOf.size > 0) throw new DeleteRefused(operation, "a group");
        const [credential] = credentials;
        if (credential !== undefined) throw new DeleteRefused(operation, IN_THE_WAY[credential.kind]);
        all(who.kind).delete(who.name);
      }),
    tag: (who, tags) =>
      call("tag", () => {
        for (const [key, value] of Object.entries(tags)) need(who).tags.set(key, value);
      }),
    untag: (who, keys) =>
      call("untag", () => {
        for (const key of keys) need(who).tags.delete(key);
      }),
    setBoundary: (who, arn) =>
      call("setBoundary", () => {
        if (world.policies?.has(arn) === false) throw noSuchEntity();
        need(who).boundary = arn;
      }),
    removeBoundary: (who) =>
      call("removeBoundary", () => {
        if (need(who).boundary === undefined) throw noSuchEntity();
        need(who).boundary = undefined;
      }),
    attachedPolicies: (who) => call("attachedPolicies", () => [...need(who).attached]),
    attachPolicy: (who, arn) =>
      call("attachPolicy", () => {
        const { attached } = need(who);
        if (world.policies?.has(arn) === false) throw noSuchEntity();
        if (!attached.has(arn) && attached.size >= MOST_ATTACHED) throw limitExceeded();
        attached.add(arn);
      }),
    detachPolicy: (who, arn) =>
      call("detachPolicy", () => {
        if (!need(who).attached.delete(arn)) throw noSuchEntity();
      }),
    inlinePolicies: (who) => call("inlinePolicies", () => [...need(who).inline.keys()]),
    inlinePolicy: (who, name) => call("inlinePolicy", () => need(who).inline.get(name)),
    putInlinePolicy: (who, name, document) =>
      call("putInlinePolicy", () => {
        const { inline } = need(who);
        if (!isJson(document)) throw awsRefusal("InvalidSpec", "MalformedPolicyDocument", 400);
        const others = [...inline].filter(([other]) => other !== name).map(([, text]) => text);
        const characters = [...others, document].reduce((sum, text) => sum + text.replace(/\s/g, "").length, 0);
        if (characters > MOST_CHARACTERS[who.kind]) throw limitExceeded();
        inline.set(name, document);
      }),
    deleteInlinePolicy: (who, name) =>
      call("deleteInlinePolicy", () => {
        if (!need(who).inline.delete(name)) throw noSuchEntity();
      }),
    groups: (userName) => call("groups", () => [...user(userName).memberOf]),
    joinGroup: (userName, group) =>
      call("joinGroup", () => {
        if (world.groups?.has(group) === false) throw noSuchEntity();
        const { memberOf } = user(userName);
        if (!memberOf.has(group) && memberOf.size >= MOST_GROUPS) throw limitExceeded();
        memberOf.add(group);
      }),
    leaveGroup: (userName, group) =>
      call("leaveGroup", () => {
        user(userName).memberOf.delete(group);
      }),
    setTrust: (roleName, document) =>
      call("setTrust", () => {
        role(roleName).trust = document;
      }),
    setMaxSession: (roleName, seconds) =>
      call("setMaxSession", () => {
        role(roleName).maxSessionSeconds = seconds;
      }),
    list: (kind, pathPrefix) =>
      call("list", () =>
        [...all(kind)]
          .filter(([, { path }]) => path.startsWith(pathPrefix))
          .map(([name, { path }]) => ({ name, path })),
      ),
  };
};

const noSuchEntity = (): OperatorError => awsRefusal("NotFound", "NoSuchEntity", 404);

const limitExceeded = (): OperatorError => awsRefusal("QuotaExceeded", "LimitExceeded", 409);

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
