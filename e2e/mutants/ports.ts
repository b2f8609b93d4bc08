import type { Mutant } from "./mutants.ts";

const telemetry = "src/telemetry/*.test.ts";

/** Ways to let others read the metrics, and to let them keep kubelets and readers from the operator. */
export const portMutants: readonly Mutant[] = [
  {
    name: "turn newcomers away instead of making room",
    file: "src/telemetry/connections.ts",
    text: "if (answering || !isCandidate(address)) continue;",
    instead: "if (!answering || !isCandidate(address)) continue;",
    specs: [telemetry],
  },
  {
    name: "let every caller that is known read the metrics",
    file: "src/telemetry/scrape-review.ts",
    text: "(await this.#lane.first(() => this.#calls.mayRead(caller)))",
    instead: '(await this.#lane.first(() => this.#calls.mayRead(caller))) || caller.user !== ""',
    specs: [telemetry],
  },
  {
    name: "count the hour of an outage from the last scrape",
    file: "src/telemetry/scrape-review.ts",
    text: "this.#remember(hash, { ...known, againMs:",
    instead: "this.#remember(hash, { ...known, atMs: this.#clock.monotonicMs(), againMs:",
    specs: [telemetry],
  },
  {
    name: "review scrapes first come, first served",
    file: "src/telemetry/review-lane.ts",
    text: "if (turn[1].size > 1) this.#turns.set(turn[0], turn[1]);",
    instead:
      "if (turn[1].size > 1) { const rest = [...this.#turns]; this.#turns.clear(); for (const [address, waiting] of [turn, ...rest]) this.#turns.set(address, waiting); }",
    specs: [telemetry],
  },
  {
    name: "open the metrics where claims of before cannot be read",
    file: "src/stores/metrics-auth.ts",
    text: '  wholeOf("claims", found);\n  return "Reviewed";',
    instead: '  return found.kind === "Whole" ? "Reviewed" : "None";',
    specs: ["src/stores/*.test.ts"],
  },
];
