import type { Call, Point, ServerKind } from "../stack/fault-proxy.ts";
import type { Lane } from "../lane/lane.ts";
import type { Run } from "./run.ts";

/** One request of the reference trace, and when the operator is killed. */
export interface KillPoint {
  readonly id: string;
  readonly server: ServerKind;
  readonly verb: string;
  readonly template: string;
  readonly occurrence: number;
  readonly point: Point;
}

const points: readonly Point[] = ["beforeSend", "answerLost", "answerDelivered"];

/**
 * Every mutating request of the trace at three points; every distinct read, and every distinct write of a Lease or an Event,
 * once: at a place in the middle of its occurrences, the three points taking turns.
 */
export function killPointsOf(trace: readonly Call[]): KillPoint[] {
  const all: KillPoint[] = [];
  const add = (call: Call, occurrence: number, point: Point): void => {
    const { server, verb, template } = call;
    all.push({ id: idOf(call, occurrence, point), server, verb, template, occurrence, point });
  };
  for (const call of trace) if (call.mutating) for (const point of points) add(call, call.occurrence, point);
  const once = new Map<string, Call[]>();
  for (const call of trace)
    if (!call.mutating) {
      const name = `${call.server} ${call.verb} ${call.template}`;
      once.set(name, [...(once.get(name) ?? []), call]);
    }
  for (const [i, calls] of [...once.values()].entries()) {
    const call = calls[Math.floor((calls.length - 1) / 2)];
    const point = points[i % points.length];
    if (call !== undefined && point !== undefined) add(call, call.occurrence, point);
  }
  return all;
}

/** Kills the operator at the point and starts it again. */
export function armKill(
  run: Pick<Run, "hit" | "killAndRestart"> & { readonly site: { readonly lane: Lane } },
  { server, verb, template, occurrence, point, id }: KillPoint,
): void {
  const kill = async (): Promise<void> => {
    run.hit();
    await run.killAndRestart();
  };
  const proxy = run.site.lane.proxies[server];
  if (proxy === undefined) throw new Error(`nothing stands before ${server}`);
  proxy.add({
    name: id,
    match: { verb, template, occurrence },
    action: { do: "kill", point, kill },
  });
}

/** "kill/aws/CreateAccessKey/2/answerLost", "kill/kubernetes/PUT.secretrotations.name.status/12/beforeSend". */
function idOf({ server, verb, template }: Call, occurrence: number, point: Point): string {
  const words = template
    .replace(/^\/(apis\/[^/]+|api)\/v\w+/, "")
    .replace(/^\/v1/, "")
    .replace("/namespaces/{namespace}", "")
    .split("/")
    .map((word) => word.replace(/[{}]/g, ""))
    .filter((word) => word !== "");
  return `kill/${server}/${[verb, ...words].join(".")}/${occurrence}/${point}`;
}
