import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from '../../catalog/catalog.js';
import { MIGRATIONS } from '../../catalog/migrations.js';
import { openCatalog, openCatalogReadOnly } from '../../catalog/open.js';
import { HandClock } from '../activities/control/control-room.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let file: string;
let clock: HandClock;
let catalog: Catalog;

beforeEach(async () => {
  file = path.join(temporaryFolder(), 'catalog.db');
  clock = new HandClock();
  catalog = await openCatalog({ file, clock });
});
afterEach(() => catalog.close());

const pragma = async (name: string): Promise<unknown> => {
  const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(catalog.db);
  return Object.values(rows[0] ?? {})[0];
};

describe('openCatalog', () => {
  it('is durable: WAL, every commit on the disk, foreign keys checked', async () => {
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
  });

  it('refuses a row that points nowhere', async () => {
    const orphan = { file_id: 1, storage: 'KMI', path: '/a', state: 'Available', created_at: 0 };
    await expect(
      catalog.write((db) =>
        db
          .insertInto('replicas')
          .values({ ...orphan, state: 'Available' })
          .execute(),
      ),
    ).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  });

  it('keeps its epoch when it is opened again later', async () => {
    const { epoch } = catalog;
    await catalog.close();
    clock.pass(1e6);
    catalog = await openCatalog({ file, clock });
    expect(catalog.epoch).toBe(epoch);
    const looking = await openCatalogReadOnly({ file, clock });
    expect(looking.epoch).toBe(epoch);
    await looking.close();
  });

  it('gives two catalogs of different times different epochs', async () => {
    clock.pass(1);
    const other = await openCatalog({ file: path.join(temporaryFolder(), 'b.db'), clock });
    expect(other.epoch > catalog.epoch).toBe(true);
    await other.close();
  });

  it('applies each migration once', async () => {
    await catalog.close();
    catalog = await openCatalog({ file, clock });
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(
      catalog.db,
    );
    expect(rows.map((row) => row.name)).toEqual(Object.keys(MIGRATIONS));
  });

  it('is one with what another process has open', async () => {
    const second = await openCatalog({ file, clock });
    await second.write((db) =>
      db.insertInto('campaigns').values({ name: 'MC16', next_seed: 1 }).execute(),
    );
    const seen = await catalog.read((db) => db.selectFrom('campaigns').select('name').execute());
    expect(seen).toEqual([{ name: 'MC16' }]);
    await second.close();
  });
});

describe('openCatalogReadOnly', () => {
  it('refuses a file that has been emptied', async () => {
    const emptied = path.join(temporaryFolder(), 'catalog.db');
    writeFileSync(emptied, '');
    await expect(openCatalogReadOnly({ file: emptied, clock })).rejects.toMatchObject({
      code: 'FABRICA_CATALOG_CORRUPT',
      message: expect.stringContaining('is empty') as string,
    });
  });

  it('can not write', async () => {
    const looking = await openCatalogReadOnly({ file, clock });
    await expect(
      looking.db.insertInto('campaigns').values({ name: 'MC16', next_seed: 1 }).execute(),
    ).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
    await looking.close();
  });
});

describe('write', () => {
  it('does all of its changes or none', async () => {
    const work = catalog.write(async (db) => {
      await db.insertInto('campaigns').values({ name: 'MC16', next_seed: 1 }).execute();
      throw new Error('in the middle');
    });
    await expect(work).rejects.toThrow('in the middle');
    expect(await catalog.read((db) => db.selectFrom('campaigns').selectAll().execute())).toEqual(
      [],
    );
  });

  it('lets concurrent transactions follow each other', async () => {
    await catalog.write((db) =>
      db.insertInto('campaigns').values({ name: 'MC16', next_seed: 0 }).execute(),
    );
    await Promise.all(
      Array.from({ length: 20 }, () =>
        catalog.write(async (db) => {
          const row = await db.selectFrom('campaigns').selectAll().executeTakeFirstOrThrow();
          await new Promise((resolve) => setImmediate(resolve));
          await db
            .updateTable('campaigns')
            .set({ next_seed: row.next_seed + 1 })
            .execute();
        }),
      ),
    );
    const database = new Database(file, { readonly: true });
    expect(database.prepare('select next_seed from campaigns').pluck().get()).toBe(20);
    database.close();
  });
});
