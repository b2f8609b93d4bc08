import { lookup, type LookupAddress, type LookupAllOptions, type LookupOptions } from "node:dns";
import { Agent } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { invalidField, type SpecNode } from "./spec.ts";

/**
 * Addresses behind which clouds hand out credentials, and "any" addresses. Loopback and private networks are allowed: endpoints
 * stand in ProviderConnections, which only platform administrators write, and private endpoints live there.
 */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet("169.254.0.0", 16, "ipv4");
FORBIDDEN.addSubnet("0.0.0.0", 8, "ipv4");
FORBIDDEN.addAddress("100.100.100.200", "ipv4");
FORBIDDEN.addSubnet("fe80::", 10, "ipv6");
FORBIDDEN.addAddress("::", "ipv6");
FORBIDDEN.addAddress("fd00:ec2::254", "ipv6");

export const isForbiddenAddress = (address: string): boolean => {
  const family = isIP(address);
  return family !== 0 && FORBIDDEN.check(address, family === 4 ? "ipv4" : "ipv6");
};

/** Networks behind which nobody outside can look: where a request that a tenant causes may not go unless a platform says so. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv4");
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addAddress("::1", "ipv6");

/** Of an address; a name is judged when it has been looked up. */
export const isPrivateAddress = (address: string): boolean => {
  const family = isIP(address);
  return family !== 0 && PRIVATE.check(address, family === 4 ? "ipv4" : "ipv6");
};

/** Without the brackets of IPv6. */
export const addressIn = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

/** A server's address: https, no user info, no query, no fragment, no path unless allowed, not a metadata address. */
export const endpointOf = (node: SpecNode, key: string, allowed: { readonly path?: boolean } = {}): URL => {
  const field = node.at(key);
  const text = node.text(key, /^https:\/\/[\x21-\x7e]+$/, { longest: 512 });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalidField(field, "must be an https URL");
  }
  if (url.username !== "" || url.password !== "") throw invalidField(field, "must not hold user information");
  if (text.includes("?") || text.includes("#")) throw invalidField(field, "must not have a query or a fragment");
  if (allowed.path !== true && url.pathname !== "/") throw invalidField(field, "must not have a path");
  if (url.port === "0") throw invalidField(field, "must not name port 0");
  if (isForbiddenAddress(addressIn(url))) throw invalidField(field, "must not be a link-local address");
  return url;
};

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** `lookup` for an Agent: a name that resolves to an address that is not allowed is refused, also when DNS changes later (rebinding). */
export const lookupFor =
  ({ privateAllowed }: { readonly privateAllowed: boolean }): LookupFunction =>
  (hostname: string, options: LookupOptions, done: LookupDone): void => {
    const all: LookupAllOptions = { ...options, all: true };
    const refused = ({ address }: LookupAddress): boolean =>
      isForbiddenAddress(address) || (!privateAllowed && isPrivateAddress(address));
    lookup(hostname, all, (error, addresses) => {
      if (error !== null) {
        done(error, []);
        return;
      }
      const [first] = addresses;
      if (first === undefined || addresses.some(refused)) {
        done(Object.assign(new Error("The name resolves to a forbidden address."), { code: "EADDRNOTAVAIL" }), []);
        return;
      }
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };

/** Of what only a platform names: private networks are where it lies. */
export const guardedLookup: LookupFunction = lookupFor({ privateAllowed: true });

/** Requests under way at a time at one endpoint. Whoever calls through a connection's budget waits there, before its own deadline begins. */
export const CALLS_AT_ONCE = 20;

/** Connections to one endpoint, kept open between requests. */
export const agentFor = (options: { readonly lookup: LookupFunction; readonly caBundle: string | undefined }): Agent =>
  new Agent({
    keepAlive: true,
    maxSockets: CALLS_AT_ONCE,
    lookup: options.lookup,
    ...(options.caBundle === undefined ? {} : { ca: options.caBundle }),
  });
