import { conditionOf, isAtRest } from "../../../lane/rotation.ts";
import type { Rotation } from "../../../lane/rotation.ts";
import { identityCondition } from "../../../lane/identity.ts";
import type { Identity } from "../../../lane/identity.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import { waitFor } from "../../../stack/wait.ts";
import { ledgerPath, pathOf } from "./place.ts";
import type { DeclaredKind, Spot } from "./place.ts";

/**
 * A state in which an upgrade may find something, and how to bring something into it. Each is one entry of a table, and nothing else
 * has to know of it.
 */
export interface UpgradeState {
  /** Begins the name of each of its resources. */
  readonly name: string;
  /** Declares it, and brings it on; resolves when nothing more has to be done for it than to wait until it `stands`. */
  bring(spot: Spot): Promise<void>;
  /** The same, after the limit on offboardings has been lowered; these come one after the other, in the order of the table. */
  bringUnderLimit?(spot: Spot): Promise<void>;
  /** Does it stand in the state? By the resource's status, or by its ledger entry. */
  stands(spot: Spot): Promise<boolean>;
}

const WAIT = { timeout: 90_000, every: 250 } as const;

export const readRotation = ({ place, namespace, name }: Spot): Promise<Rotation | undefined> =>
  place.stack.kubernetes.client.find<Rotation>(pathOf({ namespace }, "SecretRotation", name));

export const readIdentity = ({ place, namespace, name }: Spot): Promise<Identity | undefined> =>
  place.stack.kubernetes.client.find<Identity>(pathOf({ namespace }, "ServiceAccountLifecycle", name));

/** `stands` of a rotation: its status is like this. */
export const rotationStands =
  (is: (status: NonNullable<Rotation["status"]>, rotation: Rotation) => boolean): UpgradeState["stands"] =>
  async (spot) => {
    const found = await readRotation(spot);
    return found?.status !== undefined && is(found.status, found);
  };

/** `stands` of an identity. */
export const identityStands =
  (is: (identity: Identity) => boolean): UpgradeState["stands"] =>
  async (spot) => {
    const found = await readIdentity(spot);
    return found?.status !== undefined && is(found);
  };

/** Is the condition there with this reason (or any, where none is named) and True, or False for `OldCredentialRevoked` and the like? */
export const tells = (status: Rotation["status"], type: string, reason: string): boolean =>
  conditionOf(status, type)?.reason === reason;

export const identityIs = (identity: Identity, type: string): boolean =>
  identityCondition(identity, type)?.status === "True";

/** The resource is gone, and the ledger has an entry of it; `held` by the limit, or not. */
export const onLedger =
  (kind: DeclaredKind, held: boolean): UpgradeState["stands"] =>
  async (spot) => {
    const { place, namespace, name } = spot;
    const { client } = place.stack.kubernetes;
    if ((await client.find(pathOf(spot, kind, name))) !== undefined) return false;
    const { items } = await client.list(ledgerPath);
    const entry = items.find((one) => {
      const { origin } = one["spec"] as LedgerSpec;
      return origin.kind === kind && origin.namespace === namespace && origin.name === name;
    });
    if (entry === undefined) return false;
    const isHeld = (entry["spec"] as LedgerSpec).held !== undefined;
    return held ? isHeld : !isHeld && isDone(entry);
  };

interface LedgerSpec {
  readonly origin: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly held?: string;
}

/** Everything of it has been disabled: only the hold is waited for. */
const isDone = (entry: KubeObject): boolean => {
  const { conditions = [] } = (entry["status"] ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
  return (
    !conditions.some(({ type, reason }) => type === "Reconciling" && reason === "BackingOff") && conditions.length > 0
  );
};

/** Waits until the rotation has version `number` in use and nothing is under way. */
export async function hasVersion(spot: Spot, number: number): Promise<void> {
  await waitFor(
    `${spot.namespace}/${spot.name} has version ${number} in use`,
    async () => {
      const rotation = await readRotation(spot);
      if (rotation?.status?.current?.version.startsWith(`${number}-`) === true && isAtRest(rotation, undefined))
        return true;
      throw new Error(JSON.stringify(rotation?.status?.conditions));
    },
    WAIT,
  );
}

/** Waits until the state's resource stands in it; the error has its status. */
export async function untilStands(state: UpgradeState, spot: Spot): Promise<void> {
  await waitFor(
    `${spot.namespace}/${spot.name} is ${state.name}`,
    async () => {
      if (await state.stands(spot)) return true;
      const status = ((await readRotation(spot)) ?? (await readIdentity(spot)))?.status;
      throw new Error(JSON.stringify(status).slice(0, 3000));
    },
    WAIT,
  );
}
