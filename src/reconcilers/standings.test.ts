import { deepEqual } from "node:assert/strict";
import type { IdentityHold } from "../api/v1alpha1/identity-hold.ts";
import type { OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import { standings } from "./standings.ts";
import type { Tenancy } from "./shares.ts";

const metadata = (name: string, namespace = "payments") => ({
  ...{ name, namespace, uid: name, resourceVersion: "1", generation: 1 },
});
const identity = (name: string, spec: object = {}, status?: object) =>
  ({ metadata: metadata(name), spec: { accounts: [], ...spec }, status }) as unknown as ServiceAccountLifecycle;
const rotation = (name: string, spec: object = {}, status?: object) =>
  ({ metadata: metadata(name), spec: { source: {}, deliver: [], ...spec }, status }) as unknown as SecretRotation;
const named = <T extends { readonly metadata: { readonly name: string } }>(...all: readonly T[]) => ({
  get: ({ name }: { readonly name: string }) => all.find((each) => each.metadata.name === name),
  list: () => all,
});

const hold = { metadata: metadata("h", ""), spec: { namespace: "payments", name: "held", reason: "x" } };
const entry = { metadata: metadata("e", ""), spec: { origin: { kind: "SecretRotation", namespace: "payments" } } };
const tenancy: Tenancy = { metadata: { name: "payments", uid: "n", resourceVersion: "1" }, tenant: "billing" };

const turns = standings({
  identities: named(
    identity("lives", {}, {}),
    identity("leaver", { state: "Suspended" }, {}),
    identity("held", {}, {}),
  ),
  rotations: named(
    rotation("db", { identityRef: { name: "lives" } }, {}),
    rotation("of-leaver", { identityRef: { name: "leaver" } }, {}),
    rotation("of-held", { identityRef: { name: "held" } }, {}),
  ),
  orphans: named(entry as unknown as OrphanedCredential),
  holds: named(hold as unknown as IdentityHold),
  namespaces: named(tenancy),
  connection: () => undefined,
  now: () => new Date("2026-06-01T00:00:00Z"),
});

const asked = (
  kind: "identity" | "rotation" | "connection" | "entry" | "hold",
  name: string,
  namespace = "payments",
) => {
  const { lane, share, first = false } = turns[kind]({ namespace, name });
  return [lane, share, first];
};

describe("lane and share", () => {
  it("of what people declare are those of its namespace's tenant; ends have their lane, and so have rotations of who ends or is held", () => {
    deepEqual(asked("identity", "lives"), ["rest", "=billing", false]);
    deepEqual(asked("identity", "leaver"), ["end", "=billing", false]);
    deepEqual(asked("identity", "held"), ["end", "=billing", false]);
    deepEqual(asked("rotation", "db"), ["rest", "=billing", false]);
    deepEqual(asked("rotation", "of-leaver"), ["end", "=billing", false]);
    deepEqual(asked("rotation", "of-held"), ["end", "=billing", false]);
  });

  it("of what the watch does not know come first in the rest", () => {
    deepEqual(asked("identity", "unknown", "other"), ["rest", "other", true]);
    deepEqual(asked("rotation", "unknown", "other"), ["rest", "other", true]);
  });

  it("of the ledger and of holds are ends, in the namespace that they are about; a connection is a share of its own", () => {
    deepEqual(asked("entry", "e", ""), ["end", "=billing", false]);
    deepEqual(asked("hold", "h", ""), ["end", "=billing", false]);
    deepEqual(asked("entry", "unknown", ""), ["end", "", false]);
    deepEqual(asked("connection", "vault", ""), ["rest", "vault", false]);
  });
});
