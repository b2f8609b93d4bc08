import { deepStrictEqual, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const ROOT = join(import.meta.dirname, "..");

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** Template expressions stand only where a plain value does, so that the file is YAML once they are replaced. */
const objects = async (path: string): Promise<readonly Role[]> => {
  const text = (await readFile(join(ROOT, path), "utf8")).replaceAll("{{ .Release.Namespace }}", "keyturn-system");
  return parseAllDocuments(text).map((document) => document.toJSON() as Role);
};

describe("permissions", () => {
  it("are the same in the chart and in config/rbac", async () => {
    deepStrictEqual(
      await objects("charts/keyturn/templates/rbac-operator.yaml"),
      await objects("config/rbac/operator.yaml"),
    );
    deepStrictEqual(await objects("charts/keyturn/templates/rbac-users.yaml"), await objects("config/rbac/users.yaml"));
  });

  it("hold no wildcard, no way to widen themselves, and no list of Secrets in the cluster", async () => {
    for (const { kind, metadata, rules } of await objects("config/rbac/operator.yaml")) {
      for (const { apiGroups, resources, verbs } of rules ?? []) {
        const words = [...apiGroups, ...resources, ...verbs];
        for (const word of ["*", "escalate", "bind", "impersonate"])
          ok(!words.includes(word), `${metadata.name}: ${word}`);
        const listsSecrets = resources.includes("secrets") && (verbs.includes("list") || verbs.includes("watch"));
        ok(kind !== "ClusterRole" || !listsSecrets, metadata.name);
      }
    }
  });
});
