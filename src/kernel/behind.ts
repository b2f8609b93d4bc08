/**
 * Runs a call that reaches a host behind the one that a connection names: a database behind Vault, a target behind a hook. That host has a breaker of
 * its own. `host` begins a sentence of a message, so it names nothing that the caller's tenant may not know.
 */
export type Behind = <T>(host: string, run: () => Promise<T>) => Promise<T>;
