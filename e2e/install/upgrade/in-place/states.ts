import { identityStates } from "./identity-states.ts";
import { rotationStates } from "./rotation-states.ts";
import type { UpgradeState } from "./state.ts";

/** Every state that an upgrade is tried in. A new one is one entry of one of these tables. */
export const states: readonly UpgradeState[] = [...rotationStates, ...identityStates];
