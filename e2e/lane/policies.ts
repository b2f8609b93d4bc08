import { installAdmission } from "../stack/admission.ts";
import type { InstalledAdmission } from "../stack/admission.ts";
import type { Ground } from "./ground.ts";

/** Puts the admission policies of config/policies in force for one ground's namespaces, and for others that its operator serves. */
export function guardLane(ground: Ground, also: readonly string[] = []): Promise<InstalledAdmission> {
  const { namespace, operatorNamespace } = ground;
  return installAdmission(ground.lane.world.stack.kubernetes.client, {
    operatorNamespace,
    suffix: namespace,
    namespaces: [namespace, ...also],
  });
}
