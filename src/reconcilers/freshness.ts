/**
 * Notices when kube-apiserver shows an object older than one that this process has read or written (a lagging replica, a
 * restored snapshot). resourceVersions are compared as numbers where they are numbers, which Kubernetes promises from 1.35 on.
 */
export interface Freshness {
  /** Remembers what is newest; true when this is older. */
  isStale(seen: { readonly uid: string; readonly resourceVersion: string }): boolean;
  wrote(stored: { readonly uid: string; readonly resourceVersion: string }): void;
  forget(uid: string): void;
}

const MOST_TOLERATED = 30;

export const freshness = (): Freshness => {
  const newest = new Map<string, { version: bigint; refusals: number }>();
  const versionOf = (text: string): bigint | undefined => (/^\d{1,30}$/.test(text) ? BigInt(text) : undefined);
  return {
    isStale({ uid, resourceVersion }) {
      const version = versionOf(resourceVersion);
      const known = newest.get(uid);
      if (version === undefined) return false;
      if (known === undefined || version >= known.version) {
        newest.set(uid, { version, refusals: 0 });
        return false;
      }
      known.refusals += 1;
      // An API server that stays in the past was restored: from then on its present is the truth.
      if (known.refusals < MOST_TOLERATED) return true;
      newest.set(uid, { version, refusals: 0 });
      return false;
    },
    wrote({ uid, resourceVersion }) {
      const version = versionOf(resourceVersion);
      if (version !== undefined) newest.set(uid, { version, refusals: 0 });
    },
    forget(uid) {
      newest.delete(uid);
    },
  };
};
