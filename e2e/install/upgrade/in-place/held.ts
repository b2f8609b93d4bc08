import type { IdentityHoldSpec } from "../../../../src/api/v1alpha1/identity-hold.ts";
import { identityCondition } from "../../../lane/identity.ts";
import { conditionOf } from "../../../lane/rotation.ts";
import { waitFor } from "../../../stack/wait.ts";
import { editedNamespace } from "./edits.ts";
import { awsNameOf } from "./identity-states.ts";
import { annotate, connections, redeclare } from "./place.ts";
import type { DeclaredKind, Place, Spot } from "./place.ts";
import { userOf } from "./rotation-states.ts";
import { readIdentity, readRotation } from "./state.ts";

/** Something that the newer version holds before the way back: a state's name, and the hold that is put on it. */
interface Held {
  readonly kind: DeclaredKind;
  readonly name: "under-hold" | "key-under-hold";
  hold(spot: Spot): Pick<IdentityHoldSpec, "name" | "targets">;
  /** Its user at IAM, whose keys must be off. */
  user(spot: Spot): string;
}

const all: readonly Held[] = [
  { kind: "ServiceAccountLifecycle", name: "under-hold", hold: ({ name }) => ({ name }), user: awsNameOf },
  {
    kind: "SecretRotation",
    name: "key-under-hold",
    hold: (spot) => ({
      name: "no-such-identity",
      targets: [{ connectionRef: { name: connections.aws }, kind: "AwsUser", name: userOf(spot) }],
    }),
    user: userOf,
  },
];

const spotOf = (place: Place, { name }: Held): Spot => ({ place, namespace: editedNamespace, name });

/** Does this key of a view, this name of a state or of a login belong to what is held? What Keyturn remembers of it has no name. */
export const isHeld = (key: string): boolean =>
  key.startsWith("own/") || (key.includes(editedNamespace) && key.includes("under-hold"));

const read = (spot: Spot, { kind }: Held) =>
  kind === "SecretRotation" ? readRotation(spot) : (readIdentity(spot) as ReturnType<typeof readRotation>);

const saysHold = async (place: Place, one: Held): Promise<boolean> => {
  const status = (await read(spotOf(place, one), one))?.status as { readonly holds?: readonly string[] } | undefined;
  return status?.holds?.includes(one.name) === true;
};

/** Puts a hold on each, and waits until each says so and no key of its is on. */
export async function putOnHold(place: Place): Promise<number> {
  const { kubernetes, aws } = place.stack;
  for (const one of all)
    await kubernetes.client.create("/apis/keyturn.dev/v1alpha1/identityholds", {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "IdentityHold",
      metadata: { name: one.name },
      spec: { namespace: editedNamespace, reason: "Seen in a public repository", ...one.hold(spotOf(place, one)) },
    });
  for (const one of all)
    await waitFor(
      `${one.name} is held`,
      async () => {
        const spot = spotOf(place, one);
        const keys = await aws.client.listAccessKeys(one.user(spot));
        const isCut = keys.every(({ status }) => status === "Inactive");
        if (isCut && (await saysHold(place, one)) && (await isProven(spot, one))) return true;
        throw new Error(JSON.stringify([keys, (await read(spot, one))?.status]).slice(0, 3000));
      },
      { timeout: 120_000, every: 500 },
    );
  return all.length;
}

const isProven = async (spot: Spot, { kind }: Held): Promise<boolean> =>
  kind === "SecretRotation" || identityCondition(await readIdentity(spot), "Suspended")?.reason === "Held";

/** What a team does to get them back, once the older version runs: it knows nothing of holds. */
export async function askThemBack(place: Place): Promise<void> {
  for (const one of all) {
    const spot = spotOf(place, one);
    await annotate(spot, one.kind, { "keyturn.dev/retry": "back" });
    await redeclare(spot, one.kind, { progressDeadline: "23h" });
  }
}

/** How many still have their hold on record and say that they are left alone, and a line for each that does not. */
export async function leftAlone(
  place: Place,
): Promise<{ readonly alone: number; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  for (const one of all) {
    const status = (await read(spotOf(place, one), one))?.status;
    const skew = conditionOf(status, "Stalled");
    if (!(await saysHold(place, one)) || skew?.status !== "True" || skew.reason !== "VersionSkew")
      problems.push(
        `${one.name} is under hold and not left alone: ${JSON.stringify(status?.conditions).slice(0, 1000)}`,
      );
  }
  return { alone: all.length - problems.length, problems };
}
