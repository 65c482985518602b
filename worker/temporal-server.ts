import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import { logTail } from './log-tail.js';
import type { ProcessIdentity } from './process-identity.js';
import { SupervisedProcess } from './supervised-process.js';
import { untilTemporalServes } from './temporal-connection.js';

export interface TemporalServerOptions {
  /** The Temporal command line; see `findTemporalBinary`. */
  readonly binary: string;
  readonly port: number;
  readonly uiPort: number;
  /** Made if it is not there. */
  readonly namespace: string;
  /** SQLite file of its state. */
  readonly databaseFile: string;
  readonly logFile: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onIdentity?: (identity: ProcessIdentity | null) => void;
  /** Settings in place of `DYNAMIC_CONFIG`. */
  readonly dynamicConfig?: Readonly<Record<string, boolean | number>>;
}

export const TEMPORAL_HOST = '127.0.0.1';

/**
 * What the server is told beyond its defaults. Fairness is off by default, and both priority and fairness hold inside a
 * partition only, so there is one. The others lift limits that protect a shared cluster: here all clients are ours.
 *
 * The queue processors look for new tasks 20 times a second by default, per shard, and this server has a single shard: each step of a
 * workflow then waits for the next look. Measured, one activity after the other: 91 ms each with the default, 26 ms with these.
 */
export const DYNAMIC_CONFIG: Readonly<Record<string, boolean | number>> = {
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'frontend.rps': 50_000,
  'frontend.namespaceRPS': 50_000,
  'frontend.namespaceRPS.visibility': 1000,
  'frontend.namespaceCount': 20_000,
  'matching.rps': 50_000,
  'history.rps': 50_000,
  'frontend.persistenceMaxQPS': 50_000,
  'matching.persistenceMaxQPS': 50_000,
  'history.persistenceMaxQPS': 50_000,
  'history.transferProcessorMaxPollRPS': 1000,
  'history.timerProcessorMaxPollRPS': 1000,
  'history.visibilityProcessorMaxPollRPS': 200,
};

const START_SECONDS = 60;
const LOG_BYTES = 20_000_000;
const TYPE_NAMES = { KEYWORD: 'Keyword', INT: 'Int' } as const;

/** Arguments of the Temporal command line that start the server. */
export function temporalServerArguments(options: TemporalServerOptions): string[] {
  const settings = Object.entries(options.dynamicConfig ?? DYNAMIC_CONFIG);
  return [
    ...['server', 'start-dev', '--log-level', 'error', '--ip', TEMPORAL_HOST],
    ...['--port', String(options.port), '--ui-port', String(options.uiPort)],
    ...['--namespace', options.namespace, '--db-filename', options.databaseFile],
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    '--ui-disable-news-fetch',
    ...settings.flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
    ...SEARCH_ATTRIBUTES.flatMap(({ name, type }) => [
      '--search-attribute',
      `${name}=${TYPE_NAMES[type]}`,
    ]),
  ];
}

/**
 * Temporal's own development server as a process that is kept running. `start()` resolves when it serves the namespace, and throws
 * `FABRICA_TEMPORAL_UNREACHABLE` with the end of its log if it does not within 60 s.
 *
 * It is a session of its own: a Ctrl-C in the terminal does not reach it before the workers have ended, and a SIGKILL of this process
 * leaves it running, to be ended by the next `up` (see `endLeftovers`).
 */
export function temporalServer(options: TemporalServerOptions): SupervisedProcess {
  const address = `${TEMPORAL_HOST}:${options.port}`;
  return new SupervisedProcess({
    name: 'temporal',
    clock: options.clock,
    log: options.log,
    ...(options.onIdentity === undefined ? {} : { onIdentity: options.onIdentity }),
    spawn: () => spawnServer(options),
    ready: async (_child, ended) => {
      const signal = AbortSignal.any([ended, AbortSignal.timeout(START_SECONDS * 1000)]);
      try {
        await untilTemporalServes({ address, namespace: options.namespace, signal });
      } catch (error) {
        throw new FabricaError(
          'FABRICA_TEMPORAL_UNREACHABLE',
          `The Temporal server on ${address} did not start (${ended.aborted ? 'it ended' : messageOf(error)}). ` +
            `The end of ${options.logFile}:\n${logTail(options.logFile)}`,
          { file: options.logFile },
          { cause: error, remedy: 'Look at its log; restart it when the cause is gone.' },
        );
      }
    },
  });
}

function spawnServer(options: TemporalServerOptions): ChildProcess {
  mkdirSync(path.dirname(options.logFile), { recursive: true });
  if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_BYTES) {
    renameSync(options.logFile, `${options.logFile}.1`);
  }
  const output = openSync(options.logFile, 'a');
  try {
    return spawn(options.binary, temporalServerArguments(options), {
      detached: true,
      stdio: ['ignore', output, output],
    });
  } finally {
    closeSync(output);
  }
}
