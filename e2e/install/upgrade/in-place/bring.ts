import { namespaces } from "./place.ts";
import type { Place, Spot } from "./place.ts";
import { untilStands } from "./state.ts";
import type { UpgradeState } from "./state.ts";
import { states } from "./states.ts";

/** So many are brought about at a time: the servers of the stack are few. */
const AT_ONCE = 8;

const spotsOf = (place: Place): readonly (readonly [UpgradeState, Spot])[] =>
  states.flatMap((state) => namespaces.map((namespace) => [state, { place, namespace, name: state.name }] as const));

/**
 * Brings every state about in every namespace, and lowers the limit before those that need it low. Gives those that could not be
 * brought about, by namespace and name, with why: they are a fault of the run, and no reason not to look at the others.
 */
export async function bringAll(
  place: Place,
  say: (line: string) => void,
  lowerLimit: () => Promise<void>,
): Promise<ReadonlyMap<string, string>> {
  const all = spotsOf(place);
  const wrong = new Map<string, string>();
  const attempt = async (state: UpgradeState, { namespace }: Spot, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const { message, cause } = error as Error;
      const why = `${message} ${cause instanceof Error ? cause.message : ""}`.slice(0, 3000);
      say(`  ${why}`);
      wrong.set(`${namespace}/${state.name}`, why);
    }
  };
  const waiting = [...all];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [state, spot] = next;
      await attempt(state, spot, async () => {
        await state.bring(spot);
        if (state.bringUnderLimit === undefined) await untilStands(state, spot);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await lowerLimit();
  for (const [state, spot] of all)
    if (state.bringUnderLimit !== undefined && !wrong.has(`${spot.namespace}/${state.name}`))
      await attempt(state, spot, async () => {
        await state.bringUnderLimit?.(spot);
        await untilStands(state, spot);
      });
  return wrong;
}

/** The states that do not stand (any more), as namespace and name. */
export async function notStanding(
  place: Place,
  leaveOut: (key: string) => boolean = () => false,
): Promise<readonly string[]> {
  const standing = await Promise.all(
    spotsOf(place).map(async ([state, spot]) => ({
      key: `${spot.namespace}/${state.name}`,
      is: await state.stands(spot),
    })),
  );
  return standing.filter(({ key, is }) => !is && !leaveOut(key)).map(({ key }) => key);
}
