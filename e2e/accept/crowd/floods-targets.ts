import { createServer as createSecureServer } from "node:https";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { Identity } from "../../lane/identity.ts";
import { freePort } from "../../stack/ports.ts";
import { ensurePostgres, putStaticRoles } from "../../stack/postgres.ts";
import { databasePolicy } from "../../stack/vault.ts";
import { sleep } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import { againAndAgain } from "./flood.ts";
import type { Flood, UnderWay } from "./flood.ts";
import { named, retrying } from "./floods-objects.ts";
import { allowVault, atOnce, bareRotation, rotationPath } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import type { Scale } from "./scale.ts";

// Targets of a tenant's own that are away: databases and hooks on closed ports, that accept and never answer, or that answer slowly.

const api = "/apis/keyturn.dev/v1alpha1";
/** Identities of another namespace that are suspended and come back all the while, and for how long at the most. */
const busyOthers = 12;
const longestMs = 75_000;

/** How a target is away. */
type Away = "refuses" | "hangs" | "is slow";

/** Longer than a healthy call takes, shorter than any deadline of the operator's. */
const slowMs = 4000;

interface Target {
  readonly port: number;
  close(): Promise<void>;
}

/** A port of the loopback that is away in this manner. `issue`: a certificate for one that speaks, and refuses, slowly. */
async function away(how: Away, issue: () => { readonly cert: string; readonly key: string }): Promise<Target> {
  const port = await freePort();
  if (how === "refuses") return { port, close: () => Promise.resolve() };
  const held = new Set<Socket>();
  const server: Server =
    how === "hangs"
      ? createServer((socket) => void socket.resume())
      : createSecureServer(issue(), (request, response) => {
          request.resume();
          setTimeout(() => response.writeHead(503).end(), slowMs).unref();
        });
  server.on("connection", (socket: Socket) => {
    held.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => held.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    async close() {
      for (const socket of held) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The database of one tenant behind a Vault that all share; Vault itself reaches it, the operator's own logins do not. */
export function deadDatabase({ dead, callsOfOthers }: Scale, how: "refuses" | "hangs"): Flood {
  const names = named("dead", dead);
  let target: Target | undefined;
  return {
    id: `flood/database-${how}`,
    kind: "dead database",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      const { stack } = crowd.site.lane.world;
      const postgres = await ensurePostgres(stack);
      await allowVault(crowd, databasePolicy({ prefix: `keyturn.${mob}.` }));
      await putStaticRoles(
        stack,
        postgres,
        names.map((name) => ({ name: `keyturn.${mob}.${name}`, username: `${mob}-${name}` })),
      );
      // Vault changes the passwords; the operator's own logins find nobody there.
      target = await away(how, () => stack.ca.authority.issue({ cn: "localhost", names: ["127.0.0.1"] }));
      const server = { name: postgres.vaultName, host: postgres.host, port: target.port, database: postgres.database };
      const databases = { servers: [{ ...server, caBundle: stack.ca.pem }] };
      const name = crowd.site.connections.vault;
      await crowd.kube.mergePatch(`${api}/providerconnections/${name}`, { spec: { vault: { databases } } });
      await inParallel(names, atOnce, (role) => {
        const source = { vaultDatabase: { connectionRef: { name }, role, users: "Single", acceptsOutage: true } };
        return crowd.kube.create(rotationPath(mob, "").slice(0, -1), bareRotation(mob, role, source));
      });
      crowd.count({ sizes: { [`dead rotations, a database that ${how}`]: names.length } });
    },
    begin: (crowd) => Promise.resolve(retrying(crowd, names)),
    meanwhile: (crowd) => callOthers(crowd, callsOfOthers),
    after: () => target?.close() ?? Promise.resolve(),
  };
}

const manners: readonly Away[] = ["hangs", "refuses", "is slow"];

export function hangingHook({ hanging, callsOfOthers }: Scale): Flood {
  const names = named("hook", hanging);
  const targets: Target[] = [];
  const connections: string[] = [];
  return {
    id: "flood/hanging-hook",
    kind: "hanging hook",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      const { site, kube } = crowd;
      await kube.create(`/api/v1/namespaces/${site.operatorNamespace}/secrets`, {
        metadata: { name: "hangs" },
        stringData: { signingKey: "a key that signs for a hook that never answers" },
      });
      const { ca } = site.lane.world.stack;
      for (const [number, how] of manners.entries()) {
        const target = await away(how, () => ca.authority.issue({ cn: "localhost", names: ["127.0.0.1"] }));
        const connection = `${site.namespace}-hook-${number + 1}`;
        targets.push(target);
        connections.push(connection);
        await kube.create(`${api}/providerconnections`, {
          apiVersion: "keyturn.dev/v1alpha1",
          kind: "ProviderConnection",
          metadata: { name: connection },
          spec: {
            allowedNamespaces: { mode: "Listed", names: [mob] },
            hook: {
              url: `https://127.0.0.1:${target.port}`,
              caBundle: ca.pem,
              signingSecretRef: { name: "hangs" },
              allowPrivateAddresses: true,
            },
          },
        });
      }
      // Half of them hang; the others are shared by the other manners.
      await inParallel([...names.entries()], atOnce, ([number, target]) => {
        const name = connections[number % 2 === 0 ? 0 : 1 + (((number - 1) / 2) % (connections.length - 1))];
        const source = { hook: { connectionRef: { name }, target, fields: ["apiKey"], refusals: "Free" } };
        return kube.create(rotationPath(mob, "").slice(0, -1), bareRotation(mob, target, source));
      });
      crowd.count({ sizes: { "hanging hooks": names.length } });
    },
    begin: (crowd) => Promise.resolve(retrying(crowd, names)),
    meanwhile: (crowd) => callOthers(crowd, callsOfOthers),
    async after({ kube }) {
      for (const connection of connections) await kube.delete(`${api}/providerconnections/${connection}`);
      for (const target of targets) await target.close();
    },
  };
}

/** Others ask Vault meanwhile, so many times; none of them may be told that Vault is away, for it is not. */
async function callOthers(crowd: Crowd, wanted: number): Promise<void> {
  const { site, stage, count } = crowd;
  const names = named("busy-other", busyOthers);
  await inParallel(names, atOnce, (name) =>
    site.apply(site.identity(name, [site.vaultAccount({ policies: ["read"] })])),
  );
  const from = Date.now();
  const prefix = `keyturn.${site.namespace}.`;
  const calls = (): number =>
    site.lane.proxies.vault
      .calls()
      .filter(({ at, path, status }) => at >= from && status !== undefined && path.includes(prefix)).length;
  const flips: UnderWay = againAndAgain(
    (number) => {
      const state = Math.floor(number / names.length) % 2 === 0 ? "Suspended" : "Active";
      return site.team.mergePatch(site.path(names[number % names.length] ?? ""), { spec: { state } });
    },
    { workers: 2, everyMs: 400 },
  );
  const told = new Set<string>();
  while (Date.now() - from < longestMs && calls() < wanted) {
    for (const name of await toldOfAway(crowd)) told.add(name);
    await sleep(500);
  }
  await flips.stop();
  const made = calls();
  count({ callsOfOthers: made, breakersOpenedForOthers: told.size });
  stage.say(`${made} calls of others; ${told.size} of them are told that a provider is away`);
  if (made < wanted)
    stage.broken("L1", `Only ${made} of ${wanted} calls of others were made in ${longestMs / 1000} s.`);
  if (told.size > 0)
    stage.broken("L1", "A breaker has opened for others, whose provider answers.", [...told].slice(0, 20));
}

/** Names of resources of the other namespace whose status says that a provider does not answer. */
async function toldOfAway({ kube, site }: Crowd): Promise<string[]> {
  const told: string[] = [];
  for (const plural of ["serviceaccountlifecycles", "secretrotations"]) {
    const { items } = await kube.list<Identity>(`${api}/namespaces/${site.namespace}/${plural}`);
    for (const { metadata, status } of items) {
      const text = JSON.stringify(status ?? {});
      if (/"(reason|code)":"(Unavailable|Timeout|ProviderUnavailable)"|not answered several times/.test(text))
        told.push(metadata.name);
    }
  }
  return told;
}
