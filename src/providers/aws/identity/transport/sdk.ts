import {
  type $Command,
  type IAMClient,
  type IAMClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from "@aws-sdk/client-iam";
import { AnswerTooLong, ask, GUARD_PLACE, MOST_PAGES, odd } from "../../guard.ts";
import { isNotFound } from "../problems.ts";

type Call<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = $Command<
  Input,
  Output,
  IAMClientResolvedConfig,
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** Sends one call of IAM within the bounds of guard.ts. */
export interface IamSender {
  /** May repeat the call. */
  readonly read: <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    operation: string,
    command: Call<Input, Output>,
    signal: AbortSignal,
  ) => Promise<{ readonly answer: Output; readonly time: Date | undefined }>;
  /** Sends it once. */
  readonly write: <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    operation: string,
    command: Call<Input, Output>,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** `reads` may repeat a call, `writes` never does. */
export const iamSender = (reads: IAMClient, writes: IAMClient): IamSender => {
  const send = <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    client: IAMClient,
    operation: string,
    command: Call<Input, Output>,
    signal: AbortSignal,
  ): Promise<{ readonly answer: Output; readonly time: Date | undefined }> =>
    ask(operation, signal, (guard) => {
      command.middlewareStack.add(guard.middleware, GUARD_PLACE);
      return client.send(command, guard.sending);
    });

  return {
    read: (operation, command, signal) => send(reads, operation, command, signal),
    async write(operation, command, signal) {
      await send(writes, operation, command, signal);
    },
  };
};

export interface Page<T> {
  readonly items: readonly (T | undefined)[];
  readonly isTruncated: boolean | undefined;
  readonly marker: string | undefined;
}

/** Members of a page: what IAM gives by itself. Of most kinds a hundred fit into the bytes that are read. */
const PAGE = 100;

/**
 * Reads a list to its end, or fails: half a list would pass for the whole. A page with more bytes than are read is asked for again
 * with half as many members, down to one.
 */
export const pages = async <T>(
  operation: string,
  page: (next: { readonly MaxItems: number; readonly Marker?: string }, operation: string) => Promise<Page<T>>,
  most = MOST_PAGES,
): Promise<readonly T[]> => {
  const all: T[] = [];
  let size = PAGE;
  let next: { readonly Marker?: string } = {};
  // A smaller page counts for less, so that as many members may be read in all.
  for (let spent = 0; spent < most; spent += size / PAGE) {
    let read: Page<T>;
    try {
      read = await page({ MaxItems: size, ...next }, operation);
    } catch (error) {
      if (!(error instanceof AnswerTooLong) || size === 1) throw error;
      size = Math.floor(size / 2);
      continue;
    }
    for (const item of read.items) {
      if (item === undefined) throw odd(operation);
      all.push(item);
    }
    if (read.isTruncated !== true) return all;
    if (!read.marker) throw odd(operation);
    next = { Marker: read.marker };
  }
  throw odd(operation);
};

/** Undefined where there is none. */
export const unlessAbsent = async <T>(request: Promise<T>): Promise<T | undefined> => {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
};

/** Documents come URL-encoded (RFC 3986); one that is not stays as it is and is judged by whoever reads it. */
export const decoded = (document: string): string => {
  try {
    return decodeURIComponent(document);
  } catch {
    return document;
  }
};
