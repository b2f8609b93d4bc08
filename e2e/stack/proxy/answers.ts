import type { ServerKind } from "./classify.ts";

/** An answer that is complete: header names in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** An error as the server in question words it. */
export function errorAnswer(server: ServerKind, status: number, code?: string): Answer {
  const reason = code ?? reasons[status] ?? "Error";
  switch (server) {
    case "kubernetes": {
      const body = {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: `${reason} (made by the fault proxy)`,
        reason,
        code: status,
      };
      return answer(status, "application/json", JSON.stringify(body));
    }
    case "vault":
      return answer(status, "application/json", JSON.stringify({ errors: [`${reason} (made by the fault proxy)`] }));
    case "hook":
      return answer(status, "application/json", "{}");
    case "aws":
      return answer(
        status,
        "text/xml",
        `<ErrorResponse><Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type><Code>${reason}</Code>` +
          `<Message>${reason} (made by the fault proxy)</Message></Error><RequestId>0</RequestId></ErrorResponse>`,
      );
  }
}

/** A complete answer of text. */
export function answer(status: number, type: string, text: string): Answer {
  return { status, headers: { "content-type": type }, body: Buffer.from(text) };
}

const reasons: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

/** The answers to GET requests of the past, by path and query, for serving stale ones. */
export interface AnswerHistory {
  record(path: string, answer: Answer): void;
  olderThan(path: string, ms: number): Answer | undefined;
  back(path: string, n: number): Answer | undefined;
}

const maxPaths = 500;
const maxVersions = 30;
const maxBytes = 1 << 20;

/** Keeps a bounded number of different answers per path. */
export function answerHistory(): AnswerHistory {
  /** `since` is when this answer was first seen; it was true until the next one came. */
  const byPath = new Map<string, { since: number; answer: Answer }[]>();
  return {
    record(path, given) {
      if (given.status !== 200 || given.body.length > maxBytes) return;
      const versions = byPath.get(path) ?? [];
      if (versions.at(-1)?.answer.body.equals(given.body) === true) return;
      versions.push({ since: performance.now(), answer: given });
      if (versions.length > maxVersions) versions.shift();
      byPath.set(path, versions);
      const oldest = byPath.keys().next().value;
      if (byPath.size > maxPaths && oldest !== undefined) byPath.delete(oldest);
    },
    olderThan(path, ms) {
      return (byPath.get(path) ?? []).findLast(({ since }) => performance.now() - since >= ms)?.answer;
    },
    back(path, n) {
      return byPath.get(path)?.at(-1 - n)?.answer;
    },
  };
}
