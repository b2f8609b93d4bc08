import type { Clock } from "../../kernel/clock.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { CallContext } from "../contract.ts";
import { PerGeneration } from "../per-generation.ts";
import { demandRunning } from "../running.ts";
import type { ConnectionSpec } from "../spec.ts";
import { vaultConfig, type VaultConfig } from "./config.ts";
import { openVault, type VaultCalls, type VaultOptions, type VaultSession } from "./sdk.ts";

/**
 * A token of the operator's own ServiceAccount for the audience, living as many seconds. Compose builds it from
 * ClusterClient.requestToken: providers do not import cluster/.
 */
export type OperatorTokenSource = (options: {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}) => Promise<string>;

export interface VaultConnectionOptions {
  readonly clock: Clock;
  readonly requestToken: OperatorTokenSource;
  /** Replaced in tests. */
  readonly open?: (options: VaultOptions) => VaultCalls;
}

/** One Vault with the operator logged in, shared by every tenant that may use it: paths keep them apart. */
export interface VaultConnection {
  readonly config: VaultConfig;
  /** Names the engine for claims: host, Vault namespace and mount. */
  readonly account: string;
  /** For what is remembered of this Vault for a while. */
  readonly clock: Clock;
  /** Runs calls under a valid token. On 401 and 403 it logs in anew, once, and repeats: a refused call had no effect. */
  use<T>(run: (session: VaultSession) => Promise<T>, context: CallContext): Promise<T>;
  /** Revokes the token, as far as that works. Never throws. */
  dispose(): Promise<void>;
}

export interface VaultConnections {
  /** Throws InvalidSpec for a bad connection; calls nothing. */
  connection(connection: ConnectionSpec): VaultConnection;
  retire(connectionName: string): Promise<void>;
  close(): Promise<void>;
}

/** Connections by name; another generation replaces (and logs out) the one before. */
export const vaultConnections = (options: VaultConnectionOptions): VaultConnections => {
  const present = new PerGeneration<VaultConnection>((before) => void before.dispose());
  return {
    connection: (spec) => present.of(spec.name, spec, () => openConnection(vaultConfig(spec.spec), options)),
    async retire(name) {
      await present.take(name)?.dispose();
    },
    async close() {
      await Promise.all(present.takeAll().map((connection) => connection.dispose()));
    },
  };
};

const JWT_SECONDS = 600;
/** For tokens that say they do not end. */
const UNLIMITED_MS = 300_000;
const LOGOUT_MS = 2_000;

interface Token {
  readonly session: VaultSession;
  readonly renewAtMs: number;
}

const openConnection = (config: VaultConfig, options: VaultConnectionOptions): VaultConnection => {
  const { clock } = options;
  const calls = (options.open ?? openVault)({
    address: config.address,
    caBundle: config.caBundle,
    namespace: config.namespace,
  });
  let token: Token | undefined;
  let login: Promise<Token> | undefined;
  let disposed = false;
  let running = 0;

  const logIn = async (): Promise<Token> => {
    const jwt = await options.requestToken({ audiences: [config.jwt.audience], expirationSeconds: JWT_SECONDS });
    // Shared by whoever waits for it, so under no one pass's signal; the call has its own deadline.
    const signal = new AbortController().signal;
    const { token: value, leaseMs } = await calls.loginJwt(
      { mount: config.jwt.mount, role: config.jwt.role, jwt },
      signal,
    );
    return {
      session: calls.session(value),
      renewAtMs: clock.monotonicMs() + ((leaseMs > 0 ? leaseMs : UNLIMITED_MS) * 2) / 3,
    };
  };

  /** The token in hand, or one login for all who ask at once. */
  const current = async (): Promise<Token> => {
    if (token !== undefined && clock.monotonicMs() < token.renewAtMs) return token;
    login ??= logIn().finally(() => {
      login = undefined;
    });
    token = await login;
    return token;
  };

  const logOut = async (dead: Token): Promise<void> => {
    await dead.session.revokeSelf(AbortSignal.timeout(LOGOUT_MS)).catch(() => undefined);
  };

  const closeWhenIdle = async (): Promise<void> => {
    if (!disposed || running > 0) return;
    const last = token;
    token = undefined;
    if (last !== undefined) await logOut(last);
    calls.dispose();
  };

  return {
    config,
    account: [config.address.host, config.namespace ?? "-", config.kv.mount].join("/"),
    clock,
    async use(run, context) {
      demandRunning(context);
      running += 1;
      try {
        const used = await current();
        try {
          return await run(used.session);
        } catch (error) {
          if (!isLoginRefused(error)) throw error;
          if (token === used) token = undefined;
          return await run((await current()).session);
        }
      } finally {
        running -= 1;
        if (disposed) await closeWhenIdle();
      }
    },
    async dispose() {
      disposed = true;
      await closeWhenIdle();
    },
  };
};

/** Vault answers 403 to a token that has ended, as to one that lacks a right. */
const isLoginRefused = (error: unknown): boolean =>
  error instanceof OperatorError && (error.status === 401 || error.status === 403);
