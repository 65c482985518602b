import { MockActivityEnvironment } from '@temporalio/testing';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createStorageActivities, type ListingPlace } from '../../../activities/storage/index.js';
import { systemClock } from '../../../domain/clock.js';
import { DirectoryStorage } from '../../../grid/storage/directory.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

it.each([1, 2, 3, 5, 100])(
  'lists every file of several directories once, %d at a time, whatever the order of the directories',
  async (limit) => {
    const root = temporaryFolder();
    // The second directory sorts before the first.
    const files = ['/z/1', '/z/2/3', '/a/1', '/a/2', '/m/9'];
    for (const file of [...files, '/other/1']) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), '');
    }
    const storage = new DirectoryStorage({ name: 'DISK', root });
    const { listFiles } = createStorageActivities({
      storages: { get: () => storage },
      clock: systemClock,
    } as never);
    const found: string[] = [];
    let from: ListingPlace | null = { directory: 0, after: '' };
    for (let page = 0; from !== null && page < 20; page++) {
      const answer: Awaited<ReturnType<typeof listFiles>> = await new MockActivityEnvironment().run(
        listFiles,
        { storage: 'DISK', directories: ['/z', '/empty', '/a', '/m'], from, limit },
      );
      expect(answer.paths.length).toBeLessThanOrEqual(limit);
      found.push(...answer.paths);
      from = answer.next;
    }
    expect(from).toBeNull();
    expect(found).toEqual(files);
  },
);
