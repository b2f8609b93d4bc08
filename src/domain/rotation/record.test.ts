import { strictEqual } from "node:assert/strict";
import type { OrphanedCredentialSpec, OrphanedCredentialStatus } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotationStatus } from "../../api/v1alpha1/secret-rotation.ts";
import type { OrphanSpec, OrphanStatus } from "../orphan/record.ts";
import type { RotationStatus } from "./record.ts";

/** True when each type can stand where the other is wanted, and neither has members that the other lacks. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? SameKeys<A, B> : false) : false;
type SameKeys<A, B> = [keyof A] extends [keyof B] ? ([keyof B] extends [keyof A] ? DeepSame<A, B> : false) : false;
/** Optional members are assignable to absent ones, so a member missing deep inside would go unseen without going in. */
type DeepSame<A, B> = A extends readonly (infer AItem)[]
  ? B extends readonly (infer BItem)[]
    ? Same<AItem, BItem>
    : false
  : A extends object
    ? false extends { [Key in keyof A & keyof B]-?: Same<NonNullable<A[Key]>, NonNullable<B[Key]>> }[keyof A & keyof B]
      ? false
      : true
    : true;

describe("records and CRD schemas", () => {
  it("agree on the status of a SecretRotation", () => {
    const same: Same<SecretRotationStatus, RotationStatus> = true;
    strictEqual(same, true);
  });

  it("agree on the spec and the status of an OrphanedCredential", () => {
    const sameSpec: Same<OrphanedCredentialSpec, OrphanSpec> = true;
    const sameStatus: Same<OrphanedCredentialStatus, OrphanStatus> = true;
    strictEqual(sameSpec, true);
    strictEqual(sameStatus, true);
  });

  it("would not agree if a member deep inside were missing on one side", () => {
    type Current = Omit<NonNullable<RotationStatus["current"]>, "resuming">;
    type Poorer = Omit<RotationStatus, "current"> & { readonly current?: Current };
    const same: Same<SecretRotationStatus, Poorer> = false;
    strictEqual(same, false);
  });
});
