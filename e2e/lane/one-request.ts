import { request } from "node:http";
import { request as secureRequest } from "node:https";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * One request on a connection of its own. Throws when there is no whole answer in time. The operator makes the certificate of its metrics by
 * itself, so it is not verified unless that is asked for.
 */
export function oneRequest(
  url: string,
  {
    from = "127.0.0.1",
    timeoutMs = 10_000,
    token,
    verify = false,
  }: {
    readonly from?: string;
    readonly timeoutMs?: number;
    readonly token?: string | undefined;
    readonly verify?: boolean;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      ...{ agent: false, localAddress: from, signal: AbortSignal.timeout(timeoutMs) },
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    } as const;
    const made = url.startsWith("https:")
      ? secureRequest(url, { ...options, rejectUnauthorized: verify })
      : request(url, options);
    made.on("error", reject);
    made.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (body += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", reject);
    });
    made.end();
  });
}
