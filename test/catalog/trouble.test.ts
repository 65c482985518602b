import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openCatalog, openCatalogReadOnly } from '../../catalog/open.js';
import { insertProduction } from '../../catalog/productions.js';
import { parseDefinition } from '../../domain/parse.js';
import { definition } from '../activities/control/control-room.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

const newFile = (): string => path.join(temporaryFolder(), 'catalog.db');

/** A catalog's file, after a first opening. */
async function catalogFile(): Promise<string> {
  const file = newFile();
  await (await openCatalog({ file })).close();
  return file;
}

/** Every schema object and row of a file that is not open. */
function contentOf(file: string): unknown {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database
      .prepare(`select name from sqlite_master where type = 'table'`)
      .pluck()
      .all() as string[];
    return tables.map((name) => [name, database.prepare(`select * from "${name}"`).all()]);
  } finally {
    database.close();
  }
}

/** Runs while another process holds the catalog for itself. */
async function whileLocked(
  file: string,
  work: () => Promise<void>,
  mode: 'normal' | 'exclusive' = 'normal',
): Promise<void> {
  const script = `
    const database = new (require('better-sqlite3'))(${JSON.stringify(file)});
    database.pragma('locking_mode = ${mode}');
    database.exec('begin exclusive');
    if (${mode === 'exclusive'}) database.exec('create table other (a)');
    process.stdout.write('locked');
    process.stdin.on('end', () => process.exit(0)).resume();`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await work();
  } finally {
    child.stdin.end();
    await ended;
  }
}

/** True where this process may mount file systems: as root, outside of most containers. */
function mayMount(): boolean {
  const folder = temporaryFolder();
  if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status !== 0) return false;
  return spawnSync('umount', [folder]).status === 0;
}

/** Runs without root's right to write everywhere. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

describe('a catalog that another process has locked', () => {
  it('fails with FABRICA_CATALOG_LOCKED within its time-out, to open and to write, and nothing is half done', async () => {
    const file = await catalogFile();
    const catalog = await openCatalog({ file });
    const insert = () =>
      catalog.write((db) => insertProduction(db, parseDefinition(definition()), 0));
    const before = contentOf(file);
    await whileLocked(file, async () => {
      const begun = Date.now();
      await expect(insert()).rejects.toMatchObject({ code: 'FABRICA_CATALOG_LOCKED' });
      expect(Date.now() - begun).toBeLessThan(8_000);
      // A reader is not in the way of a writer, nor the other way round.
      const looking = await openCatalogReadOnly({ file });
      expect(looking.epoch).toBe(catalog.epoch);
      await looking.close();
    });
    expect(contentOf(file)).toEqual(before);
    await insert();
    expect(contentOf(file)).not.toEqual(before);
    await catalog.close();
  });

  it('is waited for by a reader that it locks out, who is told after a second for how long', async () => {
    const file = await catalogFile();
    const told: { message: string; at: number }[] = [];
    const begun = Date.now();
    await whileLocked(
      file,
      async () => {
        const tell = (message: string): void => void told.push({ message, at: Date.now() - begun });
        await expect(openCatalogReadOnly({ file, tell })).rejects.toMatchObject({
          code: 'FABRICA_CATALOG_LOCKED',
        });
      },
      'exclusive',
    );
    expect(told.map(({ message }) => message)).toEqual([
      `The catalog ${file} is locked by another process. Waiting for at most 4 s more.`,
    ]);
    expect(told[0]?.at).toBeLessThan(3000);
    expect(Date.now() - begun).toBeGreaterThan(4900);
    const looking = await openCatalogReadOnly({
      file,
      tell: (message) => void told.push({ message, at: 0 }),
    });
    await looking.close();
    expect(told).toHaveLength(1);
  });

  it('is not half created when the file is locked before it has tables', async () => {
    const file = newFile();
    new Database(file).close();
    await whileLocked(file, async () => {
      await expect(openCatalog({ file })).rejects.toMatchObject({
        code: 'FABRICA_CATALOG_LOCKED',
        place: { file },
      });
    });
    expect(contentOf(file)).toEqual([]);
    const catalog = await openCatalog({ file });
    expect(catalog.epoch).toMatch(/^e[0-9a-z]+$/);
    await catalog.close();
  });
});

describe('a catalog that can not be written', () => {
  it('is a directory', async () => {
    const file = temporaryFolder();
    await expect(openCatalog({ file })).rejects.toMatchObject({
      code: 'FABRICA_CATALOG_READONLY',
      message: `The catalog ${file} can not be opened or written: it is a directory.`,
    });
  });

  it.runIf(mayMount())('is on a read-only file system, to write and to look', async () => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
    try {
      const file = path.join(folder, 'catalog.db');
      await (await openCatalog({ file })).close();
      execFileSync('mount', ['-o', 'remount,ro', folder]);
      for (const open of [openCatalog, openCatalogReadOnly]) {
        await expect(open({ file })).rejects.toMatchObject({
          code: 'FABRICA_CATALOG_READONLY',
          message: expect.stringContaining('its file system is mounted read-only') as string,
        });
      }
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  it('is in a folder that is not there', async () => {
    const file = path.join(temporaryFolder(), 'no', 'catalog.db');
    await expect(openCatalog({ file })).rejects.toMatchObject({
      code: 'FABRICA_CATALOG_READONLY',
      message: `The catalog ${file} can not be opened or written: its folder does not exist.`,
    });
  });

  it('is to be created in a read-only folder', async () => {
    const file = newFile();
    chmodSync(path.dirname(file), 0o555);
    await asNobody(() =>
      expect(openCatalog({ file })).rejects.toMatchObject({ code: 'FABRICA_CATALOG_READONLY' }),
    );
  });

  it('is a read-only file in a read-only folder', async () => {
    const file = await catalogFile();
    chmodSync(file, 0o444);
    chmodSync(path.dirname(file), 0o555);
    await asNobody(() =>
      expect(openCatalog({ file })).rejects.toMatchObject({ code: 'FABRICA_CATALOG_READONLY' }),
    );
  });

  it('is a read-only file: writing fails, and says so', async () => {
    const file = await catalogFile();
    chmodSync(file, 0o444);
    chmodSync(path.dirname(file), 0o777);
    const before = readFileSync(file);
    await asNobody(() =>
      expect(openCatalog({ file })).rejects.toMatchObject({ code: 'FABRICA_CATALOG_READONLY' }),
    );
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('is on a full disk: the transaction fails as a whole', async () => {
    const file = await catalogFile();
    const catalog = await openCatalog({ file });
    const before = contentOf(file);
    await sql`pragma max_page_count = 1`.execute(catalog.db);
    const data = 'x'.repeat(100_000);
    const event = { at: 1, who: 'a', production_id: null, block: null, what: '', why: '', data };
    await expect(
      catalog.write(async (db) => {
        await db.insertInto('campaigns').values({ name: 'MC16', next_seed: 1 }).execute();
        await db.insertInto('events').values(event).execute();
      }),
    ).rejects.toMatchObject({ code: 'FABRICA_CATALOG_READONLY' });
    await catalog.close();
    expect(contentOf(file)).toEqual(before);
  });
});

describe('a file that is no catalog, or no more', () => {
  const corrupt = { code: 'FABRICA_CATALOG_CORRUPT' };

  it('holds random bytes', async () => {
    const file = newFile();
    const bytes = randomBytes(20_000);
    writeFileSync(file, bytes);
    await expect(openCatalog({ file })).rejects.toMatchObject(corrupt);
    await expect(openCatalogReadOnly({ file })).rejects.toMatchObject(corrupt);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('was cut in half', async () => {
    const file = await catalogFile();
    truncateSync(file, Math.floor(statSync(file).size / 2));
    await expect(openCatalog({ file })).rejects.toMatchObject(corrupt);
    await expect(openCatalogReadOnly({ file })).rejects.toMatchObject(corrupt);
  });

  it('is the SQLite file of another application, which is left as it is', async () => {
    const file = newFile();
    const other = new Database(file);
    other.exec(`create table moz_places (id integer primary key, url text)`);
    other.close();
    const before = readFileSync(file);
    await expect(openCatalog({ file })).rejects.toMatchObject(corrupt);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('was written by a newer version, and is left as it is', async () => {
    const file = await catalogFile();
    const newer = new Database(file);
    newer.exec(`insert into kysely_migration (name, timestamp) values ('0042-later', '')`);
    newer.pragma('journal_mode = delete');
    newer.close();
    const before = readFileSync(file);
    const refusal = { code: 'FABRICA_CATALOG_NEWER' };
    await expect(openCatalog({ file })).rejects.toMatchObject(refusal);
    await expect(openCatalogReadOnly({ file })).rejects.toMatchObject(refusal);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('is not there: looking does not create it', async () => {
    const file = newFile();
    await expect(openCatalogReadOnly({ file })).rejects.toMatchObject({
      code: 'FABRICA_CATALOG_MISSING',
    });
    expect(() => statSync(file)).toThrow();
  });

  it('is empty: it becomes a catalog', async () => {
    const file = newFile();
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '');
    const catalog = await openCatalog({ file });
    await catalog.close();
    expect(contentOf(file)).not.toEqual([]);
  });
});
