import { OperatorError } from "../kernel/errors.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";

const REDACTED = "[redacted]";
const SECRET_KEY = /secret|password|token|authorization|private|material/i;
const DEEPEST = 6;
const LONGEST_LIST = 100;
const LONGEST_TEXT = 4096;
const MOST_FRAMES = 30;

/**
 * What may be logged of a field's value. Errors are reduced by an allow-list, because their messages and properties quote
 * requests and answers; secret material and whatever stands under a key with a secret's name is not shown; everything is
 * bounded. The answer is plain JSON.
 */
export const loggable = (value: unknown, key = "", depth = 0): unknown => {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (value instanceof SecretMaterial || SECRET_KEY.test(key)) return REDACTED;
  if (typeof value === "string") return clip(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object") return `[${typeof value}]`;
  if (value instanceof Error) return errorFields(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEEPEST) return "[too deep]";
  if (Array.isArray(value)) return value.slice(0, LONGEST_LIST).map((item) => loggable(item, key, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, LONGEST_LIST)
      .map(([name, member]) => [name, loggable(member, name, depth + 1)]),
  );
};

/** Code, status and request id of ours; name and stack frames of any other, never its message. */
const errorFields = (error: Error): Readonly<Record<string, unknown>> => {
  if (error instanceof OperatorError) {
    const { code, status, serverCode, requestId, publicMessage } = error;
    return { code, status, serverCode, requestId, message: publicMessage };
  }
  return { name: clip(error.name), stack: frames((error.stack ?? "").replace(error.message, () => "")) };
};

/** A stack begins with the message, which is taken out before; of the rest only what is a frame counts. */
const frames = (stack: string): readonly string[] =>
  stack
    .split("\n")
    .filter((line) => FRAME.test(line))
    .slice(0, MOST_FRAMES)
    .map((line) => line.trim());

const FRAME = /^\s{4}at (?:[\w.<>[\]$# ]{1,120} )?\(?(?:file:\/\/|node:|\/|<anonymous>)[^\s]*:\d+:\d+\)?$/;

const clip = (text: string): string => (text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`);
