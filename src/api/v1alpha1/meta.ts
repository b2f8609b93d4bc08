/** The group and version of every kind here. */
export const GROUP = "keyturn.dev";
export const VERSION = "v1alpha1";

/** The part of metav1.ObjectMeta that is read from an object as the server stores it. */
export interface ResourceMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
