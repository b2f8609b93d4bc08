/** A breach of an invariant of docs/architecture.md (S1–S6, S10–S15), or a difference from the undisturbed run. */
export interface Violation {
  readonly invariant:
    | "S1"
    | "S2"
    | "S3"
    | "S4"
    | "S5"
    | "S6"
    | "S10"
    | "S11"
    | "S12"
    | "S13"
    | "S14"
    | "S15"
    | "L1"
    | "END"
    | "LEAK"
    | "RUN";
  /** One sentence. */
  readonly what: string;
  readonly evidence: string;
}
