import { lostField } from "../domain/version-skew.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { canonicalJson } from "../kernel/ids.ts";
import type { ClusterClient, KubeObject, ObjectRef } from "./contract.ts";
import { describeRef } from "./resources.ts";

export type WithStatus = KubeObject & { readonly status?: unknown };

export interface StatusWriteOptions {
  readonly clock: Clock;
  readonly random?: () => number;
}

const MOST_TRIES = 20;
const LONGEST_SLEEP_MS = 50;

/**
 * The only writer of status. Puts `next` in the place of the status of `base`, the object as it was read, and answers the
 * object as stored; no call when nothing changes. A write of others in between (spec, labels) is met by another try as long as
 * the object is the same and its status still is what the decision was made on; otherwise Conflict is thrown, and the pass has
 * to look at the world again. Other errors are thrown as they come; after an ambiguous one, too, look again.
 */
export const writeStatus = async <T extends WithStatus>(
  client: ClusterClient,
  ref: ObjectRef,
  change: { readonly base: T; readonly next: T["status"] },
  options: StatusWriteOptions,
): Promise<T> => {
  const { base, next } = change;
  if (sameJson(base.status, next)) return base;
  let live = base;
  for (let tries = 1; ; tries += 1) {
    try {
      const stored = await client.replaceStatus<T>(ref, { ...live, status: next });
      demandKept(ref, next, stored.status);
      return stored;
    } catch (thrown) {
      if (!(thrown instanceof OperatorError && thrown.code === "Conflict") || tries >= MOST_TRIES) throw thrown;
    }
    await options.clock.sleep(LONGEST_SLEEP_MS * (options.random ?? (() => Math.random()))());
    const found = await client.get<T>(ref);
    if (found?.metadata.uid !== base.metadata.uid) throw conflict(ref, "the object was replaced or deleted");
    // Our own write whose answer was lost on the way, or the same decision by another process.
    if (sameJson(found.status, next)) return found;
    if (!sameJson(found.status, base.status)) throw conflict(ref, "its status was written by somebody else");
    live = found;
  }
};

/** What the record says must be there at the next pass: nothing may be done on the strength of what was dropped. */
const demandKept = (ref: ObjectRef, sent: unknown, kept: unknown): void => {
  const lost = lostField(sent, kept);
  if (lost === undefined) return;
  throw new OperatorError("VersionSkew", {
    publicMessage: `The CRDs in the cluster are older than the operator: ${lost} of ${describeRef(ref)} was dropped. Apply the CRDs of this version.`,
  });
};

const sameJson = (a: unknown, b: unknown): boolean => canonicalJson(a ?? {}) === canonicalJson(b ?? {});

const conflict = (ref: ObjectRef, why: string): OperatorError =>
  new OperatorError("Conflict", { publicMessage: `The status of ${describeRef(ref)} was not written: ${why}.` });
