import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { probe } from '../../../activities/storage/probe.js';
import { systemClock } from '../../../domain/clock.js';
import { DirectoryStorage } from '../../../grid/storage/directory.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

const options = { clock: systemClock, seconds: 5 };

describe('the probe of a storage', () => {
  it('answers its room and leaves nothing', async () => {
    const root = temporaryFolder();
    const { free, total } = await probe(new DirectoryStorage({ name: 'DISK', root }), options);
    expect(free).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(free);
    expect(readdirSync(root)).toEqual([]);
  });

  it('removes what a killed one has left, and nothing else', async () => {
    const root = temporaryFolder();
    const left = path.join(root, 'fabrica-probe');
    mkdirSync(left);
    const [old, fresh] = [Date.now() - 7_200_000, Date.now() - 60_000];
    for (const file of [`${old}-0a`, `.part-0b-${old}-0c`, `${fresh}-0d`]) {
      writeFileSync(path.join(left, file), '');
    }
    await probe(new DirectoryStorage({ name: 'DISK', root }), options);
    expect(readdirSync(left)).toEqual([`${fresh}-0d`]);
  });

  it('at the same time as others is not disturbed by them', async () => {
    const root = temporaryFolder();
    const storage = new DirectoryStorage({ name: 'DISK', root });
    await Promise.all(Array.from({ length: 20 }, async () => probe(storage, options)));
    expect(readdirSync(root)).toEqual([]);
  });

  it('tells of a root that is not there', async () => {
    const root = path.join(temporaryFolder(), 'not-mounted');
    await expect(
      probe(new DirectoryStorage({ name: 'DISK', root }), options),
    ).rejects.toMatchObject({ code: 'FABRICA_STORAGE_UNREACHABLE' });
    expect(existsSync(root)).toBe(false);
  });

  // The kernel lets nobody make a directory there, not even root.
  it.runIf(process.platform === 'linux')('tells of one that can not be written', async () => {
    await expect(
      probe(new DirectoryStorage({ name: 'DISK', root: '/sys' }), options),
    ).rejects.toMatchObject({ code: 'FABRICA_STORAGE_READONLY' });
  });

  it('tells of one that gives back other bytes', async () => {
    class Rotten extends DirectoryStorage {
      override async read(): Promise<Readable> {
        return Promise.resolve(Readable.from([Buffer.from('rotten')]));
      }
    }
    const root = temporaryFolder();
    await expect(probe(new Rotten({ name: 'DISK', root }), options)).rejects.toMatchObject({
      code: 'FABRICA_STORAGE_CHECKSUM',
    });
    expect(readdirSync(root)).toEqual([]);
  });

  it('of one that hangs has an end', async () => {
    class Hanging extends DirectoryStorage {
      override async put(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const storage = new Hanging({ name: 'DISK', root: temporaryFolder() });
    await expect(probe(storage, { clock: systemClock, seconds: 0.1 })).rejects.toThrow(
      'Storage DISK has not written, read and removed a small file within 0.1 s.',
    );
  });
});
