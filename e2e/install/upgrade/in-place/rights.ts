import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { rightsIn, textOf } from "../../permissions.ts";
import type { Manifest } from "../../permissions.ts";

/** What a version asks of those who run it, as its own pages and its chart say it. */
export interface DeclaredRights {
  /** IAM actions, `iam:GetUser`. */
  readonly iam: ReadonlySet<string>;
  /** Paths and capabilities of Vault, `kv/data/keyturn/* read`. */
  readonly vault: ReadonlySet<string>;
  /** Rights of the operator's Roles, `cluster get secrets`. */
  readonly kubernetes: ReadonlySet<string>;
}

const VERBS =
  "Add|Attach|Create|Deactivate|Delete|Detach|Generate|Get|List|Put|Remove|Reset|Resync|Set|Simulate|Tag|Untag|Update|Upload";

/** IAM actions that a page names: `iam:GetUser` anywhere, bare names only in `section`. */
export const iamActionsIn = (text: string, section = ""): ReadonlySet<string> => {
  const named = [...text.matchAll(new RegExp(`\\biam:((?:${VERBS})[A-Z][A-Za-z]*)`, "g"))];
  const bare = [...section.matchAll(new RegExp(`\`((?:${VERBS})[A-Z][A-Za-z]*)\``, "g"))];
  return new Set([...named, ...bare].map(([, action = ""]) => `iam:${action}`));
};

/** The text below a heading, up to the next one of its level. */
export const sectionOf = (page: string, heading: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";

/** Policies in HCL that a page shows, as one text. */
export const policiesIn = (page: string): string =>
  [...page.matchAll(/^```hcl\n([\s\S]*?)^```/gm)].map(([, policy = ""]) => policy).join("");

/** Each path of policies in HCL with each of its capabilities. */
export const vaultRightsIn = (policies: string): ReadonlySet<string> =>
  new Set(
    [...policies.matchAll(/path "([^"]+)" \{\s*capabilities = \[([^\]]*)\]/g)].flatMap(([, path = "", verbs = ""]) =>
      [...verbs.matchAll(/"([a-z]+)"/g)].map(([, verb = ""]) => `${path} ${verb}`),
    ),
  );

/** What Roles of the operator itself give; a chart has Roles for people too. */
export const operatorRightsIn = (manifests: readonly (Manifest & Named)[]): ReadonlySet<string> =>
  new Set(
    rightsIn(manifests.filter(({ kind, metadata }) => /Role$/.test(kind) && isOperators(metadata?.name ?? ""))).map(
      textOf,
    ),
  );

interface Named {
  readonly metadata?: { readonly name: string };
}

const isOperators = (name: string): boolean => name.startsWith("keyturn-operator") && !name.includes("grantable");

/** IAM's page of that version, and every `iam:` action that another page of its how-tos names. */
export async function iamActionsOf(source: string): Promise<ReadonlySet<string>> {
  const folder = join(source, "docs/how-to");
  const pages = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  const texts = await Promise.all(pages.map((name) => readFile(join(folder, name), "utf8")));
  const sections = texts.map((text) => sectionOf(text, "What the operator itself needs"));
  const actions = iamActionsIn(texts.join("\n"), sections.join("\n"));
  // A page that is written in another way must not pass for one that asks for nothing.
  if (actions.size < 30)
    throw new Error(`${folder} names only ${actions.size} IAM actions: is its form another one now?`);
  return actions;
}

/** Vault's page of that version: its policies, as a person pastes them. */
export const vaultPolicyOf = async (source: string): Promise<string> =>
  policiesIn(await readFile(join(source, "docs/how-to/vault-policy.md"), "utf8"));

/** `charted`: what `helm template` prints for that version's chart. */
export async function declaredRights(source: string, charted: string): Promise<DeclaredRights> {
  const manifests = parseAllDocuments(charted)
    .map((document) => document.toJS() as (Manifest & Named) | null)
    .filter((manifest) => manifest !== null);
  const [iam, vault] = await Promise.all([iamActionsOf(source), vaultPolicyOf(source)]);
  return { iam, vault: vaultRightsIn(vault), kubernetes: operatorRightsIn(manifests) };
}

/** Rights that are declared and not held, as a person would look for them. */
export const lacking = (declared: DeclaredRights, held: DeclaredRights): readonly string[] =>
  (["iam", "vault", "kubernetes"] as const).flatMap((kind) =>
    [...declared[kind]].filter((right) => !held[kind].has(right)).sort(),
  );

/**
 * Those that one of these lines names: the action, the path with its capability, or the resource with its verb. A path without its
 * capability, or a resource without its verb, names no right.
 */
export const namedIn = (rights: readonly string[], lines: readonly string[]): readonly string[] =>
  rights.filter((right) => {
    const words = right.replace(/^(iam:|cluster |own )/, "").split(" ");
    return lines.some((line) => words.every((word) => hasWord(line, word)));
  });

const hasWord = (line: string, word: string): boolean =>
  new RegExp(`(?<![A-Za-z0-9])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![A-Za-z0-9])`).test(line);
