import { ok, strictEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ServiceAccountLifecycleStatus } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { LifecycleStatus } from "./record.ts";

/** True when each type can stand where the other is wanted, and neither has members that the other lacks, however deep. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? SameKeys<A, B> : false) : false;
type SameKeys<A, B> = [keyof A] extends [keyof B] ? ([keyof B] extends [keyof A] ? DeepSame<A, B> : false) : false;
type DeepSame<A, B> = A extends readonly (infer AItem)[]
  ? B extends readonly (infer BItem)[]
    ? Same<AItem, BItem>
    : false
  : A extends object
    ? false extends { [Key in keyof A & keyof B]-?: Same<NonNullable<A[Key]>, NonNullable<B[Key]>> }[keyof A & keyof B]
      ? false
      : true
    : true;

describe("the record of a lifecycle and its CRD schema", () => {
  it("agree on the status", () => {
    const same: Same<ServiceAccountLifecycleStatus, LifecycleStatus> = true;
    strictEqual(same, true);
  });

  it("would not agree if a member deep inside were missing on one side", () => {
    type Account = Omit<NonNullable<LifecycleStatus["accounts"]>[number], "heldUntil">;
    type Poorer = Omit<LifecycleStatus, "accounts"> & { readonly accounts?: readonly Account[] };
    const same: Same<ServiceAccountLifecycleStatus, Poorer> = false;
    strictEqual(same, false);
  });

  it("have room for the longest id of a credential that IAM gives, with its kind before it", () => {
    for (const file of ["serviceaccountlifecycles", "orphanedcredentials"]) {
      const text = readFileSync(new URL(`../../../crds/${file}.yaml`, import.meta.url), "utf8");
      const bounds = [...text.matchAll(/enabledCredentials:\s[^]*?items: .*maxLength: (\d+)/g)].map(([, most]) =>
        Number(most),
      );
      ok(bounds.length > 0 && bounds.every((most) => most >= `ServiceSpecificCredential/${"A".repeat(128)}`.length));
    }
  });
});
