import { rolledOut, NAMESPACE } from "../../installation.ts";
import type { Installation } from "../../installation.ts";
import { pathOf } from "../../../stack/manifests.ts";
import { connectionsOf } from "./ground.ts";
import { patiently } from "./place.ts";

/** A version: its chart's folder, and the image that the node knows it by. */
export interface Version {
  readonly chart: string;
  readonly image: string;
}

const set = (...values: readonly string[]): readonly string[] => values.flatMap((value) => ["--set", value]);

/** Installs it as a platform team does: the namespace, what it needs besides, the chart, and the connections. */
export async function install(
  installation: Installation,
  { chart, image }: Version,
  { resync, ground }: { readonly resync: string; readonly ground: () => Promise<void> },
): Promise<void> {
  const { client } = installation.stack.kubernetes;
  await client.create("/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  await ground();
  const values = [
    `image.repository=${image}`,
    `resync=${resync}`,
    "rollouts.debounce=1s",
    "limits.offboardings=0",
    "limits.grants=0",
    "limits.issues=0",
    "grantableRoles.roles={reader,writer}",
    "extraArgs={--attribution-window=3s}",
  ];
  await installation.helm("install", "keyturn", chart, "-n", NAMESPACE, ...set(...values));
  await rolledOut(installation);
  for (const object of connectionsOf(installation.stack))
    await patiently(async () => client.apply(await pathOf(client, object), object, "platform"));
}

/** The limit on offboardings becomes one in ten minutes. */
export async function lowerLimit(installation: Installation, { chart, image }: Version): Promise<void> {
  await upgrade(installation, chart, `image.repository=${image}`, "limits.offboardings=1");
}

/** As docs/how-to/upgrade.md has it. */
export async function upgradeInPlace(installation: Installation, { chart, image }: Version): Promise<void> {
  await upgrade(installation, chart, `image.repository=${image}`);
}

/** The way back of docs/how-to/upgrade.md: the older chart without its CRDs. */
export async function goBack(installation: Installation, { chart, image }: Version): Promise<void> {
  await upgrade(installation, chart, `image.repository=${image}`, "crds.install=false");
}

const upgrade = async (installation: Installation, chart: string, ...values: readonly string[]): Promise<void> => {
  const how = ["-n", NAMESPACE, "--reset-then-reuse-values", ...set(...values)];
  await installation.helm("upgrade", "keyturn", chart, ...how);
  await rolledOut(installation);
};
