import type { Writable } from "node:stream";
import winston from "winston";
import type { Clock } from "../kernel/clock.ts";
import type { Fields, Logger } from "../kernel/logger.ts";
import { loggable } from "./log-fields.ts";
import type { Redactor } from "./redactor.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** process.stdout in the operator. */
  readonly stream: Writable;
}

/** One line of JSON per entry: time, level, message, then the fields; nothing that `loggable` or the redactor holds back. */
export const createLogger = (options: LoggerOptions): Logger => {
  const sink = winston.createLogger({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.printf((entry) => String(entry.message)),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types disagree here.
    transports: [new winston.transports.Stream({ stream: options.stream })],
  });
  return loggerWith({ ...options, sink }, {});
};

type Sink = LoggerOptions & { readonly sink: winston.Logger };

const loggerWith = (sink: Sink, bound: Fields): Logger => {
  const write = (level: LogLevel, message: string, fields: Fields = {}): void => {
    if (!sink.sink.isLevelEnabled(level)) return;
    // The line is finished here: winston merges fields into the entry, where one named `message` would change the text.
    const line = lineOf({ time: sink.clock.now().toISOString(), level, message }, { ...bound, ...fields });
    sink.sink.log(level, sink.redactor.scrub(line));
  };
  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    with: (fields) => loggerWith(sink, { ...bound, ...fields }),
  };
};

/** Never throws: a field that cannot be read is worth less than the entry. */
const lineOf = (head: Readonly<Record<string, string>>, fields: Fields): string => {
  try {
    return JSON.stringify({ ...head, ...(loggable(fields) as object), ...head });
  } catch {
    return JSON.stringify({ ...head, fields: "[unreadable]" });
  }
};
