import { Cron } from "croner";
import { DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { unitShare } from "../../kernel/ids.ts";

/** A cron pattern of five fields, at the wall clock of a time zone (IANA name). */
export interface CronSetting {
  readonly pattern: string;
  readonly timeZone: string;
}

/** Begins at each of the pattern's times and lasts `durationMs`. */
export interface WindowSetting {
  readonly cron: CronSetting;
  readonly durationMs: number;
  /** Allow: rotations begin inside only, if there is any such window. Deny: none begins inside, whatever is allowed. */
  readonly mode: "Allow" | "Deny";
}

export interface ScheduleSetting {
  readonly everyMs?: number;
  readonly cron?: CronSetting;
  readonly windows: readonly WindowSetting[];
  /** At most so much earlier than `every`, or later than `cron` and the beginning of a window. */
  readonly jitterMs: number;
}

/** When a credential that lives for a known time is replaced at the latest: so long before it ends. */
export type RenewalSetting =
  { readonly kind: "before"; readonly ms: number } | { readonly kind: "share"; readonly remaining: number };

/** What is due, and why just then. `OutsideWindow`: moved to the beginning of a window. */
export interface Due {
  readonly at: Date;
  readonly reason: "Every" | "Cron" | "Expiry" | "Requested" | "Window";
}

export interface DueInput {
  readonly schedule?: ScheduleSetting | undefined;
  readonly renewal: RenewalSetting;
  readonly issuedAt: Date;
  /** By the provider's word; absent for what lives until it is revoked. */
  readonly expiresAt?: Date | undefined;
  /** Spreads resources with the same schedule: the same for the same seed. */
  readonly seed: string;
}

/** The first time of the pattern after `from`; undefined when there is none in the next hundred years. */
const after = (cron: CronSetting, from: Date): Date | undefined => parsed(cron).nextRun(from) ?? undefined;

/** Parsed once for each object of the settings: a window is asked many times in a row. Throws for what is no pattern. */
const parsed = (cron: CronSetting): Cron => {
  const known = PARSED.get(cron);
  if (known !== undefined) return known;
  const made = new Cron(cron.pattern, { timezone: cron.timeZone, mode: "5-part", paused: true });
  PARSED.set(cron, made);
  return made;
};

const PARSED = new WeakMap<CronSetting, Cron>();

/**
 * What is wrong with a pattern or a time zone, in words that may follow its field's name; undefined when it has a next time.
 * The schema lets through what only looks like one.
 */
export const cronProblem = (cron: CronSetting): string | undefined => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: cron.timeZone });
  } catch {
    return "has a timeZone that is not in the IANA time zone database (such as Europe/Berlin)";
  }
  try {
    return after(cron, ANY_TIME) === undefined ? "has a cron pattern that no day ever matches" : undefined;
  } catch {
    return "has a cron pattern that is not of five valid fields (minute, hour, day of month, month, day of week)";
  }
};

/** A pattern that has a next time has one from every time on; 29 February of a weekday comes once in 28 years. */
const ANY_TIME = new Date("2026-01-01T00:00:00Z");

/**
 * When the credential is replaced by itself, and why then. A time that the clocks leave out in spring is the first one that there
 * is; one that they repeat in autumn counts once. Windows and jitter never move it past the expiry less the renewal's margin:
 * then it goes ahead outside of any window. Undefined: never.
 */
export const nextDue = (input: DueInput): Due | undefined => {
  const wanted = planned(input);
  const limit = renewalAt(input);
  if (limit !== undefined && (wanted === undefined || limit <= wanted.at)) return { at: limit, reason: "Expiry" };
  return wanted;
};

const planned = (input: DueInput): Due | undefined => {
  const { schedule, issuedAt } = input;
  if (schedule === undefined) return undefined;
  const jitterMs = schedule.jitterMs * unitShare(input.seed);
  const base = baseOf(schedule, issuedAt, jitterMs);
  if (base === undefined) return undefined;
  const opens = allowedFrom(base.at, schedule.windows);
  if (opens === undefined) return undefined;
  if (opens.getTime() === base.at.getTime()) return base;
  // All that a window has held back would begin at its first second.
  const spread = new Date(opens.getTime() + jitterMs);
  const at = allowedFrom(spread, schedule.windows)?.getTime() === spread.getTime() ? spread : opens;
  return { at, reason: "Window" };
};

const baseOf = ({ everyMs, cron }: ScheduleSetting, issuedAt: Date, jitterMs: number): Due | undefined => {
  if (everyMs !== undefined) return { at: new Date(issuedAt.getTime() + everyMs - jitterMs), reason: "Every" };
  const next = cron === undefined ? undefined : after(cron, issuedAt);
  return next === undefined ? undefined : { at: new Date(next.getTime() + jitterMs), reason: "Cron" };
};

/** The end of the credential less the margin in which a replacement must succeed; never before it was issued. */
export const renewalAt = ({
  renewal,
  issuedAt,
  expiresAt,
}: Pick<DueInput, "renewal" | "issuedAt" | "expiresAt">): Date | undefined => {
  if (expiresAt === undefined) return undefined;
  const lifetime = expiresAt.getTime() - issuedAt.getTime();
  const share = lifetime * (renewal.kind === "share" ? renewal.remaining : DEFAULTS.renewalShare);
  // A margin as long as the whole life would renew for ever.
  const margin = renewal.kind === "before" && renewal.ms < lifetime ? renewal.ms : share;
  return new Date(expiresAt.getTime() - margin);
};

/** The first time from `from` on at which the windows let a rotation begin; undefined when it is nowhere to be found. */
const allowedFrom = (from: Date, windows: readonly WindowSetting[]): Date | undefined => {
  const allow = windows.filter(({ mode }) => mode === "Allow");
  const deny = windows.filter(({ mode }) => mode === "Deny");
  let at = from;
  for (let tries = 0; tries < MOST_MOVES; tries += 1) {
    const denied = deny.map((window) => endOf(window, at)).find((end) => end !== undefined);
    const open = allow.length === 0 || allow.some((window) => endOf(window, at) !== undefined);
    if (denied === undefined && open) return at;
    const next = denied ?? firstOpening(allow, at);
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
};

/** Enough for a window a day to be denied for a quarter of a year; each try costs about a tenth of a millisecond. */
const MOST_MOVES = 100;

/** The end of the window's turn that `at` lies in; undefined when it lies in none. */
const endOf = ({ cron, durationMs }: WindowSetting, at: Date): Date | undefined => {
  const began = after(cron, new Date(at.getTime() - durationMs));
  return began !== undefined && began <= at ? new Date(began.getTime() + durationMs) : undefined;
};

const firstOpening = (windows: readonly WindowSetting[], at: Date): Date | undefined =>
  windows
    .map(({ cron }) => after(cron, at))
    .filter((time) => time !== undefined)
    .sort((a, b) => a.getTime() - b.getTime())[0];
