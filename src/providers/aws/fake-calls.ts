import type { Clock } from "../../kernel/clock.ts";
import type { OperatorError } from "../../kernel/errors.ts";
import { awsRefusal } from "./fake-refusal.ts";
import { fakeIdentityCalls, newRights, type FakeRights, type FakeRole } from "./identity/fake-calls.ts";
import { fakeCredentialCalls } from "./identity/fake-credentials.ts";
import { fakePolicyCalls, lets, type FakeGroup, type FakePolicy } from "./identity/fake-policies.ts";
import type { Identity } from "./identity/contract.ts";
import type { AwsCalls, AwsKeySource, AwsKeys } from "./sdk.ts";

interface FakeIamKey {
  readonly id: string;
  readonly secret: string;
  readonly createdAt: Date;
  enabled: boolean;
  lastUsed?: Date;
}

export interface FakeIamUser extends FakeRights {
  path: string;
  readonly tags: Map<string, string>;
  readonly keys: Map<string, FakeIamKey>;
}

const MUTATION = /^(tag|untag|create|update|delete|remove|set|put|attachPolicy|detachPolicy|join|leave)/;

/** IAM and STS of one account in memory, with the calls of sdk.ts on top: for tests of what stands above the SDK. */
export class FakeAws {
  readonly account: string;
  readonly users = new Map<string, FakeIamUser>();
  readonly roles = new Map<string, FakeRole>();
  /** Managed policies and groups that exist; undefined: all. */
  policies: ReadonlySet<string> | undefined;
  groups: ReadonlySet<string> | undefined;
  /** What managed policies (by ARN) and groups hold, where a test says so. */
  readonly policyDocuments = new Map<string, FakePolicy>();
  readonly groupPolicies = new Map<string, FakeGroup>();
  /** Virtual MFA devices that were deactivated and not deleted. */
  readonly unassignedDevices = new Set<string>();
  readonly log: string[] = [];
  /** Keys that the operator may log in with; undefined: any. */
  operatorKeys: ReadonlyMap<string, string> | undefined;
  readonly assumed: { readonly arn: string; readonly externalId: string | undefined; readonly sessionName: string }[] =
    [];
  disposed = 0;
  readonly #clock: Clock;
  readonly #faults: { readonly call: string; readonly error: OperatorError; readonly at: "before" | "after" }[] = [];
  readonly #refused = new Map<string, OperatorError>();
  #made = 0;

  constructor(clock: Clock, account = "123456789012") {
    this.#clock = clock;
    this.account = account;
  }

  addUser(name: string, path: string, tags: Readonly<Record<string, string>> = {}): FakeIamUser {
    const keys = new Map<string, FakeIamKey>();
    const user = { path, tags: new Map(Object.entries(tags)), keys, ...newRights(this.nextId("AIDA")) };
    this.users.set(name, user);
    return user;
  }

  failNext(call: string, error: OperatorError, at: "before" | "after" = "before"): void {
    this.#faults.push({ call, error, at });
  }

  /** Every such call fails from now on; undefined: it goes again. */
  refuse(call: string, error: OperatorError | undefined): void {
    if (error === undefined) this.#refused.delete(call);
    else this.#refused.set(call, error);
  }

  /** Would IAM let this user or role do that now? */
  lets(who: Identity, action: string): boolean {
    const found = (who.kind === "user" ? this.users : this.roles).get(who.name);
    return found !== undefined && lets(this, found, action);
  }

  mutations(): number {
    return this.log.filter((call) => MUTATION.test(call)).length;
  }

  /** An id that is never given again. */
  nextId(prefix: string): string {
    this.#made += 1;
    return `${prefix}${String(this.#made).padStart(16, "0")}`;
  }

  /** The calls, signed with what `keys` gives; an unknown key of the operator is refused as AWS does. */
  calls(keys: AwsKeySource): AwsCalls {
    const call = async <T>(name: string, run: () => T): Promise<T> => {
      this.log.push(name);
      this.#fail(name, "before");
      const own = await keys();
      if (this.operatorKeys !== undefined && this.operatorKeys.get(own.accessKeyId) !== own.secretAccessKey) {
        throw awsRefusal("Unauthenticated", "InvalidClientTokenId", 403);
      }
      const answer = run();
      this.#fail(name, "after");
      return answer;
    };
    const time = (): Date => new Date(Math.floor(this.#clock.now().getTime() / 1000) * 1000);
    return {
      identity: fakeIdentityCalls(this, call, time),
      credentials: fakeCredentialCalls(this, call),
      policies: fakePolicyCalls(this, call),
      getUser: (name) =>
        call("getUser", () => {
          const user = this.users.get(name);
          return user && { path: user.path, arn: this.#arn(name, user) };
        }),
      listUserTags: (name) => call("listUserTags", () => Object.fromEntries(this.#user(name).tags)),
      tagUser: (name, tags) =>
        call("tagUser", () => {
          for (const [key, value] of Object.entries(tags)) this.#user(name).tags.set(key, value);
        }),
      listAccessKeys: (name) =>
        call("listAccessKeys", () => ({
          keys: [...this.#user(name).keys.values()].map(({ id, createdAt, enabled }) => ({ id, createdAt, enabled })),
          time: time(),
        })),
      accessKeyLastUsed: (id) =>
        call("accessKeyLastUsed", () => {
          const found = this.#find(id);
          return { userName: found?.userName, at: found?.key.lastUsed, service: found?.key.lastUsed ? "sts" : "N/A" };
        }),
      createAccessKey: (name) =>
        call("createAccessKey", () => {
          const user = this.#user(name);
          if (user.keys.size >= 2) throw awsRefusal("QuotaExceeded", "LimitExceeded", 409);
          this.#made += 1;
          const id = `AKIA${String(this.#made).padStart(16, "0")}`;
          const secret = `Fake/Secret+Key${String(this.#made).padStart(25, "0")}`;
          user.keys.set(id, { id, secret, createdAt: time(), enabled: true });
          return { id, secret, userName: name, createdAt: time(), time: time() };
        }),
      updateAccessKey: (name, id, enabled) =>
        call("updateAccessKey", () => {
          this.#key(name, id).enabled = enabled;
        }),
      deleteAccessKey: (name, id) =>
        call("deleteAccessKey", () => {
          this.#key(name, id);
          this.#user(name).keys.delete(id);
        }),
      callerIdentity: (who) =>
        call("callerIdentity", () => {
          if (who === "own") {
            return {
              kind: "identity",
              account: this.account,
              arn: `arn:aws:iam::${this.account}:user/operator`,
            } as const;
          }
          return this.#logIn(who, time());
        }),
      assumeRole: (role) =>
        call("assumeRole", () => {
          this.assumed.push(role);
          return { accessKeyId: "ASIAROLE", secretAccessKey: "role-secret", sessionToken: "role-token" };
        }),
      dispose: () => {
        this.disposed += 1;
      },
    };
  }

  #logIn(keys: AwsKeys, time: Date) {
    const found = this.#find(keys.accessKeyId);
    if (found?.key.enabled !== true) return { kind: "refused", code: "InvalidClientTokenId", time } as const;
    if (found.key.secret !== keys.secretAccessKey)
      return { kind: "refused", code: "SignatureDoesNotMatch", time } as const;
    found.key.lastUsed = time;
    return { kind: "identity", account: this.account, arn: this.#arn(found.userName, found.user) } as const;
  }

  #fail(call: string, at: "before" | "after"): void {
    const refused = this.#refused.get(call);
    if (refused !== undefined && at === "before") throw refused;
    const index = this.#faults.findIndex((fault) => fault.call === call && fault.at === at);
    if (index < 0) return;
    const [fault] = this.#faults.splice(index, 1);
    if (fault !== undefined) throw fault.error;
  }

  #arn(name: string, user: FakeIamUser): string {
    return `arn:aws:iam::${this.account}:user${user.path}${name}`;
  }

  #user(name: string): FakeIamUser {
    const user = this.users.get(name);
    if (user === undefined) throw awsRefusal("NotFound", "NoSuchEntity", 404);
    return user;
  }

  #key(name: string, id: string): FakeIamKey {
    const key = this.#user(name).keys.get(id);
    if (key === undefined) throw awsRefusal("NotFound", "NoSuchEntity", 404);
    return key;
  }

  #find(id: string): { readonly userName: string; readonly user: FakeIamUser; readonly key: FakeIamKey } | undefined {
    for (const [userName, user] of this.users) {
      const key = user.keys.get(id);
      if (key !== undefined) return { userName, user, key };
    }
    return undefined;
  }
}

export { awsRefusal };
