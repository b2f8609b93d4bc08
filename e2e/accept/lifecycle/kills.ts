import type { Call, Point, ServerKind } from "../../stack/fault-proxy.ts";
import type { Outside, Thing } from "../../lane/outside.ts";
import { waitFor } from "../../stack/wait.ts";
import type { Scenario, Stage } from "./stage.ts";
import { stillness } from "./stage.ts";
import type { Phase, Story } from "./story.ts";
import { differencesFrom, joinerMoverLeaver, remade } from "./story.ts";

/** One mutating request of a phase of the undisturbed story, and when the operator is killed. */
export interface PhaseKill {
  readonly id: string;
  readonly phase: string;
  readonly server: ServerKind;
  readonly verb: string;
  readonly template: string;
  /** 1, 2, … within the phase. */
  readonly occurrence: number;
  readonly point: Point;
}

/** What the undisturbed story was: its requests by phase, and what the providers held after each. */
export interface StoryTrace {
  readonly site: string;
  readonly phases: readonly {
    readonly name: string;
    readonly writes: readonly { readonly server: ServerKind; readonly verb: string; readonly template: string }[];
    readonly after: readonly Thing[];
  }[];
}

const points: readonly Point[] = ["beforeSend", "answerLost", "answerDelivered"];

/** Plays the story undisturbed; `done` is given its trace. */
export function referenceStory(
  id: string,
  done: (trace: StoryTrace) => void,
  story: Story = joinerMoverLeaver,
): Scenario {
  return {
    id,
    ...siteOf(story),
    async play(stage) {
      const told: StoryTrace["phases"][number][] = [];
      await tell(stage, story, {
        before: () => undefined,
        after: (phase, calls, state) => {
          const writes = calls.filter(({ mutating }) => mutating);
          told.push({
            name: phase,
            writes: writes.map(({ server, verb, template }) => ({ server, verb, template })),
            after: [...state.values()],
          });
        },
      });
      countStory(stage, story);
      done({ site: stage.site.namespace, phases: told });
    },
  };
}

/** What both tellings have: the requests that come every time. */
export function commonTrace(one: StoryTrace, other: StoryTrace): StoryTrace {
  const kind = ({ server, verb, template }: StoryTrace["phases"][number]["writes"][number]): string =>
    `${server} ${verb} ${template}`;
  return {
    ...one,
    phases: one.phases.map((phase) => {
      const left = (other.phases.find(({ name }) => name === phase.name)?.writes ?? []).map(kind);
      const writes = phase.writes.filter((write) => {
        const at = left.indexOf(kind(write));
        if (at < 0) return false;
        left.splice(at, 1);
        return true;
      });
      return { ...phase, writes };
    }),
  };
}

/** Every mutating request of every phase at three points. */
export function phaseKills(trace: StoryTrace): PhaseKill[] {
  return trace.phases.flatMap(({ name, writes }) => {
    const seen = new Map<string, number>();
    return writes.flatMap(({ server, verb, template }) => {
      const what = `${server} ${verb} ${template}`;
      const occurrence = (seen.get(what) ?? 0) + 1;
      seen.set(what, occurrence);
      const short = template.split("/").slice(-3).join(".").replace(/[{}]/g, "");
      return points.map((point) => ({
        id: `kill/${name}/${server}/${verb}.${short}/${occurrence}/${point}`,
        phase: name,
        server,
        verb,
        template,
        occurrence,
        point,
      }));
    });
  });
}

/** Kills of one phase in one story at most. */
const mostAtOnce = 3;

/**
 * Stories with a few kills in each phase, so that all of them get their turn. Two kills of one phase are never about the same
 * kind of request: the first one shifts which of its kind the second would be.
 */
export function killCycles(kills: readonly PhaseKill[], round: number): { id: string; kills: readonly PhaseKill[] }[] {
  const cycles: { kills: PhaseKill[]; taken: Map<string, Set<string>> }[] = [];
  for (const kill of kills) {
    const kind = `${kill.server} ${kill.verb} ${kill.template}`;
    let cycle = cycles.find(({ taken }) => {
      const there = taken.get(kill.phase);
      return there === undefined || (there.size < mostAtOnce && !there.has(kind));
    });
    if (cycle === undefined) cycles.push((cycle = { kills: [], taken: new Map() }));
    cycle.kills.push(kill);
    cycle.taken.set(kill.phase, new Set([...(cycle.taken.get(kill.phase) ?? []), kind]));
  }
  return cycles.map((cycle, i) => ({ id: `cycle/${round}/${i + 1}`, kills: cycle.kills }));
}

/** The story with kills; after each phase the providers must hold what they held in the undisturbed one. */
export function killedStory(
  id: string,
  kills: readonly PhaseKill[],
  trace: StoryTrace,
  story: Story = joinerMoverLeaver,
): Scenario {
  const { phases, isTold } = killedPart(kills, story);
  return {
    id,
    ...siteOf(story),
    async play(stage) {
      await tell(
        stage,
        { ...story, phases },
        {
          before: (phase) => {
            for (const kill of kills) if (kill.phase === phase) arm(stage, kill);
          },
          after: (phase, _, state) => {
            const reference = trace.phases.find(({ name }) => name === phase)?.after ?? [];
            const expected: Outside = new Map(reference.filter(isTold).map((thing) => [thing.key, thing]));
            const killed = kills.filter((kill) => kill.phase === phase).map((kill) => kill.id);
            for (const line of differencesFrom(expected, state, [trace.site, stage.site.namespace]))
              stage.broken(
                "END",
                `After ${phase} the providers differ from those of an undisturbed run.`,
                `${killed.join(" ")}: ${line}`,
              );
          },
        },
      );
      countStory(stage, story);
    },
  };
}

/** The phases that a story with these kills is told in, and whether a thing at the providers is of one of them. */
export function killedPart(
  kills: readonly PhaseKill[],
  { phases, lifeOf }: Pick<Story, "phases" | "lifeOf">,
): { phases: readonly Phase[]; isTold: (thing: Thing) => boolean } {
  const killed = new Set(kills.map(({ phase }) => phase));
  const lives = new Set(phases.filter(({ name }) => killed.has(name)).map(({ life }) => life));
  const isOf = (life: string | undefined): boolean => life === undefined || lives.has(life);
  return { phases: phases.filter(({ life }) => isOf(life)), isTold: (thing) => isOf(lifeOf?.(thing)) };
}

function siteOf({ site }: Story): Pick<Scenario, "site"> {
  return site === undefined ? {} : { site };
}

function countStory(stage: Stage, story: Story): void {
  if (story !== joinerMoverLeaver) return;
  stage.count("joined", 2);
  stage.count("moved");
  stage.count("reverts");
  stage.count("offboarded", 2);
}

/** Plays phase after phase, each from rest. */
async function tell(
  stage: Stage,
  story: Story,
  listener: {
    before(phase: string): void;
    after(phase: string, calls: readonly Call[], state: Outside): void;
  },
): Promise<void> {
  let before: Outside = new Map();
  for (const phase of story.phases) {
    await phase.before?.(stage);
    await stillness(stage);
    for (const proxy of Object.values(stage.site.lane.proxies)) proxy.clearRules();
    const seen = stage.calls().length;
    listener.before(phase.name);
    await phase.act(stage);
    await phase.rest(stage);
    await stage.restarted();
    // A kill at the very last write comes after rest was seen.
    await stillness(stage, 700);
    await stage.restarted();
    await phase.rest(stage);
    await waitFor("the operator is ready", () => stage.operator().ready(), { timeout: 30_000 });
    const calls = stage.calls().slice(seen);
    const state = await story.state(stage.site);
    listener.after(phase.name, calls, state);
    if (phase.keeps === true)
      for (const line of remade(before, state))
        stage.broken("S12", `During ${phase.name} something was deleted and made again.`, line);
    await phase.then?.(stage);
    before = state;
  }
}

function arm(stage: Stage, kill: PhaseKill): void {
  const { server, verb, template, occurrence, point, id } = kill;
  const proxy = stage.site.lane.proxies[server];
  if (proxy === undefined) throw new Error(`nothing stands before ${server}`);
  const sofar = proxy.calls().filter((call) => call.verb === verb && call.template === template).length;
  proxy.add({
    name: id,
    match: { verb, template, occurrence: sofar + occurrence },
    action: {
      do: "kill",
      point,
      kill: async () => {
        stage.hit(id);
        await stage.killAndRestart();
      },
    },
  });
}
