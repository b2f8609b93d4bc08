/** What a part of the campaign is given. */
export interface PartContext {
  /** Says what goes on, a line each. */
  readonly say: (line: string) => void;
}

/** What a part has seen: its figures of the line of JSON, and what was wrong, in words. */
export interface PartResult {
  readonly figures: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/** One part of `accept -- install`: starts what it needs, and has stopped all of it when it ends. */
export interface InstallPart {
  readonly name: string;
  /** The least or the only value that each of its figures may have. */
  readonly targets: Readonly<Record<string, Target>>;
  run(context: PartContext): Promise<PartResult>;
}

export type Target =
  | { readonly is: number }
  | { readonly atLeast: number }
  | { readonly atMost: number }
  /** The same value as another figure of the part. */
  | { readonly same: string };

/** Which targets are missed, in words. A figure that is not there is missed. */
export const missedTargets = ({ targets }: InstallPart, figures: PartResult["figures"]): readonly string[] =>
  Object.entries(targets).flatMap(([name, target]) => {
    const figure = figures[name];
    if (figure === undefined) return [`${name} is not there`];
    return meets(figure, target, figures) ? [] : [`${name} is ${figure}, wanted ${wanted(target)}`];
  });

const meets = (figure: number, target: Target, figures: PartResult["figures"]): boolean => {
  if ("is" in target) return figure === target.is;
  if ("atLeast" in target) return figure >= target.atLeast;
  if ("atMost" in target) return figure <= target.atMost;
  return figure === figures[target.same];
};

const wanted = (target: Target): string => {
  if ("is" in target) return String(target.is);
  if ("atLeast" in target) return `at least ${target.atLeast}`;
  if ("atMost" in target) return `at most ${target.atMost}`;
  return `the same as ${target.same}`;
};
