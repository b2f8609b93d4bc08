import type { SecretType } from "../domain/rotation/source.ts";
import type { CallContext } from "../providers/contract.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";
import type { Listed } from "../kernel/listed.ts";

/** Who writes: recorded as ownership marks beside the material, compared before every update and delete. */
export interface DeliveryOwner {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** UIDs of predecessors whose death was seen by a live read (undo): their marks count as ours and are moved. */
  readonly predecessors: readonly string[];
}

export type DeliveryObservation =
  | { readonly kind: "absent"; readonly precondition: StorePrecondition }
  /** Ours; `version` as marked beside it, `matches` compares content in memory (undefined material: unreadable content). */
  | {
      readonly kind: "ours";
      readonly version: string;
      readonly matches: (material: SecretMaterial) => boolean;
      /** What stands there, to win back a value whose staging was lost; undefined when it is not complete. */
      readonly material?: SecretMaterial | undefined;
      /** It was somebody's, and says still that this resource may take it over. */
      readonly asksAdoption?: boolean;
      readonly precondition: StorePrecondition;
    }
  /**
   * Somebody's, and it says itself (annotation keyturn.dev/adopt) that this resource may take it over: whole, of the declared form.
   * Nothing is written before a verified rotation; the precondition lets `publish` write over it then.
   */
  | { readonly kind: "adoptable"; readonly material: SecretMaterial; readonly precondition: StorePrecondition }
  /** It exists and is not ours: never written. `why` is stable text that names the way out. */
  | { readonly kind: "foreign"; readonly why: string };

/** resourceVersion of the Secret, or the KV v2 version for check-and-set; opaque to callers. */
export type StorePrecondition =
  | {
      readonly kind: "secret";
      readonly uid?: string;
      readonly resourceVersion?: string;
      /** What stands there is not ours yet and may be written over, as long as it still asks for it. */
      readonly adopting?: true;
    }
  | { readonly kind: "kv"; readonly version: number }
  /** What stood there: a hook compares it before it writes. */
  | { readonly kind: "hook"; readonly version: string | undefined };

/** How a source's material is written where the spec says nothing else. */
export interface DeliveryForm {
  /** Each field of the material, and the key that it goes under. */
  readonly fields: Readonly<Record<string, string>>;
  readonly secretType: SecretType;
  /** What stands beside this value where a place asks for the one before: that of the version before, as long as it is alive. */
  readonly beside?: (material: SecretMaterial) => SecretMaterial | undefined;
  /** The cluster's garbage collector takes the Secret away with its SecretRotation. Absent: owner references are left alone. */
  readonly collect?: boolean;
}

/** One delivery of one resource: a Secret in its namespace, or a KV v2 path under the connection's prefix. */
export interface DeliveryStore {
  /** Stable identity of the place, for its claim: `secret/<namespace>/<name>`, `kv/<account>/<path>`. */
  readonly target: string;
  observe(context: CallContext): Promise<DeliveryObservation>;
  /**
   * Writes this version under the precondition. Answers what the server says stands there now, where it says so; else the caller reads
   * back by `observe`. Conflict when somebody wrote in between.
   */
  publish(
    entry: { readonly version: string; readonly material: SecretMaterial },
    precondition: StorePrecondition,
    context: CallContext,
  ): Promise<DeliveryObservation | undefined>;
  /** Takes away what is ours and nothing else; absent is success. `final` also removes what is kept for going back (KV metadata). */
  withdraw(
    options: { readonly final: boolean },
    context: CallContext,
  ): Promise<"removed" | "alreadyAbsent" | "foreign">;
  /** Takes our marks off something adopted and puts back what stood there. Untouched when it carries none. Absent: no adoption here. */
  giveBack?(material: SecretMaterial, context: CallContext): Promise<"givenBack" | "untouched" | "alreadyAbsent">;
}

export interface StagedVersion {
  readonly version: string;
  readonly id: string;
  readonly material: SecretMaterial;
  readonly issuedAt: Date;
}

/** What the staging Secret holds for one resource. */
export interface Staging {
  readonly versions: readonly StagedVersion[];
  /** False when the Secret was there but a part of it could not be read; such parts are left out of `versions`. */
  readonly intact: boolean;
}

/**
 * The place of their own for values not yet, or no longer, in use: one Secret per resource in the operator's namespace,
 * written with resourceVersion preconditions, read back after each write.
 */
export interface StagingStore {
  read(ownerUid: string): Promise<Staging>;
  /** Adds one version. Conflict when another id is staged under the same version already: the caller must revoke what it made. */
  put(owner: DeliveryOwner, entry: StagedVersion): Promise<void>;
  /** Drops the versions that are not named; removes the Secret when none is left. */
  keepOnly(ownerUid: string, versions: readonly string[]): Promise<void>;
  /** Moves a dead predecessor's staging to its successor (undo). */
  handOver(fromUid: string, to: DeliveryOwner): Promise<void>;
  /** Everything staged by anybody, for the sweep. */
  listOwners(): Promise<
    Listed<{
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly versions: readonly { readonly version: string; readonly id: string }[];
    }>
  >;
}
