import {
  DRY_RUN,
  FINALIZER,
  KEEP,
  LEAKED,
  PAUSED,
  RELEASE,
  REVIEWED_AT,
  ROTATE_AT,
} from "../api/v1alpha1/annotations.ts";
import { GROUP } from "../api/v1alpha1/meta.ts";
import type { Informer, KubeObject } from "../cluster/contract.ts";
import type { ReconcileRequest } from "../engine/contract.ts";
import { Resync } from "../engine/resync.ts";
import { Touches } from "../engine/touches.ts";
import type { Clock } from "../kernel/clock.ts";
import { canonicalJson } from "../kernel/ids.ts";

interface Queue {
  enqueue(request: ReconcileRequest): void;
  enqueueAfter(request: ReconcileRequest, delayMs: number): void;
}

/** Changes of what people write wake a pass; our own status writes do not. Resyncs run for as long as the object is there. */
export const follow = <T extends KubeObject>(
  informer: Pick<Informer<T>, "onChange">,
  queue: Queue,
  options: { readonly clock: Clock; readonly everyMs: number; readonly only?: (object: T) => boolean },
): Resync => {
  const { clock, everyMs, only } = options;
  const resync = new Resync({ clock, everyMs, enqueue: (request) => queue.enqueue(request) });
  const touches = new Touches(clock);
  informer.onChange(({ type, object, before }) => {
    if (only?.(object) === false) return;
    const { metadata } = object;
    const request = requestOf(metadata);
    if (type === "deleted") resync.untrack(metadata.uid);
    else resync.track(metadata.uid, request);
    const change = type === "updated" && before !== undefined ? changeOf(before, object) : "Wanted";
    if (change === "Wanted") queue.enqueue(request);
    if (change === "Touch") queue.enqueueAfter(request, touches.delayFor(metadata.uid));
  });
  return resync;
};

export const requestOf = (metadata: { readonly namespace?: string; readonly name: string }): ReconcileRequest => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
});

/**
 * What a change asks for: something new (another generation, a deletion, or an annotation that says something of its own), a look at the same
 * thing (a retry, any other mark), or nothing (our own writes).
 */
export const changeOf = (before: KubeObject, object: KubeObject): "Wanted" | "Touch" | "Nothing" => {
  if (wanted(object) !== wanted(before)) return "Wanted";
  return canonicalJson(marksOf(object)) === canonicalJson(marksOf(before)) ? "Nothing" : "Touch";
};

/** The part of an object with which people ask for something. */
const wanted = (object: KubeObject): string => {
  const { uid, generation, deletionTimestamp } = object.metadata;
  const said = Object.entries(object.metadata.annotations ?? {}).filter(([name]) => isSaying(name));
  return canonicalJson([uid, generation, deletionTimestamp, Object.fromEntries(said)]);
};

/** Annotations that report, confirm or decide. */
const SAYING: readonly string[] = [LEAKED, RELEASE, KEEP, REVIEWED_AT, ROTATE_AT, PAUSED, DRY_RUN];
const isSaying = (name: string): boolean => SAYING.includes(name) || name.startsWith(`confirmed.${GROUP}/`);

const marksOf = ({ metadata }: KubeObject): unknown => [
  metadata.annotations,
  // Ours comes and goes by our own writes.
  (metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER),
];
