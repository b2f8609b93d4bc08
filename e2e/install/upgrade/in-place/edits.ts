import { askForRotation } from "../../../lane/rotation.ts";
import type { Thing } from "../../../lane/outside.ts";
import { policyArn } from "./ground.ts";
import { awsNameOf, cluster, lake, vaultNameOf } from "./identity-states.ts";
import { namespaces, pathOf, redeclare } from "./place.ts";
import type { Place, Spot } from "./place.ts";
import { secretOf, userOf } from "./rotation-states.ts";
import type { View } from "./view.ts";

/** A change of a spec that people make after the upgrade, and what has to be seen of it outside. */
export interface Edit {
  /** The state's name, which is the resource's. */
  readonly of: string;
  make(spot: Spot): Promise<void>;
  seen(spot: Spot, view: View): boolean;
  /** Logins that are refused are meant to be accepted from then on. No edit here may have one refused. */
  readonly opens?: true;
}

const rotationKind = "SecretRotation";
const identityKind = "ServiceAccountLifecycle";

const thing = (view: View, { namespace }: Spot, key: string): Thing | undefined =>
  view.things.get(`${namespace}/${key}`);
const shapeOf = (view: View, spot: Spot, key: string): string => JSON.stringify(thing(view, spot, key)?.shape ?? null);

const declaredOf = ({ place, namespace, name }: Spot, kind: "SecretRotation" | "ServiceAccountLifecycle") =>
  (place.declared.get(pathOf({ namespace }, kind, name))?.["spec"] ?? {}) as Readonly<Record<string, unknown>>;

/** Only in the first namespace: what is declared in the other one must stay as it is all the while. */
export const editedNamespace = namespaces[0];

export const edits: readonly Edit[] = [
  {
    of: "active",
    make: (spot) =>
      redeclare(spot, identityKind, {
        accounts: (declaredOf(spot, identityKind)["accounts"] as readonly { readonly name: string }[]).map((one) =>
          one.name === "cluster" ? cluster(["reader", "writer"]) : one,
        ),
      }),
    seen: ({ namespace, name }, { things }) =>
      [...things.keys()].filter((key) =>
        key.startsWith(`${namespace}/kubernetes/RoleBinding/keyturn.${namespace}.${name}.`),
      ).length === 2,
  },
  {
    of: "declared-names",
    make: (spot) => redeclare(spot, identityKind, { owner: { team: "data", contact: "data@example.com" } }),
    seen: (spot, view) =>
      shapeOf(view, spot, `aws/user/${spot.namespace}-${spot.name}-user`).includes('"data@example.com"'),
  },
  {
    of: "retained",
    make: (spot) => {
      const statements = [{ effect: "Allow" as const, actions: ["s3:GetObject"], resources: ["*"] }];
      const accounts = declaredOf(spot, identityKind)["accounts"] as readonly { readonly name: string }[];
      const edited = lake({ inlinePolicies: [{ name: "invoices", statements }] });
      return redeclare(spot, identityKind, { accounts: accounts.map((one) => (one.name === "lake" ? edited : one)) });
    },
    seen: (spot, view) => shapeOf(view, spot, `aws/user/${awsNameOf(spot)}`).includes("s3:GetObject"),
  },
  {
    of: "policy-by-hand",
    make: (spot) => redeclare(spot, identityKind, { drift: { mode: "Enforce" } }),
    seen: (spot, view) => !shapeOf(view, spot, `aws/user/${awsNameOf(spot)}`).includes(policyArn("write")),
  },
  {
    of: "suspended",
    opens: true,
    make: (spot) => redeclare(spot, identityKind, { state: "Active" }),
    // The key was put there by hand, and no SecretRotation answers for it: the user is uncut, the key stays off.
    seen: (spot, view) => {
      const user = thing(view, spot, `aws/user/${awsNameOf(spot)}`);
      return (
        shapeOf(view, spot, `vault/entity/${vaultNameOf(spot)}`).includes('"disabled":false') &&
        user !== undefined &&
        !JSON.stringify(user.shape).includes("keyturn-cut") &&
        !user.id.includes(" Active")
      );
    },
  },
  {
    of: "overlap",
    make: (spot) => {
      const [app, ...others] = declaredOf(spot, rotationKind)["deliver"] as readonly {
        readonly kubernetesSecret: object;
      }[];
      const labelled = { ...app, kubernetesSecret: { ...app?.kubernetesSecret, labels: { edited: "yes" } } };
      return redeclare(spot, rotationKind, { deliver: [labelled, ...others] });
    },
    seen: (spot, view) => shapeOf(view, spot, `kubernetes/Secret/${secretOf(spot)}`).includes('"edited":"yes"'),
  },
  {
    of: "rotated",
    async make(spot) {
      await redeclare(spot, rotationKind, { retire: { overlap: "24h" } });
      await askForRotation(spot.place.stack.kubernetes.client, pathOf(spot, rotationKind, spot.name));
    },
    seen: (spot, view) => (thing(view, spot, `aws/user/${userOf(spot)}`)?.id.match(/ Active/g) ?? []).length === 2,
  },
];

/** Where an edit is made. */
export const spotOf = (place: Place, { of }: Edit): Spot => ({ place, namespace: editedNamespace, name: of });

/** Does this key of a view, or this name of a login, belong to one of these edits? */
const isOf = (some: readonly Edit[], text: string): boolean =>
  text.includes(editedNamespace) && some.some(({ of }) => new RegExp(`(^|[^a-z])${of}([^a-z]|$)`).test(text));

/** Does this key of a view belong to what was edited? What Keyturn remembers of it has no name. */
export const isEdited = (key: string): boolean => key.startsWith("own/") || isOf(edits, key);

/** Is this the name of a login that an edit opens? */
export const isOpened = (login: string): boolean =>
  isOf(
    edits.filter(({ opens }) => opens === true),
    login,
  );
