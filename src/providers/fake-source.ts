import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { CredentialSource, OwnerMark, ProviderCapabilities, TargetObservation } from "./contract.ts";

export type FakeOperation = Exclude<keyof CredentialSource, "capabilities">;

interface FakeKey {
  readonly id: string;
  readonly material: SecretMaterial;
  readonly createdAt: Date;
  enabled: boolean;
  lastUsed: Date | undefined;
}

interface FakeFault {
  readonly operation: FakeOperation;
  readonly error: OperatorError;
  readonly at: "before" | "after";
  left: number;
}

/** Faults of common kinds, to give to `failNext`. */
export const fakeErrors = {
  lost: new OperatorError("Timeout", { publicMessage: "AWS timed out.", ambiguous: true }),
  throttled: new OperatorError("Throttled", { publicMessage: "AWS throttled.", retryAfterMs: 1000, status: 429 }),
  unavailable: new OperatorError("Unavailable", { publicMessage: "AWS is away.", ambiguous: true, status: 503 }),
  denied: new OperatorError("PermissionDenied", { publicMessage: "AWS denied.", status: 403 }),
} as const;

/**
 * One IAM user in memory, for reconciler tests: keys with slots, enabled or not, that are really accepted or refused, and
 * settable faults. The fields are the test's handles; the methods are what the operator sees.
 */
export class FakeSource implements CredentialSource {
  readonly capabilities: ProviderCapabilities;
  readonly keys = new Map<string, FakeKey>();
  readonly calls: { readonly operation: FakeOperation; readonly id?: string }[] = [];
  target: TargetObservation = { exists: true, allowed: true, owner: undefined, ownerUid: undefined };
  /** The next so many verifications answer notYet. */
  notYet = 0;
  /** The target lies: every login is accepted. */
  acceptsEverything = false;
  /** Good keys are refused for good. */
  rejectsEverything = false;
  /** New keys stay out of this many listings: eventual consistency. */
  listingLag = 0;
  #listings = 0;
  #made = 0;
  readonly #bornAtListing = new Map<string, number>();
  readonly #faults: FakeFault[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock, capabilities: Partial<ProviderCapabilities> = {}) {
    this.#clock = clock;
    this.capabilities = {
      slots: 2,
      canDisable: true,
      materialShownOnce: true,
      reportsLastUse: true,
      lockout: false,
      controlCounts: false,
      leavesNothing: false,
      marks: false,
      settleMs: 90_000,
      ...capabilities,
    };
  }

  /** The next `times` calls of an operation throw; `after`: it took effect and the answer was lost. */
  failNext(operation: FakeOperation, error: OperatorError, at: "before" | "after" = "before", times = 1): void {
    this.#faults.push({ operation, error, at, left: times });
  }

  clearFailures(): void {
    this.#faults.length = 0;
  }

  /** A key that somebody made by hand. */
  addForeign(id: string, createdAt = this.#clock.now()): void {
    const material = new SecretMaterial({ accessKeyId: id, secretAccessKey: `foreign-secret-of-${id}` });
    this.keys.set(id, { id, material, createdAt, enabled: true, lastUsed: undefined });
  }

  /** Somebody logs in with a key: true when it is accepted. */
  logIn(material: SecretMaterial): boolean {
    const key = [...this.keys.values()].find((candidate) => candidate.material.equals(material));
    if (key?.enabled !== true) return false;
    key.lastUsed = this.#clock.now();
    return true;
  }

  markUsed(id: string, at: Date): void {
    const key = this.keys.get(id);
    if (key !== undefined) key.lastUsed = at;
  }

  count(operation: FakeOperation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  observeTarget(): ReturnType<CredentialSource["observeTarget"]> {
    return this.#call({ operation: "observeTarget" }, () => this.target);
  }

  markOwner({ uid, owner }: OwnerMark): Promise<void> {
    return this.#call({ operation: "markOwner" }, () => {
      this.target = { ...this.target, ownerUid: uid, ...(owner === undefined ? {} : { owner }) };
    });
  }

  list(): ReturnType<CredentialSource["list"]> {
    return this.#call({ operation: "list" }, () => {
      this.#listings += 1;
      const visible = [...this.keys.values()].filter(
        (key) => this.#listings - (this.#bornAtListing.get(key.id) ?? -this.listingLag) > this.listingLag,
      );
      const credentials = visible.map(({ id, createdAt, enabled }) => ({ id, createdAt, enabled }));
      return { credentials, providerTime: this.#clock.now() };
    });
  }

  lastUse(id: string): ReturnType<CredentialSource["lastUse"]> {
    return this.#call({ operation: "lastUse", id }, () => {
      const key = this.keys.get(id);
      if (key === undefined) return { kind: "unknown" };
      return key.lastUsed === undefined ? { kind: "never" } : { kind: "at", at: key.lastUsed };
    });
  }

  issue(): ReturnType<CredentialSource["issue"]> {
    return this.#call({ operation: "issue" }, () => {
      if (this.keys.size >= this.capabilities.slots) {
        throw new OperatorError("QuotaExceeded", {
          publicMessage: "AWS CreateAccessKey was refused: LimitExceeded.",
          status: 409,
          serverCode: "LimitExceeded",
        });
      }
      this.#made += 1;
      const id = `AKIAFAKE${String(this.#made).padStart(12, "0")}`;
      const material = new SecretMaterial({
        accessKeyId: id,
        secretAccessKey: `fakeSecretNumber${this.#made}OfTheFakeSource`,
      });
      const createdAt = this.#clock.now();
      this.keys.set(id, { id, material, createdAt, enabled: true, lastUsed: undefined });
      if (this.listingLag > 0) this.#bornAtListing.set(id, this.#listings);
      return { id, material, issuedAt: createdAt };
    });
  }

  verify(material: SecretMaterial, issuedAt: Date): ReturnType<CredentialSource["verify"]> {
    return this.#call({ operation: "verify" }, () => {
      if (this.acceptsEverything) return { kind: "usable" };
      if (this.notYet > 0) {
        this.notYet -= 1;
        return { kind: "notYet" };
      }
      if (!this.rejectsEverything && this.logIn(material)) return { kind: "usable" };
      const young = this.#clock.now().getTime() - issuedAt.getTime() < this.capabilities.settleMs;
      return young ? { kind: "notYet" } : { kind: "rejected" };
    });
  }

  negativeControl(): ReturnType<CredentialSource["negativeControl"]> {
    return this.#call({ operation: "negativeControl" }, () =>
      this.acceptsEverything ? { kind: "accepted" } : { kind: "refused" },
    );
  }

  proveRefused(material: SecretMaterial): ReturnType<CredentialSource["proveRefused"]> {
    return this.#call({ operation: "proveRefused" }, () =>
      this.acceptsEverything || this.logIn(material) ? { kind: "accepted" } : { kind: "refused" },
    );
  }

  setEnabled(id: string, enabled: boolean): Promise<void> {
    return this.#call({ operation: "setEnabled", id }, () => {
      const key = this.keys.get(id);
      if (key === undefined) {
        throw new OperatorError("NotFound", {
          publicMessage: "AWS UpdateAccessKey was refused: NoSuchEntity.",
          status: 404,
        });
      }
      key.enabled = enabled;
    });
  }

  revoke(id: string): ReturnType<CredentialSource["revoke"]> {
    return this.#call({ operation: "revoke", id }, () => (this.keys.delete(id) ? "removed" : "alreadyAbsent"));
  }

  async #call<T>(call: { readonly operation: FakeOperation; readonly id?: string }, run: () => T): Promise<T> {
    this.calls.push(call);
    this.#fail(call.operation, "before");
    const answer = run();
    this.#fail(call.operation, "after");
    return answer;
  }

  #fail(operation: FakeOperation, at: "before" | "after"): void {
    const fault = this.#faults.find((each) => each.operation === operation && each.at === at && each.left > 0);
    if (fault === undefined) return;
    fault.left -= 1;
    throw fault.error;
  }
}
