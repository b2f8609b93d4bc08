import type { ClientRequest, IncomingMessage } from "node:http";

export interface BoundedAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** It has more bytes than are read. */
export class AnswerTooLong extends Error {
  readonly longest: number;

  constructor(longest: number) {
    super("The answer is too long.");
    this.name = "AnswerTooLong";
    this.longest = longest;
  }
}

/** The whole of an answer, of at most so many bytes; a longer one ends the request. Rejects also for one that was cut. */
export const boundedAnswer = (sent: ClientRequest, answer: IncomingMessage, longest: number): Promise<BoundedAnswer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > longest) sent.destroy(new AnswerTooLong(longest));
      else chunks.push(chunk);
    });
    answer.on("end", () => {
      if (!answer.complete) reject(new Error("The answer was cut."));
      else resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() });
    });
    answer.on("error", reject);
  });
