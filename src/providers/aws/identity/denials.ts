import type { CutWay, NotLooked } from "../../../domain/lifecycle/action.ts";
import type { ObservedPiece } from "../../../domain/lifecycle/piece.ts";
import type { CutWayName, FormerPiece } from "../../../domain/lifecycle/record.ts";
import { boundaryPiece } from "../../../domain/lifecycle/pieces/aws.ts";
import { deniesEverything } from "../../../domain/policy-document/index.ts";
import type { Recorded } from "../../account.ts";
import type { IdentityFacts } from "./contract.ts";
import { isDenyAll, onlyDenies, policyDeniesEverything, splitKey, type EffectReader } from "./effects.ts";
import type { Hanging } from "./observe.ts";

/** The managed policy that denies everything: AWS's own, or the connection's. */
export interface DenyPolicy {
  readonly arn: string;
  /** Is it one of those that our boundaries and attachments deny with? AWS's own counts also where the connection names another. */
  isDeny(arn: string): boolean;
}

export const denyPolicy = (place: {
  readonly partition?: string | undefined;
  readonly denyPolicyArn?: string | undefined;
}): DenyPolicy => {
  const arn = place.denyPolicyArn ?? `arn:${place.partition ?? "aws"}:iam::aws:policy/AWSDenyAll`;
  return { arn, isDeny: (other) => other === arn || isDenyAll(other) };
};

/** Denials of everything that are in force by what IAM holds, whoever put them there. */
export interface Denials {
  readonly inline: boolean;
  readonly boundary: boolean;
  /** ARNs. */
  readonly attached: readonly string[];
  /** Somebody else's inline policy. */
  readonly others: boolean;
  /** The deny policy denies everything, as far as could be read; so it may be put on. */
  readonly usable: boolean;
  readonly notLooked: readonly NotLooked[];
}

export const readDenials = async (
  found: Pick<IdentityFacts, "boundary">,
  hanging: Hanging,
  deny: DenyPolicy,
  reader: EffectReader,
): Promise<Denials> => {
  const { denies, missingRight } = await policyDeniesEverything(deny.arn, reader);
  const inForce = (arn: string): boolean => isDenyAll(arn) || (arn === deny.arn && denies);
  return {
    inline: hanging.rightsCut,
    boundary: found.boundary !== undefined && inForce(found.boundary),
    attached: hanging.managed.filter(inForce),
    others: Object.values(hanging.inline).some(deniesEverything),
    usable: denies,
    notLooked:
      denies || missingRight === undefined
        ? []
        : [{ what: `whether ${deny.arn} denies everything`, why: "NotAllowed", right: missingRight }],
  };
};

export const isDenied = ({ inline, boundary, attached, others }: Denials): boolean =>
  inline || boundary || attached.length > 0 || others;

/**
 * Which of them are ours. An inline policy of our name is; a boundary or an attachment only where the record says that we put one
 * on, for the same may be somebody else's restriction.
 */
export const cutBy = (denials: Denials, ways: readonly CutWayName[] = []): readonly CutWayName[] => [
  ...(denials.inline ? [ways.includes("Room") && !ways.includes("Deny") ? ("Room" as const) : ("Deny" as const)] : []),
  ...(denials.boundary && ways.includes("Boundary") ? (["Boundary"] as const) : []),
  ...(denials.attached.length > 0 && ways.includes("AttachedDeny") ? (["AttachedDeny"] as const) : []),
];

/**
 * Pieces without what cuts: that is no privilege, and goes with the cut. One that is declared stays a piece. Of a leaver no boundary
 * that denies is a piece, for the deletion of a principal puts one on, and none is ever in its way.
 */
export const withoutCut = (
  pieces: readonly ObservedPiece[],
  deny: DenyPolicy,
  { cutWays = [], leaving = false }: Pick<Recorded, "cutWays" | "leaving">,
  isDeclared: (key: string) => boolean,
): readonly ObservedPiece[] =>
  pieces.filter(({ key, value }) => {
    const [what, arn] = splitKey(key);
    if (what === "boundary")
      return !((leaving || cutWays.includes("Boundary")) && deny.isDeny(JSON.parse(value) as string));
    return !(what === "managedPolicy" && cutWays.includes("AttachedDeny") && deny.isDeny(arn) && !isDeclared(key));
  });

/** Ways in which an identity can be cut, best first. `pieces`: without what cuts. */
export const waysToCut = (
  found: Pick<IdentityFacts, "boundary">,
  pieces: readonly ObservedPiece[],
  documents: Readonly<Record<string, string>>,
  deny: DenyPolicy,
  denials: Pick<Denials, "usable" | "boundary" | "attached">,
  begun: readonly CutWayName[] = [],
): readonly CutWay[] => {
  // A denial that somebody else has put there would be ours by the record, and be lifted with the cut.
  const free = (way: "Boundary" | "AttachedDeny", stands: boolean): boolean =>
    denials.usable && (begun.includes(way) || !stands);
  const giving = grantsIn(pieces, documents);
  const inline = giving.filter(({ key }) => key.startsWith("inlinePolicy/"));
  const former: readonly FormerPiece[] =
    found.boundary === undefined || deny.isDeny(found.boundary) ? [] : [formerOf(boundaryPiece(found.boundary))];
  return [
    { name: "Deny", replaces: [], clears: [], request: true },
    ...(free("Boundary", denials.boundary)
      ? ([{ name: "Boundary", replaces: former, clears: [], request: true }] as const)
      : []),
    ...(free("AttachedDeny", denials.attached.length > 0)
      ? ([{ name: "AttachedDeny", replaces: [], clears: [], request: true }] as const)
      : []),
    // Where there is nothing to clear it would be the first way again.
    ...(inline.length === 0
      ? []
      : ([{ name: "Room", replaces: [], clears: inline.map(formerOf), request: true }] as const)),
    { name: "Grants", replaces: [], clears: giving.map(formerOf), request: false },
  ];
};

/** What gives, or may give: all that does not provably only deny. */
export const grantsIn = (
  pieces: readonly ObservedPiece[],
  documents: Readonly<Record<string, string>>,
): readonly ObservedPiece[] => pieces.filter((piece) => piece.class === "grant" && !onlyDenies(piece, documents));

const formerOf = ({ key, value, effect }: Pick<ObservedPiece, "key" | "value" | "effect">): FormerPiece => ({
  ...{ key, value },
  ...(effect === "Both" || effect === "Unread" ? { mayDeny: true } : {}),
});
