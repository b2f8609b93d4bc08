import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import type { AccountClient } from "../../providers/account.ts";
import { TRAPS, type Trap } from "../ports.fake.ts";
import { LifecycleBench, SPEC, WIDER } from "./bench.fake.ts";

/** What leads to the state from which the trapped part begins, and the trapped part itself. */
interface Story {
  readonly name: string;
  prepare(bench: LifecycleBench): Promise<void>;
  run(bench: LifecycleBench): Promise<void>;
}

const join = async (bench: LifecycleBench): Promise<void> => {
  bench.apply();
  await bench.toRest();
};

const withKey = async (bench: LifecycleBench): Promise<void> => {
  await join(bench);
  bench.place("lake").addCredential();
  bench.place("lake").addCredential(false);
  await bench.toRest();
};

/** Until the object is gone; a process that dies on the way is started again. */
const remove = async (bench: LifecycleBench): Promise<void> => {
  await bench.delete();
  for (let pass = 0; pass < 40 && bench.exists; pass += 1) {
    const outcome = await bench.pass();
    if (bench.bench.dead) bench.revive();
    await bench.bench.clock.advance(outcome.recheckAfterMs ?? 1000);
  }
  assert.equal(bench.exists, false);
};

const STORIES: readonly Story[] = [
  { name: "join", prepare: () => Promise.resolve(), run: join },
  {
    name: "move",
    prepare: join,
    run: async (bench) => {
      bench.apply({
        owner: { team: "ledger", contact: "ledger@example.com" },
        accounts: [{ name: "cluster", kubernetes: { roles: [{ kind: "Role", name: "writer" }] } }, ...WIDER.slice(1)],
      });
      await bench.toRest();
    },
  },
  {
    name: "suspend",
    prepare: withKey,
    run: async (bench) => {
      bench.apply({ state: "Suspended" });
      await bench.toRest();
    },
  },
  {
    name: "resume",
    prepare: async (bench) => {
      await withKey(bench);
      bench.apply({ state: "Suspended" });
      await bench.toRest();
    },
    run: async (bench) => {
      bench.apply({ state: "Active" });
      await bench.toRest();
    },
  },
  {
    name: "revert",
    prepare: async (bench) => {
      await join(bench);
      refuse(bench, "secrets", "policy/reports");
    },
    run: async (bench) => {
      bench.apply({ accounts: WIDER });
      await bench.toRest();
    },
  },
  {
    name: "offboard",
    prepare: withKey,
    run: async (bench) => {
      bench.apply({ state: "Decommissioned" });
      await bench.toRest();
    },
  },
  {
    name: "delete",
    prepare: withKey,
    run: async (bench) => {
      await remove(bench);
      await bench.ledgerToRest();
    },
  },
  {
    name: "undo",
    prepare: async (bench) => {
      await withKey(bench);
      await remove(bench);
      await bench.ledgerPass();
      await bench.ledgerPass();
    },
    run: async (bench) => {
      bench.apply();
      await bench.toRest();
      await bench.ledgerToRest();
    },
  },
  {
    name: "give back",
    prepare: async (bench) => {
      bench.place("lake").plant("payments/billing");
      bench.place("lake").addCredential();
      bench.bench.away.add("secrets");
      bench.apply({ adoption: { mode: "IfAnnotated" } });
      await bench.settle(2000, 8).catch(() => undefined);
      bench.bench.away.clear();
    },
    run: async (bench) => {
      await remove(bench);
      await bench.ledgerToRest();
    },
  },
];

/** The provider refuses this piece, whatever process asks. */
const refuse = (bench: LifecycleBench, account: string, key: string): void => {
  bench.bench.wrapAccount = (client, name) =>
    name !== account
      ? client
      : new Proxy(client, {
          get: (target, property) => {
            const member = Reflect.get(target, property) as unknown;
            if (property !== "apply") return typeof member === "function" ? (member.bind(target) as unknown) : member;
            return (...args: Parameters<AccountClient["apply"]>) =>
              args[0].key === key
                ? Promise.reject(new OperatorError("NotFound", { publicMessage: `${key} does not exist.` }))
                : target.apply(...args);
          },
        });
};

/** What must be the same whatever was killed: outside, on record, in the cluster. */
const endOf = (bench: LifecycleBench): string => {
  const status = bench.exists ? bench.status() : {};
  return JSON.stringify([
    bench.world(),
    bench.claims(),
    bench.entry() === undefined,
    status.state,
    (status.accounts ?? []).map(({ name, state, pieces, enabledCredentials }) => [
      name,
      state,
      [...pieces].sort(),
      enabledCredentials,
    ]),
    status.quarantine?.reason,
    status.lastKnownGood?.specHash,
    (status.conditions ?? []).map(({ type, status: value, reason }) => [type, value, reason]),
  ]);
};

const play = async (story: Story, trap?: Trap): Promise<{ readonly end: string; readonly mutations: number }> => {
  const bench = new LifecycleBench();
  await story.prepare(bench);
  bench.bench.mutations = 0;
  if (trap !== undefined) bench.arm(trap);
  await story.run(bench);
  const { mutations } = bench.bench;
  // Nothing is left to do, and looking again finds nothing to do.
  if (bench.exists) {
    const before = bench.world();
    await bench.toRest();
    assert.equal(bench.world(), before);
  }
  return { end: endOf(bench), mutations };
};

describe("an operator that is killed, or loses an answer, at any call that changes something", () => {
  for (const story of STORIES) {
    it(`comes to the same end: ${story.name}`, async function () {
      this.timeout(60_000);
      const calm = await play(story);
      assert.ok(calm.mutations >= 3, String(calm.mutations));
      for (let at = 1; at <= calm.mutations; at += 1) {
        for (const how of TRAPS) {
          const { end } = await play(story, { at, how });
          assert.equal(end, calm.end, `${story.name}: ${how} at mutation ${at} of ${calm.mutations}`);
        }
      }
    });
  }

  it("stops in the middle of a pass when it is told to, and another one goes on", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.pass();
    await bench.pass();
    bench.bench.leading = false;
    const before = bench.statusWrites();
    assert.equal((await bench.pass()).kind, "failed");
    assert.equal(bench.statusWrites(), before);
    assert.equal(bench.place("cluster").principal, undefined);
    bench.bench.leading = true;
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.deepEqual(bench.object().spec, SPEC);
  });
});
