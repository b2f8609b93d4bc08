import type { IdentitySite } from "../../lane/identity-site.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import type { AwsKey } from "../../stack/aws.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { Credential } from "./credentials.ts";
import { accessKey, appRole, jwtLogin, serviceAccountToken } from "./credentials.ts";
import type { Scenario, Stage } from "./stage.ts";

/** Everybody leaves at once; every credential, and every session from one, is tried until it is refused. */
export function everybodyLeaves(people: number): Scenario {
  return {
    id: `leave-at-once/${people}`,
    site: { resync: "60s" },
    play: (stage) => leaveAtOnce(stage, people),
  };
}

/** Within this the last credential must be refused. */
const mostSeconds = 300;

async function leaveAtOnce(stage: Stage, people: number): Promise<void> {
  const { site } = stage;
  const names = Array.from({ length: people }, (_, i) => `robot-${i + 1}`);
  const kindOf = (i: number): "aws" | "approle" | "jwt" | "role" =>
    i % 10 < 4 ? "aws" : i % 10 < 8 ? "approle" : i % 10 < 9 ? "jwt" : "role";
  const began = Date.now();
  await inParallel(names, 8, async (name, i) => {
    await site.apply(site.identity(name, accountsOf(site, kindOf(i)), { deletion: { holdFor: "1h", timeout: "30s" } }));
  });
  await inParallel(names, 8, (name) => site.until(name, "Good", 180_000));
  stage.count("joined", people);
  stage.say(`${people} identities joined in ${seconds(began)} s`);
  // Before there is a rotation: what turns up in the window of an intent would be taken for its late answer, and revoked.
  const untold = new Map<string, AwsKey>();
  await inParallel(names, 8, async (name, i) => {
    if (kindOf(i) === "aws") untold.set(name, await site.createKey(site.awsName(name, "lake")));
  });
  const rotated = names.filter((_, i) => kindOf(i) === "aws" && i % 2 === 0);
  await inParallel(rotated, 8, (name) => site.team.apply(...rotationOf(site, name)));
  await inParallel(rotated, 8, (name) => issued(site, name));
  const credentials = (
    await Promise.all(
      names.map((name, i) =>
        credentialsOf(site, name, kindOf(i), { untold: untold.get(name), rotated: rotated.includes(name) }),
      ),
    )
  ).flat();
  const dead = await tried(credentials);
  for (const { what } of dead)
    stage.broken("RUN", "A credential that should work before the end does not, so its refusal proves nothing.", what);
  stage.say(`${credentials.length} credentials and sessions work`);

  const left = Date.now();
  await inParallel(names, 16, (name) => site.team.mergePatch(site.path(name), { spec: { state: "Decommissioned" } }));
  let alive = credentials;
  const offboarded = new Set<string>();
  while (Date.now() - left < mostSeconds * 1000 && (alive.length > 0 || offboarded.size < people)) {
    const refused = new Set(await tried(alive));
    alive = alive.filter((one) => !refused.has(one));
    const { items } = await site.lane.world.stack.kubernetes.client.list<Identity>(folder(site));
    for (const identity of items)
      if (identityCondition(identity, "Offboarded")?.status === "True") offboarded.add(identity.metadata.name);
    await sleep(250);
  }
  const took = seconds(left);
  stage.atMost("offboardSecondsMax", took);
  stage.count("offboarded", offboarded.size);
  stage.say(
    `${offboarded.size} of ${people} offboarded, ${credentials.length - alive.length} credentials refused after ${took} s`,
  );
  // Once more, all of them, now that the operator says that it is proven.
  const final = new Set(await tried(credentials));
  const accepted = credentials.filter((one) => !final.has(one));
  stage.count("stillAcceptedTried", credentials.length);
  stage.count("stillAccepted", accepted.length);
  for (const { what } of accepted)
    stage.broken("S10", "A credential of somebody who has left is still accepted.", what);
  for (const name of names)
    if (!offboarded.has(name))
      stage.broken("L1", `${name} is not offboarded after ${mostSeconds} s.`, (await site.find(name))?.status);
  for (const one of credentials) one.close();
}

function accountsOf(site: IdentitySite, kind: "aws" | "approle" | "jwt" | "role"): Identity["spec"]["accounts"] {
  const cluster = site.kubernetesAccount({ roles: ["reader"] });
  switch (kind) {
    case "aws":
      return [cluster, site.awsUser({ policies: ["read"] })];
    case "approle":
      return [cluster, site.vaultAccount({ policies: ["read"] })];
    case "jwt":
      return [cluster, site.vaultAccount({ policies: ["read"], mode: "JWT" })];
    case "role":
      return [cluster, site.awsRole({ policies: ["read"], inline: ["s3:Get*"] })];
  }
}

/** A SecretRotation of the identity's AWS account. */
export function rotationOf(site: IdentitySite, name: string): [path: string, object: object, manager: string] {
  return [
    `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/secretrotations/${name}`,
    {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "SecretRotation",
      metadata: { name, namespace: site.namespace },
      spec: {
        identityRef: { name },
        source: { awsAccessKey: { accountRef: { name: "lake" } } },
        deliver: [
          {
            name: "app",
            kubernetesSecret: {
              name: `${name}-aws`,
              keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
            },
          },
        ],
        dependents: [],
        verify: { successes: 1, soak: "0s" },
        retire: { overlap: "1s", deleteAfter: "1s" },
        progressDeadline: "5s",
        deletion: { holdFor: "1h" },
      },
    },
    "team",
  ];
}

/** Resolves when the rotation has delivered its first key. */
export async function issued(site: IdentitySite, name: string): Promise<void> {
  const kube = site.lane.world.stack.kubernetes.client;
  const [path] = rotationOf(site, name);
  await waitFor(
    `${name} has its key`,
    async () => {
      const rotation = await kube.get<Identity>(path);
      if (identityCondition(rotation, "Ready")?.status === "True") return true;
      throw new Error(JSON.stringify(rotation.status).slice(0, 2000));
    },
    { timeout: 120_000 },
  );
}

async function credentialsOf(
  site: IdentitySite,
  name: string,
  kind: "aws" | "approle" | "jwt" | "role",
  aws: { readonly untold: AwsKey | undefined; readonly rotated: boolean },
): Promise<Credential[]> {
  const { stack } = site.lane.world;
  const all = [await serviceAccountToken(site, name)];
  switch (kind) {
    case "aws":
      // One that nobody told Keyturn of; with a rotation, its own key besides.
      if (aws.untold !== undefined) all.push(accessKey(site, aws.untold));
      if (aws.rotated) {
        const secret = await stack.kubernetes.client.get(`/api/v1/namespaces/${site.namespace}/secrets/${name}-aws`);
        const text = (key: string): string =>
          Buffer.from((secret["data"] as Record<string, string>)[key] ?? "", "base64").toString();
        all.push(
          accessKey(site, { accessKeyId: text("AWS_ACCESS_KEY_ID"), secretAccessKey: text("AWS_SECRET_ACCESS_KEY") }),
        );
      }
      break;
    case "approle":
      all.push(...(await appRole(site, site.vaultName(name, "secrets"))));
      break;
    case "jwt":
      all.push(...(await jwtLogin(site, site.vaultName(name, "secrets"), name)));
      break;
    case "role":
  }
  return all;
}

/** Those that are refused now. */
async function tried(credentials: readonly Credential[]): Promise<Credential[]> {
  const refused: Credential[] = [];
  await inParallel(credentials, 12, async (one) => {
    if ((await answerTo(one)) === "refused") refused.push(one);
  });
  return refused;
}

/** A connection that ends says nothing about the credential; a server that stays away does, about the campaign. */
export async function answerTo(one: Credential): Promise<"accepted" | "refused"> {
  for (let tries = 1; ; tries += 1)
    try {
      return await one.tryIt();
    } catch (error) {
      if (tries === 5) throw error;
      await sleep(200 * tries);
    }
}

/** Does something for each, a few at a time. */
export async function inParallel<T>(
  all: readonly T[],
  atOnce: number,
  act: (one: T, index: number) => Promise<unknown>,
): Promise<void> {
  const queue = [...all.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await act(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

function folder(site: IdentitySite): string {
  return `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/serviceaccountlifecycles`;
}

function seconds(since: number): number {
  return Math.round((Date.now() - since) / 100) / 10;
}
