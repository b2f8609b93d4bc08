/**
 * An account is made of pieces: one principal, and what hangs on it. A piece has a key that follows from the spec (never from
 * chance), so a crash between making it and recording it loses nothing: the next look finds it under its key.
 *
 * Keys: `principal`, `owner`, `boundary`, `trust`, `login`, `alias`, `binding/Role/<name>`, `binding/ClusterRole/<name>`,
 * `clusterBinding/ClusterRole/<name>`, `managedPolicy/<arn>`, `inlinePolicy/<name>`, `group/<name>`, `policy/<name>` (Vault).
 */
export type PieceClass =
  /** The ServiceAccount, IAM user or role, Vault entity. Made first and with its owner on it; removed last. */
  | "principal"
  /** Who answers for it, as tags, annotations or metadata. */
  | "attribute"
  /** More of it means less may be done (permissions boundary). Made before any grant. */
  | "restriction"
  /** How it logs in (trust policy, Vault login role and alias). */
  | "login"
  /** More of it means more may be done. */
  | "grant";

export interface Piece {
  readonly key: string;
  readonly class: PieceClass;
  /**
   * What it must be, as canonical JSON in a form in which equal meaning is equal text (policy documents normalised). An
   * adapter gives what it observes in the same form. Never a secret.
   */
  readonly value: string;
  /** For plans and messages: `managed policy ReadOnlyAccess`. */
  readonly title: string;
}

/**
 * What an object that stands does, by what it holds: some objects only forbid. `Unread`: its content could not be read, so neither can
 * be told.
 */
export type Effect = "Allows" | "Denies" | "Both" | "Unread";

export interface ObservedPiece extends Pick<Piece, "key" | "class" | "value" | "title"> {
  /** Absent: `Allows` for a grant, as every declared one is taken; nothing else has one. */
  readonly effect?: Effect | undefined;
  /** Of an `Unread` one: the right that the operator's login lacks (`iam:GetPolicyVersion`). */
  readonly missingRight?: string | undefined;
}

/** Does the change from one value to another let more be done, less, or some of both? `none`: it is about neither. */
export type Direction = "widen" | "narrow" | "mixed" | "none";

/** What cannot be taken away alone: it goes with the principal. */
export const partOfPrincipal = (key: string): boolean => key === "principal" || key === "owner" || key === "trust";
