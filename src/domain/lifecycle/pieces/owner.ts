import { canonicalJson } from "../../../kernel/ids.ts";
import type { PieceContext } from "./context.ts";

/** What is written on an account about its owner, without the UID, which is not the spec's to say. */
export interface OwnerFacts {
  readonly owner: string;
  readonly team: string;
  readonly contact: string;
  readonly purpose: string;
  readonly environment?: string | undefined;
}

export const ownerFactsOf = (context: PieceContext): OwnerFacts => ({
  owner: `${context.cluster}/${context.namespace}/${context.name}`,
  team: context.owner.team,
  contact: context.owner.contact,
  purpose: context.purpose,
  environment: context.owner.environment,
});

/** The value of the piece `owner`. */
export const ownerValue = (context: PieceContext): string => canonicalJson(ownerFactsOf(context));

/** The facts of a value that `ownerValue` made. */
export const ownerFactsIn = (value: string): OwnerFacts => JSON.parse(value) as OwnerFacts;
