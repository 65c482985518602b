import { fork } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, it } from 'vitest';
import { backUp } from '../../catalog/backup.js';
import type { Catalog } from '../../catalog/catalog.js';
import { epochsOf, unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { markFile, markOf, readMark, writeMark } from '../../catalog/mark.js';
import { openCatalog, openCatalogReadOnly } from '../../catalog/open.js';
import { restoreCatalog } from '../../catalog/restore.js';
import { HandClock } from '../activities/control/control-room.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let folder: string;
let file: string;
let backup: string;
let clock: HandClock;

beforeEach(() => {
  folder = temporaryFolder();
  file = path.join(folder, 'catalog.db');
  backup = path.join(folder, 'backup.db');
  clock = new HandClock();
});

const quiet = { replace: false, tell: () => undefined };

async function worked<T>(work: (catalog: Catalog) => Promise<T>): Promise<T> {
  const catalog = await openCatalog({ file, clock });
  try {
    const result = await work(catalog);
    writeMark(file, await catalog.read(markOf));
    return result;
  } finally {
    await catalog.close();
  }
}

const note = (catalog: Catalog, what: string): Promise<void> =>
  catalog.write((db) => recordEvent(db, { at: clock.now(), who: 'tester', what, why: '' }));

const events = (catalog: Catalog): Promise<string[]> =>
  catalog.read(async (db) =>
    (await db.selectFrom('events').select('what').orderBy('id').execute()).map((row) => row.what),
  );

const restore = () => restoreCatalog({ backup, catalogFile: file, who: 'tester', clock });

describe('a backup', () => {
  it('holds what was so when it began, passes the check, and is one file', async () => {
    const made = await worked(async (catalog) => {
      await note(catalog, 'before');
      const result = await backUp(catalog, backup, quiet);
      await note(catalog, 'after');
      return result;
    });
    expect(made).toMatchObject({ event: 1, at: clock.now(), file: backup });
    const looking = await openCatalogReadOnly({ file: backup });
    expect(await events(looking)).toEqual(['before']);
    expect(looking.epoch).toBe(made.epoch);
    await looking.close();
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  });

  it('is made while another process writes all the time', async () => {
    await worked(async (catalog) => {
      // Big enough for many steps: each write of the other process falls between two of them.
      await catalog.write((db) =>
        db
          .insertInto('meta')
          .values(
            Array.from({ length: 400 }, (_, i) => ({ key: `fill${i}`, value: 'x'.repeat(50_000) })),
          )
          .execute(),
      );
      const writer = fork(path.resolve('test/catalog/constant-writer.mjs'), [file]);
      await new Promise((resolve) => writer.once('message', resolve));
      const shares: number[] = [];
      await backUp(catalog, backup, { replace: false, tell: (share) => shares.push(share) });
      const written = new Promise<number>((resolve) =>
        writer.on('message', (count) => {
          resolve(Number(count));
        }),
      );
      writer.kill('SIGTERM');
      expect(await written).toBeGreaterThan(3);
      // It went on from step to step, and never began anew.
      expect(shares.length).toBeGreaterThan(3);
      expect([...shares].sort((a, b) => a - b)).toEqual(shares);
    });
    const copy = new Database(backup, { readonly: true });
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
    // The writer changes both rows in each of its transactions.
    const rows = copy.prepare("select value from meta where key in ('one', 'two')").pluck().all();
    expect(rows).toHaveLength(2);
    expect(rows[0]).toBe(rows[1]);
    copy.close();
  });

  it('replaces no file unless that is asked for, and leaves nothing when it fails', async () => {
    await worked(async (catalog) => {
      writeFileSync(backup, 'precious');
      const refused = { code: 'FABRICA_BACKUP_TARGET' };
      await expect(backUp(catalog, backup, quiet)).rejects.toMatchObject(refused);
      const nowhere = path.join(folder, 'nowhere', 'backup.db');
      await expect(backUp(catalog, nowhere, quiet)).rejects.toMatchObject(refused);
      await backUp(catalog, backup, { ...quiet, replace: true });
    });
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('is not made of a damaged catalog', async () => {
    await worked((catalog) => note(catalog, 'x'));
    const raw = new Database(file);
    raw.pragma('journal_mode = DELETE');
    raw.exec("create table broken (a); insert into broken values ('a')");
    raw.unsafeMode(true);
    raw.pragma('writable_schema = on');
    raw.exec("update sqlite_master set rootpage = 3 where name = 'broken'");
    raw.close();
    await expect(backUp({ file, clock }, backup, quiet)).rejects.toMatchObject({
      code: 'FABRICA_CATALOG_CORRUPT',
    });
    expect(existsSync(backup)).toBe(false);
  });
});

describe('a restore', () => {
  it('puts the backup in place with a new epoch, and keeps what was there', async () => {
    const first = await worked(async (catalog) => {
      await note(catalog, 'before');
      await backUp(catalog, backup, quiet);
      await note(catalog, 'after');
      return catalog.epoch;
    });
    clock.pass(60);
    const done = await restore();
    expect(done).toMatchObject({ backup: { epoch: first, event: 1 } });
    expect(done.epoch > first).toBe(true);
    await worked(async (catalog) => {
      expect(catalog.epoch).toBe(done.epoch);
      expect(await events(catalog)).toEqual(['before', `epoch ${done.epoch} begins`]);
      expect((await catalog.read(epochsOf)).map((row) => row.epoch)).toEqual([first, done.epoch]);
      expect(await catalog.read(unrecovered)).toMatchObject({ epoch: done.epoch });
    });
    const kept = await openCatalogReadOnly({ file: done.replaced ?? '' });
    expect(await events(kept)).toEqual(['before', 'after']);
    await kept.close();
  });

  it('knows the epochs of the catalog that it replaces', async () => {
    const first = await worked(async (catalog) => {
      await backUp(catalog, backup, quiet);
      return catalog.epoch;
    });
    const second = (await restore()).epoch;
    const third = (await restore()).epoch;
    await worked(async (catalog) => {
      const known = (await catalog.read(epochsOf)).map((row) => row.epoch);
      expect(known).toEqual([first, second, third]);
    });
  });

  it('takes the catalog itself, and replaces a damaged or a lost one', async () => {
    const first = await worked(async (catalog) => {
      await backUp(catalog, backup, quiet);
      return catalog.epoch;
    });
    const itself = { backup: file, catalogFile: file, who: 'tester', clock };
    expect((await restoreCatalog(itself)).epoch > first).toBe(true);
    truncateSync(file, 5000);
    writeFileSync(`${file}-wal`, 'rubbish');
    const damaged = await restore();
    expect(existsSync(damaged.replaced ?? '')).toBe(true);
    expect(existsSync(`${file}-wal`)).toBe(false);
    rmSync(file);
    expect((await restore()).replaced).toBeNull();
    await worked(async (catalog) => {
      expect((await catalog.read(epochsOf)).map((row) => row.epoch)).toHaveLength(4);
    });
  });

  it('is refused while a process has the catalog open, and changes nothing then', async () => {
    await worked(async (catalog) => {
      await backUp(catalog, backup, quiet);
      await expect(restore()).rejects.toMatchObject({ code: 'FABRICA_CATALOG_IN_USE' });
      await note(catalog, 'goes on');
    });
    await worked(async (catalog) => {
      expect(await events(catalog)).toEqual(['goes on']);
    });
  }, 20_000);

  it.each([
    ['missing', 'FABRICA_CATALOG_MISSING', () => undefined],
    ['no database', 'FABRICA_CATALOG_CORRUPT', () => writeFileSync(backup, 'x'.repeat(5000))],
    ['empty', 'FABRICA_CATALOG_CORRUPT', () => writeFileSync(backup, '')],
    [
      'no catalog',
      'FABRICA_CATALOG_CORRUPT',
      () => new Database(backup).exec('create table a (b)'),
    ],
    [
      'newer',
      'FABRICA_CATALOG_NEWER',
      () => {
        copyFileSync(file, backup);
        new Database(backup).exec("insert into kysely_migration values ('9999-later', '')");
      },
    ],
  ])('is refused if the file is %s', async (_, code, make) => {
    await worked((catalog) => note(catalog, 'stays'));
    make();
    await expect(restore()).rejects.toMatchObject({ code });
    await worked(async (catalog) => {
      expect(await events(catalog)).toEqual(['stays']);
      expect(await catalog.read(unrecovered)).toBeNull();
    });
    expect(readdirSync(folder).filter((name) => name.includes('replaced'))).toEqual([]);
  });
});

describe('a file that somebody has put in the place of the catalog', () => {
  const put = (): void => {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    copyFileSync(backup, file);
  };

  it('has a new epoch at the next start, if it is an older copy', async () => {
    const first = await worked(async (catalog) => {
      await note(catalog, 'before');
      return catalog.epoch;
    });
    copyFileSync(file, backup);
    await worked((catalog) => note(catalog, 'after'));
    put();
    await worked(async (catalog) => {
      expect(catalog.epoch > first).toBe(true);
      expect((await catalog.read(unrecovered))?.why).toContain('older copy');
    });
    const second = readMark(file)?.epochs.at(-1);
    await worked((catalog) => Promise.resolve(expect(catalog.epoch).toBe(second)));
  });

  it('has a new epoch at the next start, if it is a backup, also where nothing remembers', async () => {
    const first = await worked(async (catalog) => {
      await backUp(catalog, backup, quiet);
      return catalog.epoch;
    });
    put();
    rmSync(markFile(file));
    const second = await worked((catalog) => Promise.resolve(catalog.epoch));
    expect(second > first).toBe(true);
    expect(await worked((catalog) => Promise.resolve(catalog.epoch))).toBe(second);
  });

  it('keeps its epoch if it is the one that was there', async () => {
    const first = await worked(async (catalog) => {
      await note(catalog, 'before');
      return catalog.epoch;
    });
    copyFileSync(file, backup);
    put();
    await worked(async (catalog) => {
      expect(catalog.epoch).toBe(first);
      expect(await catalog.read(unrecovered)).toBeNull();
    });
  });

  it('is asked for when it is gone: no empty one takes its place', async () => {
    await worked((catalog) => note(catalog, 'before'));
    rmSync(file);
    const refused = { code: 'FABRICA_CATALOG_MISSING' };
    await expect(openCatalog({ file, clock })).rejects.toMatchObject(refused);
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, '');
    await expect(openCatalog({ file, clock })).rejects.toMatchObject(refused);
  });
});
