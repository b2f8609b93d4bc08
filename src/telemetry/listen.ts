import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Address {
  /** Empty or `::` is every address of both families. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** `host:port`, with an IPv6 host in brackets. */
export const addressOf = (text: string): Address => {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
};

const EVERY_IPV6 = "::";
const EVERY_IPV4 = "0.0.0.0";
/** A node without the family: the kernel knows it not, or has no address of it. */
const WITHOUT_FAMILY = ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"];

/** The part of a server that listens. */
type Listening = Pick<Server, "once" | "off" | "listen" | "address">;

/**
 * Binds the server, and resolves with its port. `[::]` takes both families; where the machine has no IPv6, it is IPv4 alone. Rejects when the
 * address cannot be bound.
 */
export const listen = async (server: Listening, { host, port }: Address): Promise<number> => {
  try {
    await bind(server, host === "" ? EVERY_IPV6 : host, port);
  } catch (thrown) {
    if (!(host === "" || host === EVERY_IPV6) || !isWithoutFamily(thrown)) throw thrown;
    await bind(server, EVERY_IPV4, port);
  }
  return (server.address() as AddressInfo).port;
};

const isWithoutFamily = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown && WITHOUT_FAMILY.includes(String(thrown.code));

const bind = (server: Listening, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
