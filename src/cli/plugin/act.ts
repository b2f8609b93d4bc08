import { PAUSED, RETRY, ROTATE_AT } from "../../api/v1alpha1/annotations.ts";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient, KubeObject, ObjectMeta, ObjectRef } from "../../cluster/contract.ts";
import { describeRef } from "../../cluster/resources.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { text, WrongUse, type Given } from "../arguments.ts";
import { EXIT } from "../doctor/finding.ts";
import { hold, unhold } from "./hold.ts";
import { overflow } from "./overflow.ts";
import { referenceOf } from "./reference.ts";

export interface PluginPorts {
  readonly cluster: Pick<ClusterClient, "get" | "list" | "create" | "mergePatch" | "delete">;
  /** The mark by which Argo CD or Flux shows that it applies the object. */
  gitOwner(metadata: ObjectMeta): string | undefined;
  now(): Date;
  /** Shows the text at once, and gives the line that a person answers; undefined: there is nobody to ask. */
  readonly ask: (text: string) => Promise<string | undefined>;
  /** Of the context. */
  readonly namespace: string;
}

export interface Said {
  readonly code: number;
  readonly out: string;
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** Commands that change something: annotations, of an identity spec.state, and holds. With the user's own rights. */
export const act = async (command: string, given: Given, ports: PluginPorts): Promise<Said> => {
  const namespace = text(given, "namespace") ?? ports.namespace;
  const one = (only?: ObjectRef["kind"]): ObjectRef => referenceOf(given.positionals, namespace, only);
  const stamp = ports
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  switch (command) {
    case "rotate": {
      const at = text(given, "at") ?? stamp;
      if (!RFC3339.test(at) || Number.isNaN(Date.parse(at)))
        throw new WrongUse("--at must be a time such as 2027-01-31T04:00:00Z.");
      return annotate(ports, one(SECRET_ROTATION), { [ROTATE_AT]: at }, `is to rotate at ${at}`);
    }
    case "retry":
      return annotate(ports, one(), { [RETRY]: ports.now().toISOString() }, "is tried again");
    case "pause":
      return annotate(ports, one(), { [PAUSED]: "true" }, "is paused: nothing but revocation and offboarding goes on");
    case "unpause":
      return annotate(ports, one(), { [PAUSED]: null }, "is no longer paused");
    case "hold":
      return hold(given, ports);
    case "unhold":
      return unhold(given, ports);
    case "overflow":
      return overflow(given, namespace, ports);
    default:
      return setState(ports, one(SERVICE_ACCOUNT_LIFECYCLE), command === "suspend" ? "Suspended" : "Active", given);
  }
};

const annotate = async (
  { cluster }: PluginPorts,
  ref: ObjectRef,
  annotations: Readonly<Record<string, string | null>>,
  said: string,
): Promise<Said> => {
  await cluster.mergePatch(ref, { metadata: { annotations } });
  return { code: EXIT.fine, out: `${describeRef(ref)} ${said}.\n` };
};

type Identity = KubeObject & { readonly spec: { readonly state?: string } };

/**
 * Git owns the spec where Argo CD or Flux applies it: a change here would be put back at the next sync, so a suspension would end
 * without anybody having said so.
 */
const setState = async (
  ports: PluginPorts,
  ref: ObjectRef,
  state: "Suspended" | "Active",
  given: Given,
): Promise<Said> => {
  const object = await ports.cluster.get<Identity>(ref);
  if (object === undefined)
    throw new OperatorError("NotFound", { publicMessage: `${describeRef(ref)} does not exist.` });
  const present = object.spec.state ?? "Active";
  if (present === "Decommissioned") {
    const why = "is Decommissioned; that is changed in its spec alone, by whoever owns it.";
    return { code: EXIT.found, out: `${describeRef(ref)} ${why}\n` };
  }
  if (present === state) return { code: EXIT.fine, out: `${describeRef(ref)} is ${state} already.\n` };
  const owner = ports.gitOwner(object.metadata);
  const force = given.values["force"] === true;
  if (owner !== undefined && !force) {
    const why = `${owner} shows that Git owns ${describeRef(ref)}; the next sync would put a change back. Set spec.state: ${state} there.`;
    const emergency = "In an emergency: stop its sync, then --force.";
    return { code: EXIT.found, out: `${why}\n${emergency}\n` };
  }
  const { resourceVersion } = object.metadata;
  await ports.cluster.mergePatch(ref, { metadata: { resourceVersion }, spec: { state } });
  const warning =
    owner === undefined
      ? ""
      : `${owner} shows that Git owns it: the next sync puts it back unless Git says the same.\n`;
  return { code: EXIT.fine, out: `${describeRef(ref)} is to be ${state}.\n${warning}` };
};
