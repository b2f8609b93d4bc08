import type { IdentitySite } from "../../lane/identity-site.ts";
import type { Stage } from "../lifecycle/stage.ts";
import { iamReader } from "./iam-view.ts";
import type { IamPrincipal } from "./iam-view.ts";

/** An identity on a stage, with what stands at its providers. */
export interface Place {
  readonly stage: Stage;
  readonly site: IdentitySite;
  readonly name: string;
  readonly user: string;
  readonly role: string;
  readonly entity: string;
  readonly iam: (action: string, fields: Readonly<Record<string, string>>) => Promise<string>;
  /** The user or the role as IAM holds it now. */
  readonly held: () => Promise<IamPrincipal | undefined>;
}

export function placeOf(stage: Stage, name: string): Place {
  const { site } = stage;
  const { client } = site.lane.world.stack.aws;
  const [user, role] = [site.awsName(name, "lake"), site.awsName(name, "job")];
  const read = iamReader(client);
  return {
    ...{ stage, site, name, user, role, entity: site.vaultName(name, "secrets") },
    iam: (action, fields) => client.action("iam", action, fields),
    async held() {
      const view = await read();
      return view.get(`user/${user}`) ?? view.get(`role/${role}`);
    },
  };
}

/** What breaks off one of them leaves the others at it. */
export async function guarded(stage: Stage, title: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
    stage.say(`${title}: ok`);
  } catch (error) {
    const { message, cause } = error as Error;
    stage.broken("L1", `${title}: ${message.slice(0, 300)}`, cause instanceof Error ? cause.message : "");
  }
}
