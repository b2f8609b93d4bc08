import type { IdentityHold } from "./generated/identity-hold.ts";
import { GROUP, VERSION } from "./meta.ts";

export type { IdentityHold };
export type IdentityHoldSpec = IdentityHold["spec"];
export type IdentityHoldStatus = NonNullable<IdentityHold["status"]>;

/** Where the API server serves IdentityHolds. */
export const IDENTITY_HOLD = {
  group: GROUP,
  version: VERSION,
  plural: "identityholds",
  kind: "IdentityHold",
  namespaced: false,
} as const;
