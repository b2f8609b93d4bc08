import { FINALIZER } from "../api/v1alpha1/annotations.ts";
import { OperatorError } from "../kernel/errors.ts";
import type { ClusterClient, KubeObject, ObjectRef } from "./contract.ts";

export const hasFinalizer = (object: KubeObject): boolean => (object.metadata.finalizers ?? []).includes(FINALIZER);

/**
 * Adds our finalizer to the object as it was read; answers the object as stored. No call when it is there already.
 * Throws OperatorError: Conflict when somebody has written since, NotFound when it is gone.
 */
export const addFinalizer = async <T extends KubeObject>(
  client: ClusterClient,
  ref: ObjectRef,
  object: T,
): Promise<T> => {
  if (hasFinalizer(object)) return object;
  return client.mergePatch<T>(ref, patchOf(object, [...(object.metadata.finalizers ?? []), FINALIZER]));
};

/**
 * Takes our finalizer off and leaves those of others; an object that is gone is success. Throws OperatorError: Conflict when
 * somebody has written since.
 */
export const removeFinalizer = async (client: ClusterClient, ref: ObjectRef, object: KubeObject): Promise<void> => {
  if (!hasFinalizer(object)) return;
  const others = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  try {
    await client.mergePatch(ref, patchOf(object, others));
  } catch (thrown) {
    if (!(thrown instanceof OperatorError && thrown.code === "NotFound")) throw thrown;
  }
};

/** A merge patch replaces the whole list, so the resourceVersion must be the one that the list was read at. */
const patchOf = (object: KubeObject, finalizers: readonly string[]): Readonly<Record<string, unknown>> => ({
  metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion, finalizers },
});
