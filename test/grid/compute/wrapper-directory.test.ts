import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe } from 'vitest';
import { DirectoryStorage } from '../../../grid/storage/directory.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';
import { wrapperConformance, type ReachedStorages } from './wrapper-conformance.js';

let storages: ReachedStorages;
beforeEach(() => {
  const folder = temporaryFolder();
  const storage = (name: string) => new DirectoryStorage({ name, root: path.join(folder, name) });
  mkdirSync(path.join(folder, 'NEAR'));
  mkdirSync(path.join(folder, 'FAR'));
  storages = { near: storage('NEAR'), far: storage('FAR'), dead: storage('DEAD') };
});

describe('a job wrapper with directory storages', () => {
  wrapperConformance(() => storages);
});
