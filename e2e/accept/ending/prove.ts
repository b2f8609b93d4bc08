import { sleep } from "../../stack/wait.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { everythingOf } from "./access.ts";
import { ends } from "./ends.ts";
import { iamReader } from "./iam-view.ts";
import { leaverOf } from "./leaver.ts";
import type { Leaver, LeaverCase } from "./leaver.ts";
import { isFalseProof, leftIn, look, uncutMeter } from "./observer.ts";
import { watchIam } from "./play.ts";
import { emptyEnding } from "./tally.ts";

/** What has been planted beneath the observer, what it has found of it, and what it found where nothing was planted. */
export interface Planted {
  readonly planted: number;
  readonly found: number;
  readonly falseAlarms: number;
}

/** A leaver that the operator has cut and proven; then, when the operator is gone, something works again. */
interface Fault {
  readonly id: string;
  readonly plant: (leaver: Leaver) => Promise<unknown>;
  /** What IAM holds lets a former action through again. */
  readonly uncut?: true;
}

const it: LeaverCase = {
  ...{ id: "observer", ends: ["suspended"] },
  accounts: (site) => [
    site.kubernetesAccount({ roles: ["reader", "viewer"] }),
    site.awsUser({ policies: ["read"] }),
    site.vaultAccount({ policies: ["read"] }),
  ],
};

const faults: readonly Fault[] = [
  {
    id: "the denial of a user is gone",
    uncut: true,
    plant: async ({ iam, user, site }) => {
      const { client } = site.lane.world.stack.aws;
      const xml = await client.action("iam", "ListUserPolicies", { UserName: user });
      for (const [, PolicyName = ""] of xml.matchAll(/<member>([^<]+)</g))
        await iam("DeleteUserPolicy", { UserName: user, PolicyName });
    },
  },
  {
    id: "a key is on again",
    plant: async ({ user, site }) => {
      const { client } = site.lane.world.stack.aws;
      const [key] = await client.listAccessKeys(user);
      if (key !== undefined) await client.updateAccessKey(user, key.accessKeyId, "Active");
    },
  },
  {
    id: "a binding is made again",
    plant: async ({ site, name }) =>
      site.lane.world.stack.kubernetes.client.create(
        `/apis/rbac.authorization.k8s.io/v1/namespaces/${site.namespace}/rolebindings`,
        {
          metadata: { name: `again-${name}` },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
          subjects: [{ kind: "ServiceAccount", name, namespace: site.namespace }],
        },
      ),
  },
  {
    id: "the entity is on again",
    plant: async ({ site, entity }) =>
      site.lane.world.stack.vault.client.call("POST", `identity/entity/name/${entity}`, { disabled: false }),
  },
];

/** The observer counts what is planted: access left, a proof that is false, seconds without a cut; and nothing before it is. */
export function plantedFaults(done: (planted: Planted) => void): Scenario {
  return {
    id: "observer",
    site: { resync: "60s", leavers: true },
    async play(stage) {
      const { site } = stage;
      const read = iamReader(site.lane.world.stack.aws.client);
      const watched = watchIam(read);
      const leavers = faults.map((_, i) =>
        leaverOf(stage, { it, end: "suspended", name: `l${i + 1}` }, { meter: uncutMeter(), tally: emptyEnding() }),
      );
      let falseAlarms = 0;
      let planted = 0;
      let found = 0;
      const check = (what: string, isSo: boolean): void => {
        planted += 1;
        if (isSo) found += 1;
        else stage.broken("RUN", `The observer does not see it: ${what}.`);
      };
      try {
        for (const leaver of leavers) {
          await site.apply(site.identity(leaver.name, leaver.accounts, { deletion: ends.suspended.deletion }));
          await site.until(leaver.name, "Good");
          leaver.accesses.push(...(await everythingOf(site, leaver.name, leaver.accounts, read)));
          await watched.follow(leaver);
          await ends.suspended.act(leaver);
        }
        for (const leaver of leavers) await site.until(leaver.name, "Suspended");
        // Its word stands, and the world changes beneath it.
        await stage.kill();
        for (const [i, fault] of faults.entries()) {
          const leaver = leavers[i]!;
          const claim = () => ends.suspended.claim(leaver);
          await sleep(600);
          const before = await look(leaver.accesses, claim);
          if (leftIn(before).length > 0 || isFalseProof(before) || leaver.meter.seconds() > 0) {
            falseAlarms += 1;
            stage.broken("RUN", `The observer sees what was not planted: ${fault.id}.`, leftIn(before));
          }
          if (!before.after.proven) stage.broken("RUN", "The operator had not claimed a proof.", before.after);
          await fault.plant(leaver);
          await sleep(1500);
          const after = await look(leaver.accesses, claim);
          check(`${fault.id}: access left`, leftIn(after).length > 0);
          check(`${fault.id}: false proof`, isFalseProof(after));
          // It measures at its next look at IAM, which takes as long as the machine needs.
          for (let tries = 0; fault.uncut === true && leaver.meter.seconds() < 1 && tries < 60; tries += 1)
            await sleep(250);
          if (fault.uncut === true) check(`${fault.id}: seconds without a cut`, leaver.meter.seconds() >= 1);
          else if (leaver.meter.seconds() > 0) falseAlarms += 1;
        }
      } finally {
        await watched.stop();
        for (const leaver of leavers) for (const one of leaver.accesses) one.close();
      }
      done({ planted, found, falseAlarms });
    },
  };
}
