import type { Budget } from "../engine/budget.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Piece } from "../domain/lifecycle/piece.ts";
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
  /** Of the connection that the calls go through. */
  readonly budget?: Budget;
}

const timed = async <T>(meter: Meter, context: CallContext, operation: string, run: () => Promise<T>): Promise<T> => {
  const { clock, metrics, provider, budget } = meter;
  const startedMs = clock.monotonicMs();
  const tell = (code: string): void => {
    metrics.providerRequest({ provider, operation, code }, (clock.monotonicMs() - startedMs) / 1000);
  };
  try {
    const result = await (budget === undefined ? run() : budget.run(context.signal, run));
    tell("OK");
    return result;
  } catch (thrown) {
    tell(toOperatorError(thrown).code);
    throw thrown;
  }
};

/** The same source, with every call counted by operation and outcome. */
export const measuredSource = (source: CredentialSource, meter: Meter): CredentialSource => {
  const checks = source.capabilities.checksHere === true ? unlimited(meter) : meter;
  return {
    capabilities: source.capabilities,
    observeTarget: (context) => timed(meter, context, "observeTarget", () => source.observeTarget(context)),
    markOwner: (mark, context) => timed(meter, context, "markOwner", () => source.markOwner(mark, context)),
    list: (context) => timed(meter, context, "list", () => source.list(context)),
    lastUse: (id, context) => timed(meter, context, "lastUse", () => source.lastUse(id, context)),
    issue: (context, rotationId, options) =>
      timed(meter, context, "issue", () => source.issue(context, rotationId, options)),
    ...(source.recognise === undefined
      ? {}
      : { recognise: (material: SecretMaterial) => source.recognise?.(material) }),
    ...(source.caution === undefined ? {} : { caution: (context: CallContext) => source.caution?.(context) }),
    verify: (material, issuedAt, context) =>
      timed(checks, context, "verify", () => source.verify(material, issuedAt, context)),
    negativeControl: (material, context) =>
      timed(checks, context, "negativeControl", () => source.negativeControl(material, context)),
    proveRefused: (material, context) =>
      timed(meter, context, "proveRefused", () => source.proveRefused(material, context)),
    setEnabled: (id, enabled, context) =>
      timed(meter, context, "setEnabled", () => source.setEnabled(id, enabled, context)),
    revoke: (id, context) => timed(meter, context, "revoke", () => source.revoke(id, context)),
  };
};

/** Without the connection's budget. */
const unlimited = ({ clock, metrics, provider }: Meter): Meter => ({ clock, metrics, provider });

/** The same store, likewise. */
export const measuredStore = (store: DeliveryStore, meter: Meter): DeliveryStore => ({
  target: store.target,
  observe: (context) => timed(meter, context, "observe", () => store.observe(context)),
  publish: (entry, precondition, context) =>
    timed(meter, context, "publish", () => store.publish(entry, precondition, context)),
  withdraw: (options, context) => timed(meter, context, "withdraw", () => store.withdraw(options, context)),
  ...(store.giveBack === undefined
    ? {}
    : {
        giveBack: (material: SecretMaterial, context: CallContext) =>
          timed(meter, context, "giveBack", async () => store.giveBack?.(material, context) ?? "untouched"),
      }),
});

/** The same account, likewise. */
export const measuredAccount = (client: AccountClient, meter: Meter): AccountClient => ({
  kind: client.kind,
  target: client.target,
  capabilities: client.capabilities,
  observe: (context, recorded) => timed(meter, context, "observe", () => client.observe(context, recorded)),
  apply: (piece, context, desired, former) =>
    timed(meter, context, "apply", () => client.apply(piece, context, desired, former)),
  ...(client.check === undefined
    ? {}
    : {
        check: (piece: Piece, context: CallContext) =>
          timed(meter, context, "check", async () => client.check?.(piece, context)),
      }),
  remove: (key, context) => timed(meter, context, "remove", () => client.remove(key, context)),
  cut: (context, way) => timed(meter, context, "cut", () => client.cut(context, way)),
  uncut: (context, lift) => timed(meter, context, "uncut", () => client.uncut(context, lift)),
  closeLogin: (context) => timed(meter, context, "closeLogin", () => client.closeLogin(context)),
  openLogin: (context, desired) => timed(meter, context, "openLogin", () => client.openLogin(context, desired)),
  setCredentialEnabled: (id, enabled, context) =>
    timed(meter, context, "setCredentialEnabled", () => client.setCredentialEnabled(id, enabled, context)),
  removeCredential: (id, context) =>
    timed(meter, context, "removeCredential", () => client.removeCredential(id, context)),
  proveRefused: (grants, context) => timed(meter, context, "proveRefused", () => client.proveRefused(grants, context)),
  giveBack: (context) => timed(meter, context, "giveBack", () => client.giveBack(context)),
});
