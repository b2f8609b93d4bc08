// Deliveries by hook: an example that keeps what it is given in a file. For a real place (a CI system's variables, say), put its calls here.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Refusal } from "./receive.mjs";

const { PLACES = "places.json" } = process.env;
const all = existsSync(PLACES) ? JSON.parse(readFileSync(PLACES, "utf8")) : {};
const save = () => {
  writeFileSync(`${PLACES}.new`, JSON.stringify(all), { mode: 0o600 });
  renameSync(`${PLACES}.new`, PLACES);
};

/** A namespace reaches its own only. */
const nameOf = ({ resource, place }) => `${resource.namespace}/${place}`;

/** What stands there, if it is this resource's or was its predecessor's. */
const owned = (asked) => {
  const there = all[nameOf(asked)];
  const { resource, predecessors = [] } = asked;
  if (there !== undefined && ![resource.uid, ...predecessors].includes(there.ownerUid)) throw new Refusal(409);
  return there;
};

export const places = {
  /** What stands there, without the value. A place that cannot be read back says what was written last. */
  test(asked) {
    const { ownerUid, version, checksum } = all[nameOf(asked)] ?? {};
    return { stands: ownerUid === undefined ? null : { ownerUid, version, checksum } };
  },
  /** Only over what was there when Keyturn looked. */
  set(asked) {
    const { resource, version, checksum, material, expected } = asked;
    if ((owned(asked)?.version ?? null) !== expected) throw new Refusal(409);
    all[nameOf(asked)] = { ownerUid: resource.uid, version, checksum, material };
    save();
    return {};
  },
  finish(asked) {
    const ended = owned(asked) !== undefined;
    delete all[nameOf(asked)];
    save();
    return { ended };
  },
};
