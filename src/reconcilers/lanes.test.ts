import { equal } from "node:assert/strict";
import { LEAKED } from "../api/v1alpha1/annotations.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import { hasEnd, isEndingIdentity, isEndingRotation } from "./lanes.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const free = { now: NOW, held: false };

const identity = (more: object = {}, status?: object, metadata: object = {}): ServiceAccountLifecycle =>
  ({
    metadata: { name: "ci", namespace: "payments", uid: "u", resourceVersion: "1", generation: 3, ...metadata },
    spec: { accounts: [], ...more },
    ...(status === undefined ? {} : { status }),
  }) as unknown as ServiceAccountLifecycle;

const rotation = (status?: object, metadata: object = {}): SecretRotation =>
  ({
    metadata: { name: "db", namespace: "payments", uid: "r", resourceVersion: "1", generation: 1, ...metadata },
    spec: { source: {}, deliver: [] },
    ...(status === undefined ? {} : { status }),
  }) as unknown as SecretRotation;

const proven = (type: string, observedGeneration = 3): object => ({
  observedGeneration,
  conditions: [{ type, status: "True" }],
});

describe("the lane of an identity", () => {
  it("is that of ends when one is declared, in whichever way", () => {
    equal(isEndingIdentity(identity(), free), false);
    equal(isEndingIdentity(identity({ state: "Suspended" }), free), true);
    equal(isEndingIdentity(identity({ state: "Decommissioned" }), free), true);
    equal(isEndingIdentity(identity({ expiresAt: "2026-06-01T12:00:00Z" }), free), true);
    equal(isEndingIdentity(identity({ expiresAt: "2026-06-01T12:00:01Z" }), free), false);
    equal(isEndingIdentity(identity({}, undefined, { deletionTimestamp: "2026-06-01T11:00:00Z" }), free), true);
    equal(isEndingIdentity(identity(), { now: NOW, held: true }), true);
  });

  it("is the rest's again when the end is proven for what the spec says now", () => {
    const suspended = { state: "Suspended" } as const;
    equal(isEndingIdentity(identity(suspended, proven("Suspended")), free), false);
    equal(isEndingIdentity(identity(suspended, proven("Offboarded")), free), false);
    equal(isEndingIdentity(identity(suspended, proven("Suspended", 2)), free), true, "another generation");
    const fallen = { observedGeneration: 3, conditions: [{ type: "Suspended", status: "False" }] };
    equal(isEndingIdentity(identity(suspended, fallen), free), true);
    equal(isEndingIdentity(identity(suspended, proven("Ready")), free), true);
    const gone = identity(suspended, proven("Offboarded"), { deletionTimestamp: "2026-06-01T11:00:00Z" });
    equal(isEndingIdentity(gone, free), true, "a deletion waits for nothing");
    equal(hasEnd(identity(suspended, proven("Suspended")), free), true, "for its rotations it has ended all the same");
  });
});

describe("the lane of a SecretRotation", () => {
  const at = { now: NOW, held: false, identityHeld: false };
  const current = { version: "v1", id: "k1", issuedAt: "2026-05-01T00:00:00Z" };

  it("is that of ends when it is deleted or a leak of it is reported, until that is dealt with", () => {
    equal(isEndingRotation(rotation({ current }), undefined, at), false);
    equal(isEndingRotation(rotation(undefined, { deletionTimestamp: "2026-06-01T11:00:00Z" }), undefined, at), true);
    const told = { annotations: { [LEAKED]: "v1" } };
    equal(isEndingRotation(rotation({ current }, told), undefined, at), true);
    equal(isEndingRotation(rotation({ current, lastHandledLeak: "v1" }, told), undefined, at), false);
    equal(isEndingRotation(rotation({ current: { ...current, leaked: true } }), undefined, at), true);
    const pending = [{ version: "v0", id: "k0", why: "Superseded" }];
    equal(isEndingRotation(rotation({ current, pendingRevocations: pending }), undefined, at), false);
    const leaked = pending.map((each) => ({ ...each, leaked: true }));
    equal(isEndingRotation(rotation({ current, pendingRevocations: leaked }), undefined, at), true);
  });

  it("is that of ends when it is held or its identity ends, until it holds nothing more", () => {
    const ended = identity({ state: "Suspended" }, proven("Suspended"));
    equal(isEndingRotation(rotation({ current }), ended, at), true);
    equal(isEndingRotation(rotation({ current }), identity(), at), false);
    equal(isEndingRotation(rotation({ current }), identity(), { ...at, identityHeld: true }), true);
    equal(isEndingRotation(rotation({ current }), undefined, { ...at, held: true }), true);
    const surrendered = { suspension: { reason: "IdentitySuspended", since: "2026-06-01T11:00:00Z" } };
    equal(isEndingRotation(rotation(surrendered), ended, at), false);
    equal(isEndingRotation(rotation(), ended, at), true, "nothing is known of it");
  });
});
