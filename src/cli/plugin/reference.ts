import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ObjectRef, ResourceKind } from "../../cluster/contract.ts";
import { WrongUse } from "../arguments.ts";

/** What kubectl accepts for the kind, too. */
const NAMES: readonly (readonly [ResourceKind, readonly string[]])[] = [
  [SECRET_ROTATION, ["srot", "secretrotation", "secretrotations", "secretrotations.keyturn.dev"]],
  [
    SERVICE_ACCOUNT_LIFECYCLE,
    ["sal", "serviceaccountlifecycle", "serviceaccountlifecycles", "serviceaccountlifecycles.keyturn.dev"],
  ],
];

/** `srot/lake`, `sal/billing`, or `lake` where only one kind makes sense. Throws WrongUse. */
export const referenceOf = (words: readonly string[], namespace: string, only?: ResourceKind): ObjectRef => {
  const wanted = only === undefined ? "KIND/NAME, as srot/lake or sal/billing" : `the name of a ${only.kind}`;
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) throw new WrongUse(`Exactly one argument is needed: ${wanted}.`);
  const slash = word.indexOf("/");
  const kind = slash < 0 ? only : NAMES.find(([, names]) => names.includes(word.slice(0, slash).toLowerCase()))?.[0];
  const name = word.slice(slash + 1);
  if (kind === undefined || name === "" || (only !== undefined && kind.kind !== only.kind))
    throw new WrongUse(`${word} is not ${wanted}.`);
  return { kind, namespace, name };
};
