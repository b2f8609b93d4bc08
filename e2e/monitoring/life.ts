import { Bench } from "../../src/reconcilers/ports.fake.ts";
import type { SecretRotationSpec } from "../../src/api/v1alpha1/secret-rotation.ts";
import type { Outcome } from "../../src/engine/contract.ts";
import { fakeErrors } from "../../src/providers/fake-source.ts";
import { PrometheusMetrics } from "../../src/telemetry/metrics.ts";

const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** How often it is scraped, and how often rules are evaluated over it. */
export const STEP_MS = 10 * MINUTE_MS;
const RESYNC_MS = 6 * HOUR_MS;

/** What /metrics said at each step of a life, from the first step on: series → values; undefined where it had no such series. */
export type Scrapes = ReadonlyMap<string, readonly (number | undefined)[]>;

/** One SecretRotation and its operator, under a clock that runs through days, scraped all the while. Times count from its start, as promtool's do. */
export class Life {
  readonly bench = new Bench();
  readonly scrapes = new Map<string, (number | undefined)[]>();
  steps = 0;
  readonly #metrics = new PrometheusMetrics({ version: "1", process: false });
  readonly #beginMs = this.bench.clock.now().getTime();

  constructor(spec: Partial<SecretRotationSpec>) {
    this.bench.ports = { ...this.bench.ports, metrics: this.#metrics };
    // As at an operator that has read the holds; there are none.
    this.#metrics.holdsFrom(() => true);
    this.bench.deploy("web");
    this.bench.apply(spec);
  }

  get elapsedMs(): number {
    return this.bench.clock.now().getTime() - this.#beginMs;
  }

  /** Passes, each when the one before has asked for it, for so long. */
  async live(forMs: number): Promise<void> {
    const end = this.elapsedMs + forMs;
    while (this.elapsedMs < end) {
      let left = pauseAfter(await this.bench.pass());
      while (left > 0 && this.elapsedMs < end) {
        const step = Math.min(left, this.steps * STEP_MS - this.elapsedMs, end - this.elapsedMs);
        await this.bench.clock.advance(step);
        left -= step;
        if (this.elapsedMs === this.steps * STEP_MS) await this.#scrape();
      }
    }
  }

  async #scrape(): Promise<void> {
    const { text } = await this.#metrics.render();
    for (const [, name = "", labels = "", value] of text.matchAll(/^(keyturn_\w+)(\{.*\})? (\S+)$/gm)) {
      const series = this.scrapes.get(name + labels) ?? [];
      while (series.length < this.steps) series.push(undefined);
      series.push(Number(value) - (name.endsWith("_timestamp_seconds") ? this.#beginMs / 1000 : 0));
      this.scrapes.set(name + labels, series);
    }
    this.steps += 1;
  }
}

const pauseAfter = (outcome: Outcome): number => {
  switch (outcome.kind) {
    case "waiting":
      return Math.min(outcome.recheckAfterMs, RESYNC_MS);
    case "failed":
      return Math.min(Math.max(outcome.recheckAfterMs ?? 0, 1000), RESYNC_MS);
    default:
      return RESYNC_MS;
  }
};

/** An AWS key as the spec's defaults have it, rotated every ten days: overlap 24h, then 168h disabled. */
export const DEFAULT_SPEC = {
  schedule: { every: "240h", jitter: "0s" },
  verify: {},
  retire: {},
  progressDeadline: "10m",
} as const satisfies Partial<SecretRotationSpec>;
const OUTSIDE = { name: "ci", external: { confirm: "Annotation" }, timeout: "72h" } as const;

/** A life, the alerts that it fires, and from when on. */
export interface LifeCase {
  readonly title: string;
  readonly lived: () => Promise<Life>;
  /** Alert → between which times, since the life began, it begins to fire. */
  readonly fires: Readonly<Record<string, readonly [fromMs: number, toMs: number]>>;
}

const born = async (spec: Partial<SecretRotationSpec> = DEFAULT_SPEC): Promise<Life> => {
  const life = new Life(spec);
  await life.live(HOUR_MS);
  return life;
};
const rotated = async (spec?: Partial<SecretRotationSpec>): Promise<Life> => {
  const life = await born(spec);
  life.bench.rotate();
  await life.live(HOUR_MS);
  return life;
};
/** The rotation was asked for an hour after the start; what follows comes minutes after that. */
const after = (ms: number): readonly [number, number] => [HOUR_MS + ms, HOUR_MS + ms + 3 * STEP_MS];

/** Histories of one SecretRotation that alerts are held to. */
export const LIVES: readonly LifeCase[] = [
  {
    title: "a default AWS key through two scheduled rotations, each to its end",
    lived: async () => {
      const life = await born();
      await life.live(29 * DAY_MS);
      return life;
    },
    fires: {},
  },
  {
    title: "a first issue that is tried for an hour before anybody gets it",
    lived: async () => {
      const life = await born({ ...DEFAULT_SPEC, verify: { soak: "1h" } });
      await life.live(3 * HOUR_MS);
      return life;
    },
    fires: {},
  },
  {
    title: "a rotation that cannot be issued, with a dependent that would have three days",
    lived: async () => {
      const life = await born({ ...DEFAULT_SPEC, dependents: [OUTSIDE] });
      await confirmed(life);
      life.bench.source.failNext("issue", fakeErrors.denied, "before", Infinity);
      life.bench.rotate();
      await life.live(6 * HOUR_MS);
      return life;
    },
    fires: { KeyturnRotationStuck: [3 * HOUR_MS, 4 * HOUR_MS], KeyturnStalled: [2 * HOUR_MS, 3 * HOUR_MS] },
  },
  {
    title: "a rotation asked for twice in a day, which waits for the overlap's slot",
    lived: async () => {
      const life = await rotated();
      life.bench.rotate();
      await life.live(9 * DAY_MS);
      return life;
    },
    fires: {},
  },
  {
    title: "a dependent with a timeout of 72h that has been rolling for ten hours, and is confirmed after three more",
    lived: async () => {
      const life = await rotated({ ...DEFAULT_SPEC, dependents: [OUTSIDE] });
      await confirmed(life);
      await life.live(8 * HOUR_MS);
      life.bench.rotate();
      await life.live(13 * HOUR_MS);
      await confirmed(life);
      await life.live(DAY_MS);
      return life;
    },
    fires: {},
  },
  {
    title: "a dependent that is past its 72h, and from which there is no way back",
    lived: async () => {
      const life = await born({ ...DEFAULT_SPEC, dependents: [OUTSIDE] });
      await life.live(4 * DAY_MS);
      return life;
    },
    fires: { KeyturnRotationStuck: [73 * HOUR_MS, 73 * HOUR_MS + 3 * STEP_MS] },
  },
  {
    title: "a dependent that is past its 72h, and does not confirm the way back either",
    lived: async () => {
      const life = await born({ ...DEFAULT_SPEC, dependents: [OUTSIDE] });
      await confirmed(life);
      life.bench.rotate();
      await life.live(HOUR_MS);
      life.bench.annotate({ "confirmed.keyturn.dev/ci": undefined });
      await life.live(4 * DAY_MS);
      return life;
    },
    fires: { KeyturnRotationStuck: [75 * HOUR_MS, 75 * HOUR_MS + 3 * STEP_MS] },
  },
  {
    title: "a dependent that is past its 72h, and goes back at once",
    lived: async () => {
      const life = await born({ ...DEFAULT_SPEC, dependents: [OUTSIDE] });
      await confirmed(life);
      life.bench.rotate();
      await life.live(4 * DAY_MS);
      return life;
    },
    fires: {},
  },
  {
    title: "an old key that may not be disabled when its overlap has passed",
    lived: async () => {
      const life = await rotated();
      life.bench.source.failNext("setEnabled", fakeErrors.denied, "before", Infinity);
      await life.live(5 * DAY_MS);
      return life;
    },
    fires: { KeyturnOldCredentialNotRevoked: after(26 * HOUR_MS) },
  },
  {
    title: "an old key that may not be deleted when its hold has passed",
    lived: async () => {
      const life = await rotated();
      life.bench.source.failNext("revoke", fakeErrors.denied, "before", Infinity);
      await life.live(9 * DAY_MS);
      return life;
    },
    fires: { KeyturnOldCredentialNotRevoked: after((24 + 168 + 2) * HOUR_MS) },
  },
  {
    title: "a key of somebody else's in the second slot",
    lived: async () => {
      const life = await born();
      life.bench.source.addForeign("AKIAOTHER");
      await life.live(2 * DAY_MS);
      return life;
    },
    fires: {
      KeyturnKeySlotsFull: [HOUR_MS, 3 * RESYNC_MS],
      KeyturnUnmanagedCredential: [HOUR_MS, 3 * RESYNC_MS],
    },
  },
];

/** Somebody outside has taken what was published last. */
const confirmed = async (life: Life): Promise<void> => {
  const version = life.bench.status().current?.version;
  life.bench.annotate({ "confirmed.keyturn.dev/ci": version });
  await life.live(HOUR_MS);
};
