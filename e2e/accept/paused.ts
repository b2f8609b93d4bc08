import { sleep, waitFor } from "../stack/wait.ts";
import type { Fault } from "./faults.ts";
import type { Run } from "./run.ts";

const takeOverMs = 10_000;

/** The status write that makes the intent of the rotation that was asked for durable. */
function isIntent(call: { verb: string; template: string }, body: string): boolean {
  if (call.verb !== "PUT" || !call.template.endsWith("/secretrotations/{name}/status")) return false;
  const { status } = JSON.parse(body) as { status?: { rotation?: { trigger?: string; credential?: object } } };
  return status?.rotation?.trigger === "Requested" && status.rotation.credential === undefined;
}

/** A second operator takes the Lease and finishes the rotation; gives how long the take-over took. */
async function secondOperator(run: Run): Promise<void> {
  const { site } = run;
  const kube = site.lane.world.stack.kubernetes.client;
  const began = Date.now();
  run.countFrom(takeOverMs);
  await site.startOperator(1);
  await waitFor(
    "the second operator leads",
    async () => {
      const lease = await kube.get(`/apis/coordination.k8s.io/v1/namespaces/${site.operatorNamespace}/leases/keyturn`);
      return (lease["spec"] as { holderIdentity?: string }).holderIdentity === `${site.name}-1`;
    },
    { timeout: 30_000 },
  );
  run.countFrom();
  const seconds = (Date.now() - began) / 1000;
  if (seconds > takeOverMs / 1000 + 2) throw new Error(`the take-over of the Lease took ${seconds.toFixed(1)} s`);
  await run.settled();
}

function pausedAtIntent(name: string, ending: (run: Run) => Promise<void>): Fault {
  return {
    name,
    site: { attributionWindow: "60s", resync: "5s" },
    arrange(run) {
      run.site.lane.proxies.kubernetes.add({
        name,
        match: isIntent,
        action: {
          do: "kill",
          point: "answerDelivered",
          kill: () => {
            run.operator().process.pause();
            run.hit();
            run.story(async () => {
              await secondOperator(run);
              await ending(run);
            });
          },
        },
      });
    },
  };
}

/** A leader that stops between intent and issue, and what becomes of it after another one has finished its work. */
export const pausedRuns: readonly Fault[] = [
  pausedAtIntent("paused-then-continued", async (run) => {
    run.operator().process.resume();
    // Whatever it still means to do, it does now.
    await sleep(8000);
  }),
  pausedAtIntent("paused-then-killed", async (run) => {
    run.countKill();
    await run.operator().process.kill9();
  }),
  {
    name: "paused-with-the-request-under-way",
    site: { attributionWindow: "60s", resync: "5s" },
    arrange(run) {
      // The request to issue has left the first operator and arrives when the second one has long finished.
      let arrive: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      run.site.lane.proxies.aws.add({
        name: "late",
        match: { verb: "CreateAccessKey", occurrence: 2 },
        action: {
          do: "kill",
          point: "beforeSend",
          kill: async () => {
            run.operator().process.pause();
            run.hit();
            run.story(async () => {
              await secondOperator(run);
              // The proxy cannot hold a request and send it later, so the late answer is made here: the same call, now.
              await run.site.lane.world.stack.aws.client.createAccessKey(run.site.userName);
              run.countFrom();
              run.operator().process.resume();
              arrive();
              await sleep(8000);
            });
            await held;
          },
        },
      });
    },
  },
];
