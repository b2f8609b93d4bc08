import type { ReconcileRequest } from "./contract.ts";

interface Queue {
  enqueue(request: ReconcileRequest): void;
}

/**
 * The same queue for one operator of several that share a cluster: what the watch has shown to be another's is not taken up, whoever wakes
 * it. One that the watch does not know is taken up, for its pass finds out.
 */
export const limitedTo = <T>(
  queue: Queue,
  seen: { get(request: ReconcileRequest): T | undefined },
  isOurs: (object: T) => boolean,
): Queue => ({
  enqueue(request) {
    const object = seen.get(request);
    if (object === undefined || isOurs(object)) queue.enqueue(request);
  },
});
