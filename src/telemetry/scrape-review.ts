import { createHmac, randomBytes } from "node:crypto";
import type { Cancel, Clock } from "../kernel/clock.ts";
import { toOperatorError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { ReviewLane } from "./review-lane.ts";

/** A caller as kube-apiserver knows it. */
export interface Caller {
  readonly user: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  /** What the authenticator says besides, for example the scopes of the token. */
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** kube-apiserver's two answers. Both throw where there is none. */
export interface ReviewCalls {
  /** TokenReview: undefined of a token that is not good. */
  authenticate(token: string): Promise<Caller | undefined>;
  /** SubjectAccessReview: may the caller `get` the path /metrics? */
  mayRead(caller: Caller): Promise<boolean>;
}

/** `Unavailable`: there is no answer now, and none that may still be used. */
export type Verdict = "Allowed" | "Unauthenticated" | "Forbidden" | "Unavailable";

type Answer = Exclude<Verdict, "Unavailable">;

interface Remembered {
  readonly answer: Answer;
  /** When kube-apiserver answered, by the monotonic clock. */
  readonly atMs: number;
  /** No review before, by the monotonic clock: one has just failed. */
  readonly againMs: number;
}

const GOOD_MS = 300_000;
const BAD_MS = 60_000;
/** So long a good answer counts while kube-apiserver gives none. */
const OUTAGE_MS = 3_600_000;
/** After a review without an answer the next one of the same token waits so long. */
const AGAIN_MS = 5000;
/** A scrape waits no longer for a review; the review goes on, and its answer is remembered. */
const PATIENCE_MS = 4000;
const TOLD_MS = 60_000;
const MOST_REMEMBERED = 1024;

const LANE = { perSecond: 5, perAddress: 8, most: 256, waitMs: 3000 };

/**
 * Says who may scrape. Good answers count five minutes, bad ones one; while kube-apiserver gives none, a good one counts for an hour
 * at most. Tokens are remembered by a keyed hash, and are never logged.
 */
export class ScrapeReview {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #calls: ReviewCalls;
  readonly #lane: ReviewLane;
  readonly #key = randomBytes(32);
  /** By the token's hash, the oldest first. */
  readonly #remembered = new Map<string, Remembered>();
  /** Not told again before, by the monotonic clock: callers decide how often it happens. */
  #tellMs = 0;
  readonly #underWay = new Map<string, Promise<Verdict>>();

  constructor({ clock, log, calls }: { readonly clock: Clock; readonly log: Logger; readonly calls: ReviewCalls }) {
    this.#clock = clock;
    this.#log = log;
    this.#calls = calls;
    this.#lane = new ReviewLane(clock, LANE);
  }

  /** `authorization` is the header as it came; `address` is the caller's, whose turn a review takes. Throws nothing. */
  async judge(authorization: string | undefined, address: string): Promise<Verdict> {
    const token = tokenIn(authorization);
    if (token === undefined) return "Unauthenticated";
    const hash = createHmac("sha256", this.#key).update(token).digest("base64");
    const known = this.#known(hash);
    if (known !== undefined && this.#isFresh(known)) return known.answer;
    const review = this.#underWay.get(hash) ?? this.#begin(hash, token, { address, known });
    return this.#withPatience(review, () => (known?.answer === "Allowed" ? "Allowed" : "Unavailable"));
  }

  #known(hash: string): Remembered | undefined {
    const known = this.#remembered.get(hash);
    if (known === undefined) return undefined;
    const longest = known.answer === "Allowed" ? OUTAGE_MS : BAD_MS;
    if (this.#clock.monotonicMs() - known.atMs < longest) return known;
    this.#remembered.delete(hash);
    return undefined;
  }

  #isFresh({ answer, atMs, againMs }: Remembered): boolean {
    const nowMs = this.#clock.monotonicMs();
    return nowMs - atMs < (answer === "Allowed" ? GOOD_MS : BAD_MS) || nowMs < againMs;
  }

  #begin(
    hash: string,
    token: string,
    { address, known }: { readonly address: string; readonly known: Remembered | undefined },
  ): Promise<Verdict> {
    const review = this.#review(token, address, known !== undefined)
      .then(
        (answer): Verdict => {
          this.#remember(hash, { answer, atMs: this.#clock.monotonicMs(), againMs: 0 });
          return answer;
        },
        (thrown: unknown): Verdict => this.#unanswered(hash, thrown),
      )
      .finally(() => this.#underWay.delete(hash));
    this.#underWay.set(hash, review);
    return review;
  }

  async #review(token: string, address: string, isKnown: boolean): Promise<Answer> {
    const authenticate = (): Promise<Caller | undefined> => this.#calls.authenticate(token);
    const caller = await (isKnown ? this.#lane.first(authenticate) : this.#lane.inTurn(address, authenticate));
    if (caller === undefined) return "Unauthenticated";
    return (await this.#lane.first(() => this.#calls.mayRead(caller))) ? "Allowed" : "Forbidden";
  }

  #unanswered(hash: string, thrown: unknown): Verdict {
    const error = toOperatorError(thrown);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#tellMs) this.#log.warn("A scrape could not be reviewed.", { error });
    if (nowMs >= this.#tellMs) this.#tellMs = nowMs + TOLD_MS;
    const known = this.#known(hash);
    if (known?.answer !== "Allowed") return "Unavailable";
    this.#remember(hash, { ...known, againMs: this.#clock.monotonicMs() + AGAIN_MS });
    return "Allowed";
  }

  #remember(hash: string, remembered: Remembered): void {
    this.#remembered.delete(hash);
    this.#remembered.set(hash, remembered);
    if (this.#remembered.size <= MOST_REMEMBERED) return;
    const [oldestBad] =
      [...this.#remembered].find(([, { answer }]) => answer !== "Allowed") ?? [...this.#remembered][0] ?? [];
    if (oldestBad !== undefined) this.#remembered.delete(oldestBad);
  }

  #withPatience(review: Promise<Verdict>, otherwise: () => Verdict): Promise<Verdict> {
    return new Promise((resolve) => {
      const giveUp: Cancel = this.#clock.schedule(PATIENCE_MS, () => {
        resolve(otherwise());
      });
      void review.then((verdict) => {
        giveUp();
        resolve(verdict);
      });
    });
  }
}

/** RFC 6750: what follows `Bearer`. Undefined where it is not a token. */
const tokenIn = (authorization: string | undefined): string | undefined =>
  /^Bearer +([-\w.~+/]+=*) *$/i.exec(authorization ?? "")?.[1];
