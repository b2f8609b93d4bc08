import { IDENTITY_HOLD } from "../../api/v1alpha1/identity-hold.ts";
import type { IdentityHoldSpec } from "../../api/v1alpha1/identity-hold.ts";
import type { ClusterClient, KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { describeRef } from "../../cluster/resources.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { text, texts, WrongUse, type Given } from "../arguments.ts";
import { EXIT } from "../doctor/finding.ts";
import { wholeOf } from "../../kernel/listed.ts";

export interface HoldPorts {
  readonly cluster: Pick<ClusterClient, "get" | "list" | "create" | "delete">;
}

interface Said {
  readonly code: number;
  readonly out: string;
}

type Held = KubeObject & { readonly spec: IdentityHoldSpec };
type Target = NonNullable<IdentityHoldSpec["targets"]>[number];

/** Kinds of targets as the CRD has them; a kind that is missing here, or one too many, does not compile. */
const TARGET_KINDS: Readonly<Record<Target["kind"], true>> = {
  AwsUser: true,
  AwsRole: true,
  VaultEntity: true,
  VaultAppRole: true,
  VaultDatabaseRole: true,
  VaultPKIRole: true,
  KubernetesServiceAccount: true,
  HookTarget: true,
};
const isTargetKind = (word: string): word is Target["kind"] => Object.hasOwn(TARGET_KINDS, word);

/** Makes an IdentityHold. It never changes one: a hold whose name is taken by another spec is refused. */
export const hold = async (given: Given, { cluster }: HoldPorts): Promise<Said> => {
  const spec = specOf(given);
  const ref = refOf(text(given, "name") ?? nameFor(spec));
  const present = await cluster.get<Held>(ref);
  if (present !== undefined) {
    if (isSame(present.spec, spec))
      return { code: EXIT.fine, out: `${described(present)} stands already, with the same spec.\n` };
    const why = "It never changes: make one beside it with --name, then end the other with unhold.";
    return { code: EXIT.found, out: `${described(present)} stands already, with another spec. ${why}\n` };
  }
  const { group, version, kind } = IDENTITY_HOLD;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { name: ref.name }, spec };
  const made = await cluster.create<Held>({ kind: IDENTITY_HOLD }, object);
  const look = `Look at it: kubectl get identityhold ${made.metadata.name} -o yaml (status.matched).`;
  return { code: EXIT.fine, out: `${described(made)} is made. It is cut as long as this stands.\n${look}\n` };
};

/** Deletes one IdentityHold, by its name or by what it holds. Where several hold the same, the name is asked for. */
export const unhold = async (given: Given, { cluster }: HoldPorts): Promise<Said> => {
  const [word, ...more] = given.positionals;
  if (word === undefined || more.length > 0)
    throw new WrongUse("Exactly one argument is needed: the name of an IdentityHold, or NAMESPACE/NAME that it holds.");
  const found = word.includes("/") ? await holding(cluster, held(word)) : await byName(cluster, word);
  const [one, ...others] = found;
  if (one === undefined) throw new OperatorError("NotFound", { publicMessage: `No IdentityHold holds ${word}.` });
  if (others.length > 0) {
    const names = found.map((each) => `  ${each.metadata.name}: ${each.spec.reason}\n`).join("");
    return { code: EXIT.found, out: `${found.length} IdentityHolds hold ${word}. Name the one to end:\n${names}` };
  }
  await cluster.delete(refOf(one.metadata.name), { uid: one.metadata.uid });
  const left = await holding(cluster, one.spec);
  const back =
    left.length === 0
      ? "What the spec says comes back, as far as those who asked for it may still give it."
      : `It stays held by ${left.map(({ metadata }) => metadata.name).join(", ")}.`;
  return { code: EXIT.fine, out: `${described(one)} is deleted. ${back}\n` };
};

const refOf = (name: string): ObjectRef => ({ kind: IDENTITY_HOLD, name });

const described = ({ metadata, spec }: Held): string =>
  `${describeRef(refOf(metadata.name))} (${spec.name === "*" ? `all of ${spec.namespace}` : `${spec.namespace}/${spec.name}`})`;

/** No namespace has a dot in its name, so no two of these are the same. */
const nameFor = ({ namespace, name }: Pick<IdentityHoldSpec, "namespace" | "name">): string =>
  name === "*" ? namespace : `${namespace}.${name}`;

const held = (word: string): Pick<IdentityHoldSpec, "namespace" | "name"> => {
  const [namespace = "", name = "", ...rest] = word.split("/");
  if (namespace === "" || name === "" || rest.length > 0)
    throw new WrongUse(`${word} is not NAMESPACE/NAME, as payments/billing; payments/'*' is the whole namespace.`);
  return { namespace, name };
};

const specOf = (given: Given): IdentityHoldSpec => {
  const [word, ...more] = given.positionals;
  if (word === undefined || more.length > 0)
    throw new WrongUse("Exactly one argument is needed: NAMESPACE/NAME, or NAMESPACE/'*' for the whole namespace.");
  const reason = text(given, "reason")?.trim() ?? "";
  if (reason === "") throw new WrongUse("--reason is needed: the team reads it.");
  const targets = texts(given, "target").map(targetOf);
  return {
    ...held(word),
    ...(targets.length === 0 ? {} : { targets }),
    reason,
    ...(given.values["compromised"] === true ? { compromised: true } : {}),
  };
};

/** CONNECTION:KIND:NAME; a name may have colons in it. Only a ServiceAccount needs no connection. */
const targetOf = (word: string): Target => {
  const [connection = "", kind = "", ...rest] = word.split(":");
  const name = rest.join(":");
  if (!isTargetKind(kind) || name === "")
    throw new WrongUse(`--target ${word} is not CONNECTION:KIND:NAME; kinds: ${Object.keys(TARGET_KINDS).join(", ")}.`);
  if (connection === "" && kind !== "KubernetesServiceAccount")
    throw new WrongUse(`--target ${word} needs the ProviderConnection of its ${kind}.`);
  return { ...(connection === "" ? {} : { connectionRef: { name: connection } }), kind, name };
};

const isSame = (a: IdentityHoldSpec, b: IdentityHoldSpec): boolean => wordsOf(a) === wordsOf(b);

const wordsOf = ({ namespace, name, targets = [], reason, compromised = false }: IdentityHoldSpec): string =>
  JSON.stringify([
    ...[namespace, name, reason, compromised],
    targets.map(({ connectionRef, kind, name: called }) => [connectionRef?.name, kind, called]),
  ]);

const byName = async (cluster: HoldPorts["cluster"], name: string): Promise<readonly Held[]> => {
  const one = await cluster.get<Held>(refOf(name));
  return one === undefined ? [] : [one];
};

const holding = async (
  cluster: HoldPorts["cluster"],
  of: Pick<IdentityHoldSpec, "namespace" | "name">,
): Promise<readonly Held[]> => {
  const all = await cluster.list<Held>(IDENTITY_HOLD, {});
  return wholeOf("IdentityHolds", all).filter(({ spec }) => spec.namespace === of.namespace && spec.name === of.name);
};
