import type { Attacker, AtAdmission } from "./attacker.ts";
import type { TenantWorld } from "./world.ts";

/** What an attempt is after. */
export type Prize = "ClusterAdmin" | "OtherNamespaceSecret" | "VaultPath" | "AwsUser";

/** One way in which a tenant tries to get what is not theirs. */
export interface TenantAttempt {
  readonly name: string;
  readonly kind: Prize;
  /**
   * Where it must end. `accepted`: the API server cannot know better (or what it takes is harmless), so that the operator must
   * refuse what the object asks for.
   */
  readonly expected: AtAdmission;
  readonly run: (attacker: Attacker) => Promise<AtAdmission>;
  /** After the operator has had its time: has the attacker got it? */
  readonly wins: (world: TenantWorld) => Promise<boolean>;
}
