import { randomUUID } from "node:crypto";
import { OperatorError } from "../../../kernel/errors.ts";
import { vaultError } from "../errors.ts";
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
      const good =
        this.exists && roleId === this.roleId && [...this.secretIds.values()].some(({ value }) => value === secretId);
      this.logins.push({ at: this.#now().getTime(), good, roleId });
      return Promise.resolve(good || this.acceptsAll);
    },
  };

  readonly identity: Pick<IdentityCalls, "readRoleId" | "listSecretIds" | "lookUpSecretId" | "destroySecretId"> = {
    readRoleId: () => Promise.resolve(this.exists ? this.roleId : undefined),
    listSecretIds: () => (this.exists ? Promise.resolve([...this.secretIds.keys()]) : Promise.reject(noRole(400))),
    lookUpSecretId: (_place, accessor) => {
      if (!this.exists) return Promise.reject(noRole(500));
      const found = this.secretIds.get(accessor);
      return Promise.resolve(found === undefined ? undefined : { accessor, ...found });
    },
    destroySecretId: (_place, accessor) =>
      this.secretIds.delete(accessor)
        ? Promise.resolve()
        : Promise.reject(new OperatorError("Unavailable", { publicMessage: "Vault failed (500).", ambiguous: true })),
  };

  /** Deleted, and all its secret ids with it; made anew it has none. */
  deleteRole(): void {
    this.exists = false;
    this.secretIds.clear();
  }

  /** The most refused logins of this role in any quarter of an hour. */
  worstQuarter(): number {
    const refused = this.logins.filter(({ good, roleId }) => !good && roleId === this.roleId).map(({ at }) => at);
    return Math.max(0, ...refused.map((from) => refused.filter((at) => at >= from && at < from + LOCKOUT_MS).length));
  }
}

/** As Vault answers of a role that does not exist: 400 to a list, 500 to a look-up. */
const noRole = (status: 400 | 500): OperatorError => vaultError({ status, errors: ["role does not exist"] }, "call");
