import type { Readable } from 'node:stream';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { unpack } from '../../../activities/packed.js';
import { createStorageActivities } from '../../../activities/storage/index.js';
import { systemClock } from '../../../domain/clock.js';
import { LIST_BEGIN, type ListPlace } from '../../../domain/input-list.js';
import { silentLog } from '../../../domain/log.js';
import { DirectoryStorage } from '../../../grid/storage/directory.js';
import { put } from '../../grid/storage/conformance.js';
import { storagesOf } from '../../grid/simulated/storages-of.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

/** Counts the bytes that are read of it. */
class Counting extends DirectoryStorage {
  bytes = 0;

  override async read(path: string, from?: number): Promise<Readable> {
    const content = await super.read(path, from);
    content.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
    return content.pause();
  }
}

it('reads a long list forward, whatever the number of its parts, and tells bad lines with the others', async () => {
  const storage = new Counting({ name: 'DISK', root: temporaryFolder() });
  const names = Array.from({ length: 60_000 }, (_, i) => `/mc/${String(i).padStart(200, '0')}`);
  const list = `${names.join('\r\n')}\nno lfn\n`;
  await put(storage, '/list', list);
  const { readList } = createStorageActivities({
    storages: storagesOf(storage),
    clock: systemClock,
    log: silentLog,
  });
  const found: string[] = [];
  let parts = 0;
  let from: ListPlace | null = LIST_BEGIN;
  while (from !== null) {
    const input = { storage: 'DISK', path: '/list', from };
    const part: Awaited<ReturnType<typeof readList>> = await new MockActivityEnvironment().run(
      readList,
      input,
    );
    for (const { lfn } of unpack(part.files)) found.push(lfn);
    from = part.next;
    parts++;
  }
  expect(found).toEqual([...names, '"no lfn"']);
  expect(parts).toBeGreaterThan(10);
  // Each part begins where the one before it has ended, and a stream reads a little ahead.
  expect(storage.bytes).toBeLessThan(4 * list.length);
});
