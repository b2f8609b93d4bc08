import { appendFile, readFile } from "node:fs/promises";
import { kubeClient } from "../stack/kube.ts";
import { watchStates } from "./states.ts";

// `node e2e/gitops/record.ts KUBECONFIG FILE`: writes down every state of our resources that a running stack shows, a line of JSON
// each, until the stack is gone. fixtures.jsonl was collected so from the accept runs.

const [file = "", out = ""] = process.argv.slice(2);
const config = JSON.parse(await readFile(file, "utf8")) as {
  clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  users: { user: { token: string } }[];
};
const cluster = config.clusters[0]?.cluster;
const token = config.users[0]?.user.token;
if (cluster === undefined || token === undefined || out === "") throw new Error("usage: record.ts KUBECONFIG FILE");
const ca = Buffer.from(cluster["certificate-authority-data"], "base64").toString();
const kube = kubeClient({ url: cluster.server, ca, token });
let writes: Promise<void> = Promise.resolve();
await watchStates(kube, new AbortController().signal, (state) => {
  writes = writes.then(() => appendFile(out, `${JSON.stringify(state)}\n`));
});
