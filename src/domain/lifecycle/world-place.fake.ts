import assert from "node:assert/strict";
import type { AccountView, CutWay, DesiredAccount } from "./action.ts";
import type { ObservedPiece, Piece } from "./piece.ts";
import type { CutWayName } from "./record.ts";

/** An outside call that the model refuses; the pass books it as a failure. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** One account as it stands at a provider, whoever made it. */
export class Place {
  readonly target: string;
  principal: { readonly id: string; owner: "us" | "somebody"; adopt: boolean } | undefined;
  readonly pieces = new Map<string, ObservedPiece>();
  readonly credentials = new Map<
    string,
    { readonly id: string; readonly createdAt: Date; readonly switchable: boolean; enabled: boolean }
  >();
  /** Keys whose place is taken by somebody else's object. */
  readonly conflicts = new Set<string>();
  /** Denials that are in force. */
  readonly cutBy = new Set<CutWayName>();
  /** Steps that the provider refuses, as step-names.ts names them without the account: `cut/Deny`, `disable` (of every id). */
  readonly refuses = new Set<string>();
  loginClosed = false;

  constructor(target: string) {
    this.target = target;
  }

  get isKubernetes(): boolean {
    return this.target.startsWith("kubernetes-");
  }

  get isRole(): boolean {
    return this.target.startsWith("aws-role/");
  }

  get isVault(): boolean {
    return this.target.startsWith("vault-");
  }

  get isUser(): boolean {
    return this.target.startsWith("aws-user/");
  }

  whose(recordedId: string | undefined): AccountView["principal"] {
    if (this.principal === undefined) return "absent";
    if (this.principal.owner === "us" || this.principal.id === recordedId) return "ours";
    return this.principal.adopt ? "adoptable" : "foreign";
  }

  view(recordedId: string | undefined): AccountView {
    const principal = this.whose(recordedId);
    const grants = [...this.pieces.values()].filter((piece) => piece.class === "grant");
    const base = {
      principal,
      externalId: this.principal?.id,
      conflicts: [...this.conflicts],
      foreignGrants: [],
      groupGrants: [],
      grantsGone: grants.length === 0,
      cutWays: this.#ways(grants),
      cutBy: [...this.cutBy],
      closes: [],
      outstanding: [],
      notLooked: [],
    } satisfies Partial<AccountView>;
    const beside = this.isKubernetes ? [...this.pieces.values()].filter((piece) => piece.class === "grant") : [];
    if (principal === "absent" || principal === "foreign")
      return { ...base, pieces: beside, credentials: [], rightsCut: beside.length === 0, loginClosed: true };
    return {
      ...base,
      pieces: [...this.pieces.values()].filter(({ key }) => !(this.loginClosed && key === "trust")),
      credentials: [...this.credentials.values()].map((credential) => ({ ...credential })),
      rightsCut: this.isKubernetes ? beside.length === 0 : this.cut,
      loginClosed: this.isRole ? this.loginClosed : this.isVault ? this.cut : true,
    };
  }

  get cut(): boolean {
    return this.cutBy.size > 0;
  }

  #ways(grants: readonly ObservedPiece[]): readonly CutWay[] {
    if (this.isKubernetes) return [];
    const way = (name: CutWayName, more: Partial<CutWay> = {}): CutWay => ({
      name,
      replaces: [],
      clears: [],
      request: true,
      ...more,
    });
    if (this.isVault) return [way("Disable")];
    const boundary = this.pieces.get("boundary");
    return [
      way("Deny"),
      way("Boundary", { replaces: boundary === undefined ? [] : [boundary] }),
      way("AttachedDeny"),
      way("Room", { clears: grants.filter(({ key }) => key.startsWith("inlinePolicy/")) }),
      way("Grants", { clears: grants, request: false }),
    ];
  }

  // What adapters do, each one request.

  /** Room is the denial of its own, when there is room for it. */
  deny(way: CutWayName): void {
    if (way === "Boundary") this.pieces.delete("boundary");
    this.cutBy.add(way === "Room" ? "Deny" : way);
  }

  lift(ways: readonly CutWayName[], boundary: string | undefined): void {
    for (const way of ways) {
      if (way === "Boundary" && boundary !== undefined)
        this.pieces.set("boundary", { key: "boundary", class: "restriction", value: boundary, title: "boundary" });
      this.cutBy.delete(way);
    }
  }

  apply(piece: Piece, account: DesiredAccount, newId: () => string): void {
    if (this.conflicts.has(piece.key)) throw new Refused("Conflict");
    const whose = this.whose(undefined);
    if (piece.key === "principal" && whose === "absent") {
      this.principal = { id: newId(), owner: "us", adopt: false };
      for (const made of account.pieces)
        if (["principal", "owner", "boundary", "trust"].includes(made.key)) this.pieces.set(made.key, made);
      return;
    }
    if (piece.key === "owner" && whose === "adoptable" && this.principal !== undefined) this.principal.owner = "us";
    if (this.principal?.owner !== "us") throw new Refused(whose === "absent" ? "NotFound" : "Conflict");
    if (piece.key === "trust") this.loginClosed = false;
    this.pieces.set(piece.key, piece);
  }

  remove(key: string): void {
    const beside = this.isKubernetes && this.pieces.get(key)?.class === "grant";
    if (this.principal?.owner !== "us" && !beside) throw new Refused("Conflict");
    assert.ok(key !== "owner" && key !== "trust", `${key} cannot be removed alone`);
    if (key !== "principal") {
      this.pieces.delete(key);
      return;
    }
    const hanging = [...this.pieces.values()].some((piece) => piece.class === "grant");
    if (hanging || this.credentials.size > 0) throw new Refused("Conflict");
    this.vanish();
  }

  /** Nothing of the principal is left. Bindings stand beside it. */
  vanish(): void {
    this.principal = undefined;
    for (const [key, piece] of [...this.pieces])
      if (!(this.isKubernetes && piece.class === "grant")) this.pieces.delete(key);
    this.credentials.clear();
    this.cutBy.clear();
    this.loginClosed = false;
  }

  giveBack(): void {
    if (this.principal === undefined) throw new Refused("NotFound");
    this.principal.owner = "somebody";
    this.pieces.delete("owner");
  }

  /** May a session that was issued before still do anything, or a credential be used? */
  lets(): boolean {
    if (this.principal?.owner !== "us") return false;
    const rights = !this.cut && [...this.pieces.values()].some((piece) => piece.class === "grant");
    return rights || (this.isUser && [...this.credentials.values()].some(({ enabled }) => enabled));
  }

  /** Everything that stands, as comparable text; ids of what is made anew are left out. */
  snapshot(): string {
    const pieces = [...this.pieces.values()].map(({ key, value }) => `${key}=${value}`).sort();
    const credentials = [...this.credentials.values()].map(({ id, enabled }) => `${id}:${enabled}`).sort();
    return JSON.stringify([this.principal?.owner, pieces, credentials, [...this.cutBy].sort(), this.loginClosed]);
  }
}
