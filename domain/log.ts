/** One line of a log: what happened as a sentence, and the values that belong to it as fields. */
export type LogLine = (fields: object, message: string) => void;

/**
 * Where a process tells what it does. `debug`: for the developer; `info`: what an operator expects to see;
 * `warn`: works, but somebody should look; `error`: something does not work. A caught error goes into the field `error`.
 */
export interface Log {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
