import { performRun } from "../../accept/run.ts";
import type { Run, RunOptions, RunResult } from "../../accept/run.ts";
import type { Lane } from "../../lane/lane.ts";
import type { Match, Point, StackServer } from "../../stack/fault-proxy.ts";
import { waitFor } from "../../stack/wait.ts";

/** A step of a rotation at which somebody is told: the request has got so far. */
export interface Step {
  readonly name: string;
  readonly server: StackServer;
  readonly match: Exclude<Match, (...args: never[]) => unknown>;
  readonly point: Point;
  readonly rotations?: number;
}

const deployments = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";

/** Within the rotation that follows the first issue, from its beginning to its end. */
export const steps = {
  issueLost: {
    name: "the answer to the issue is lost",
    server: "aws",
    match: { verb: "CreateAccessKey", occurrence: 2 },
    point: "answerLost",
  },
  halfPublished: {
    name: "one of two places is written",
    server: "vault",
    match: { verb: "POST", template: "/v1/kv/data/{path}", occurrence: 2 },
    point: "answerDelivered",
  },
  moving: {
    name: "the dependents are told to move",
    server: "kubernetes",
    match: { verb: "PATCH", template: deployments, occurrence: 1 },
    point: "answerDelivered",
  },
  revoking: {
    name: "the old key is to be deleted",
    server: "aws",
    match: { verb: "DeleteAccessKey", occurrence: 1 },
    point: "beforeSend",
  },
  nextRotation: {
    name: "the rotation after next begins",
    server: "aws",
    match: { verb: "CreateAccessKey", occurrence: 3 },
    point: "beforeSend",
    rotations: 2,
  },
} as const satisfies Readonly<Record<string, Step>>;

/** Kills the process with SIGKILL at the step, and tells `then` when. */
export function killAt(run: Run, step: Step, then: (killedAt: number) => Promise<void>): void {
  const { name, match, point } = step;
  const kill = async (): Promise<void> => {
    run.hit();
    run.countKill();
    const gone = run.operator().process.kill9();
    const at = Date.now();
    run.story(async () => {
      await gone;
      await then(at);
    });
    await gone;
  };
  run.site.lane.proxies[step.server].add({ name, match, action: { do: "kill", point, kill } });
}

const site = { probeIntervalMs: 1000, resync: "5s", attributionWindow: "10s" } as const;

/** What every run of this part has in common: it waits for others, so it has more time. */
export const perform = (lane: Lane, options: Omit<RunOptions, "site">): Promise<RunResult> =>
  performRun(lane, { deadlineMs: 240_000, site, ...options });

/** All that a run must not have, in words. */
export const problemsOf = ({ id, hit, violations, orphans, logins }: RunResult): readonly string[] => [
  ...violations.map(({ invariant, what, evidence }) => `${id}: ${invariant} ${what} ${evidence}`.slice(0, 1500)),
  ...(hit ? [] : [`${id}: its step was never reached`]),
  ...(orphans === 0 ? [] : [`${id}: ${orphans} key(s) are left over`]),
  ...(logins.refused === 0 ? [] : [`${id}: ${logins.refused} login(s) of the workload were refused`]),
];

/**
 * Until an operator changes something after another one has gone; milliseconds from `toldAt`, when that one was told to go. The
 * process is gone when this is called, so whoever acts from now on is the other.
 */
export async function firstActAfter(run: Run, toldAt: number): Promise<number> {
  const goneAt = Date.now();
  let actedAt = Infinity;
  await waitFor(
    "another operator acts",
    async () => {
      const calls = Object.values(run.site.lane.proxies).flatMap((proxy) => proxy.calls());
      const acts = calls.filter(({ mutating, at }) => mutating && at > goneAt).map(({ at }) => at);
      actedAt = Math.min(...acts);
      return acts.length > 0;
    },
    { timeout: 60_000 },
  );
  return actedAt - toldAt;
}

/** Resolves for everybody when so many have come and what is then to be done, once, has been done. */
export function gateFor(count: number, open: () => Promise<void>): () => Promise<void> {
  let came = 0;
  let opened: Promise<void> | undefined;
  return async () => {
    came += 1;
    await waitFor(`all ${count} come to the gate`, async () => came >= count, { timeout: 120_000 });
    opened ??= open();
    await opened;
  };
}
