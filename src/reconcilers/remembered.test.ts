import assert from "node:assert/strict";
import type { OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import { accountHolding } from "../domain/lifecycle/holders.ts";
import { rememberedEntry, rememberedIdentity, rememberedRotation } from "./remembered.ts";

const LONG = "x".repeat(60_000);
const METADATA = { name: "billing", namespace: "payments", uid: "u", resourceVersion: "1" };
const account = (name: string) => ({
  name,
  aws: {
    connectionRef: { name: "aws" },
    user: { name: `payments.billing.${name}`, inlinePolicies: [{ document: LONG }] },
  },
});
const record = (name: string) => ({
  name,
  target: `aws-user/111122223333/payments.billing.${name}`,
  state: "Active",
  declaration: JSON.stringify(account(name)),
  pieces: [LONG],
});
const identity = (purpose = "Exports") =>
  ({
    metadata: METADATA,
    spec: { owner: { team: "a", contact: "b" }, purpose, accounts: [account("lake")] },
    status: { state: "Active", lastKnownGood: { spec: LONG }, accounts: [record("lake"), record("removed")] },
  }) as unknown as ServiceAccountLifecycle;
const sizeOf = (value: unknown): number => JSON.stringify(value).length;

describe("what the caches keep of our own kinds", () => {
  it("tells of an identity whose credentials a rotation may hold, declared or on record, without its policies", () => {
    const kept = rememberedIdentity(identity());
    assert.ok(sizeOf(kept) < 2500, String(sizeOf(kept)));
    for (const name of ["lake", "removed"]) {
      const source = { awsAccessKey: { connectionRef: { name: "aws" }, userName: `payments.billing.${name}` } };
      assert.equal(accountHolding(source, kept), name);
      assert.equal(accountHolding(source, identity()), name);
    }
    assert.equal(kept.status?.state, "Active");
    assert.deepEqual(kept.spec.owner, identity().spec.owner);
  });

  it("keeps targets and states of a ledger entry's accounts", () => {
    const entry = {
      metadata: METADATA,
      spec: { origin: { namespace: "payments", name: "billing" }, accounts: [record("lake")] },
      status: { accounts: [record("lake")] },
    } as unknown as OrphanedCredential;
    const kept = rememberedEntry(entry);
    assert.ok(sizeOf(kept) < 1500, String(sizeOf(kept)));
    assert.equal(kept.spec.accounts?.[0]?.target, record("lake").target);
    assert.equal(kept.status?.accounts?.[0]?.state, "Active");
  });

  it("keeps a rotation whole whose passes go by the cache, and of others no long parameters", () => {
    const deliver = [{ hook: { connectionRef: { name: "hook" }, parameters: { text: LONG } } }];
    const rotation = (source: object) =>
      ({ metadata: METADATA, spec: { source, deliver }, status: { lastKnownGood: LONG } }) as unknown as SecretRotation;
    const isWhole = (kind: string): boolean => kind === "vaultPKI";
    const whole = rotation({ vaultPKI: { connectionRef: { name: "vault" } } });
    assert.equal(rememberedRotation(whole, isWhole), whole);
    const kept = rememberedRotation(
      rotation({ awsAccessKey: { connectionRef: { name: "aws" }, userName: "u" } }),
      isWhole,
    );
    assert.ok(sizeOf(kept) < 600, String(sizeOf(kept)));
    assert.equal(kept.spec.deliver[0]?.hook?.connectionRef.name, "hook");
    assert.deepEqual(kept.spec.source, { awsAccessKey: { connectionRef: { name: "aws" }, userName: "u" } });
  });
});
