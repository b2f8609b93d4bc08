import { OperatorError } from "../../../kernel/errors.ts";
import { mutate, type Act } from "./act.ts";

/** What a claim is to say: a new snapshot replaces the old one, the sequence only grows. */
export interface ClaimWish {
  readonly snapshot: string;
  /** From the highest number that was handed out for the target so far to the one that it has to remember. */
  readonly sequence?: (before: number) => number;
}

/**
 * One target, one owner: a claim object in the operator's namespace, made by create-only. The later claimant gets a Conflict. A
 * claim of a resource of our own name but with another UID belongs to a dead predecessor, since names are unique: it is taken
 * over (undo). Answers the sequence that was on the claim before.
 */
export const claimTarget = async (act: Act, target: string, wish: ClaimWish): Promise<number> => {
  const { scope, ports } = act;
  const { namespace, name } = scope.request;
  const owner = { kind: "SecretRotation", namespace, name, uid: scope.object.metadata.uid };
  const { snapshot } = wish;
  const present = await ports.claims.read(target);
  if (present === undefined) {
    const sequence = wish.sequence?.(0);
    const made = await mutate(act, { action: "kubernetes:Claim", kind: "Issuing", target }, () =>
      ports.claims.make(target, { owner, snapshot, sequence }),
    );
    if (made.kind === "held") throw held(target);
    return 0;
  }
  const before = present.sequence ?? 0;
  const sequence = wish.sequence?.(before) ?? before;
  if (present.owner.uid === owner.uid) {
    if (present.snapshot === snapshot && sequence <= before) return before;
    // That a deletion is declared otherwise now must be known whatever else is stopped.
    const kind = sequence > before ? "Issuing" : "Revoking";
    await mutate(act, { action: "kubernetes:UpdateClaim", kind, target }, () =>
      ports.claims.update(present, { snapshot, sequence }),
    );
    return before;
  }
  if (present.owner.namespace !== namespace || present.owner.name !== name) throw held(target);
  const taken = await mutate(act, { action: "kubernetes:TakeOverClaim", kind: "Issuing", target }, () =>
    ports.claims.takeOver(present, owner, { snapshot }),
  );
  if (sequence > before) await ports.claims.update(taken, { sequence });
  return before;
};

/** The holder is not named: tenants do not see each other. */
const held = (target: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The target ${target} is claimed by another resource; one target has one owner.`,
  });
