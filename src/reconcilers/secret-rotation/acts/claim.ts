import { OperatorError } from "../../../kernel/errors.ts";
import { mutate, type Act } from "./act.ts";

/**
 * One target, one owner: a claim object in the operator's namespace, made by create-only. The later claimant gets a Conflict. A
 * claim of a resource of our own name but with another UID belongs to a dead predecessor, since names are unique: it is taken
 * over (undo).
 */
export const claimTarget = async (
  act: Act,
  target: string,
  snapshot: string,
): Promise<{ readonly takenFrom?: string }> => {
  const { scope, ports } = act;
  const { namespace, name } = scope.request;
  const owner = { kind: "SecretRotation", namespace, name, uid: scope.object.metadata.uid };
  const present = await ports.claims.read(target);
  if (present === undefined) {
    const made = await mutate(act, { action: "kubernetes:Claim", kind: "Issuing", target }, () =>
      ports.claims.make(target, { owner, snapshot }),
    );
    if (made.kind === "held") throw held(target);
    return {};
  }
  if (present.owner.uid === owner.uid) return {};
  if (present.owner.namespace !== namespace || present.owner.name !== name) throw held(target);
  await mutate(act, { action: "kubernetes:TakeOverClaim", kind: "Issuing", target }, () =>
    ports.claims.takeOver(present, owner, { snapshot }),
  );
  return { takenFrom: present.owner.uid };
};

/** The holder is not named: tenants do not see each other. */
const held = (target: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The target ${target} is claimed by another resource; one target has one owner.`,
  });
