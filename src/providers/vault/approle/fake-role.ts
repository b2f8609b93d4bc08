import { randomUUID } from "node:crypto";
import { OperatorError } from "../../../kernel/errors.ts";
import type { IdentityCalls } from "../identity/calls.ts";
import type { AppRoleCalls } from "./calls.ts";

interface SecretId {
  readonly value: string;
  readonly createdAt: Date;
  readonly metadata: Readonly<Record<string, string>>;
  readonly expiresAt?: Date;
}

const LOCKOUT_MS = 15 * 60_000;

/** One AppRole in memory, which notes every refused login and what followed it. */
export class FakeAppRole {
  readonly roleId = "role-id-0001";
  readonly secretIds = new Map<string, SecretId>();
  exists = true;
  ttlSeconds = 0;
  /** Every login, in order. */
  readonly logins: { readonly at: number; readonly good: boolean; readonly roleId: string }[] = [];
  /** Nothing of it is checked: what a lying check is noticed by. */
  acceptsAll = false;
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  readonly calls: AppRoleCalls = {
    make: (_place, metadata) => {
      const accessor = randomUUID();
      const createdAt = this.#now();
      const secretId = randomUUID();
      const end = new Date(createdAt.getTime() + this.ttlSeconds * 1000);
      this.secretIds.set(accessor, {
        value: secretId,
        createdAt,
        metadata,
        ...(this.ttlSeconds === 0 ? {} : { expiresAt: end }),
      });
      return Promise.resolve({ accessor, secretId, ttlSeconds: this.ttlSeconds });
    },
    logIn: (_mount, { roleId, secretId }) => {
      const good = roleId === this.roleId && [...this.secretIds.values()].some(({ value }) => value === secretId);
      this.logins.push({ at: this.#now().getTime(), good, roleId });
      return Promise.resolve(good || this.acceptsAll);
    },
  };

  readonly identity: Pick<IdentityCalls, "readRoleId" | "listSecretIds" | "lookUpSecretId" | "destroySecretId"> = {
    readRoleId: () => Promise.resolve(this.exists ? this.roleId : undefined),
    listSecretIds: () => Promise.resolve([...this.secretIds.keys()]),
    lookUpSecretId: (_place, accessor) => {
      const found = this.secretIds.get(accessor);
      return Promise.resolve(found === undefined ? undefined : { accessor, ...found });
    },
    destroySecretId: (_place, accessor) =>
      this.secretIds.delete(accessor)
        ? Promise.resolve()
        : Promise.reject(new OperatorError("Unavailable", { publicMessage: "Vault failed (500).", ambiguous: true })),
  };

  /** The most refused logins of this role in any quarter of an hour. */
  worstQuarter(): number {
    const refused = this.logins.filter(({ good, roleId }) => !good && roleId === this.roleId).map(({ at }) => at);
    return Math.max(0, ...refused.map((from) => refused.filter((at) => at >= from && at < from + LOCKOUT_MS).length));
  }
}
