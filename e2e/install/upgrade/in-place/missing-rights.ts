import { join } from "node:path";
import { root } from "../../../lane/paths.ts";
import type { Stack } from "../../../stack/stack.ts";
import { ended } from "../../commands.ts";
import { CHART } from "../../installation.ts";
import type { Installation } from "../../installation.ts";
import type { Manifest } from "../../permissions.ts";
import { operatorPolicy } from "./ground.ts";
import { declaredRights, iamActionsOf, lacking, namedIn, operatorRightsIn, vaultRightsIn } from "./rights.ts";

/** Rights that this checkout asks for and an upgrade has not brought, and those of them that nothing tells a person of. */
export interface MissingRights {
  readonly lacking: readonly string[];
  readonly unreported: readonly string[];
}

/** `lines`: what conditions say. What the doctor says is asked for here. `baseline`: files of the version whose pages the logins follow. */
export async function missingRights(
  { helm, stack }: Installation,
  baseline: string,
  lines: readonly string[],
): Promise<MissingRights> {
  const charted = await helm("template", "keyturn", CHART, "--set", "image.repository=keyturn");
  const declared = await declaredRights(root, charted);
  const held = {
    iam: await iamActionsOf(baseline),
    vault: vaultRightsIn(await operatorPolicy(stack)),
    kubernetes: operatorRightsIn(await operatorRoles(stack)),
  };
  const lacks = lacking(declared, held);
  const named = new Set(namedIn(lacks, [...lines, ...(await doctorLines(stack))]));
  return { lacking: lacks, unreported: lacks.filter((right) => !named.has(right)) };
}

/** The Roles and ClusterRoles that the cluster has now, whoever has brought them. */
const operatorRoles = async ({ kubernetes: { client } }: Stack): Promise<readonly Manifest[]> => {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const lists = await Promise.all(
    (["ClusterRole", "Role"] as const).map(async (kind) =>
      (await client.list(`${rbac}/${kind.toLowerCase()}s`)).items.map((one) => ({ ...one, kind })),
    ),
  );
  return lists.flat();
};

/** What `keyturn doctor` of this checkout says to an administrator, a line for each finding. */
const doctorLines = async ({ dir, kubernetes: { adminKubeconfig } }: Stack): Promise<readonly string[]> => {
  const bundle = join(dir, "operator", "keyturn.mjs");
  const { stdout, stderr } = await ended(process.execPath, [bundle, "doctor", "-o", "json"], {
    env: { KUBECONFIG: adminKubeconfig, KEYTURN_KUBECONFIG: adminKubeconfig, HOME: dir },
  });
  const found = JSON.parse(stdout === "" ? "[]" : stdout) as unknown;
  if (!Array.isArray(found) || found.length === 0) throw new Error(`the doctor has found nothing to say: ${stderr}`);
  return found.map((one) => JSON.stringify(one));
};
