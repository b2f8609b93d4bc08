import assert from "node:assert/strict";
import fc from "fast-check";
import type { PlanInput, RotationAction } from "./action.ts";
import { planCollapsed } from "./collapsed.ts";
import { deleted, expired, provenDead, signed, surrendered } from "./ending.ts";
import { failed } from "./failures.ts";
import type { IdentityState } from "./identity.ts";
import type { RotationStatus } from "./record.ts";
import { cameBack, comingBack, markedGood, suspended } from "./standing.ts";
import { settingsOf } from "./world.fake.ts";

/**
 * Certificates in a small world: what was signed and stands at the one place, and one record. A pass may die between publishing and recording.
 * A leaver's certificate that anybody can have is revoked within a few passes, whatever is paused, backs off or was lost.
 */
const spec = {
  dependents: [],
  deliveries: ["app"],
  overlapSeconds: 60,
  requireUnusedForSeconds: undefined,
  exclusive: true,
} as const;
const settings = settingsOf(spec, "marked");
const START_MS = Date.parse("2026-01-01T00:00:00Z");
const RESYNC_MS = 600_000;

class Authority {
  nowMs = START_MS;
  status: RotationStatus = {};
  place: { readonly version: string; readonly id: string } | undefined;
  /** Serials that were ever delivered, until they are revoked. */
  readonly valid = new Set<string>();
  paused = false;
  identity: IdentityState = "Active";
  /** Serials that cannot be revoked, so that the others are tried. */
  readonly stuck = new Set<string>();
  dies = false;
  #count = 0;

  pass(): number {
    let input = this.#input();
    let action = planCollapsed(input);
    for (let look = 0; action.type === "observe"; look += 1) {
      assert.ok(look < 4, "asks for what it was shown");
      const place = this.place;
      const holds = place && { id: place.id, fits: true };
      input = {
        ...input,
        deliveries: {
          app:
            place === undefined
              ? { kind: "absent" }
              : { kind: "ours", version: place.version, carries: [place.version], holds },
        },
        dependents: {},
        listing: [...this.valid].map((id) => ({ id, createdAt: new Date(START_MS), enabled: true })),
        staging: [],
      };
      action = planCollapsed(input);
    }
    if (action.type === "wait") return action.recheckAt?.getTime() ?? this.nowMs + RESYNC_MS;
    const next = this.#act(action);
    if (this.dies) this.dies = false;
    else this.status = next;
    return this.nowMs;
  }

  #input(): PlanInput {
    return {
      now: new Date(this.nowMs),
      timeTrusted: true,
      self: "A",
      settings,
      specHash: "h",
      facts: {
        slots: 100,
        canDisable: false,
        reportsLastUse: false,
        leavesNothing: true,
        marks: false,
        lockout: false,
        controlCounts: false,
      },
      status: this.status,
      attributionWindowMs: 600_000,
      paused: this.paused,
      identity: this.identity,
      holder: "web",
      seed: "uid",
      spentRefusals: new Set(),
    };
  }

  #act(action: Exclude<RotationAction, { type: "observe" | "wait" }>): RotationStatus {
    const now = new Date(this.nowMs);
    const { status } = this;
    switch (action.type) {
      case "sign": {
        assert.equal(this.identity, "Active", "signed for an identity that is not Active");
        this.#count += 1;
        const sequence = (status.sequence ?? 0) + 1;
        this.place = { version: `${sequence}-w${this.#count}`, id: `S${this.#count}` };
        this.valid.add(this.place.id);
        return this.#recorded(sequence);
      }
      case "recordSigned":
        return this.#recorded(Number.parseInt(this.place?.version ?? "1", 10));
      case "surrender":
        assert.notEqual(this.identity, "Active");
        return surrendered(status, now);
      case "revoke":
        if (this.stuck.has(action.id)) {
          const about = { reason: "PermissionDenied", message: "No.", about: action.id, now, capMs: 3_600_000 };
          return { ...status, revocationFailures: failed(status.revocationFailures, about) };
        }
        this.valid.delete(action.id);
        return deleted(status, action.id, now);
      case "prove":
        return provenDead(status, action.id, "ProvenByAuthority", now);
      case "recordExpired":
        return expired(status, action.id, now);
      case "recordSuspension":
        return suspended(status, action.reason, now);
      case "comeBack":
        return action.step === "Begin" ? comingBack(status, now) : cameBack(status);
      case "recordGood":
        return markedGood(status, { generation: 1, specHash: "h", spec: "{}" });
      default:
        return assert.fail(`${action.type} is not of this model`);
    }
  }

  #recorded(sequence: number): RotationStatus {
    const { version, id } = this.place ?? assert.fail("nothing stands there");
    const [delivery] = settings.deliveries;
    const { name, place, digest } = delivery ?? assert.fail("no place");
    const places = [{ name, version, target: "secret/n/app", place, digest }];
    const issuedAt = new Date(this.nowMs);
    const made = { version, sequence, id, issuedAt, checked: true, places };
    return signed(this.status, made, { now: issuedAt, settings });
  }
}

type Command = "pass" | "die" | "lose" | "pause" | "unpause" | "backOff" | "stick" | "suspend" | "activate" | "hour";
const commands = fc.array(
  fc.constantFrom<Command>(
    ...([
      "pass",
      "pass",
      "pass",
      "die",
      "lose",
      "pause",
      "unpause",
      "backOff",
      "stick",
      "suspend",
      "activate",
      "hour",
    ] as const),
  ),
  { maxLength: 40 },
);

const apply = (world: Authority, command: Command): void => {
  switch (command) {
    case "pass":
      world.nowMs = Math.max(world.nowMs, Math.min(world.pass(), world.nowMs + 60_000));
      return;
    case "die":
      world.dies = true;
      return;
    case "lose":
      // Somebody deletes the Secret: another one is signed.
      world.place = undefined;
      return;
    case "pause":
      world.paused = true;
      return;
    case "unpause":
      world.paused = false;
      return;
    case "backOff": {
      const at = new Date(world.nowMs).toISOString();
      const nextAttemptTime = new Date(world.nowMs + 3_600_000).toISOString();
      const failures = { count: 9, reason: "Conflict", message: "No.", since: at, nextAttemptTime };
      world.status = { ...world.status, failures };
      return;
    }
    case "stick":
      for (const { id } of world.status.pendingRevocations ?? []) world.stuck.add(id);
      return;
    case "suspend":
      world.identity = "Suspended";
      return;
    case "activate":
      world.identity = "Active";
      return;
    case "hour":
      world.nowMs += 3_600_000;
  }
};

describe("certificates of a leaver, over random histories", () => {
  it("are revoked within a few passes, whatever is in the way", () => {
    fc.assert(
      fc.property(commands, (history) => {
        const world = new Authority();
        for (const command of history) apply(world, command);
        world.identity = "Decommissioned";
        world.dies = false;
        const untilMs = world.nowMs + 30_000;
        for (let pass = 0; pass < 60 && world.nowMs < untilMs; pass += 1)
          world.nowMs = Math.max(world.nowMs, Math.min(world.pass(), untilMs));
        const { pendingRevocations = [], current } = world.status;
        const known = new Set([current?.id, world.place?.id, ...pendingRevocations.map(({ id }) => id)]);
        const left = [...world.valid].filter((id) => known.has(id) && !world.stuck.has(id));
        assert.deepEqual(left, []);
        assert.equal(current, undefined);
      }),
      { numRuns: 2000, seed: 20261130 },
    );
  });
});
