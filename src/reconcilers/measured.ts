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

/** `run` is given the context that it calls with: the budget tells in it how hosts behind the connection are reached. */
const timed = async <T>(
  meter: Meter,
  context: CallContext,
  operation: string,
  run: (within: CallContext) => Promise<T>,
): Promise<T> => {
  const { clock, metrics, provider, budget } = meter;
  const startedMs = clock.monotonicMs();
  const tell = (code: string): void => {
    metrics.providerRequest({ provider, operation, code }, (clock.monotonicMs() - startedMs) / 1000);
  };
  try {
    const result = await (budget === undefined
      ? run(context)
      : budget.run(context, (behind) => run({ ...context, behind })));
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
    observeTarget: (context) => timed(meter, context, "observeTarget", (within) => source.observeTarget(within)),
    markOwner: (mark, context) => timed(meter, context, "markOwner", (within) => source.markOwner(mark, within)),
    list: (context) => timed(meter, context, "list", (within) => source.list(within)),
    lastUse: (id, context) => timed(meter, context, "lastUse", (within) => source.lastUse(id, within)),
    issue: (context, rotationId, options) =>
      timed(meter, context, "issue", (within) => source.issue(within, rotationId, options)),
    ...(source.recognise === undefined
      ? {}
      : { recognise: (material: SecretMaterial) => source.recognise?.(material) }),
    ...(source.caution === undefined ? {} : { caution: (context: CallContext) => source.caution?.(context) }),
    verify: (material, issuedAt, context) =>
      timed(checks, context, "verify", (within) => source.verify(material, issuedAt, within)),
    negativeControl: (material, context) =>
      timed(checks, context, "negativeControl", (within) => source.negativeControl(material, within)),
    proveRefused: (material, context) =>
      timed(meter, context, "proveRefused", (within) => source.proveRefused(material, within)),
    setEnabled: (id, enabled, context) =>
      timed(meter, context, "setEnabled", (within) => source.setEnabled(id, enabled, within)),
    revoke: (id, context) => timed(meter, context, "revoke", (within) => source.revoke(id, within)),
  };
};

/** Without the connection's budget. */
const unlimited = ({ clock, metrics, provider }: Meter): Meter => ({ clock, metrics, provider });

/** The same store, likewise. */
export const measuredStore = (store: DeliveryStore, meter: Meter): DeliveryStore => ({
  target: store.target,
  observe: (context) => timed(meter, context, "observe", (within) => store.observe(within)),
  publish: (entry, precondition, context) =>
    timed(meter, context, "publish", (within) => store.publish(entry, precondition, within)),
  withdraw: (options, context) => timed(meter, context, "withdraw", (within) => store.withdraw(options, within)),
  ...(store.giveBack === undefined
    ? {}
    : {
        giveBack: (material: SecretMaterial, context: CallContext) =>
          timed(meter, context, "giveBack", async (within) => store.giveBack?.(material, within) ?? "untouched"),
      }),
});

/** The same account, likewise. */
export const measuredAccount = (client: AccountClient, meter: Meter): AccountClient => ({
  kind: client.kind,
  target: client.target,
  capabilities: client.capabilities,
  observe: (context, recorded) => timed(meter, context, "observe", (within) => client.observe(within, recorded)),
  apply: (piece, context, desired, former) =>
    timed(meter, context, "apply", (within) => client.apply(piece, within, desired, former)),
  ...(client.check === undefined
    ? {}
    : {
        check: (piece: Piece, context: CallContext) =>
          timed(meter, context, "check", async (within) => client.check?.(piece, within)),
      }),
  remove: (key, context) => timed(meter, context, "remove", (within) => client.remove(key, within)),
  cut: (context, way) => timed(meter, context, "cut", (within) => client.cut(within, way)),
  uncut: (context, lift) => timed(meter, context, "uncut", (within) => client.uncut(within, lift)),
  closeLogin: (context) => timed(meter, context, "closeLogin", (within) => client.closeLogin(within)),
  openLogin: (context, desired) => timed(meter, context, "openLogin", (within) => client.openLogin(within, desired)),
  setCredentialEnabled: (id, enabled, context) =>
    timed(meter, context, "setCredentialEnabled", (within) => client.setCredentialEnabled(id, enabled, within)),
  removeCredential: (id, context) =>
    timed(meter, context, "removeCredential", (within) => client.removeCredential(id, within)),
  proveRefused: (grants, context) =>
    timed(meter, context, "proveRefused", (within) => client.proveRefused(grants, within)),
  giveBack: (context) => timed(meter, context, "giveBack", (within) => client.giveBack(within)),
});
