import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { CONFIG_MAPS, type ConfigMap } from "./kinds.ts";
import { limitStore, LIMITS_NAME, WINDOW_MS, type LimitSettings, type PermitRequest } from "./limits.ts";

const ref = { kind: CONFIG_MAPS, namespace: "keyturn-system", name: LIMITS_NAME };

class WalkingClock extends FakeClock {
  override async sleep(ms: number): Promise<void> {
    await this.advance(ms);
  }
}

const setUp = (limits: Partial<LimitSettings> = {}, shareOf?: (namespace: string) => string) => {
  const clock = new WalkingClock();
  const cluster = new FakeCluster(clock);
  const make = () =>
    limitStore({
      cluster,
      operatorNamespace: "keyturn-system",
      clock,
      limits: { offboarding: 2, offboardingPerNamespace: 0, grant: 2, issue: 2, ...limits },
      ...(shareOf === undefined ? {} : { shareOf }),
    });
  return { clock, cluster, make, store: make() };
};

/** Each in a namespace of its own. */
const asked = (key: string): PermitRequest => ({ key, namespace: `of-${key}` });

describe("the cluster-wide limits", () => {
  it("give as many permits in ten minutes as they are set to, and new ones as the old ones get out of the window", async () => {
    const { clock, store } = setUp();
    assert.equal(await store.take("offboarding", asked("a")), "taken");
    await clock.advance(WINDOW_MS / 2);
    assert.equal(await store.take("offboarding", asked("b")), "taken");
    assert.equal(await store.take("offboarding", asked("c")), "none");
    await clock.advance(WINDOW_MS / 2);
    assert.equal(await store.take("offboarding", asked("c")), "taken");
    assert.equal(await store.take("offboarding", asked("d")), "none");
  });

  it("count each kind by itself", async () => {
    const { store } = setUp({ offboarding: 1 });
    assert.equal(await store.take("offboarding", asked("a")), "taken");
    assert.equal(await store.take("grant", asked("a")), "taken");
    assert.equal(await store.take("issue", asked("a")), "taken");
    assert.equal(await store.take("offboarding", asked("b")), "none");
  });

  it("count the same key once, also after a restart and for another process", async () => {
    const { make, store } = setUp({ grant: 1 });
    assert.equal(await store.take("grant", asked("a")), "taken");
    assert.equal(await store.take("grant", asked("a")), "taken");
    assert.equal(await make().take("grant", asked("a")), "taken");
    assert.equal(await make().take("grant", asked("b")), "none");
  });

  it("are not exceeded by many who ask at once, in two processes", async () => {
    const { make, store } = setUp({ offboarding: 7 });
    const other = make();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? store : other).take("offboarding", asked(`k${index}`)),
      ),
    );
    assert.equal(answers.filter((answer) => answer === "taken").length, 7);
  });

  it("set to 0 are none, and write nothing", async () => {
    const { cluster, store } = setUp({ issue: 0 });
    for (let index = 0; index < 50; index += 1) assert.equal(await store.take("issue", asked(String(index))), "taken");
    assert.equal(cluster.calls.length, 0);
  });

  it("keep no names, and forget what is older than the window", async () => {
    const { clock, cluster, store } = setUp({ grant: 5000 });
    for (let index = 0; index < 50; index += 1) {
      await store.take("grant", asked(`secret-team/identity-${index}`));
      await clock.advance(60_000);
    }
    const data = cluster.peek<ConfigMap>(ref)?.data ?? {};
    assert.equal(data["grant"]?.split(" ").length, 10);
    assert.ok(!JSON.stringify(data).includes("secret-team"));
  });

  it("give nothing when the counter cannot be read, written, or understood", async () => {
    const unreadable = setUp();
    unreadable.cluster.seed(ref, { data: { grant: "many" } });
    await assert.rejects(unreadable.store.take("grant", asked("a")), /delete it, and counting begins anew/);
    assert.equal(await unreadable.store.take("issue", asked("a")), "taken");
    const down = setUp();
    const error = new OperatorError("Unavailable", { publicMessage: "down" });
    down.cluster.failNext((call) => call.verb === "get", error);
    await assert.rejects(down.store.take("grant", asked("a")), error);
    // One failure is nobody else's.
    assert.equal(await down.store.take("grant", asked("a")), "taken");
  });

  it("take an answer that was lost for a permit that was taken", async () => {
    const { cluster, store } = setUp({ grant: 1 });
    const lost = new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true });
    cluster.failNext((call) => call.verb === "create", lost, "after");
    await assert.rejects(store.take("grant", asked("a")), lost);
    assert.equal(await store.take("grant", asked("a")), "taken");
    assert.equal(await store.take("grant", asked("b")), "none");
  });

  /** All ask again and again until each has an answer. */
  const prune = async (
    { clock, store }: Pick<ReturnType<typeof setUp>, "clock" | "store">,
    requests: readonly PermitRequest[],
  ): Promise<readonly string[]> => {
    const taken: string[] = [];
    let left = [...requests];
    for (let round = 0; left.length > 0 && round < 30; round += 1) {
      const answers = await Promise.all(left.map((request) => store.take("offboarding", request)));
      taken.push(...left.filter((_, index) => answers[index] === "taken").map(({ namespace }) => namespace));
      left = left.filter((_, index) => answers[index] === "later");
      await clock.advance(1000);
    }
    assert.deepEqual(left, []);
    return taken;
  };
  const many = (namespaces: number, each: number): readonly PermitRequest[] =>
    Array.from({ length: namespaces * each }, (_, index) => ({
      key: `k${index}`,
      namespace: `n${Math.floor(index / each)}`,
    }));

  it("leave of a prune of 300 resources in 60 namespaces exactly 280 in use, and give no namespace two of the 20", async () => {
    const taken = await prune(setUp({ offboarding: 20, offboardingPerNamespace: 5 }), many(60, 5));
    assert.equal(taken.length, 20);
    assert.equal(new Set(taken).size, 20);
  });

  it("give a namespace five in ten minutes, and those that count as one five together", async () => {
    const alone = setUp({ offboarding: 20, offboardingPerNamespace: 5 });
    assert.equal((await prune(alone, many(1, 20))).length, 5);
    assert.equal((await prune(alone, [{ key: "other", namespace: "other" }])).length, 1);
    const tenant = setUp({ offboarding: 20, offboardingPerNamespace: 5 }, () => "one tenant");
    assert.equal((await prune(tenant, many(10, 2))).length, 5);
  });

  it("with offboarding 0 are off for the namespace, too; with 0 of a namespace only the cluster counts", async () => {
    assert.equal((await prune(setUp({ offboarding: 0, offboardingPerNamespace: 5 }), many(1, 50))).length, 50);
    assert.equal((await prune(setUp({ offboarding: 20, offboardingPerNamespace: 0 }), many(1, 50))).length, 20);
  });

  it("read what a version before shares has counted, and are read by it", async () => {
    const { clock, cluster, store } = setUp({ grant: 2 });
    const at = Math.floor(clock.now().getTime() / 1000);
    cluster.seed(ref, { data: { grant: `0123456789abcdef@${at}` } });
    assert.equal(await store.take("grant", asked("a")), "taken");
    assert.equal(await store.take("grant", asked("b")), "none");
    const data = cluster.peek<ConfigMap>(ref)?.data ?? {};
    assert.match(data["grant"] ?? "", /^([0-9a-f]{16}@\d+ ?){2}$/);
  });

  it("keep the last fifth of issues for namespaces that have had none", async () => {
    const { store } = setUp({ issue: 10 });
    const flood = await Promise.all(many(1, 10).map((request) => store.take("issue", request)));
    assert.equal(flood.filter((answer) => answer === "taken").length, 8);
    assert.equal(await store.take("issue", asked("other")), "taken");
  });
});
