import type { Clock } from "../kernel/clock.ts";
import { toOperatorError } from "../kernel/errors.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";
import type { AccountClient } from "../providers/account.ts";
import type { CallContext, CredentialSource } from "../providers/contract.ts";
import type { DeliveryStore } from "../stores/contract.ts";
import type { Metrics } from "../telemetry/contract.ts";

/** What is told about each call: how long it took, and `OK` or the failure's code. */
export interface Meter {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly provider: string;
}

const timed = async <T>(meter: Meter, operation: string, run: () => Promise<T>): Promise<T> => {
  const { clock, metrics, provider } = meter;
  const startedMs = clock.monotonicMs();
  const tell = (code: string): void => {
    metrics.providerRequest({ provider, operation, code }, (clock.monotonicMs() - startedMs) / 1000);
  };
  try {
    const result = await run();
    tell("OK");
    return result;
  } catch (thrown) {
    tell(toOperatorError(thrown).code);
    throw thrown;
  }
};

/** The same source, with every call counted by operation and outcome. */
export const measuredSource = (source: CredentialSource, meter: Meter): CredentialSource => ({
  capabilities: source.capabilities,
  observeTarget: (context) => timed(meter, "observeTarget", () => source.observeTarget(context)),
  markOwner: (mark, context) => timed(meter, "markOwner", () => source.markOwner(mark, context)),
  list: (context) => timed(meter, "list", () => source.list(context)),
  lastUse: (id, context) => timed(meter, "lastUse", () => source.lastUse(id, context)),
  issue: (context, rotationId) => timed(meter, "issue", () => source.issue(context, rotationId)),
  ...(source.recognise === undefined ? {} : { recognise: (material: SecretMaterial) => source.recognise?.(material) }),
  verify: (material, issuedAt, context) => timed(meter, "verify", () => source.verify(material, issuedAt, context)),
  negativeControl: (material, context) =>
    timed(meter, "negativeControl", () => source.negativeControl(material, context)),
  proveRefused: (material, context) => timed(meter, "proveRefused", () => source.proveRefused(material, context)),
  setEnabled: (id, enabled, context) => timed(meter, "setEnabled", () => source.setEnabled(id, enabled, context)),
  revoke: (id, context) => timed(meter, "revoke", () => source.revoke(id, context)),
});

/** The same store, likewise. */
export const measuredStore = (store: DeliveryStore, meter: Meter): DeliveryStore => ({
  target: store.target,
  observe: (context) => timed(meter, "observe", () => store.observe(context)),
  publish: (entry, precondition, context) => timed(meter, "publish", () => store.publish(entry, precondition, context)),
  withdraw: (options, context) => timed(meter, "withdraw", () => store.withdraw(options, context)),
  ...(store.giveBack === undefined
    ? {}
    : {
        giveBack: (material: SecretMaterial, context: CallContext) =>
          timed(meter, "giveBack", async () => store.giveBack?.(material, context) ?? "untouched"),
      }),
});

/** The same account, likewise. */
export const measuredAccount = (client: AccountClient, meter: Meter): AccountClient => ({
  kind: client.kind,
  target: client.target,
  capabilities: client.capabilities,
  observe: (context, recorded) => timed(meter, "observe", () => client.observe(context, recorded)),
  apply: (piece, context, desired) => timed(meter, "apply", () => client.apply(piece, context, desired)),
  remove: (key, context) => timed(meter, "remove", () => client.remove(key, context)),
  cut: (context) => timed(meter, "cut", () => client.cut(context)),
  uncut: (context) => timed(meter, "uncut", () => client.uncut(context)),
  closeLogin: (context) => timed(meter, "closeLogin", () => client.closeLogin(context)),
  openLogin: (context, desired) => timed(meter, "openLogin", () => client.openLogin(context, desired)),
  setCredentialEnabled: (id, enabled, context) =>
    timed(meter, "setCredentialEnabled", () => client.setCredentialEnabled(id, enabled, context)),
  removeCredential: (id, context) => timed(meter, "removeCredential", () => client.removeCredential(id, context)),
  proveRefused: (grants, context) => timed(meter, "proveRefused", () => client.proveRefused(grants, context)),
  giveBack: (context) => timed(meter, "giveBack", () => client.giveBack(context)),
});
