import { NAMESPACE } from "../../installation.ts";
import type { Installation } from "../../installation.ts";
import type { KubeObject } from "../../../stack/kube.ts";
import { waitFor } from "../../../stack/wait.ts";
import { awsNameOf } from "./identity-states.ts";
import { namespaces } from "./place.ts";
import type { Place, Spot } from "./place.ts";
import { secretOf, userOf } from "./rotation-states.ts";
import { refusedManifests } from "./verdicts.ts";
import { changesBetween } from "./view.ts";
import type { Changes, View } from "./view.ts";

/** Something that an upgrade must not do, done on purpose, and the lines of the observer that must speak of it. */
interface Fault {
  readonly what: string;
  make(): Promise<unknown>;
  readonly told: (changes: Changes) => readonly string[];
  readonly about: string;
}

/**
 * Does to things that nobody has edited what an upgrade must never do, with no operator there to put it right, and gives what the
 * observer of the run does not count of it: a zero that could not have become another number is worth nothing.
 */
export async function plantFaults(
  { kubectl, stack }: Installation,
  place: Place,
  look: () => Promise<View>,
): Promise<readonly string[]> {
  const { logins } = place;
  await kubectl("-n", NAMESPACE, "scale", "statefulset/keyturn", "--replicas=0");
  const { client } = stack.kubernetes;
  await waitFor(
    "no operator runs",
    async () => (await client.list(`/api/v1/namespaces/${NAMESPACE}/pods`)).items.length === 0,
  );
  const namespace = namespaces[1];
  const before = await look();
  const refusedBefore = logins.seen().refused.length;
  const at = (name: string) => ({ namespace, name }) as Spot;
  const user = userOf(at("first-version"));
  const faults: readonly Fault[] = [
    {
      what: "a pod that is deleted and made anew",
      about: "pod/overlap-",
      make: async () => {
        const { items } = await client.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=app=overlap`);
        for (const { metadata } of items) await client.delete(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`);
      },
      told: ({ restarts }) => restarts,
    },
    {
      what: "a key in use that is switched off",
      about: `aws/user/${user} key`,
      make: async () => {
        for (const { accessKeyId } of await stack.aws.client.listAccessKeys(user))
          await stack.aws.client.updateAccessKey(user, accessKeyId, "Inactive");
      },
      told: ({ revocations }) => revocations,
    },
    {
      what: "a binding that is taken away",
      about: "RoleBinding/keyturn.media.active.",
      make: async () => {
        const folder = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
        for (const { metadata } of (await client.list(folder)).items)
          if (metadata.name.startsWith(`keyturn.${namespace}.active.`))
            await client.delete(`${folder}/${metadata.name}`);
      },
      told: ({ revocations }) => revocations,
    },
    {
      what: "one more key of a user",
      about: `aws/user/${awsNameOf(at("active"))}`,
      make: () => stack.aws.client.createAccessKey(awsNameOf(at("active"))),
      told: ({ reissues }) => reissues,
    },
    {
      what: "another value in a Secret",
      about: `Secret/${secretOf(at("verifying"))}`,
      make: () =>
        client.mergePatch(`/api/v1/namespaces/${namespace}/secrets/${secretOf(at("verifying"))}`, {
          stringData: { AWS_ACCESS_KEY_ID: "another" },
        }),
      told: ({ reissues }) => reissues,
    },
  ];
  for (const fault of faults) await fault.make();
  const unseen = async (): Promise<readonly string[]> => {
    const changes = changesBetween(before, await look());
    return faults
      .filter(({ told, about }) => !told(changes).some((line) => line.includes(about)))
      .map(({ what }) => what);
  };
  const refused = (): boolean =>
    logins
      .seen()
      .refused.slice(refusedBefore)
      .some((line) => line.startsWith(`${namespace}/`));
  let left: readonly string[] = [];
  await waitFor(
    "the faults are seen",
    async () => {
      left = [...(await unseen()), ...(refused() ? [] : ["a login that is refused"])];
      return left.length === 0;
    },
    { timeout: 45_000, every: 1000 },
  ).catch(() => undefined);
  return [...left, ...((await invalidIsSeen(place)) ? [] : ["a manifest that is no longer valid"])];
}

/** One manifest, with a value that no version takes. */
const invalidIsSeen = async (place: Place): Promise<boolean> => {
  const [[path, object]] = [...place.declared] as [[string, KubeObject]];
  const spec = { ...(object["spec"] as object), progressDeadline: "never" };
  return (await refusedManifests(place, new Map([[path, { ...object, spec }]]))).length === 1;
};
