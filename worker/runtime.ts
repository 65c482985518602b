import { Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import type { LogLevel, LogMetadata, Logger } from '@temporalio/worker';
import type { Log } from '../domain/log.js';

/**
 * Prepares Temporal's native part, of which a process has one: it logs to this log, and leaves the signals to us. Call it before the first
 * connection or worker; a later call changes nothing.
 */
export function installRuntime(log: Log): void {
  try {
    Runtime.install({
      logger: new TemporalLogger(log),
      shutdownSignals: [],
      telemetryOptions: {
        logging: {
          forward: {},
          filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }),
        },
      },
    });
  } catch (error) {
    if (!(error instanceof Error && error.name === 'IllegalStateError')) throw error;
  }
}

/** Temporal's logger on ours. Its `info` is news of its own inner life, so it becomes `debug`. */
class TemporalLogger implements Logger {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  log(level: LogLevel, message: string, meta?: LogMetadata): void {
    const fields = meta ?? {};
    if (level === 'ERROR') this.#log.error(fields, message);
    else if (level === 'WARN' && !EXPECTED.test(message)) this.#log.warn(fields, message);
    else this.#log.debug(fields, message);
  }

  trace(message: string, meta?: LogMetadata): void {
    this.log('TRACE', message, meta);
  }

  debug(message: string, meta?: LogMetadata): void {
    this.log('DEBUG', message, meta);
  }

  info(message: string, meta?: LogMetadata): void {
    this.log('INFO', message, meta);
  }

  warn(message: string, meta?: LogMetadata): void {
    this.log('WARN', message, meta);
  }

  error(message: string, meta?: LogMetadata): void {
    this.log('ERROR', message, meta);
  }
}

/** Said of every worker that has activities only. */
const EXPECTED = /^No (workflows|Nexus services|activities) registered/;
