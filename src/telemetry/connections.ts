import type { Cancel, Clock } from "../kernel/clock.ts";
import { TokenBucket } from "../kernel/token-bucket.ts";

/** The part of a socket that is looked at; a TLS socket has the address and port of the one below. */
export interface HeldSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

export interface ConnectionLimits {
  /** Connections of one address. */
  readonly perAddress: number;
  readonly total: number;
  /** New connections of one address; absent where taking one in costs nothing. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** Milliseconds for a handshake and the whole head of a first request. */
  readonly headMs: number;
  /** Milliseconds until the whole head of the next request on the same connection. */
  readonly idleMs: number;
  /** Milliseconds for an answer, until its last byte is handed over. */
  readonly answerMs: number;
}

interface Entry {
  readonly socket: HeldSocket;
  readonly address: string;
  answering: boolean;
  cancel: Cancel;
}

/**
 * Keeps a server's connections within bounds. A newcomer is never turned away while a connection without an accepted request can make
 * room: the oldest one, of the address that has most. So held sockets end each other, and the kubelet is answered even where it shares
 * its address with them. Every connection has a deadline, by the clock. Where there is a rate, one address gets no more than that.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #limits: ConnectionLimits;
  /** In the order in which they came. */
  readonly #entries = new Map<string, Entry>();
  /** By address, the longest unused first. */
  readonly #buckets = new Map<string, { readonly bucket: TokenBucket; readonly usedMs: number }>();

  constructor(clock: Clock, limits: ConnectionLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Takes in a socket that has just been accepted, or ends it where there is no room. */
  admit(socket: HeldSocket): void {
    const key = keyOf(socket);
    const address = socket.remoteAddress;
    if (key === undefined || address === undefined || !this.#isInTime(address) || !this.#makeRoomFor(address)) {
      socket.destroy();
      return;
    }
    const entry: Entry = { socket, address, answering: false, cancel: this.#endAfter(socket, this.#limits.headMs) };
    this.#entries.set(key, entry);
    socket.once("close", () => {
      entry.cancel();
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
  }

  /** Its request is accepted: it makes no room for others until it is answered. */
  answering(socket: HeldSocket): void {
    this.#change(socket, true, this.#limits.answerMs);
  }

  answered(socket: HeldSocket): void {
    this.#change(socket, false, this.#limits.idleMs);
  }

  closeAll(): void {
    for (const { socket } of [...this.#entries.values()]) socket.destroy();
  }

  #change(socket: HeldSocket, answering: boolean, deadlineMs: number): void {
    const entry = this.#entries.get(keyOf(socket) ?? "");
    if (entry === undefined) return;
    entry.cancel();
    entry.answering = answering;
    entry.cancel = this.#endAfter(entry.socket, deadlineMs);
  }

  #endAfter(socket: HeldSocket, afterMs: number): Cancel {
    return this.#clock.schedule(afterMs, () => {
      socket.destroy();
    });
  }

  /** Before anything is read or answered: a handshake is the dearest part of a refusal. */
  #isInTime(address: string): boolean {
    const { rate } = this.#limits;
    if (rate === undefined) return true;
    const nowMs = this.#clock.monotonicMs();
    for (const [unused, { usedMs }] of this.#buckets) {
      // By then it is full, as a new one is.
      if (nowMs - usedMs < (rate.burst / rate.perSecond) * 1000) break;
      this.#buckets.delete(unused);
    }
    const { bucket } = this.#buckets.get(address) ?? { bucket: new TokenBucket(this.#clock, rate) };
    if (bucket.waitMs() > 0) return false;
    bucket.take();
    this.#buckets.delete(address);
    this.#buckets.set(address, { bucket, usedMs: nowMs });
    return true;
  }

  #makeRoomFor(address: string): boolean {
    const counts = this.#counts();
    const fromHere = counts.get(address) ?? 0;
    if (fromHere >= this.#limits.perAddress) return this.#endOldest((each) => each === address);
    if (this.#entries.size < this.#limits.total) return true;
    // With the newcomer its own address may be the one that has most.
    counts.set(address, fromHere + 1);
    const idle = new Set([...this.#entries.values()].filter(({ answering }) => !answering).map((each) => each.address));
    const most = Math.max(...[...idle].map((each) => counts.get(each) ?? 0));
    return this.#endOldest((each) => counts.get(each) === most);
  }

  #counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { address } of this.#entries.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
    return counts;
  }

  #endOldest(isCandidate: (address: string) => boolean): boolean {
    for (const [key, { socket, address, answering, cancel }] of this.#entries) {
      if (answering || !isCandidate(address)) continue;
      // Its place is free at once; `close` comes later.
      this.#entries.delete(key);
      cancel();
      socket.destroy();
      return true;
    }
    return false;
  }
}

const keyOf = ({ remoteAddress, remotePort }: HeldSocket): string | undefined =>
  remoteAddress === undefined || remotePort === undefined ? undefined : `${remoteAddress}|${remotePort}`;
