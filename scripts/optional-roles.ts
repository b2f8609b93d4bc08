import { isMap, isSeq, parseAllDocuments } from "yaml";

/** Manifests of the roles that the operator has only where a platform binds them, or fills them. */
export const OPTIONAL_ROLE_FILES = [
  "config/rbac/grantable-roles.yaml",
  "config/rbac/token-issuer.yaml",
  "config/hook-jobs/role.yaml",
  "config/fairness/role.yaml",
] as const;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** One row of the page's table for each rule of these manifests; why it is there says the comment above the rule. */
export const rowsOfOptionalRoles = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) =>
    parseAllDocuments(text).flatMap((document) => {
      const { kind, metadata } = document.toJS() as {
        readonly kind: string;
        readonly metadata: { readonly name: string };
      };
      if (kind !== "Role" && kind !== "ClusterRole") return [];
      const rules = document.get("rules");
      if (!isSeq(rules)) throw new Error(`${metadata.name} has no rules`);
      // Its rules are the platform's own.
      if (rules.items.length === 0)
        return [row(metadata.name, "roles that you name", "bind", "Who gives a role needs it.")];
      return rules.items.map((item, index) => {
        const comment = isMap(item)
          ? (item.commentBefore ?? (index === 0 ? rules.commentBefore : undefined))
          : undefined;
        if (!isMap(item) || comment === undefined || comment === null)
          throw new Error(`${metadata.name}: a rule without a comment that says why it is there`);
        const { apiGroups, resources, verbs } = item.toJSON() as Rule;
        return row(metadata.name, cellOf(apiGroups[0] ?? "", resources), verbs.join(" "), comment.trim());
      });
    }),
  );

const row = (role: string, on: string, may: string, because: string): string =>
  `| \`${role}\` | ${on} | ${may} | ${because} |\n`;

/** Resources of a group, as `kubectl` names them. */
export const cellOf = (group: string, resources: readonly string[]): string =>
  resources.map((one) => `\`${one}${group === "" ? "" : `.${group}`}\``).join(" ");
