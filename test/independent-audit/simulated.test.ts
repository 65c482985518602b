import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../worker/temporary-folder.js';
import { buildSmallProduction, SECOND_MERGED, type SmallProduction } from './small-production.js';

const SCRIPT = path.join(import.meta.dirname, 'audit.py');

let folder: string;
let small: SmallProduction;

beforeEach(async () => {
  folder = temporaryFolder();
  small = await buildSmallProduction(folder);
  simulate();
});
afterEach(() => {
  small.database.close();
});

interface File {
  readonly id: number;
  readonly level: string;
  readonly seed: number;
  readonly first: number;
  readonly events: number;
}

/** Makes the storages simulated ones: the checksum of a file stands for its content. */
function simulate(): void {
  const { database } = small;
  database.exec(`update storages set kind = 'simulated'`);
  const files = database
    .prepare<[], File>(
      `select f.id, f.level, j.seed, j.first_event as first, f.events from files f
       join jobs j on j.number = f.job order by f.id`,
    )
    .all();
  const checksums = new Map<number, string>();
  for (const { id, level, seed, first, events } of files) {
    const inputs = database
      .prepare<[number], number>(
        `select i.file_id from job_inputs i join files f on f.job = i.job where f.id = ? order by i.position`,
      )
      .pluck()
      .all(id);
    const words = [level, seed, first, events, ...inputs.map((input) => checksums.get(input))];
    const checksum = createHash('sha256').update(words.join('/')).digest('hex').slice(0, 8);
    checksums.set(id, checksum);
    database.prepare('update files set adler32 = ? where id = ?').run(checksum, id);
  }
  for (const name of ['TMP', 'A-DISK', 'B-DISK']) {
    on(
      name,
      'create table files (path text primary key, size integer, adler32 text, content blob)',
    );
    const held = database
      .prepare<[string], { path: string; size: number; adler32: string }>(
        `select r.path, f.size, f.adler32 from replicas r join files f on f.id = r.file_id where r.storage = ?`,
      )
      .all(name);
    for (const one of held) {
      on(name, `insert into files values ('${one.path}', ${one.size}, '${one.adler32}', null)`);
    }
  }
}

function on(storage: string, statement: string): void {
  const database = new Database(path.join(folder, storage, `${storage}.db`));
  database.exec(statement);
  database.close();
}

function problems(): string[] {
  const options = ['--expect-events', '30', '--content', 'simulated'];
  const run = spawnSync('python3', [SCRIPT, small.file, 'small', ...options], { encoding: 'utf8' });
  const lines = run.stdout.trimEnd().split('\n').slice(0, -1);
  expect(run.stderr).toBe('');
  expect(run.status).toBe(lines.length === 0 ? 0 : 1);
  return [...new Set(lines.map((line) => line.slice(0, line.indexOf(':'))))];
}

const secondMerged = (): string => `/${small.epoch}${SECOND_MERGED}`;

describe('of simulated storages the independent audit', () => {
  it('finds nothing wrong with a production that is whole', () => {
    expect(problems()).toEqual([]);
  });

  it('reports a missing file', () => {
    on('B-DISK', `delete from files where path = '${secondMerged()}'`);
    expect(problems()).toEqual(['missing']);
  });

  it('reports a file of another size, and one with another checksum', () => {
    on('B-DISK', `update files set size = size + 1 where path = '${secondMerged()}'`);
    expect(problems()).toContain('size');
    on(
      'B-DISK',
      `update files set size = size - 1, adler32 = 'deadbeef' where path = '${secondMerged()}'`,
    );
    expect(problems()).toEqual(['checksum']);
  });

  it('reports what the catalog does not know, and claims', () => {
    on('TMP', `insert into files values ('/${small.epoch}/belle/strange', 1, '00000000', null)`);
    expect(problems()).toEqual(['dark']);
    const claim = `/${small.epoch}/.claims/prod00000001/block0000/0/1.1`;
    on('TMP', `update files set path = '${claim}'`);
    expect(problems()).toEqual(['claims']);
  });

  it('reports a file whose checksum is not that of its events', () => {
    small.database.exec(`update jobs set seed = seed + 1000 where number = 2`);
    expect(problems()).toEqual(['content']);
  });
});
