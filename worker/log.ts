import path from 'node:path';
import { pino } from 'pino';
import type { DestinationStream, LoggerOptions } from 'pino';
import type { Clock } from '../domain/clock.js';
import type { Log } from '../domain/log.js';
import { makeFolder } from './folder.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Who speaks: `up`, `control`, `site GRAZ`. */
  readonly name: string;
  readonly clock: Clock;
  /** Lines below it are left out. (Default: `info`) */
  readonly level?: LogLevel;
}

/** A log of JSON lines at the end of a file; its folder is made. Lines are written at once, so that a crash loses none. */
export function fileLog(options: LogOptions & { readonly file: string }): Log {
  makeFolder(path.dirname(options.file));
  const destination = pino.destination({ dest: options.file, sync: true });
  // A full disk loses lines of the log, and no more.
  destination.on('error', () => undefined);
  return loggerTo(destination, options);
}

/** A log of single lines for people: `13:05:01 warn  control: message (site=GRAZ)`. */
export function terminalLog(
  options: LogOptions & { readonly stream: { write(text: string): unknown } },
): Log {
  return loggerTo({ write: (line) => void options.stream.write(prettyLine(line)) }, options);
}

/** A log that writes to several logs. */
export function joinedLog(logs: readonly Log[]): Log {
  const all =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      for (const log of logs) log[level](fields, message);
    };
  return { debug: all('debug'), info: all('info'), warn: all('warn'), error: all('error') };
}

function loggerTo(
  destination: DestinationStream,
  { name, clock, level = 'info' }: LogOptions,
): Log {
  const options: LoggerOptions = {
    base: { name },
    level,
    timestamp: () => `,"time":${clock.now()}`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
    messageKey: 'message',
    errorKey: 'error',
  };
  const logger = pino(options, destination);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

function prettyLine(line: string): string {
  const { time, level, name, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const at = new Date(Number(time)).toTimeString().slice(0, 8);
  const told = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`);
  const behind = told.length === 0 ? '' : ` (${told.join(', ')})`;
  return `${at} ${String(level).padEnd(5)} ${String(name)}: ${String(message)}${behind}\n`;
}

/** One line of any value; of an error its message only: the file has the stack. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('\n', ' | ');
  if (typeof value === 'object' && value !== null && 'stack' in value && 'message' in value) {
    return textOf(String(value.message));
  }
  return JSON.stringify(value);
}
