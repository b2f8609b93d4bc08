import { missedTargets } from "./part.ts";
import type { InstallPart, PartResult } from "./part.ts";

export interface Voice {
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
}

/**
 * `npm run accept -- install [--part NAME]`: installs, runs and watches the operator as a new user would, with the real tools.
 * Parts follow each other; one that fails does not keep the others from being seen. Gives the exit code.
 */
export async function acceptInstall(parts: readonly InstallPart[], { say, print }: Voice): Promise<number> {
  const figures: Record<string, number> = {};
  let failed = 0;
  for (const [i, part] of parts.entries()) {
    say(`[${i + 1}/${parts.length}] ${part.name}`);
    const began = performance.now();
    const result = await outcome(part, say);
    const wrong = [...result.problems, ...missedTargets(part, result.figures)];
    for (const problem of wrong) say(`${part.name}: ${problem}`);
    say(
      `${wrong.length === 0 ? "pass" : "FAIL"}  ${part.name}, ${Math.round((performance.now() - began) / 1000)} s  ${JSON.stringify(result.figures)}`,
    );
    if (wrong.length > 0) failed += 1;
    Object.assign(figures, result.figures);
  }
  say(`accept: ${parts.length - failed} passed, ${failed} failed`);
  print(JSON.stringify(figures));
  return failed === 0 && parts.length > 0 ? 0 : 1;
}

const outcome = async (part: InstallPart, say: (line: string) => void): Promise<PartResult> => {
  try {
    return await part.run({ say });
  } catch (error) {
    return { figures: {}, problems: [String((error as Error).stack ?? error)] };
  }
};
