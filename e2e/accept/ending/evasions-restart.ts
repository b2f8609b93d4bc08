import type { IdentitySite } from "../../lane/identity-site.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { AwsError } from "../../stack/aws.ts";
import type { Stage } from "../lifecycle/stage.ts";
import { annotated, declaredAgain, everywhere, folder } from "./editors.ts";
import { keysByName, secretIdsByName } from "./editors-beside.ts";
import {
  comesBack,
  declaredOnes,
  deletedForGood,
  held,
  isActive,
  otherNames,
  reapplied,
  rotationMadeNew,
} from "./evasions.ts";
import type { Attempt, StayCase, StayPlay } from "./stay.ts";

// Ways round an IdentityHold over a restart: what is done while no operator sees it, and what is asked before the holds have been read.

/** One outage at a time on a stage; the others' cases see it as well. */
const outages = new WeakMap<Stage, Promise<unknown>>();

function outage<T>(stage: Stage, act: () => Promise<T>): Promise<T> {
  const one = async (): Promise<T> => {
    const { process } = stage.operator();
    await stage.kill();
    try {
      return await act();
    } finally {
      await process.start();
      await waitFor("the operator is ready again", () => stage.operator().ready(), { timeout: 60_000 });
    }
  };
  const mine = (outages.get(stage) ?? Promise.resolve()).then(one, one);
  outages.set(
    stage,
    mine.catch(() => undefined),
  );
  return mine;
}

/** All of them while the operator is down; it is told what was said to the last one. */
const whileDown = (...attempts: readonly [Attempt, ...Attempt[]]): Attempt => ({
  what: `while the operator is down: ${attempts.map(({ what }) => what).join(", ")}`,
  async run(play) {
    play.tally.holdEvasions += attempts.length - 1;
    const [first, ...more] = attempts;
    return outage(play.stage, async () => {
      let answer = await first.run(play);
      for (const one of more) answer = await one.run(play);
      return answer;
    });
  },
});

const madeNew: Attempt = {
  what: "made again under its name",
  run: (play) => play.editor.send("POST", folder(play), declaredAgain(play)),
};
const goneForGood: Attempt = { what: "deleted for good", run: deletedForGood };

/** Several resyncs of the site. */
const unreadSeconds = 14;
const newcomerOf = ({ name }: StayPlay): string => `${name}-new`;
const given = new WeakMap<StayPlay, readonly string[]>();

/** What the newcomer has at a provider. */
async function hasOf(site: IdentitySite, name: string): Promise<readonly string[]> {
  const { kubernetes, aws, vault } = site.lane.world.stack;
  const account = await kubernetes.client.find(`/api/v1/namespaces/${site.namespace}/serviceaccounts/${name}`);
  const user = await aws.client
    .action("iam", "GetUser", { UserName: site.awsName(name, "lake") })
    .catch((error: unknown) => {
      if (error instanceof AwsError && error.code === "NoSuchEntity") return undefined;
      throw error;
    });
  const entity = await vault.client.call("GET", `identity/entity/name/${site.vaultName(name, "secrets")}`);
  return Object.entries({ "a ServiceAccount": account, "a user": user, "an entity": entity }).flatMap(
    ([what, found]) => (found === undefined ? [] : [what]),
  );
}

/** The operator comes back and cannot read the holds: nobody is given anything then, also those who are not held. */
const beforeTheyAreRead: Attempt = {
  what: "applied again, and a newcomer, before the holds have been read",
  async run(play) {
    const { site, stage } = play;
    const unreadable = await outage(stage, () =>
      Promise.resolve(
        site.lane.proxies.kubernetes.add({
          name: "holds cannot be read",
          match: ({ verb, path }) => verb === "GET" && path.includes("/identityholds"),
          times: Number.MAX_SAFE_INTEGER,
          action: { do: "answer", status: 500, code: "InternalError" },
        }),
      ),
    );
    try {
      const answer = await reapplied.run(play);
      await play.editor.send("POST", folder(play), declaredAgain(play, {}, { name: newcomerOf(play) }));
      play.tally.holdEvasions += 1;
      await sleep(unreadSeconds * 1000);
      if (unreadable.hits() === 0) throw new Error("the operator has not tried to read the holds");
      given.set(play, await hasOf(site, newcomerOf(play)));
      return answer;
    } finally {
      unreadable.remove();
    }
  },
};

export const restartEvasions: readonly StayCase[] = [
  {
    ...{ id: "other-names", accounts: everywhere, end: held() },
    after: [whileDown(...otherNames, keysByName, secretIdsByName)],
  },
  {
    // What the hold has recorded as its targets is all that is left of the identity's name.
    ...{ id: "other-names-when-deleted", accounts: everywhere, end: held() },
    after: [goneForGood, whileDown(...otherNames, keysByName, secretIdsByName)],
  },
  {
    ...{ id: "made-again", accounts: everywhere, end: held(), finally: comesBack(/ServiceAccount/) },
    after: [goneForGood, whileDown(madeNew, rotationMadeNew)],
  },
  {
    ...{ id: "held-while-down", accounts: everywhere, finally: comesBack(declaredOnes) },
    end: (play) =>
      outage(play.stage, async () => {
        await reapplied.run(play);
        await held()(play);
      }),
    after: [whileDown(isActive, reapplied, rotationMadeNew), annotated("retry", { "keyturn.dev/retry": "1" })],
  },
  {
    ...{ id: "before-they-are-read", accounts: everywhere, end: held() },
    after: [beforeTheyAreRead],
    async finally(play) {
      const early = given.get(play) ?? [];
      if (early.length > 0) return `a newcomer was given ${early.join(", ")} before the holds had been read`;
      // It is nobody that a hold names, so that it waited for nothing else.
      await play.site.until(newcomerOf(play), "Good", 90_000);
      return undefined;
    },
  },
];
