import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../domain/clock.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import { makeFolder } from './folder.js';
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
 *
 * Blocks go on in a new run when the server says that their histories are long: here at twice the defaults, still a sixth of what it allows.
 */
export const DYNAMIC_CONFIG: Readonly<Record<string, boolean | number>> = {
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'limit.historyCount.suggestContinueAsNew': 8_192,
  'limit.historySize.suggestContinueAsNew': 8_000_000,
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

/**
 * How much the server's memory grows before its collector goes through it, in % of what is in use. At Go's default of 100 an eighth of its processor time
 * is spent on that; this costs a third more memory under load.
 */
const GARBAGE_PERCENT = '200';

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
  let logStart = 0;
  return new SupervisedProcess({
    name: 'temporal',
    clock: options.clock,
    log: options.log,
    ...(options.onIdentity === undefined ? {} : { onIdentity: options.onIdentity }),
    spawn: () => {
      logStart = makeRoom(options.logFile);
      return spawnServer(options);
    },
    ready: async (_child, ended) => {
      const signal = AbortSignal.any([ended, AbortSignal.timeout(START_SECONDS * 1000)]);
      try {
        await untilAnnounced(options.logFile, logStart, signal);
        await untilTemporalServes({ address, namespace: options.namespace, signal });
      } catch (error) {
        throw new FabricaError(
          'FABRICA_TEMPORAL_UNREACHABLE',
          `The Temporal server on ${address} did not start (${portLost(options.logFile, logStart) ?? (ended.aborted ? 'it ended' : messageOf(error))}). ` +
            `The end of ${options.logFile}:\n${logTail(options.logFile)}`,
          { file: options.logFile },
          { cause: error, remedy: 'Look at its log; restart it when the cause is gone.' },
        );
      }
    },
  });
}

/** What the server writes once it has its ports. */
const ANNOUNCEMENT = 'Temporal Server:';
const LOOK_MS = 50;

/**
 * Resolves when the server itself says, in its log from `start` on, that it has its ports. Somebody else's server may answer on the same
 * address: when two are started at the same moment, the one that loses the port must not take the other for its own.
 */
async function untilAnnounced(logFile: string, start: number, signal: AbortSignal): Promise<void> {
  while (!readFileSync(logFile).subarray(start).includes(ANNOUNCEMENT)) {
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** The words for a port that somebody else has taken, if the server has said so in its log from `start` on. */
function portLost(logFile: string, start: number): string | null {
  const words = 'address already in use';
  return readFileSync(logFile).subarray(start).includes(words) ? words : null;
}

/** Moves a log that has become large out of the way; returns the size of what is there, bytes. */
function makeRoom(logFile: string): number {
  makeFolder(path.dirname(logFile));
  if (!existsSync(logFile)) return 0;
  const { size } = statSync(logFile);
  if (size <= LOG_BYTES) return size;
  renameSync(logFile, `${logFile}.1`);
  return 0;
}

function spawnServer(options: TemporalServerOptions): ChildProcess {
  const output = openSync(options.logFile, 'a');
  try {
    return spawn(options.binary, temporalServerArguments(options), {
      detached: true,
      stdio: ['ignore', output, output],
      env: { GOGC: GARBAGE_PERCENT, ...process.env },
    });
  } finally {
    closeSync(output);
  }
}
