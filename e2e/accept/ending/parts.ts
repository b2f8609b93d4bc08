/** The parts of the campaign of endings: the observer itself, what cuts, what keeps it cut, what is on record of it. */
export const partNames = ["ground", "cut", "stay", "record"] as const;
export type PartName = (typeof partNames)[number];

/** The part that a flag names; undefined for all. Throws for one that is unknown, and says which there are. */
export function endingPart(flag: string | undefined): PartName | undefined {
  if (flag === undefined) return undefined;
  const part = partNames.find((name) => name === flag);
  if (part === undefined) throw new Error(`ending has no part ${flag}; there are: ${partNames.join(", ")}`);
  return part;
}
