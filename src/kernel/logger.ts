export type Fields = Readonly<Record<string, unknown>>;

/** Constant message, variables as fields. `error` fields are reduced to code, status and request id by the implementation. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields: Fields & { readonly error: unknown }): void;
  with(fields: Fields): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};
