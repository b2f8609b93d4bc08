// An example rotator. It keeps API keys itself, in a file, so that it can be tried at once; for a real service, put its calls where `keys` is used.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { answer } from "./answer.mjs";
import { places } from "./places.mjs";
import { receive } from "./receive.mjs";

const { STATE = "keys.json" } = process.env;
let keys = existsSync(STATE) ? JSON.parse(readFileSync(STATE, "utf8")) : [];
const save = () => {
  writeFileSync(`${STATE}.new`, JSON.stringify(keys), { mode: 0o600 });
  renameSync(`${STATE}.new`, STATE);
};

/** A namespace reaches its own only: that is what keeps teams apart. */
const holderOf = ({ resource, target }) => `${resource.namespace}/${target}`;

/** What lets its bearer in. Of a key pair that is the public half; the whole pair is what is tried. */
const loginOf = ({ publicKey, ...rest }) => {
  const values = Object.entries(publicKey === undefined ? rest : { publicKey }).sort();
  return createHash("sha256").update(JSON.stringify(values)).digest("hex");
};

/** Marked with its rotation, so that one whose answer was lost is found. */
const keep = ({ rotationId, ...asked }, material) => {
  const id = randomUUID();
  keys.push({ id, holder: holderOf(asked), rotationId, createdAt: new Date(), login: loginOf(material) });
  save();
  return { id };
};

const verbs = {
  /** One more, beside those that there are. */
  create(asked) {
    const material = { apiKey: randomBytes(24).toString("base64url") };
    return { ...keep(asked, material), material };
  },
  /** The same, with a value that Keyturn has made. */
  set: (asked) => keep(asked, asked.material),
  /** Which there are; and, if one comes along, whether it is let in. */
  test({ material, ...asked }) {
    const mine = keys.filter(({ holder }) => holder === holderOf(asked));
    const credentials = mine.map(({ id, rotationId, createdAt }) => ({ id, rotationId, createdAt }));
    return { credentials, accepted: material && mine.some(({ login }) => login === loginOf(material)) };
  },
  /** This one opens nothing any more. One that is not there is no error. */
  finish(asked) {
    const before = keys.length;
    keys = keys.filter(({ id, holder }) => id !== asked.id || holder !== holderOf(asked));
    save();
    return { ended: keys.length < before };
  },
};

/** What the keys are for: whoever brings one is let in. */
const get = ({ headers: { authorization = "" } }) => {
  const logins = ["apiKey", "token"].map((field) => loginOf({ [field]: authorization.replace("Bearer ", "") }));
  return keys.some(({ login }) => logins.includes(login)) ? 200 : 401;
};
(process.env.KEYTURN_REQUEST === undefined ? receive : answer)({ verbs, places, get });
