import type { KubeObject, ObjectMeta } from "../stack/kube.ts";
import type { Account, ServiceAccountLifecycleSpec } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { LifecycleStatus } from "../../src/domain/lifecycle/record.ts";

/** A ServiceAccountLifecycle as the API server shows it. */
export interface Identity extends KubeObject {
  metadata: ObjectMeta;
  spec: ServiceAccountLifecycleSpec;
  status?: LifecycleStatus;
}

export type IdentityCondition = NonNullable<LifecycleStatus["conditions"]>[number];

export function identityPath(namespace: string, name: string): string {
  return `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/serviceaccountlifecycles/${name}`;
}

/** An identity with an owner and a purpose; hold and deadlines are those of a test. */
export function identityObject(
  namespace: string,
  name: string,
  accounts: readonly Account[],
  more: Partial<ServiceAccountLifecycleSpec> = {},
): Identity {
  return {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { name, namespace },
    spec: {
      owner: { team: "payments", contact: "payments@example.com" },
      purpose: "Shows what a lifecycle does",
      environment: "staging",
      progressDeadline: "2s",
      deletion: { holdFor: "0s", timeout: "30s" },
      ...more,
      accounts: [...accounts],
    },
  };
}

export function identityCondition(identity: Identity | undefined, type: string): IdentityCondition | undefined {
  return identity?.status?.conditions?.find((condition) => condition.type === type);
}

/** The operator has seen the newest spec and has nothing more to do for it. */
export type Rest =
  /** As declared. */
  | "Good"
  /** The spec has failed and the last known good one is in force. */
  | "Reverted"
  /** The spec has failed, and there is nothing good to go back to. */
  | "Stalled"
  | "Suspended"
  /** Cut, disabled and proven; held, or deleted. */
  | "Offboarded";

/** Is it at rest in that way? */
export function rests(identity: Identity | undefined, how: Rest): boolean {
  if (identity === undefined || identity.status === undefined) return false;
  const { status, metadata } = identity;
  const is = (type: string): boolean => identityCondition(identity, type)?.status === "True";
  if (status.observedGeneration !== metadata.generation) return false;
  switch (how) {
    case "Good":
      return is("Ready") && !is("Reconciling") && !is("Stalled") && !is("Reverted") && status.state === "Active";
    case "Reverted":
      return is("Reverted") && !is("Reconciling") && status.failures === undefined;
    case "Stalled":
      return is("Stalled");
    case "Suspended":
      return status.state === "Suspended" && !is("Reconciling");
    case "Offboarded":
      return is("Offboarded") && status.state === "Decommissioned" && !is("Reconciling");
  }
}

/** What a status says, in few words, for messages about what did not happen. */
export function briefly(identity: Identity | undefined): string {
  const {
    state,
    activity,
    conditions = [],
    failures,
    leaveFailures,
    quarantine,
    accounts = [],
  } = identity?.status ?? {};
  const told = conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`);
  const standing = accounts.map(({ name, state: is }) => `${name} ${is}`);
  return JSON.stringify({ state, activity, standing, failures, leaveFailures, quarantine, told }, undefined, 1);
}
