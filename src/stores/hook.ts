import { createHmac } from "node:crypto";
import { OperatorError } from "../kernel/errors.ts";
import { canonicalJson } from "../kernel/ids.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";
import { hookAnswerOdd, type HookVerb } from "../providers/hook/call.ts";
import type { HookDoor } from "../providers/hook/connection.ts";
import type { CallContext } from "../providers/contract.ts";
import { reachingBehindHook } from "../providers/hook/reaching.ts";
import type { DeliveryObservation, DeliveryOwner, DeliveryStore } from "./contract.ts";

/**
 * A place that a hook writes to. What stands there is known by a checksum under the signing key: the hook keeps it beside the value where it cannot
 * read the value back, and makes it of the value where it can. Whose the place is, is what the hook was told with the first write.
 */
export const hookStore = (door: HookDoor, owner: DeliveryOwner, place: string): DeliveryStore => {
  const { cluster, namespace, name, uid } = owner;
  const about = { resource: { cluster, namespace, name, uid }, place };
  const isOurs = (other: string): boolean => other === uid || owner.predecessors.includes(other);

  const ask = (context: CallContext, verb: HookVerb, members: Readonly<Record<string, unknown>> = {}) =>
    reachingBehindHook(context, `place ${place}`, () => door.call(verb, { ...about, ...members }, context.signal));

  const observe = async (context: CallContext): Promise<DeliveryObservation> => {
    const { stands } = await ask(context, "test");
    if (stands === null) return { kind: "absent", precondition: { kind: "hook", version: undefined } };
    const { ownerUid, version, checksum } = standing(stands);
    if (!isOurs(ownerUid))
      return { kind: "foreign", why: `The hook's place ${place} belongs to another resource; choose another place` };
    const key = await door.signingKey();
    return {
      kind: "ours",
      version,
      matches: (material) => ownerUid === uid && checksum === checksumOf(material, key),
      precondition: { kind: "hook", version },
    };
  };

  return {
    target: `hook/${door.account}/${namespace}/${place}`,
    observe,
    async publish({ version, material }, precondition, context) {
      if (precondition.kind !== "hook")
        throw new OperatorError("Unknown", { publicMessage: "A precondition of another kind of place." });
      await ask(context, "set", {
        version,
        material: material.reveal(),
        checksum: checksumOf(material, await door.signingKey()),
        expected: precondition.version ?? null,
        predecessors: owner.predecessors,
      });
      return undefined;
    },
    async withdraw(_options, context) {
      const seen = await observe(context);
      if (seen.kind === "absent") return "alreadyAbsent";
      if (seen.kind === "foreign") return "foreign";
      const { ended } = await ask(context, "finish");
      if (typeof ended !== "boolean") throw hookAnswerOdd("finish");
      return ended ? "removed" : "alreadyAbsent";
    },
  };
};

/** Of the fields and their values in order; nobody can try values against it without the key. */
export const checksumOf = (material: SecretMaterial, key: string): string =>
  createHmac("sha256", key).update(canonicalJson(material.reveal())).digest("hex");

const standing = (
  value: unknown,
): { readonly ownerUid: string; readonly version: string; readonly checksum: string } => {
  const { ownerUid, version, checksum } = (typeof value === "object" && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >;
  if (typeof ownerUid !== "string" || typeof version !== "string" || typeof checksum !== "string")
    throw hookAnswerOdd("test");
  return { ownerUid, version, checksum };
};
