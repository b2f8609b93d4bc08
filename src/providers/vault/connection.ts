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
  /**
   * Runs calls under a valid token. A refusal (401, 403) has the token looked up: a good one stays, and the refusal is the caller's. Any other is
   * replaced, at most once a minute, and the calls are repeated: a refused call had no effect.
   */
  use<T>(run: (session: VaultSession) => Promise<T>, context: CallContext): Promise<T>;
  /** Revokes the token when its last call has ended, as far as that works. Never throws. */
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
/** For tokens without an end of their own. */
const UNLIMITED_MS = 300_000;
/** A good token is never replaced for a refusal, so policies that its role has got since arrive with this age at the latest. */
const LONGEST_USE_MS = 3_600_000;
/** Between two logins for refusals, and between two tries to replace a token that still works. */
const BETWEEN_LOGINS_MS = 60_000;
const LOGOUT_MS = 2_000;

interface Token {
  readonly session: VaultSession;
  renewAtMs: number;
  /** Two thirds of its lease: later it is not used. */
  readonly lastUseMs: number;
  running: number;
  /** Replaced: it is revoked when the last call under it has ended. */
  retired: boolean;
  /** One look-up for all whose calls were refused at once. */
  look: Promise<boolean> | undefined;
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
  let nextLoginMs = -Infinity;
  let disposed = false;
  let running = 0;

  const logIn = async (): Promise<Token> => {
    const jwt = await options.requestToken({ audiences: [config.jwt.audience], expirationSeconds: JWT_SECONDS });
    // Shared by all who wait for it, so under no one pass's signal; the call has its own deadline.
    const { token: value, leaseMs } = await calls.loginJwt(
      { mount: config.jwt.mount, role: config.jwt.role, jwt },
      unsignalled(),
    );
    const now = clock.monotonicMs();
    const useMs = ((leaseMs > 0 ? leaseMs : UNLIMITED_MS) * 2) / 3;
    const before = token;
    token = {
      session: calls.session(value),
      renewAtMs: now + Math.min(useMs, LONGEST_USE_MS),
      lastUseMs: now + useMs,
      running: 0,
      retired: false,
      look: undefined,
    };
    if (before !== undefined) retire(before);
    return token;
  };

  /** The token in hand, or one login for all who ask at once. */
  const current = async (): Promise<Token> => {
    const held = token;
    if (held !== undefined && clock.monotonicMs() < held.renewAtMs) return held;
    login ??= logIn().finally(() => {
      login = undefined;
    });
    try {
      return await login;
    } catch (error) {
      if (held === undefined || held.retired || clock.monotonicMs() >= held.lastUseMs) throw error;
      held.renewAtMs = clock.monotonicMs() + BETWEEN_LOGINS_MS;
      return held;
    }
  };

  /** The token to repeat refused calls with. Undefined where the refusal was the caller's, or the last login for a refusal is too young. */
  const another = async (refused: Token): Promise<Token | undefined> => {
    if (!refused.retired) {
      if (await isGood(refused)) return undefined;
      // Another caller may have replaced it during the look-up.
      if (token === refused) {
        if (clock.monotonicMs() < nextLoginMs) return undefined;
        nextLoginMs = clock.monotonicMs() + BETWEEN_LOGINS_MS;
        token = undefined;
        retire(refused);
      }
    }
    return current();
  };

  const retire = (replaced: Token): void => {
    replaced.retired = true;
    if (replaced.running === 0) void logOut(replaced);
  };

  const under = async <T>(used: Token, run: (session: VaultSession) => Promise<T>): Promise<T> => {
    used.running += 1;
    try {
      return await run(used.session);
    } finally {
      used.running -= 1;
      if (used.retired && used.running === 0) void logOut(used);
    }
  };

  const logOut = async (dead: Token): Promise<void> => {
    running += 1;
    await dead.session.revokeSelf(AbortSignal.timeout(LOGOUT_MS)).catch(() => undefined);
    running -= 1;
    await closeWhenIdle();
  };

  const closeWhenIdle = async (): Promise<void> => {
    if (!disposed || running > 0) return;
    const last = token;
    token = undefined;
    if (last !== undefined) return logOut(last);
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
          return await under(used, run);
        } catch (error) {
          if (!isRefused(error)) throw error;
          const next = await another(used);
          if (next === undefined) throw error;
          return await under(next, run);
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

/**
 * Vault answers 403 to a token that has ended, as to one that lacks a right. Throws Unavailable when Vault does not say which: the calls had no
 * effect, and nothing is known of the caller's rights.
 */
const isGood = (token: Token): Promise<boolean> => {
  token.look ??= token.session
    .lookupSelf(unsignalled())
    .then(
      () => true,
      (error: unknown) => {
        if (isRefused(error)) return false;
        throw new OperatorError("Unavailable", {
          publicMessage:
            "Vault refused a call and did not say whether the operator's token is still good; it is asked again.",
        });
      },
    )
    .finally(() => {
      token.look = undefined;
    });
  return token.look;
};

const unsignalled = (): AbortSignal => new AbortController().signal;

const isRefused = (error: unknown): boolean =>
  error instanceof OperatorError && (error.status === 401 || error.status === 403);
