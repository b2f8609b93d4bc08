import type { CallContext } from "./contract.ts";

/** Runs a call that reaches a host behind the connection's own, by the breaker of that host. `host` begins a sentence of a message. */
export const reaching = <T>({ behind }: CallContext, host: string, run: () => Promise<T>): Promise<T> =>
  behind === undefined ? run() : behind(host, run);
