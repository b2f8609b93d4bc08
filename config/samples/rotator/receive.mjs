// Receives what Keyturn sends (docs/reference/hook.md) and lets through what is signed, fresh and new. To be used as it is: Node.js 22 or later, no
// packages; SIGNING_KEY, TLS_CERT and TLS_KEY (files), HOST and PORT are in the environment.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const { SIGNING_KEY = "", TLS_CERT = "", TLS_KEY = "", HOST = "0.0.0.0", PORT = "8443" } = process.env;

const FRESH_MS = 300_000;
const LARGEST_REQUEST = 1024 * 1024;
const seen = new Map();

const isGenuine = (headers, body) => {
  const { "keyturn-timestamp": at = "", "keyturn-request-id": id = "", "keyturn-signature": signature = "" } = headers;
  const wanted = `v1=${createHmac("sha256", SIGNING_KEY).update(`${at}.${id}.${body}`).digest("hex")}`;
  if (signature.length !== wanted.length || !timingSafeEqual(Buffer.from(signature), Buffer.from(wanted))) return false;
  const now = Date.now();
  for (const [old, when] of seen) if (when < now - 2 * FRESH_MS) seen.delete(old);
  if (!(Math.abs(now - Number(at) * 1000) < FRESH_MS) || seen.has(id)) return false;
  seen.set(id, now);
  return true;
};

/** What a verb throws to be answered with: 404 for a target that nobody knows, 409 for one that is somebody else's. */
export class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

const bodyOf = async (request) => {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST_REQUEST) throw new Refusal(413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

/** `verbs`: create, set, test and finish for credentials; `places`: set, test and finish for deliveries; `get`: whatever else is asked by GET. */
export const receive = ({ verbs = {}, places = {}, get = () => 404 }) => {
  if (SIGNING_KEY.length < 32) throw new Error("SIGNING_KEY must have 32 characters or more");
  const answerTo = async (request) => {
    if (request.method === "GET") return [get(request), {}];
    const body = await bodyOf(request);
    if (!isGenuine(request.headers, body)) throw new Refusal(401);
    const asked = JSON.parse(body);
    const verb = (asked.place === undefined ? verbs : places)[asked.verb];
    if (asked.contract !== "keyturn.dev/hook/v1" || verb === undefined) throw new Refusal(400);
    return [200, await verb(asked)];
  };
  createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, async (request, response) => {
    // No word of an error is told: it may hold what was sent.
    const [status, answer] = await answerTo(request).catch(({ status = 500 }) => [status, {}]);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }).listen(Number(PORT), HOST);
};
