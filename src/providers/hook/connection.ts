import type { Clock } from "../../kernel/clock.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { PerGeneration } from "../per-generation.ts";
import type { ConnectionSpec } from "../spec.ts";
import { hookCalls, type HookCall } from "./call.ts";
import { hookJobCalls, type JobRunner } from "./job.ts";
import { hookConfig, SIGNING_KEY } from "./config.ts";

/** One hook, whoever asks it for something. */
export interface HookDoor {
  readonly call: HookCall;
  /** Names it for claims: host, port and path. */
  readonly account: string;
  /** What requests are signed with, as it is now. Throws InvalidSpec where there is none that is good enough. */
  signingKey(): Promise<string>;
}

export interface HookConnections {
  /** Throws InvalidSpec for a bad connection; calls nothing. */
  connection(connection: ConnectionSpec): HookDoor;
  retire(name: string): void;
  close(): void;
}

interface OpenDoor {
  readonly door: HookDoor;
  readonly close: () => void;
}

const SHORTEST_KEY = 32;

/** Connections by name; another generation replaces the one before. `readSecret`: of the operator's namespace. */
export const hookConnections = (options: {
  readonly clock: Clock;
  readonly jobs: JobRunner;
  readonly readSecret: (name: string) => Promise<Readonly<Record<string, string>> | undefined>;
}): HookConnections => {
  const open = new PerGeneration<OpenDoor>(({ close }) => {
    close();
  });
  const doorOf = (spec: ConnectionSpec): OpenDoor => {
    const config = hookConfig(spec.spec);
    const signingKey = async (): Promise<string> => {
      const key = (await options.readSecret(config.signingSecret))?.[SIGNING_KEY];
      if (key !== undefined && key.length >= SHORTEST_KEY) return key;
      throw new OperatorError("InvalidSpec", {
        publicMessage: `spec.hook.signingSecretRef of the ProviderConnection names the Secret ${config.signingSecret}, which has no key ${SIGNING_KEY} of ${SHORTEST_KEY} characters or more.`,
      });
    };
    const { form } = config;
    if (form.kind === "job") {
      const call = hookJobCalls(form, options.jobs);
      return { door: { call, signingKey, account: `job/${spec.name}` }, close: () => undefined };
    }
    const { call, close } = hookCalls({ config: form, clock: options.clock, signingKey });
    return { door: { call, signingKey, account: `${form.url.host}${form.url.pathname}` }, close };
  };
  return {
    connection: (spec) => open.of(spec.name, spec, () => doorOf(spec)).door,
    retire(name) {
      open.take(name)?.close();
    },
    close() {
      for (const { close } of open.takeAll()) close();
    },
  };
};
