import type { KubeClient } from "../stack/kube.ts";

/** Requests that the API server has answered, by `<verb> <resource>[/<subresource>]`. */
export type Requests = ReadonlyMap<string, number>;

/** From the API server's own metrics: what an operator says of itself is no evidence. */
export async function requestsOf(kube: KubeClient): Promise<Requests> {
  const { body } = await kube.raw("GET", "/metrics");
  const found = new Map<string, number>();
  for (const line of body.split("\n")) {
    if (!line.startsWith("apiserver_request_total{")) continue;
    const label = (name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? "";
    const sub = label("subresource");
    const key = `${label("verb")} ${label("resource")}${sub === "" ? "" : `/${sub}`}`;
    found.set(key, (found.get(key) ?? 0) + Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  return found;
}

export const since = (before: Requests, after: Requests): Requests =>
  new Map(
    [...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const).filter(([, count]) => count > 0),
  );

const WRITES = ["POST", "PUT", "PATCH", "DELETE", "APPLY"];

/** Resources that an operator alone writes in this bench; the driver makes and annotates SecretRotations before the meter runs. */
const COUNTED = ["secretrotations", "secretrotations/status", "secrets", "configmaps", "orphanedcredentials"];
const READ = [
  "GET secretrotations",
  "GET secrets",
  "GET providerconnections",
  "GET configmaps",
  "GET serviceaccountlifecycles",
];

const sum = (requests: Requests, wanted: (verb: string, what: string) => boolean): number =>
  [...requests].reduce((total, [key, count]) => {
    const [verb = "", what = ""] = key.split(" ");
    return wanted(verb, what) ? total + count : total;
  }, 0);

export const writes = (requests: Requests): number =>
  sum(requests, (verb, what) => WRITES.includes(verb) && COUNTED.includes(what));
export const eventWrites = (requests: Requests): number =>
  sum(requests, (verb, what) => WRITES.includes(verb) && what === "events");
export const reads = (requests: Requests): number => sum(requests, (verb, what) => READ.includes(`${verb} ${what}`));
/** With the Lease that says who leads, and lists of the operator. */
export const all = (requests: Requests): number =>
  writes(requests) + reads(requests) + eventWrites(requests) + sum(requests, (_verb, what) => what === "leases");
