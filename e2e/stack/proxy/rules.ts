import type { CallKind, Classified, ServerKind } from "./classify.ts";

/** One request that passed the proxy. */
export interface Call extends Classified {
  /** 1, 2, … in this proxy since the counters were last reset. */
  readonly n: number;
  readonly server: ServerKind;
  /** Path and query as requested. */
  readonly path: string;
  /** 1, 2, … among the mutating requests; undefined for the others. */
  readonly ordinal: number | undefined;
  /** 1, 2, … among the requests of this verb and template. */
  readonly occurrence: number;
  /** Epoch milliseconds when it came in. */
  readonly at: number;
  /** The status of the server's answer, or of ours in its place; undefined when there was none (yet). */
  readonly status: number | undefined;
}

/** Which requests a rule is about: all given members must agree, or the function says so. It may look at the body. */
export type Match =
  | {
      readonly verb?: string;
      readonly template?: string | RegExp;
      readonly kind?: CallKind;
      readonly mutating?: boolean;
      readonly ordinal?: number;
      readonly occurrence?: number;
    }
  | ((call: Call, body: string) => boolean);

/** Before the request is sent on; after the server has answered, but the answer is not passed on; after it was passed on. */
export type Point = "beforeSend" | "answerLost" | "answerDelivered";

/** What a rule does to a request that matches. */
export type Action =
  /** Calls `kill` at the point. Up to `answerLost` the connection is cut as well. */
  | { readonly do: "kill"; readonly point: Point; readonly kill: (call: Call) => unknown }
  /** Waits, then goes on (other rules may follow). */
  | { readonly do: "delay"; readonly ms: number }
  /** Closes the connection: before sending, instead of the answer, or in the middle of the answer. */
  | { readonly do: "cut"; readonly point: "beforeSend" | "answerLost" | "midAnswer" }
  /** Never answers, until the client gives up. */
  | { readonly do: "hang"; readonly point: "beforeSend" | "answerLost" }
  /** Sends the request `times` more times; the client gets the first answer. */
  | { readonly do: "repeat"; readonly times: number }
  /**
   * Gives an older answer to the same GET: one that was true `olderThanMs` ago, or the one `back` different answers before
   * the newest. Without such an answer on record the request passes, and that is no hit.
   */
  | { readonly do: "stale"; readonly olderThanMs: number }
  | { readonly do: "stale"; readonly back: number }
  /** Answers in the server's place. Without a body: an error as this server would word it, `code` being AWS's or the reason. */
  | {
      readonly do: "answer";
      readonly status: number;
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Leaves out events of a watch that matches; `event` selects (default: all). Each event left out is a hit. */
  | { readonly do: "dropEvent"; readonly event?: (event: SeenEvent) => boolean }
  /** Closes a watch that matches at its next event: before it, or with half of it passed on. */
  | { readonly do: "closeWatch"; readonly half?: boolean };

/** One event of a watch, parsed. */
export interface SeenEvent {
  readonly type: string;
  readonly object: {
    readonly kind?: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string };
  };
}

/** A fault to make. */
export interface Rule {
  readonly name: string;
  readonly match: Match;
  /** How often at most; default 1. */
  readonly times?: number;
  readonly action: Action;
}

/** A rule in force. */
export interface ActiveRule {
  readonly name: string;
  hits(): number;
  /** The call that it hit first. */
  readonly firstHit: Promise<Call>;
  remove(): void;
}

/** The rules of one proxy, in the order in which they were added. */
export interface RuleBook {
  add(rule: Rule): ActiveRule;
  clear(): void;
  /** The rules in force that match; the caller calls `hit` for those it applies. */
  matching(call: Call, body: string): { readonly action: Action; hit(): void }[];
}

/** An empty book. */
export function ruleBook(): RuleBook {
  const rules = new Map<ActiveRule, { rule: Rule; hit: (call: Call) => void }>();
  return {
    add(rule) {
      let hits = 0;
      let first: (call: Call) => void = () => undefined;
      const active: ActiveRule = {
        name: rule.name,
        hits: () => hits,
        firstHit: new Promise((resolve) => {
          first = resolve;
        }),
        remove: () => {
          rules.delete(active);
        },
      };
      const hit = (call: Call): void => {
        hits += 1;
        first(call);
        if (hits >= (rule.times ?? 1)) rules.delete(active);
      };
      rules.set(active, { rule, hit });
      return active;
    },
    clear() {
      rules.clear();
    },
    matching: (call, body) =>
      [...rules.values()]
        .filter(({ rule }) => matches(rule.match, call, body))
        .map(({ rule, hit }) => ({
          action: rule.action,
          hit: () => {
            hit(call);
          },
        })),
  };
}

function matches(match: Match, call: Call, body: string): boolean {
  if (typeof match === "function") return match(call, body);
  const { template, ...exact } = match;
  if (template instanceof RegExp ? !template.test(call.template) : template !== undefined && template !== call.template)
    return false;
  return (Object.keys(exact) as (keyof typeof exact)[]).every(
    (key) => exact[key] === undefined || exact[key] === call[key],
  );
}
