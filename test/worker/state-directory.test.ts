import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityOf, isAlive } from '../../worker/process-identity.js';
import { StateDirectory } from '../../worker/state-directory.js';
import { readUpRecord } from '../../worker/up-record.js';
import { temporaryFolder } from './temporary-folder.js';
import { exit, message, nodeProcess } from './test-process.js';

/** Opens the directory, and keeps nothing that refers to it. */
const HOLDER = `
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  import { StateDirectory } from MODULE(worker/state-directory.js);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  (() => {
    const state = StateDirectory.open(process.argv[1], 'default');
    state.recordChild('temporal', { pid: 4711, pidStart: 'long ago' });
  })();
  setTimeout(() => { collectGarbage(); process.send('open'); }, 0);
  setInterval(() => undefined, 1000);
`;

describe('a state directory', () => {
  it('is made with its folders, tells who has it, and is clean when closed', () => {
    const folder = path.join(temporaryFolder(), 'deep', 'state');
    const state = StateDirectory.open(folder, 'belle2');
    state.recordServer('127.0.0.1:7233', 'http://127.0.0.1:8233');
    state.recordChild('control', { pid: 12, pidStart: 'a' });
    state.recordChild('control', { pid: 13, pidStart: 'b' });
    expect(readUpRecord(folder)).toEqual({
      ...identityOf(process.pid),
      address: '127.0.0.1:7233',
      namespace: 'belle2',
      uiUrl: 'http://127.0.0.1:8233',
      children: [{ name: 'control', pid: 13, pidStart: 'b' }],
    });
    for (const name of ['logs', 'sites', 'storages']) {
      expect(existsSync(path.join(folder, name))).toBe(true);
    }
    state.recordChild('control', null);
    state.close();
    expect(readUpRecord(folder)).toBeNull();
    StateDirectory.open(folder, 'belle2').close();
  });

  it('below a folder in which nothing can be made is refused, and does not hang', () => {
    expect(() => StateDirectory.open('/proc/fabrica/state', 'default')).toThrow(
      'cannot be written',
    );
  });

  it('refuses a second opener in the same process', () => {
    const folder = temporaryFolder();
    const state = StateDirectory.open(folder, 'default');
    expect(() => StateDirectory.open(folder, 'default')).toThrow(
      expect.objectContaining({ code: 'FABRICA_STATE_IN_USE' }),
    );
    state.close();
  });

  it('refuses a second process, by the pid of the first, and is free at once when that is killed', async () => {
    const folder = temporaryFolder();
    const holder = nodeProcess(HOLDER, folder);
    await message(holder);
    expect(() => StateDirectory.open(folder, 'default')).toThrow(
      expect.objectContaining({
        code: 'FABRICA_STATE_IN_USE',
        message: expect.stringContaining(`pid ${holder.pid}`) as string,
      }),
    );
    holder.kill('SIGKILL');
    await exit(holder);

    const stale = readUpRecord(folder);
    expect(stale !== null && isAlive(stale)).toBe(false);
    const state = StateDirectory.open(folder, 'default');
    expect(state.record.pid).toBe(process.pid);
    expect(readUpRecord(folder)?.children).toEqual([
      { name: 'temporal', pid: 4711, pidStart: 'long ago' },
    ]);
    state.recordChild('temporal', null);
    state.close();
  });

  it('is opened all the same when its record is damaged', () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'up.json'), '{"pid": 1,');
    const state = StateDirectory.open(folder, 'default');
    expect(state.record.children).toEqual([]);
    state.close();
  });

  it('that can not be made is an error that names it', () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(() => StateDirectory.open(path.join(file, 'state'), 'default')).toThrow(
      expect.objectContaining({
        code: 'FABRICA_STATE_UNWRITABLE',
        message: expect.stringContaining(path.join(file, 'state')) as string,
      }),
    );
  });

  it('whose lock file is no database is an error, not a lock', () => {
    const folder = temporaryFolder();
    writeFileSync(
      path.join(folder, 'lock.db'),
      'this is no database at all, but long enough to be looked at',
    );
    expect(() => StateDirectory.open(folder, 'default')).toThrow(
      expect.objectContaining({ code: 'FABRICA_STATE_UNWRITABLE' }),
    );
  });
});
