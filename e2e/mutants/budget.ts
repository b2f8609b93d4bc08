import type { Mutant } from "./mutants.ts";

const engine = "src/engine/*.test.ts";
const hosts = "src/reconcilers/hosts-behind.test.ts";

/** Ways to let one tenant's calls stop or starve those of others through one connection. */
export const budgetMutants: readonly Mutant[] = [
  {
    name: "budget: breaker by connection",
    file: "src/engine/budget.ts",
    text: "const behind: Behind = (host, run) => this.#runBehind({ signal, turn }, host, run);",
    instead: "const behind: Behind = (_host, run) => run();",
    specs: [engine, hosts],
  },
  {
    name: "budget: one breaker of a target for all namespaces",
    file: "src/engine/budget.ts",
    text: "const key = JSON.stringify([host, share]);",
    instead: "const key = JSON.stringify([host]);",
    specs: [engine, hosts],
  },
  {
    name: "budget: one namespace opens the host's breaker",
    file: "src/engine/budget.ts",
    text: "const SHARES_TO_OPEN = 3;",
    instead: "const SHARES_TO_OPEN = 1;",
    specs: [engine],
  },
  {
    name: "budget: what a database leaves unanswered counts for Vault",
    file: "src/providers/vault/database/source.ts",
    text: "    reaching(context, `Vault's database ${database}`, run);",
    instead: '    database === "" ? reaching(context, database, run) : run();',
    specs: [hosts],
  },
  {
    name: "budget: what a hook's target leaves unanswered counts for the hook",
    file: "src/providers/hook/source.ts",
    text: "reachingBehindHook(context, `target ${target.target}`, () =>",
    instead: "reachingBehindHook({ ...context, behind: undefined }, target.target, () =>",
    specs: [hosts],
  },
  {
    name: "budget: slots first come",
    file: "src/engine/admission.ts",
    text: "a.served - b.served",
    instead: "0 * (a.served - b.served)",
    specs: [engine],
  },
  {
    name: "budget: no place for ends",
    file: "src/engine/places-in-turn.ts",
    text: "const reserve = Math.max(1, Math.floor(atOnce / 4));",
    instead: "const reserve = 0;",
    specs: [engine],
  },
  {
    name: "budget: no token for ends",
    file: "src/kernel/reserved-tokens.ts",
    text: "const reserve = Math.max(1, Math.floor(burst / 4));",
    instead: "const reserve = 0;",
    specs: [engine],
  },
  {
    name: "budget: calls that hang hold all places",
    file: "src/engine/places-in-turn.ts",
    text: "return held === 0 || held * this.#weight(sharer) < free;",
    instead: "return held === 0 || this.#weight(sharer) >= 0;",
    specs: [engine],
  },
  {
    name: "budget: what revokes waits for the pause",
    file: "src/engine/breaker.ts",
    text: 'if (lane === "end" && (await',
    instead: 'if (lane === "end" && share === "*" && (await',
    specs: [engine],
  },
  {
    name: "budget: probes first come",
    file: "src/engine/probe-turns.ts",
    text: "order.indexOf(a.share) - order.indexOf(b.share)",
    instead: "0 * (order.indexOf(a.share) - order.indexOf(b.share))",
    specs: [engine],
  },
  {
    name: "budget: calls outside forget the lane of their pass",
    file: "src/reconcilers/secret-rotation/scope.ts",
    text: "  signal,\n  turn,\n  log,\n",
    instead: "  signal,\n  turn: turn && undefined,\n  log,\n",
    specs: ["src/reconcilers/turn-of-calls.test.ts"],
  },
];
