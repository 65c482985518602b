import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../domain/clock.js';
import { FabricaError } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { failureOf, isReady } from './child-task.js';
import type { ChildTask } from './child-task.js';
import { logTail } from './log-tail.js';
import type { ProcessIdentity } from './process-identity.js';
import { SupervisedProcess } from './supervised-process.js';

export interface ChildProcessOptions {
  /** In logs and in `up.json`: `control`, `site GRAZ`. */
  readonly name: string;
  /** `process.js` of the built package. */
  readonly entry: string;
  /** `control`, or `site` and its name. */
  readonly argv: readonly string[];
  readonly logFile: string;
  /** It may come after the process was started, which takes a while; a rejection ends the start. */
  readonly task: Promise<ChildTask>;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  readonly onIdentity: (identity: ProcessIdentity | null) => void;
}

/** Of the space for new objects, of which V8 has three in each thread; the default is 16. With 4 control has some 20 MB less, and costs as much processor time (10^5 jobs). */
const SEMI_SPACE_MB = 4;

/** s in which a child must poll; it tries an unreachable Temporal for 60 s of them. */
const READY_SECONDS = 90;

/**
 * A worker of `up` as a child process that is kept running. `start()` resolves when it polls, and throws the child's own error.
 * It is a session of its own, so that a Ctrl-C reaches `up` only, which ends its processes in order; and it ends by itself when `up` is gone.
 */
export function childProcess(options: ChildProcessOptions): SupervisedProcess {
  const { clock, log, name, onIdentity, task } = options;
  return new SupervisedProcess({
    name,
    clock,
    log,
    onIdentity,
    spawn: () => {
      const child = forkChild(options);
      child.on('message', (message) => {
        const failure = failureOf(message);
        if (failure !== null) log.error({ process: name, code: failure.code }, failure.message);
      });
      // A child that has ended meanwhile is seen by its end, and a rejection by `ready`.
      task.then(
        (known) => child.connected && child.send(known, () => undefined),
        () => undefined,
      );
      return child;
    },
    ready: async (child, ended) => {
      await Promise.all([task, untilReady(child, ended, options)]);
    },
  });
}

function forkChild({ argv, entry, env, logFile }: ChildProcessOptions): ChildProcess {
  const output = openSync(logFile, 'a');
  try {
    return fork(entry, [...argv], {
      detached: true,
      env,
      execArgv: [`--max-semi-space-size=${SEMI_SPACE_MB}`],
      stdio: ['ignore', output, output, 'ipc'],
    });
  } finally {
    closeSync(output);
  }
}

function untilReady(
  child: ChildProcess,
  ended: AbortSignal,
  { logFile, name }: ChildProcessOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => {
      reject(
        new FabricaError(
          'FABRICA_INTERNAL',
          `The process ${name} ${what}. The end of ${logFile}:\n${logTail(logFile)}`,
          { file: logFile },
        ),
      );
    };
    const timer = setTimeout(
      () => fail(`was not ready after ${READY_SECONDS} s`),
      READY_SECONDS * 1000,
    );
    child.on('message', (message) => {
      const failure = failureOf(message);
      if (failure !== null) reject(failure);
      else if (isReady(message)) resolve();
    });
    ended.addEventListener('abort', () => fail('ended while it started'), { once: true });
    const settled = (): void => clearTimeout(timer);
    child.once('exit', settled);
    child.on('message', settled);
  });
}
