/** The parts of the issue, in its order; each lands with its own scenarios. */
export const partNames = ["ground", "cut", "stay", "record"] as const;
export type PartName = (typeof partNames)[number];

/** Parts whose scenarios are there. */
export const readyParts: readonly PartName[] = partNames;

/** The part that a flag names; undefined for all that are there. Throws for one that is unknown or not there yet, and says which are. */
export function endingPart(flag: string | undefined): PartName | undefined {
  if (flag === undefined) return undefined;
  const there = readyParts.join(", ");
  const part = partNames.find((name) => name === flag);
  if (part === undefined) throw new Error(`ending has no part ${flag}; there are: ${there}`);
  if (!readyParts.includes(part)) throw new Error(`part ${part} of ending is not there yet; there are: ${there}`);
  return part;
}
