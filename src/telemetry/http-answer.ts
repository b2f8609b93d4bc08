import type { IncomingMessage, ServerResponse } from "node:http";

export const pathOf = ({ url }: IncomingMessage): string => url?.split("?")[0] ?? "";

/** A whole answer, and the end of the connection: a body that is not read would keep it. To HEAD, Node sends the head alone. */
export const answerOnce = (
  response: ServerResponse,
  status: number,
  {
    type = "text/plain",
    body = "",
    headers = {},
  }: { type?: string; body?: string; headers?: Record<string, string> } = {},
): void => {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
    ...headers,
  });
  response.end(body);
};

/** True when the method reads; of another one it has been said so. */
export const reads = ({ method }: IncomingMessage, response: ServerResponse): boolean => {
  if (method === "GET" || method === "HEAD") return true;
  answerOnce(response, 405, { headers: { Allow: "GET, HEAD" } });
  return false;
};
