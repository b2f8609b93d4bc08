import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Action } from "../stack/fault-proxy.ts";
import { sleep, waitFor } from "../stack/wait.ts";
import type { Lane, Site, SiteOptions } from "./lane.ts";
import { startLane } from "./lane.ts";
import { conditionOf } from "./rotation.ts";
import type { Rotation } from "./rotation.ts";
import type { World } from "./world.ts";
import { startWorld } from "./world.ts";

/**
 * The rows of the bad-input table that the schema cannot refuse, each with the real servers: a stable condition that names what
 * is wrong, nothing changed at AWS or Vault, and a way out that works.
 */
describe("bad input", function () {
  this.timeout(120_000);
  let world: World;
  let lane: Lane;
  let sites = 0;

  before(async function () {
    this.timeout(3_600_000);
    world = await startWorld();
    lane = await startLane(world);
  });
  after(async () => {
    await world.stop();
  });

  const kube = () => world.stack.kubernetes.client;
  const open = async (options: Partial<SiteOptions> = {}): Promise<Site> => {
    sites += 1;
    return lane.open({ name: `bad-${sites}`, resync: "5s", ...options });
  };
  const read = async (site: Site): Promise<Rotation | undefined> => kube().find<Rotation>(site.rotationPath);
  const until = async (
    site: Site,
    what: string,
    seen: (rotation: Rotation) => boolean,
    timeout = 30_000,
  ): Promise<Rotation> => {
    let last: Rotation | undefined;
    try {
      return await waitFor(
        what,
        async () => {
          last = await read(site);
          return last !== undefined && seen(last) ? last : undefined;
        },
        { timeout, every: 100 },
      );
    } catch (error) {
      throw new Error(`${what}; the status was ${JSON.stringify(last?.status?.conditions)}`, { cause: error });
    }
  };
  const reason = (rotation: Rotation, type: string): string | undefined => conditionOf(rotation.status, type)?.reason;
  const ready = (rotation: Rotation): boolean => conditionOf(rotation.status, "Ready")?.status === "True";
  /** Calls of the operator that changed something at AWS or in Vault (a login changes nothing of ours). */
  const changes = (): readonly string[] =>
    [...lane.proxies.aws.calls(), ...lane.proxies.vault.calls()]
      .filter(({ kind }) => kind === "write")
      .map(({ verb }) => verb);
  const start = async (site: Site): Promise<void> => {
    await site.startOperator();
    await site.applyRotation();
  };
  /** Applies, waits for the reason on Ready, and finds that it stays and that nothing was changed outside. */
  const refused = async (site: Site, wanted: string, message: RegExp): Promise<Rotation> => {
    await start(site);
    const rotation = await until(site, `Ready=False ${wanted}`, (seen) => reason(seen, "Ready") === wanted);
    match(conditionOf(rotation.status, "Ready")?.message ?? "", message);
    await sleep(1500);
    deepEqual(changes(), []);
    const later = await until(site, "the same condition", (seen) => reason(seen, "Ready") === wanted);
    equal(conditionOf(later.status, "Ready")?.message, conditionOf(rotation.status, "Ready")?.message);
    equal(await kube().find(site.secretPath), undefined);
    return rotation;
  };
  const patchConnection = (name: string, spec: object): Promise<unknown> =>
    kube().mergePatch(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`, { spec });

  it("says which connection does not exist, and goes on once it is there", async () => {
    const site = await open();
    const path = `/apis/keyturn.dev/v1alpha1/providerconnections/${site.connections.aws}`;
    const { spec } = await kube().get<Rotation & { spec: object }>(path);
    await kube().delete(path);
    await refused(site, "NotFound", new RegExp(`ProviderConnection ${site.connections.aws} does not exist`));
    await kube().create("/apis/keyturn.dev/v1alpha1/providerconnections", {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ProviderConnection",
      metadata: { name: site.connections.aws },
      spec,
    });
    await site.applyWorkload();
    await until(site, "ready", ready);
    await site.close();
  });

  it("lets no namespace use a connection that does not allow it", async () => {
    const site = await open();
    await patchConnection(site.connections.aws, { allowedNamespaces: { mode: "Listed", names: ["somebody-else"] } });
    await refused(site, "PermissionDenied", /does not allow namespace/);
    await site.close();
  });

  it("says that the user does not exist", async () => {
    const site = await open();
    await world.stack.aws.client.removeUser(site.userName);
    await refused(site, "NotFound", new RegExp(`IAM user ${site.userName} does not exist`));
    await site.close();
  });

  it("touches no user that carries no owner tag", async () => {
    const site = await open();
    await world.stack.aws.client.untagUser(site.userName, ["keyturn.dev/owner"]);
    await refused(site, "Conflict", /tag keyturn\.dev\/owner must be/);
    equal((await world.stack.aws.client.listUserTags(site.userName))["keyturn.dev/owner-uid"], undefined);
    await site.close();
  });

  it("touches no user that another resource owns", async () => {
    const site = await open();
    await world.stack.aws.client.tagUser(site.userName, { "keyturn.dev/owner": "other/team/app" });
    await refused(site, "Conflict", /tag keyturn\.dev\/owner must be/);
    await site.close();
  });

  it("touches no user outside the path of its namespace", async () => {
    const site = await open();
    const { client } = world.stack.aws;
    await client.removeUser(site.userName);
    await client.createUser(site.userName, {
      path: "/keyturn/somebody-else/",
      tags: { "keyturn.dev/owner": `${site.name}/${site.namespace}/${site.rotationName}` },
    });
    await refused(site, "PermissionDenied", /does not lie under the path/);
    await site.close();
  });

  it("deletes no foreign key to make room, and says that the slots are full", async () => {
    const site = await open();
    const { client } = world.stack.aws;
    await client.createAccessKey(site.userName);
    await client.createAccessKey(site.userName);
    const rotation = await refused(site, "SlotsFull", /all the access keys that AWS allows/);
    equal(conditionOf(rotation.status, "Stalled")?.reason, "SlotsFull");
    equal(conditionOf(rotation.status, "Unmanaged")?.reason, "UnknownCredential");
    equal((await client.listAccessKeys(site.userName)).filter(({ status }) => status === "Active").length, 2);
    await site.close();
  });

  for (const [place, path] of [
    ["Secret", (site: Site) => site.secretPath],
    ["Vault path", (site: Site) => site.kvPath],
  ] as const) {
    it(`issues nothing when the ${place} to deliver to exists and is not ours`, async () => {
      const site = await open();
      if (place === "Secret") {
        const secret = {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: site.secretName },
          stringData: { theirs: "1" },
        };
        await kube().create(`/api/v1/namespaces/${site.namespace}/secrets`, secret);
      } else await world.stack.vault.client.call("POST", `kv/data/${path(site)}`, { data: { theirs: "1" } });
      await start(site);
      const rotation = await until(site, "Conflict", (seen) => reason(seen, "Ready") === "Conflict");
      equal(conditionOf(rotation.status, "Conflict")?.reason, "NotOurs");
      await sleep(1500);
      deepEqual(changes(), []);
      equal((await world.stack.aws.client.listAccessKeys(site.userName)).length, 0);
      await site.close();
    });
  }

  it("gives one target to the first claimant only", async () => {
    const site = await open();
    await site.applyWorkload();
    await start(site);
    await until(site, "ready", ready);
    const { client } = world.stack.aws;
    const second = site.rotation();
    const deliver = [{ name: "app", kubernetesSecret: { name: "second" } }];
    await kube().create(site.rotationPath.replace(/\/[^/]+$/, ""), {
      ...second,
      metadata: { ...second.metadata, name: "second" },
      spec: { ...second.spec, deliver },
    });
    const path = site.rotationPath.replace(/[^/]+$/, "second");
    await waitFor(
      "the later one is in conflict",
      async () =>
        conditionOf((await kube().find<Rotation>(path))?.status, "Ready")?.reason === "Conflict" ? true : undefined,
      { timeout: 20_000 },
    );
    equal((await client.listAccessKeys(site.userName)).length, 1);
    ok(ready((await read(site))!));
    await site.close();
  });

  const faults: readonly (readonly [string, Action, readonly string[]])[] = [
    [
      "answers rubbish",
      { do: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>hello</html>" },
      ["Unavailable"],
    ],
    ["answers nothing", { do: "answer", status: 200, body: "" }, ["Unavailable"]],
    [
      "redirects",
      { do: "answer", status: 302, headers: { location: "https://127.0.0.1:1/" }, body: "" },
      ["Unavailable"],
    ],
    ["closes early", { do: "cut", point: "beforeSend" }, ["Unavailable"]],
    ["hangs", { do: "hang", point: "beforeSend" }, ["Timeout", "Unavailable"]],
    ["throttles", { do: "answer", status: 400, code: "Throttling" }, ["Throttled"]],
  ];
  for (const [what, action, codes] of faults) {
    it(`waits in public while IAM ${what}, and goes on when that ends`, async () => {
      const site = await open();
      await site.applyWorkload();
      lane.proxies.aws.add({ name: what, match: () => true, times: 1_000_000, action });
      await start(site);
      const rotation = await until(
        site,
        `one of ${codes.join(", ")}`,
        (seen) => codes.includes(reason(seen, "Ready") ?? ""),
        40_000,
      );
      equal(conditionOf(rotation.status, "Reverted"), undefined);
      lane.proxies.aws.clearRules();
      await until(site, "ready once the fault is over", ready, 80_000);
      await site.close();
    });
  }

  it("never reverts a good spec because Vault is sealed", async () => {
    const site = await open({ progressDeadline: "2s" });
    await site.applyWorkload();
    await start(site);
    await until(site, "good", (seen) => seen.status?.lastKnownGood !== undefined);
    await world.stack.vault.seal();
    const deliver = [
      ...site.rotation().spec.deliver,
      { name: "more", vaultKV: { connectionRef: { name: site.connections.vault }, path: "more" } },
    ];
    await kube().mergePatch(site.rotationPath, { spec: { deliver } });
    await until(site, "waiting for Vault", (seen) => seen.status?.failures?.reason === "Unavailable");
    await sleep(5000);
    const waiting = (await read(site))!;
    equal(conditionOf(waiting.status, "Reverted"), undefined);
    ok(ready(waiting), "the published credential still works");
    await world.stack.vault.unseal();
    await until(
      site,
      "the new spec is good",
      (seen) => seen.status?.lastKnownGood?.generation === seen.metadata.generation,
      80_000,
    );
    await site.close();
  });

  it("ignores a rotate-at that is no time, and says so", async () => {
    const site = await open();
    await site.applyWorkload();
    await start(site);
    await until(site, "good", (seen) => seen.status?.lastKnownGood !== undefined);
    await kube().mergePatch(site.rotationPath, { metadata: { annotations: { "keyturn.dev/rotate-at": "tomorrow" } } });
    const events = await waitFor(
      "an event",
      async () => {
        const { items } = await kube().list<Rotation & { reason: string }>(
          `/apis/events.k8s.io/v1/namespaces/${site.namespace}/events`,
        );
        const found = items.filter((event) => event.reason === "InvalidAnnotation");
        return found.length > 0 ? found : undefined;
      },
      { timeout: 20_000 },
    );
    equal(events.length, 1);
    ok((await read(site))?.status?.current?.version.startsWith("1-"));
    await site.close();
  });

  it("does nothing while paused, and catches up afterwards", async () => {
    const site = await open();
    await site.applyWorkload();
    await site.startOperator();
    const object = site.rotation();
    const annotations = { "keyturn.dev/paused": "true" };
    await kube().create(site.rotationPath.replace(/\/[^/]+$/, ""), {
      ...object,
      metadata: { ...object.metadata, annotations },
    });
    await until(site, "paused", (seen) => conditionOf(seen.status, "Paused") !== undefined);
    await sleep(1500);
    deepEqual(changes(), []);
    await kube().mergePatch(site.rotationPath, { metadata: { annotations: { "keyturn.dev/paused": null } } });
    await until(site, "ready", ready);
    await site.close();
  });
});
