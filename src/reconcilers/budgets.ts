import { CONNECTION_DEFAULTS } from "../api/v1alpha1/defaults.ts";
import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { Budget, type OpenBreakers } from "../engine/budget.ts";
import type { Clock } from "../kernel/clock.ts";
import { CALLS_AT_ONCE } from "../providers/endpoint.ts";
import { PerGeneration } from "../providers/per-generation.ts";

/** One budget for each connection, over all resources; another generation starts with a full one. */
export class Budgets {
  readonly #clock: Clock;
  readonly #known = new PerGeneration<Budget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of({ metadata: { name, uid, generation = 0 }, spec }: ProviderConnection): Budget {
    return this.#known.of(name, { uid, generation }, () => {
      const defaults = spec.aws === undefined ? CONNECTION_DEFAULTS.budget : CONNECTION_DEFAULTS.awsBudget;
      const perSecond = spec.budget?.requestsPerSecond ?? defaults.requestsPerSecond;
      const burst = spec.budget?.burst ?? perSecond * 2;
      return new Budget({ clock: this.#clock, name, perSecond, burst, atOnce: CALLS_AT_ONCE });
    });
  }

  /** Breakers that are open now, of each connection that was called. */
  open(): readonly (OpenBreakers & { readonly connection: string })[] {
    return [...this.#known.all()].map(([connection, budget]) => ({ connection, ...budget.open() }));
  }

  /** The connection is gone. */
  retire(name: string): void {
    this.#known.take(name);
  }
}
