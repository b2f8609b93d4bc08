/** `unknown`: it could not be looked at. */
export type Result = "ok" | "warn" | "fail" | "unknown";

/** What one check came to. `why` and `next` are there unless all is well. */
export interface Finding {
  /** Stable, for scripts: `api/version`, `stuck/SecretRotation/payments/lake`. */
  readonly id: string;
  readonly what: string;
  readonly result: Result;
  readonly why?: string;
  /** What a person can do. */
  readonly next?: string;
  /** It is not for this place to look, and no failure: it does not count in the exit code. */
  readonly notFromHere?: boolean;
}

/** Exit codes of every subcommand; docs/reference/exit-codes.md has the same, held by a test. */
export const EXIT = { fine: 0, found: 1, usage: 2, blind: 3 } as const;

/** What was found is certain, so it goes before what could not be seen. */
export const doctorExit = (findings: readonly Finding[], strict: boolean): number => {
  const bad = findings.some(({ result }) => result === "fail" || (strict && result === "warn"));
  if (bad) return EXIT.found;
  const blind = findings.some(({ result, notFromHere }) => result === "unknown" && notFromHere !== true);
  return blind ? EXIT.blind : EXIT.fine;
};
