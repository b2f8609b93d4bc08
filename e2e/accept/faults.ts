import type { StackServer, Match } from "../stack/fault-proxy.ts";
import { sleep } from "../stack/wait.ts";
import type { SiteOptions } from "../lane/lane.ts";
import { randomFrom } from "./random.ts";
import type { Run } from "./run.ts";

/** One run with a fault that the operator must outlast. */
export interface Fault {
  readonly name: string;
  /** It takes a server away from everybody, so no other run may go on beside it. */
  readonly alone?: true;
  readonly site?: Partial<SiteOptions>;
  arrange(run: Run): void | Promise<void>;
}

const secondIssue: Match = { verb: "CreateAccessKey", occurrence: 2 };
const servers: readonly StackServer[] = ["kubernetes", "vault", "aws"];

/** When such a request comes in it is held for `holdMs`, and `act` begins. */
function when(run: Run, server: StackServer, match: Match, holdMs: number, act: () => Promise<void>): void {
  const rule = run.site.lane.proxies[server].add({ name: "when", match, action: { do: "delay", ms: holdMs } });
  run.story(async () => {
    await rule.firstHit;
    run.hit();
    await act();
  });
}

/** Answers of servers that are unwell, for some of the requests and for a while. */
function unwell(
  run: Run,
  share: number,
  ms: number,
  answers: Readonly<Record<StackServer, { status: number; code?: string }>>,
): void {
  const random = randomFrom(7);
  when(run, "aws", secondIssue, 0, async () => {
    const rules = servers.map((server) =>
      run.site.lane.proxies[server].add({
        name: "unwell",
        times: Infinity,
        match: (call) => call.kind !== "watch" && call.kind !== "lease" && random() < share,
        action: { do: "answer", headers: { "retry-after": "1" }, ...answers[server] },
      }),
    );
    await sleep(ms);
    for (const rule of rules) rule.remove();
  });
}

export const faults: readonly Fault[] = [
  {
    name: "vault-sealed-while-publishing",
    alone: true,
    arrange(run) {
      const { vault } = run.site.lane.world.stack;
      when(run, "vault", { verb: "POST", template: "/v1/kv/data/{path}", occurrence: 2 }, 500, async () => {
        await vault.seal();
        await sleep(6000);
        await vault.unseal();
      });
    },
  },
  {
    name: "vault-sealed-from-the-start",
    alone: true,
    async arrange(run) {
      const { vault } = run.site.lane.world.stack;
      await vault.seal();
      run.hit();
      run.story(async () => {
        await sleep(6000);
        await vault.unseal();
      });
    },
  },
  {
    name: "vault-restarted",
    alone: true,
    arrange: (run) => when(run, "aws", secondIssue, 0, () => run.site.lane.world.stack.vault.restart({ kill: true })),
  },
  {
    name: "vault-tokens-revoked",
    alone: true,
    arrange(run) {
      const { client } = run.site.lane.world.stack.vault;
      when(run, "aws", secondIssue, 100, async () => {
        await client.call("PUT", "sys/leases/revoke-prefix/auth/jwt/login", {});
      });
    },
  },
  {
    name: "etcd-restarted-while-issuing",
    alone: true,
    arrange: (run) => when(run, "aws", secondIssue, 100, () => run.site.lane.world.stack.kubernetes.etcdRestart()),
  },
  {
    name: "etcd-restarted-while-retiring",
    alone: true,
    arrange: (run) =>
      when(run, "aws", { verb: "UpdateAccessKey" }, 100, () => run.site.lane.world.stack.kubernetes.etcdRestart()),
  },
  {
    name: "api-server-restarted-while-rolling",
    alone: true,
    arrange: (run) =>
      when(run, "kubernetes", { verb: "PATCH", template: /\/deployments\/\{name\}$/, occurrence: 2 }, 50, () =>
        run.site.lane.world.stack.kubernetes.restart({ kill: true }),
      ),
  },
  {
    name: "stale-reads",
    arrange(run) {
      const random = randomFrom(3);
      when(run, "aws", secondIssue, 0, async () => {
        const rules = (["kubernetes", "vault"] as const).map((server) =>
          run.site.lane.proxies[server].add({
            name: "stale",
            times: Infinity,
            match: (call) => call.verb === "GET" && !call.path.includes("/leases/") && random() < 0.4,
            action: { do: "stale", back: 1 },
          }),
        );
        await sleep(8000);
        for (const rule of rules) rule.remove();
      });
    },
  },
  {
    name: "stale-after-restart",
    arrange(run) {
      const { kubernetes } = run.site.lane.proxies;
      kubernetes.add({
        name: "kill",
        match: { verb: "PATCH", template: /\/deployments\/\{name\}$/, occurrence: 2 },
        action: {
          do: "kill",
          point: "answerDelivered",
          kill: async () => {
            run.hit();
            const stale = kubernetes.add({
              name: "stale",
              times: Infinity,
              match: (call) => call.verb === "GET" && !call.path.includes("/leases/"),
              action: { do: "stale", olderThanMs: 1500 },
            });
            run.story(async () => {
              await sleep(4000);
              stale.remove();
            });
            await run.killAndRestart();
          },
        },
      });
    },
  },
  {
    name: "conflict-storm",
    arrange(run) {
      const { site } = run;
      const kube = site.lane.world.stack.kubernetes.client;
      when(run, "aws", secondIssue, 0, async () => {
        const random = randomFrom(5);
        const refused = site.lane.proxies.kubernetes.add({
          name: "409",
          times: Infinity,
          match: (call) => call.verb === "PUT" && random() < 0.4,
          action: { do: "answer", status: 409, code: "Conflict" },
        });
        const end = Date.now() + 8000;
        for (let i = 0; Date.now() < end; i += 1) {
          await kube.mergePatch(site.rotationPath, { metadata: { labels: { storm: String(i) } } });
          await sleep(50);
        }
        refused.remove();
        await kube.mergePatch(site.rotationPath, { metadata: { labels: { storm: null } } });
      });
    },
  },
  {
    name: "throttled",
    arrange: (run) =>
      unwell(run, 0.4, 8000, {
        kubernetes: { status: 429 },
        vault: { status: 429 },
        aws: { status: 400, code: "Throttling" },
      }),
  },
  {
    name: "server-errors",
    arrange: (run) =>
      unwell(run, 0.4, 8000, { kubernetes: { status: 500 }, vault: { status: 503 }, aws: { status: 503 } }),
  },
  {
    name: "answers-cut",
    arrange(run) {
      run.hit();
      for (const server of servers) {
        let writes = 0;
        run.site.lane.proxies[server].add({
          name: "cut",
          times: 12,
          match: (call) => {
            if (!call.mutating) return false;
            writes += 1;
            return writes % 3 === 0;
          },
          action: { do: "cut", point: "midAnswer" },
        });
      }
    },
  },
  {
    name: "requests-repeated",
    arrange(run) {
      run.hit();
      for (const server of servers)
        run.site.lane.proxies[server].add({
          name: "repeat",
          times: 25,
          match: { kind: "write" },
          action: { do: "repeat", times: 1 },
        });
    },
  },
  {
    name: "new-key-refused-for-10-s",
    site: { workloadViaProxy: true },
    arrange(run) {
      run.site.lane.proxies.aws.refuseNewKeysFor(10_000);
      run.hit();
    },
  },
  {
    name: "watches-cut",
    site: { resync: "5s" },
    arrange(run) {
      const { kubernetes } = run.site.lane.proxies;
      when(run, "aws", { verb: "CreateAccessKey", occurrence: 1 }, 0, async () => {
        kubernetes.add({ name: "drop", times: 3, match: { kind: "watch" }, action: { do: "dropEvent" } });
        kubernetes.add({ name: "half", times: 4, match: { kind: "watch" }, action: { do: "closeWatch", half: true } });
        await sleep(3000);
        kubernetes.closeWatches();
      });
    },
  },
  {
    name: "vault-hangs",
    arrange(run) {
      run.hit();
      const { vault } = run.site.lane.proxies;
      vault.add({
        name: "hang",
        match: { verb: "POST", template: "/v1/kv/data/{path}", occurrence: 2 },
        action: { do: "hang", point: "answerLost" },
      });
      vault.add({ name: "slow", times: Infinity, match: { kind: "read" }, action: { do: "delay", ms: 150 } });
    },
  },
  {
    name: "crash-loop",
    arrange(run) {
      const random = randomFrom(11);
      when(run, "kubernetes", { kind: "write" }, 0, async () => {
        for (let i = 0; i < 12; i += 1) {
          await sleep(300 + random() * 2200);
          run.countKill();
          await run.operator().process.kill9();
          run.countFrom();
          await run.operator().process.start();
        }
      });
    },
  },
];
