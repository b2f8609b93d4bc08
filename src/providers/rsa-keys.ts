import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { Places } from "../kernel/places.ts";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const make = promisify(generateKeyPair);

/** The thread pool has four threads and an RSA key takes seconds of one: two stay free for the audit trail's disk and for names. */
export const rsaPlaces = new Places(2);

/** A new RSA key of so many bits, made on the thread pool. All sources share two places; callers beyond these wait for one, oldest first. */
export const rsaKeyPair = (modulusLength: number): Promise<KeyPair> =>
  rsaPlaces.run(() => make("rsa", { modulusLength }));
