import type { ObservedPiece, Piece } from "../domain/lifecycle/piece.ts";
import type { Proof } from "../domain/lifecycle/record.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import {
  NOTHING_TO_CUT,
  type AccountCapabilities,
  type AccountClient,
  type AccountCredential,
  type AccountKind,
  type AccountObservation,
  type AccountOwner,
} from "./account.ts";

export type FakeAccountOperation = Exclude<keyof AccountClient, "kind" | "target" | "capabilities">;

interface FakePrincipal {
  readonly externalId: string;
  /** `<cluster>/<namespace>/<name>` and the UID of the resource whose it is, where it is marked. */
  mark: { readonly owner: string; readonly uid: string } | undefined;
  /** `<namespace>/<name>` of the resource that may take it over. */
  adopt: string | undefined;
}

interface FakeFault {
  readonly operation: FakeAccountOperation;
  readonly about: string | undefined;
  readonly error: OperatorError;
  readonly at: "before" | "after";
  left: number;
}

export interface FakeCall {
  readonly operation: FakeAccountOperation;
  /** Key of the piece or id of the credential. */
  readonly about?: string | undefined;
}

/**
 * One place for an account at a provider, in memory: what stands there, whoever made it. The fields are the test's handles.
 * Clients of several resources may look at the same place.
 */
export class FakeAccountPlace {
  readonly kind: AccountKind;
  readonly target: string;
  principal: FakePrincipal | undefined;
  readonly pieces = new Map<string, ObservedPiece>();
  readonly credentials = new Map<string, AccountCredential>();
  /** Keys whose place is taken by somebody else's object. */
  readonly conflicts = new Set<string>();
  readonly foreignGrants: string[] = [];
  cut = false;
  loginClosed = false;
  /** The provider lies: whatever was cut still works. */
  acceptsEverything = false;
  readonly clock: Clock;
  #made = 0;

  constructor(clock: Clock, kind: AccountKind = "AwsUser", target = "aws-user/123456789012/billing") {
    this.clock = clock;
    this.kind = kind;
    this.target = target;
  }

  /** Makes a principal as somebody else would; `adopt`: whom it lets take it over. */
  plant(adopt?: string): FakePrincipal {
    this.principal = { externalId: this.nextId("ID"), mark: undefined, adopt };
    return this.principal;
  }

  /** A credential that a SecretRotation or a person made. */
  addCredential(enabled = true): string {
    const id = this.nextId("AKIA");
    this.credentials.set(id, { id, kind: "AccessKey", createdAt: this.clock.now(), enabled, switchable: true });
    return id;
  }

  /** A privilege or any other piece that somebody gave by hand. */
  addByHand(piece: Piece): void {
    this.pieces.set(piece.key, piece);
  }

  /** Everything that stands, as text. */
  snapshot(): string {
    const { principal, pieces, credentials, cut, loginClosed } = this;
    return JSON.stringify([principal ?? null, [...pieces.values()], [...credentials.values()], cut, loginClosed]);
  }

  /** May a session that was issued before still act? */
  lets(): boolean {
    if (this.acceptsEverything) return true;
    return !this.cut && [...this.pieces.values()].some((piece) => piece.class === "grant");
  }

  nextId(prefix: string): string {
    this.#made += 1;
    return `${prefix}${String(this.#made).padStart(16, "0")}`;
  }
}

const CAPABILITIES: Readonly<Record<AccountKind, AccountCapabilities>> = {
  KubernetesServiceAccount: { cutsByRemoval: true, canDisableCredentials: false },
  AwsUser: { cutsByRemoval: false, canDisableCredentials: true },
  AwsRole: { cutsByRemoval: false, canDisableCredentials: false },
  VaultEntity: { cutsByRemoval: false, canDisableCredentials: false },
};

const PROOFS: Readonly<Record<AccountKind, Proof>> = {
  KubernetesServiceAccount: "ProvenByReview",
  AwsUser: "ProvenByListing",
  AwsRole: "ProvenByListing",
  VaultEntity: "ProvenByListing",
};

/** What a fault of a common kind looks like, to give to `failNext`. */
export const fakeAccountErrors = {
  lost: new OperatorError("Timeout", { publicMessage: "The provider timed out.", ambiguous: true }),
  throttled: new OperatorError("Throttled", { publicMessage: "The provider throttled.", retryAfterMs: 1000 }),
  unavailable: new OperatorError("Unavailable", { publicMessage: "The provider is away.", ambiguous: true }),
  denied: new OperatorError("PermissionDenied", { publicMessage: "The provider denied.", status: 403 }),
  notFound: new OperatorError("NotFound", { publicMessage: "The policy does not exist.", status: 404 }),
} as const;

/** An AccountClient of one resource over a place, with settable faults and a list of its calls. */
export class FakeAccount implements AccountClient {
  readonly kind: AccountKind;
  readonly target: string;
  readonly capabilities: AccountCapabilities;
  readonly place: FakeAccountPlace;
  readonly calls: FakeCall[] = [];
  readonly #owner: AccountOwner;
  readonly #faults: FakeFault[] = [];
  #recorded: string | undefined;

  constructor(place: FakeAccountPlace, owner: AccountOwner) {
    this.place = place;
    this.kind = place.kind;
    this.target = place.target;
    this.capabilities = CAPABILITIES[place.kind];
    this.#owner = owner;
  }

  /**
   * The next `times` calls of an operation throw, where `about` is given only those about that key or id; `after`: it took
   * effect and the answer was lost.
   */
  failNext(
    operation: FakeAccountOperation,
    error: OperatorError,
    options: { readonly at?: "before" | "after"; readonly times?: number; readonly about?: string } = {},
  ): void {
    const { at = "before", times = 1, about } = options;
    this.#faults.push({ operation, about, error, at, left: times });
  }

  count(operation: FakeAccountOperation, about?: string): number {
    return this.calls.filter((call) => call.operation === operation && (about === undefined || call.about === about))
      .length;
  }

  /** Calls that changed something or tried to. */
  mutations(): readonly FakeCall[] {
    return this.calls.filter((call) => call.operation !== "observe" && call.operation !== "proveRefused");
  }

  observe(_: unknown, recorded?: { readonly externalId?: string | undefined }): Promise<AccountObservation> {
    this.#recorded = recorded?.externalId;
    return this.#call("observe", undefined, () => {
      const { place } = this;
      const whose = this.#whose();
      const base = {
        ...NOTHING_TO_CUT,
        conflicts: [...place.conflicts].sort(),
        foreignGrants: [...place.foreignGrants],
        grantsGone: !this.#hasGrants(),
      };
      const nothing = { rightsCut: true, loginClosed: true, providerTime: place.clock.now() };
      if (whose === "absent") return { ...base, ...nothing, principal: whose, pieces: [], credentials: [] };
      const externalId = place.principal?.externalId;
      if (whose === "foreign") {
        return { ...base, ...nothing, principal: whose, externalId, pieces: [], credentials: [] };
      }
      return {
        ...base,
        principal: whose,
        externalId,
        pieces: this.#pieces(),
        credentials: [...place.credentials.values()],
        rightsCut: this.capabilities.cutsByRemoval ? !this.#hasGrants() : place.cut,
        loginClosed: this.#hasLogin() ? place.loginClosed : true,
        cutWays: this.capabilities.cutsByRemoval
          ? []
          : [{ name: this.kind === "VaultEntity" ? "Disable" : "Deny", replaces: [], clears: [], request: true }],
        cutBy: place.cut ? [this.kind === "VaultEntity" ? "Disable" : "Deny"] : [],
        providerTime: place.clock.now(),
      };
    });
  }

  apply(piece: Piece, _: unknown, desired: readonly Piece[]): Promise<void> {
    return this.#call("apply", piece.key, () => {
      const { place } = this;
      const whose = this.#whose();
      if (piece.key === "principal" && whose === "absent") {
        place.principal = { externalId: place.nextId("ID"), mark: this.#mark(), adopt: undefined };
        for (const made of desired) {
          if (["principal", "owner", "boundary"].includes(made.key)) place.pieces.set(made.key, made);
        }
        return;
      }
      const adopting = piece.key === "owner" && whose === "adoptable";
      if (!adopting) this.#demandOurs();
      if (place.conflicts.has(piece.key)) throw conflict(piece.key);
      if (piece.key === "owner" && place.principal !== undefined) place.principal.mark = this.#mark();
      if (piece.key === "trust") place.loginClosed = false;
      place.pieces.set(piece.key, piece);
    });
  }

  remove(key: string): Promise<"removed" | "alreadyAbsent"> {
    return this.#call("remove", key, () => {
      const { place } = this;
      if (this.#whose() === "absent") return "alreadyAbsent";
      this.#demandOurs();
      if (key !== "principal") return key !== "owner" && place.pieces.delete(key) ? "removed" : "alreadyAbsent";
      // A trust is a part of its role.
      const hanging = [...place.pieces.values()].some(
        (piece) => piece.class === "grant" || (piece.class === "login" && piece.key !== "trust"),
      );
      if (hanging || place.credentials.size > 0) throw inUse();
      place.principal = undefined;
      place.pieces.clear();
      place.cut = false;
      place.loginClosed = false;
      return "removed";
    });
  }

  cut(): Promise<void> {
    return this.#ours("cut", undefined, () => {
      this.place.cut = true;
      if (this.kind === "VaultEntity") this.place.loginClosed = true;
    });
  }

  uncut(): Promise<void> {
    return this.#ours("uncut", undefined, () => {
      this.place.cut = false;
      if (this.kind === "VaultEntity") this.place.loginClosed = false;
    });
  }

  closeLogin(): Promise<void> {
    if (!this.#hasLogin()) return Promise.resolve();
    return this.#ours("closeLogin", undefined, () => {
      this.place.loginClosed = true;
      // A disabled entity is one thing: no rights and no login.
      if (this.kind === "VaultEntity") this.place.cut = true;
    });
  }

  openLogin(): Promise<void> {
    if (!this.#hasLogin()) return Promise.resolve();
    return this.#ours("openLogin", undefined, () => {
      this.place.loginClosed = false;
      if (this.kind === "VaultEntity") this.place.cut = false;
    });
  }

  setCredentialEnabled(id: string, enabled: boolean): Promise<void> {
    return this.#ours("setCredentialEnabled", id, () => {
      const credential = this.place.credentials.get(id);
      if (credential === undefined) {
        throw new OperatorError("NotFound", { publicMessage: "The credential does not exist.", status: 404 });
      }
      this.place.credentials.set(id, { ...credential, enabled });
    });
  }

  removeCredential(id: string): Promise<"removed" | "alreadyAbsent"> {
    return this.#call("removeCredential", id, () => {
      if (this.#whose() === "absent") return "alreadyAbsent";
      this.#demandOurs();
      return this.place.credentials.delete(id) ? "removed" : "alreadyAbsent";
    });
  }

  proveRefused(): ReturnType<AccountClient["proveRefused"]> {
    return this.#call("proveRefused", undefined, () => {
      const { place } = this;
      if (place.principal === undefined) return { kind: "refused", proof: PROOFS[this.kind] } as const;
      if (place.lets()) return { kind: "accepted", what: "what was allowed before" } as const;
      const live = [...place.credentials.values()].find((credential) => credential.enabled);
      if (live !== undefined && this.capabilities.canDisableCredentials) {
        return { kind: "accepted", what: `credential ${live.id}` } as const;
      }
      if (this.#hasLogin() && !place.loginClosed && place.pieces.size > 0 && this.#loginStands()) {
        return { kind: "accepted", what: "a new login" } as const;
      }
      return { kind: "refused", proof: PROOFS[this.kind] } as const;
    });
  }

  giveBack(): Promise<void> {
    return this.#ours("giveBack", undefined, () => {
      if (this.place.principal !== undefined) this.place.principal.mark = undefined;
      this.place.pieces.delete("owner");
    });
  }

  #whose(): AccountObservation["principal"] {
    const { principal } = this.place;
    if (principal === undefined) return "absent";
    const { mark } = principal;
    const uids = [this.#owner.uid, ...this.#owner.predecessors];
    if (mark?.owner === this.#ownerName() && uids.includes(mark.uid)) return "ours";
    if (this.#recorded !== undefined && this.#recorded === principal.externalId) return "ours";
    return principal.adopt === `${this.#owner.namespace}/${this.#owner.name}` ? "adoptable" : "foreign";
  }

  /** A mark of a dead predecessor makes the owner another value, so that it is put right. */
  #pieces(): readonly ObservedPiece[] {
    const current = this.place.principal?.mark?.uid === this.#owner.uid;
    return [...this.place.pieces.values()]
      .map(({ key, class: of, value, title }) => ({
        key,
        class: of,
        title,
        value: key === "owner" && !current ? `${value} (of a predecessor)` : value,
      }))
      .filter((piece) => !(this.place.loginClosed && piece.key === "trust"));
  }

  #hasGrants(): boolean {
    return [...this.place.pieces.values()].some((piece) => piece.class === "grant");
  }

  #loginStands(): boolean {
    return [...this.place.pieces.values()].some((piece) => piece.class === "login");
  }

  #hasLogin(): boolean {
    return this.kind === "AwsRole" || this.kind === "VaultEntity";
  }

  #ownerName(): string {
    return `${this.#owner.cluster}/${this.#owner.namespace}/${this.#owner.name}`;
  }

  #mark(): FakePrincipal["mark"] {
    return { owner: this.#ownerName(), uid: this.#owner.uid };
  }

  #demandOurs(): void {
    if (this.#whose() !== "ours") throw conflict("principal");
  }

  #ours(operation: FakeAccountOperation, about: string | undefined, run: () => void): Promise<void> {
    return this.#call(operation, about, () => {
      this.#demandOurs();
      run();
    });
  }

  async #call<T>(operation: FakeAccountOperation, about: string | undefined, run: () => T): Promise<T> {
    this.calls.push({ operation, about });
    this.#fail(operation, about, "before");
    const answer = run();
    this.#fail(operation, about, "after");
    return answer;
  }

  #fail(operation: FakeAccountOperation, about: string | undefined, at: "before" | "after"): void {
    const fault = this.#faults.find(
      (each) =>
        each.operation === operation &&
        each.at === at &&
        each.left > 0 &&
        (each.about === undefined || each.about === about),
    );
    if (fault === undefined) return;
    fault.left -= 1;
    throw fault.error;
  }
}

const conflict = (what: string): OperatorError =>
  new OperatorError("Conflict", { publicMessage: `The account's ${what} is not this resource's to change.` });

const inUse = (): OperatorError =>
  new OperatorError("InUse", {
    publicMessage: "The account's principal is not deleted before what hangs on it is gone.",
  });
