import { KEEP, RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import { readableOf } from "../../kernel/listed.ts";
import { WrongUse, type Given } from "../arguments.ts";
import { columns } from "../columns.ts";
import { EXIT } from "../doctor/finding.ts";

export interface OverflowPorts {
  readonly cluster: Pick<ClusterClient, "list" | "mergePatch">;
  /** Shows the text at once, and gives the line that a person answers; undefined: there is nobody to ask. */
  readonly ask: (text: string) => Promise<string | undefined>;
}

interface Said {
  readonly code: number;
  readonly out: string;
}

const DECISIONS = {
  end: { annotation: RELEASE, will: "are offboarded: their access ends", done: "is to end" },
  keep: { annotation: KEEP, will: "stay in use, and alert no more", done: "stays in use" },
} as const;

/**
 * Decides about what the limit on offboardings holds back of one namespace: names and a count are listed, the count is asked for, and exactly
 * what was listed is annotated. An entry that came later, or was made anew under its name, is not touched.
 */
export const overflow = async (given: Given, namespace: string, { cluster, ask }: OverflowPorts): Promise<Said> => {
  const [word = "", ...more] = given.positionals;
  if ((word !== "end" && word !== "keep") || more.length > 0)
    throw new WrongUse("Exactly one argument is needed: end (it was meant) or keep (it was a mistake).");
  const { annotation, will, done } = DECISIONS[word];
  const entries = readableOf(await cluster.list<OrphanedCredential>(ORPHANED_CREDENTIAL, {}))
    .filter((entry) => entry.spec.origin.namespace === namespace && isOpen(entry, word))
    .sort((a, b) => (lineKey(a) < lineKey(b) ? -1 : 1));
  if (entries.length === 0)
    return {
      code: EXIT.fine,
      out: `The limit holds back nothing of namespace ${namespace} that overflow ${word} is about.\n`,
    };
  const table = columns(
    ["ENTRY", "KIND", "NAME", "STATE"],
    entries.map((entry) => [entry.metadata.name, entry.spec.origin.kind, entry.spec.origin.name, stateOf(entry)]),
  );
  const count = String(entries.length);
  const answer = await ask(`${table}These ${count} of namespace ${namespace} ${will}. Type their number to go on: `);
  if (answer?.trim() !== count) {
    const why = answer === undefined ? "There was no answer" : "That is not their number";
    return { code: EXIT.found, out: `${why}; nothing was changed.\n` };
  }
  return decided(entries, cluster, { annotation, done });
};

/** `end` is about what is kept, too; `keep` only about what is in use without a decision. */
const isOpen = ({ spec, metadata, status }: OrphanedCredential, decision: "end" | "keep"): boolean => {
  if (spec.held !== "LimitReached" || metadata.annotations?.[RELEASE] === "true") return false;
  if (decision === "end") return true;
  return metadata.annotations?.[KEEP] !== "true" && status?.holds === undefined;
};

const stateOf = ({ metadata, spec }: OrphanedCredential): string => {
  const state = metadata.annotations?.[KEEP] === "true" ? "kept" : "not decided";
  return spec.until === undefined ? state : `${state}, ends ${spec.until}`;
};

const lineKey = ({ spec }: OrphanedCredential): string => `${spec.origin.kind}/${spec.origin.name}/${spec.origin.uid}`;

/** One that cannot be annotated holds up none of the others. */
const decided = async (
  entries: readonly OrphanedCredential[],
  cluster: OverflowPorts["cluster"],
  { annotation, done }: { readonly annotation: string; readonly done: string },
): Promise<Said> => {
  const failed: string[] = [];
  for (const { metadata } of entries) {
    const { name, uid } = metadata;
    try {
      const patch = { metadata: { uid, annotations: { [annotation]: "true" } } };
      await cluster.mergePatch({ kind: ORPHANED_CREDENTIAL, name }, patch);
    } catch (thrown) {
      failed.push(`OrphanedCredential ${name}: ${toOperatorError(thrown).publicMessage}\n`);
    }
  }
  const out = `${entries.length - failed.length} of ${entries.length}: each ${done}.\n${failed.join("")}`;
  return { code: failed.length === 0 ? EXIT.fine : EXIT.found, out };
};
