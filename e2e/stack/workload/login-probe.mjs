// The demo workload: logs in to AWS (STS GetCallerIdentity) with the key it was given, on a fixed schedule, and writes one
// line per attempt: `<epoch ms> <pod> <last 4 of the key id> ok|refused|error|late <code>`. Never the secret.
//
// In, by environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT (https://host:port), AWS_CA (file), AWS_REGION
// (us-east-1), PROBE_INTERVAL_MS (500), PROBE_LOG (file to append to), POD_NAME.
// Out, on standard output: `ready` after the first login that succeeded. Until then a refusal is `error startup`, retried with a
// growing pause, as real clients do with a key that is new; after it, a refusal is `refused`.
// No dependency and plain JavaScript, so that it starts fast.
import { createHash, createHmac } from "node:crypto";
import { openSync, readFileSync, writeSync } from "node:fs";
import { Agent, request } from "node:https";

const env = process.env;
const interval = Number(env.PROBE_INTERVAL_MS ?? 500);
const region = env.AWS_REGION ?? "us-east-1";
const { hostname, port, host } = new URL(env.AWS_ENDPOINT);
const [keyId, secret] = [env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY];
const pod = env.POD_NAME ?? "-";
const log = openSync(env.PROBE_LOG, "a");
const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: readFileSync(env.AWS_CA) });
const body = "Action=GetCallerIdentity&Version=2011-06-15";
const hash = (text) => createHash("sha256").update(text).digest("hex");
const mac = (key, text) => createHmac("sha256", key).update(text).digest();
const bodyHash = hash(body);

// One write per line with O_APPEND: lines of several pods in one file do not mix.
const note = (at, result, code) => writeSync(log, `${at} ${pod} ${keyId.slice(-4)} ${result} ${code}\n`);

function headers() {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = date.slice(0, 8);
  const type = "application/x-www-form-urlencoded";
  const signed = "content-type;host;x-amz-date";
  const canonical = `POST\n/\n\ncontent-type:${type}\nhost:${host}\nx-amz-date:${date}\n\n${signed}\n${bodyHash}`;
  const scope = `${day}/${region}/sts/aws4_request`;
  const key = [day, region, "sts", "aws4_request"].reduce(mac, `AWS4${secret}`);
  const signature = mac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).toString("hex");
  return {
    "content-type": type,
    "content-length": body.length,
    host,
    "x-amz-date": date,
    authorization: `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

/** One attempt: ["ok", 200], ["refused", code of a 4xx], or ["error", what happened]. */
function login() {
  return new Promise((resolve) => {
    const sent = request({ hostname, port, agent, method: "POST", path: "/", headers: headers(), timeout: 5000 });
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", (error) => resolve(["error", error.code ?? error.message]));
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("error", (error) => resolve(["error", error.code ?? error.message]));
      answer.on("end", () => {
        const { statusCode } = answer;
        const code = /<Code>([^<]*)/.exec(text)?.[1] ?? statusCode;
        if (statusCode === 200) resolve(["ok", 200]);
        else resolve([statusCode === 401 || statusCode === 403 ? "refused" : "error", code]);
      });
    });
    sent.end(body);
  });
}

let inFlight = 0;
let ending = false;
process.on("SIGTERM", () => {
  ending = true;
  if (inFlight === 0) process.exit(0);
  setTimeout(() => process.exit(0), 90);
});

async function attempt(started) {
  inFlight += 1;
  const at = Date.now();
  const [result, code] = await login();
  inFlight -= 1;
  note(at, started || result === "ok" ? result : "error", started || result === "ok" ? code : `startup:${code}`);
  if (ending && inFlight === 0) process.exit(0);
  return result === "ok";
}

for (let pause = 50; !(await attempt(false)); pause = Math.min(pause * 2, 1000))
  await new Promise((resolve) => setTimeout(resolve, pause));
process.stdout.write("ready\n");

// The schedule is fixed: a slow answer does not move the next attempt. When the server does not keep up at all, the attempt
// is noted as late and left out, rather than piled up.
let next = performance.now() + interval;
function tick() {
  if (ending) return;
  if (inFlight < 4) void attempt(true);
  else note(Date.now(), "late", inFlight);
  next += interval;
  setTimeout(tick, Math.max(0, next - performance.now()));
}
setTimeout(tick, interval);
