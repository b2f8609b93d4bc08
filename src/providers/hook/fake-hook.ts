import { randomUUID } from "node:crypto";
import { OperatorError } from "../../kernel/errors.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { HookCall, HookVerb } from "./call.ts";

interface Held {
  readonly rotationId: string;
  readonly createdAt: Date;
  /** What its owner logs in with. */
  readonly value: string;
}

interface Stands {
  readonly ownerUid: string;
  readonly version: string;
  readonly checksum: string;
  readonly material: Readonly<Record<string, string>>;
}

/** A hook that keeps its word, in memory: one target with credentials, and places. */
export class FakeHook {
  readonly credentials = new Map<string, Held>();
  readonly places = new Map<string, Stands>();
  readonly log: HookVerb[] = [];
  /** Every value that was tried, and whether it was accepted. */
  readonly logins: boolean[] = [];
  knowsTarget = true;
  acceptsAll = false;
  /** Put into the next answer of `create`. */
  answers: Readonly<Record<string, unknown>> = {};
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  readonly call: HookCall = (verb, body) => {
    this.log.push(verb);
    const members = body as { place?: string; rotationId?: string; id?: string; material?: Record<string, string> };
    if (members.place !== undefined) return Promise.resolve(this.#atPlace(verb, body, members.place));
    if (!this.knowsTarget)
      return Promise.reject(new OperatorError("NotFound", { publicMessage: "The hook knows no such target." }));
    switch (verb) {
      case "create":
        return Promise.resolve(this.#keep(members.rotationId ?? "", { apiKey: randomUUID() }, true));
      case "set":
        return Promise.resolve(this.#keep(members.rotationId ?? "", members.material ?? {}, false));
      case "test":
        return Promise.resolve({
          credentials: [...this.credentials].map(([id, { rotationId, createdAt }]) => ({
            id,
            rotationId,
            createdAt: createdAt.toISOString(),
          })),
          ...(members.material === undefined ? {} : { accepted: this.accepts(members.material) }),
        });
      case "finish":
        return Promise.resolve({ ended: this.credentials.delete(members.id ?? "") });
    }
  };

  accepts(material: Readonly<Record<string, string>>): boolean {
    const known = this.acceptsAll || [...this.credentials.values()].some(({ value }) => value === loginOf(material));
    this.logins.push(known);
    return known;
  }

  #keep(rotationId: string, material: Readonly<Record<string, string>>, shown: boolean) {
    const id = `key-${randomUUID().slice(0, 8)}`;
    this.credentials.set(id, { rotationId, createdAt: this.#now(), value: loginOf(material) });
    return { id, ...(shown ? { material } : {}), ...this.answers };
  }

  #atPlace(verb: HookVerb, body: Readonly<Record<string, unknown>>, place: string) {
    const before = this.places.get(place);
    const {
      resource,
      version,
      checksum,
      material,
      predecessors = [],
      expected,
    } = body as unknown as Stands & {
      readonly resource: { readonly uid: string };
      readonly predecessors?: readonly string[];
      readonly expected: string | null;
    };
    if (verb === "test") {
      const { ownerUid, version: there, checksum: sum } = before ?? {};
      return { stands: before === undefined ? null : { ownerUid, version: there, checksum: sum } };
    }
    const ours = before === undefined || [resource.uid, ...predecessors].includes(before.ownerUid);
    if (!ours || (verb === "set" && (before?.version ?? null) !== expected))
      throw new OperatorError("Conflict", { publicMessage: "The hook's place belongs to another resource." });
    if (verb === "finish") return { ended: this.places.delete(place) };
    this.places.set(place, { ownerUid: resource.uid, version, checksum, material });
    return {};
  }
}

/** A key pair's owner is known by the public half. */
const loginOf = ({ publicKey, ...rest }: Readonly<Record<string, string>>): string => publicKey ?? canonicalJson(rest);
