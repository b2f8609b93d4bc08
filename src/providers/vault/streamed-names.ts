import type { ClientRequest, IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AnswerTooLong } from "../bounded-answer.ts";
import { NameListReader } from "./name-list.ts";

const MOST_NAMES = 1_000_000;
/** Of all pieces together; key_info is read over and not kept. */
const LONGEST_LIST = 1024 * 1024 * 1024;
/** So many bytes are read between two turns of the event loop: about a millisecond of work. */
const PIECE = 32 * 1024;

/**
 * The names with this prefix in a list of Vault, read as they come, in the form of Vault's own answer. Throws SyntaxError for one that
 * breaks off or is no JSON, TooManyNames beyond a million, AnswerTooLong beyond a GiB; each of them ends the request.
 */
export const streamedNames = async (
  sent: ClientRequest,
  answer: IncomingMessage,
  prefix: string,
): Promise<{ readonly data: { readonly keys?: readonly string[] }; readonly warnings: readonly string[] }> => {
  const reader = new NameListReader(prefix, MOST_NAMES);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > LONGEST_LIST) throw new AnswerTooLong(LONGEST_LIST);
      for (let from = 0; from < chunk.length; from += PIECE) {
        reader.push(decoder.decode(chunk.subarray(from, from + PIECE), { stream: true }));
        await nextTurn();
      }
    }
    reader.push(decoder.decode());
    const { keys, warned } = reader.end();
    return { data: keys === undefined ? {} : { keys }, warnings: warned ? ["warned"] : [] };
  } catch (error) {
    sent.destroy();
    throw error;
  }
};
