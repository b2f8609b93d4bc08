import { request } from "node:https";
import type { Options } from "./options.ts";
import { addressOf } from "./telemetry/listen.ts";

const LOOPBACK = "127.0.0.1";
const DEADLINE_MS = 10_000;

/**
 * The metrics of the operator in the same Pod, for the support bundle, with the Pod's own token. Its certificate is one that nobody has signed;
 * what answers on the Pod's loopback is the Pod's own. Throws where they cannot be had.
 */
export const ownMetrics = ({ metricsAddress }: Pick<Options, "metricsAddress">, token: string): Promise<string> => {
  const { host, port } = addressOf(metricsAddress);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: host === "" || host === "::" || host === "0.0.0.0" ? LOOPBACK : host,
        port,
        path: "/metrics",
        agent: false,
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(DEADLINE_MS),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`the metrics answered ${response.statusCode ?? 0}`));
        });
      },
    );
    asked.on("error", reject);
    asked.end();
  });
};
