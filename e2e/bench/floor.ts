import { Pool } from "undici";
import { keyAndRequest } from "./request.ts";
import { nameOf, NAMESPACE } from "./ground.ts";

/**
 * The least that anybody has to do for a certificate, without an operator: a key and a request, one signature, one Secret, one status.
 * A process of its own, so that nothing else costs it time. Prints seconds and items per second as JSON.
 */
const { KUBE_SERVER = "", KUBE_TOKEN = "", VAULT_SERVER = "", VAULT_TOKEN = "", CA = "" } = process.env;
const count = Number(process.env["COUNT"]);
const concurrency = Number(process.env["CONCURRENCY"]);

const kube = new Pool(KUBE_SERVER, { connections: concurrency, pipelining: 1, connect: { ca: CA } });
const vault = new Pool(VAULT_SERVER, { connections: concurrency, pipelining: 1, connect: { ca: CA } });

const call = async (
  pool: Pool,
  method: "POST" | "PATCH",
  path: string,
  headers: Record<string, string>,
  body: object,
): Promise<string> => {
  const answer = await pool.request({ method, path, headers, body: JSON.stringify(body) });
  const text = await answer.body.text();
  if (answer.statusCode > 299) throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
  return text;
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const json = { authorization: `Bearer ${KUBE_TOKEN}`, "content-type": "application/json" };
const merge = { ...json, "content-type": "application/merge-patch+json" };

const item = async (index: number): Promise<void> => {
  const name = nameOf(index);
  const host = `${name}.bench.example`;
  const { privateKey, csr } = keyAndRequest(host);
  const signing = { csr, common_name: host, alt_names: host, ttl: "2160h" };
  const signed = await call(
    vault,
    "POST",
    `/v1/pki/sign/keyturn.${NAMESPACE}.web`,
    { "x-vault-token": VAULT_TOKEN, "content-type": "application/json" },
    signing,
  );
  const { data } = JSON.parse(signed) as { data: { certificate: string; issuing_ca: string } };
  await call(kube, "POST", `/api/v1/namespaces/${NAMESPACE}/secrets`, json, {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { name },
    data: { "tls.crt": base64(data.certificate), "ca.crt": base64(data.issuing_ca), "tls.key": base64(privateKey) },
  });
  const time = new Date().toISOString().replace(/\.\d+/, "");
  await call(
    kube,
    "PATCH",
    `/apis/keyturn.dev/v1alpha1/namespaces/${NAMESPACE}/secretrotations/${name}/status`,
    merge,
    {
      status: {
        conditions: [
          { type: "Ready", status: "True", reason: "Available", message: "issued", lastTransitionTime: time },
        ],
      },
    },
  );
};

let next = 0;
const started = performance.now();
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    while (next < count) await item(next++);
  }),
);
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${JSON.stringify({ seconds, perSecond: count / seconds })}\n`);
process.exit(0);
