import { readOutside } from "../../lane/outside.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { Scenario, Stage } from "./stage.ts";
import { stillness } from "./stage.ts";

/** A namespace is deleted while Vault is away: it goes within its timeout, and the ledger does the rest afterwards. */
export const namespaceDeletion: Scenario = {
  id: "namespace-deleted-with-vault-down",
  async play(stage) {
    const { site } = stage;
    const kube = site.lane.world.stack.kubernetes.client;
    const timeout = 5;
    await site.apply(
      site.identity(
        "app",
        [
          site.kubernetesAccount({ roles: ["reader", "viewer"] }),
          site.awsUser({ policies: ["read"] }),
          site.vaultAccount({ policies: ["read"] }),
        ],
        { deletion: { holdFor: "1s", timeout: `${timeout}s` } },
      ),
    );
    await site.until("app", "Good");
    stage.count("joined");
    await site.createSecretId(site.vaultName("app", "secrets"));
    await stillness(stage);
    const down = site.lane.proxies.vault.add({
      name: "away",
      times: Infinity,
      match: () => true,
      action: { do: "cut", point: "beforeSend" },
    });
    const began = Date.now();
    await kube.delete(`/api/v1/namespaces/${site.namespace}`);
    let asked = 0;
    await waitFor("the resource is gone", async () => {
      const { deletionTimestamp } = (await site.find("app"))?.metadata ?? {};
      if (deletionTimestamp !== undefined) asked = Date.parse(deletionTimestamp);
      return asked > 0 && (await site.find("app")) === undefined;
    });
    const went = (Date.now() - asked) / 1000;
    // One pass and the whole seconds of the API server's times come on top.
    if (went > timeout + 3)
      stage.broken("L1", `The resource stayed for ${went} s although its timeout is ${timeout} s.`);
    await waitFor(
      "the namespace is gone",
      async () => (await kube.find(`/api/v1/namespaces/${site.namespace}`)) === undefined,
      { timeout: 60_000 },
    );
    stage.say(
      `with Vault down and a timeout of ${timeout} s the resource let go after ${went.toFixed(1)} s, the namespace was gone after ${((Date.now() - began) / 1000).toFixed(1)} s`,
    );
    const away = await readOutside(site);
    const entity = `vault/entity/${site.vaultName("app", "secrets")}`;
    if (!away.has(entity)) stage.broken("RUN", "The entity went although Vault was away: nothing is shown.");
    if (![...away.keys()].some((key) => key.startsWith("own/ledger/")))
      stage.broken("S4", "The namespace is gone, an entity stands at Vault, and no ledger entry knows.", [
        ...away.keys(),
      ]);
    await sleep(1500);
    down.remove();
    await waitFor(
      "the ledger has finished",
      async () => {
        const left = [...(await readOutside(site)).keys()].filter(
          (key) =>
            key.startsWith("own/") || key.includes(`.${site.namespace}.`) || /ClusterRoleBinding\/keyturn\./.test(key),
        );
        if (left.length > 0) throw new Error(JSON.stringify([left, await ledger(stage)]));
        return true;
      },
      { timeout: 120_000, every: 200 },
    );
    stage.count("offboarded");
  },
};

/**
 * Something that heals itself applies the same failing spec every three seconds while it is being reverted: the operator
 * writes no spec.
 */
export const selfHeal: Scenario = {
  id: "self-heal-during-a-revert",
  async play(stage) {
    const { site } = stage;
    const writes: string[] = [];
    // A match that never matches sees every request with its body.
    site.lane.proxies.kubernetes.add({
      name: "look",
      times: Infinity,
      match: (call, body) => {
        if (call.mutating && /\/(serviceaccountlifecycles|secretrotations)\/\{name\}$/.test(call.template))
          writes.push(`${call.verb} ${body}`);
        return false;
      },
      action: { do: "delay", ms: 0 },
    });
    const good = site.identity("app", [
      site.kubernetesAccount({ roles: ["reader"] }),
      site.awsUser({ policies: ["read"] }),
      site.vaultAccount({ policies: ["read"] }),
    ]);
    const bad = {
      ...good,
      spec: {
        ...good.spec,
        accounts: [
          ...good.spec.accounts.slice(0, 1),
          {
            name: "lake",
            aws: {
              connectionRef: { name: site.connections.aws },
              user: { policies: [site.policyArn("read"), site.policyArn("missing")] },
            },
          },
          site.vaultAccount({ policies: ["read", "write"] }),
        ],
      },
    };
    await site.apply(good);
    await site.until("app", "Good");
    stage.count("joined");
    const apply = async (): Promise<KubeObject> => site.team.apply(site.path("app"), bad, "argocd-controller");
    const first = await apply();
    let last = first;
    const end = Date.now() + 24_000;
    while (Date.now() < end) {
      await sleep(3000);
      last = await apply();
    }
    const identity = await site.until("app", "Reverted");
    stage.count("reverts");
    const wrote = writes.filter((line) => /"spec"\s*:/.test(line) && changesSpec(line, [good.spec, bad.spec]));
    stage.count("specWrites", wrote.length);
    if (wrote.length > 0)
      stage.broken("S12", "The operator wrote a spec while something else applied it.", wrote.slice(0, 3));
    if (
      last.metadata.generation !== first.metadata.generation ||
      identity.metadata.generation !== first.metadata.generation
    ) {
      stage.count("specWrites");
      stage.broken(
        "S12",
        "The spec was changed by somebody else than the one who applies it.",
        [first, last].map(({ metadata }) => metadata.generation),
      );
    }
    // The same one, for what it has applied is its own until it applies something else.
    await site.team.apply(site.path("app"), good, "argocd-controller");
    await site.until("app", "Good");
  },
};

/** A PUT carries the whole object; it writes the spec when it says something else than what was applied. */
function changesSpec(line: string, applied: readonly object[]): boolean {
  const body = line.slice(line.indexOf(" ") + 1);
  try {
    const sent = (JSON.parse(body) as { spec?: object }).spec;
    return sent !== undefined && !applied.some((spec) => canonical(sent) === canonical(spec));
  } catch {
    return true;
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

async function ledger(stage: Stage): Promise<unknown[]> {
  const { items } = await stage.site.lane.world.stack.kubernetes.client.list(
    "/apis/keyturn.dev/v1alpha1/orphanedcredentials",
  );
  return items.map((item) => [item.metadata.name, item["status"]]);
}
