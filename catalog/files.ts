import { sql, type RawBuilder, type Selectable } from 'kysely';
import type { FileKind } from '../domain/states/file.js';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { nextId, rowsOf } from './dialect.js';
import { eachRow, insertRows } from './each-row.js';
import type { FileTable } from './tables.js';

export type FileRow = Selectable<FileTable>;

/** True for files of which there may be copies. NOTE: written out, for SQLite uses the index `files_present` only where it sees its condition. */
export const isPresent: RawBuilder<boolean> = sql<boolean>`files.state <> 'Removed'`;

/** A file with its first replica, as a job's report gives it. */
export interface NewFile {
  readonly lfn: string;
  readonly job: number;
  readonly attempt: number;
  readonly level: string;
  readonly size: number;
  readonly adler32: string;
  readonly events: number;
  readonly storage: string;
  readonly path: string;
}

/** Registers outputs of one block: files, and where they lie. With `lineage` the inputs of their jobs become their parents; overlay is none. */
export async function insertFiles(
  db: Db,
  { production, block }: BlockKey,
  { kind, lineage }: { readonly kind: FileKind; readonly lineage: boolean },
  files: readonly NewFile[],
  now: number,
): Promise<void> {
  if (files.length === 0) return;
  const first = await nextId(db, 'files');
  await insertRows(
    db,
    {
      into: 'files (id, lfn, production_id, block, job, attempt, kind, level, state, size, adler32, events, metadata, created_at)',
      values: `(?, ?, ?, ?, ?, ?, ?, ?, 'Valid', ?, ?, ?, '{}', ?)`,
    },
    files.map((file, i) => [
      ...[first + i, file.lfn, production, block, file.job, file.attempt, kind, file.level],
      ...[file.size, file.adler32, file.events, now],
    ]),
  );
  await insertRows(
    db,
    {
      into: 'replicas (file_id, storage, path, state, created_at)',
      values: `(?, ?, ?, 'Available', ?)`,
    },
    files.map((file, i) => [first + i, file.storage, file.path, now]),
  );
  if (!lineage) return;
  await eachRow(
    db,
    `insert into file_parents (file_id, parent_id)
     select ?, file_id from job_inputs where production_id = ? and job = ? and role = 'input'`,
    files.map((file, i) => [first + i, production, file.job]),
  );
}

/** What must be known of a file to join or to distribute it. */
export type BlockFile = Pick<FileRow, 'id' | 'lfn' | 'job' | 'level' | 'size' | 'events'>;

/** Valid files of a block's jobs of these kinds, in order of their jobs. */
export async function blockFiles(db: Db, key: BlockKey, kind: FileKind): Promise<BlockFile[]> {
  return (
    db
      .selectFrom('files')
      .select(['id', 'lfn', 'job', 'level', 'size', 'events'])
      .where('production_id', '=', key.production)
      .where('block', '=', key.block)
      .where('kind', '=', kind)
      .where('state', '=', 'Valid')
      .where(isPresent)
      // The plus keeps SQLite from reading all files of the production in this order.
      .orderBy(sql`+job`)
      .orderBy('level')
      .execute()
  );
}

/** A replica with what is to be found there. */
export interface ReplicaToVerify {
  readonly file: number;
  readonly storage: string;
  readonly path: string;
  readonly size: number;
  readonly adler32: string;
}

/** A replica with what is known of its file. */
export interface ReplicaOfFile extends ReplicaToVerify {
  readonly lfn: string;
  readonly job: number | null;
}

/** Files with an id above `after`: some `limit` replicas of them, and no file without all of its replicas. */
export interface ReplicaPage {
  readonly after: number;
  readonly limit: number;
}

/** Reads a page, and the rest of the file at its end, so that the next page may begin after that file. */
async function wholeFiles<T extends { readonly file: number }>(
  { after, limit }: ReplicaPage,
  read: (page: ReplicaPage) => Promise<T[]>,
): Promise<T[]> {
  const page = await read({ after, limit });
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return page;
  const rest = await read({ after: last.file - 1, limit: MOST_COPIES });
  return [
    ...page.filter((one) => one.file !== last.file),
    ...rest.filter((one) => one.file === last.file),
  ];
}

/** There are at most as many storages (`configurationFields`). */
const MOST_COPIES = 1000;

/** Available replicas of valid files of a block, the page after a file id; `limit` of them or more if others follow. */
export async function blockReplicas(
  db: Db,
  key: BlockKey,
  kind: FileKind,
  page: ReplicaPage,
): Promise<ReplicaToVerify[]> {
  return wholeFiles(page, (part) => readBlockReplicas(db, key, kind, part));
}

async function readBlockReplicas(
  db: Db,
  key: BlockKey,
  kind: FileKind,
  page: ReplicaPage,
): Promise<ReplicaToVerify[]> {
  return db
    .selectFrom('files')
    .innerJoin('replicas', 'replicas.file_id', 'files.id')
    .select([
      'files.id as file',
      'replicas.storage',
      'replicas.path',
      'files.size',
      'files.adler32',
    ])
    .where('files.production_id', '=', key.production)
    .where('files.block', '=', key.block)
    .where('files.kind', '=', kind)
    .where('files.state', '=', 'Valid')
    .where(isPresent)
    .where('replicas.state', '=', 'Available')
    .where('files.id', '>', page.after)
    .orderBy('files.id')
    .limit(page.limit)
    .execute();
}

/** Available replicas of a production's files, the page after a file id; `limit` of them or more if others follow. */
export async function productionReplicas(
  db: Db,
  production: number,
  page: ReplicaPage,
): Promise<(ReplicaOfFile & { kind: FileKind })[]> {
  return wholeFiles(page, (part) => readProductionReplicas(db, production, part));
}

async function readProductionReplicas(
  db: Db,
  production: number,
  page: ReplicaPage,
): Promise<(ReplicaOfFile & { kind: FileKind })[]> {
  return db
    .selectFrom('files')
    .innerJoin('replicas', 'replicas.file_id', 'files.id')
    .select([
      'files.id as file',
      'files.lfn',
      'files.kind',
      'replicas.storage',
      'replicas.path',
      'files.size',
      'files.adler32',
      'files.job',
    ])
    .where('files.production_id', '=', production)
    .where(isPresent)
    .where('replicas.state', '=', 'Available')
    .where('files.id', '>', page.after)
    .orderBy('files.id')
    .limit(page.limit)
    .execute();
}

/** Available replicas of these files, by file id. */
export async function replicasOf(
  db: Db,
  files: readonly number[],
): Promise<Map<number, { storage: string; path: string }[]>> {
  const found = new Map<number, { storage: string; path: string }[]>();
  if (files.length === 0) return found;
  const ids = rowsOf(
    files.map((id) => ({ id })),
    { id: 'integer' },
  );
  const { rows } = await sql<{ file_id: number; storage: string; path: string }>`
    select file_id, storage, path from replicas
    where state = 'Available' and file_id in (select r.id from ${ids} as r)
    order by file_id, created_at, storage`.execute(db);
  for (const { file_id, storage, path } of rows) {
    const list = found.get(file_id);
    if (list === undefined) found.set(file_id, [{ storage, path }]);
    else list.push({ storage, path });
  }
  return found;
}

/** The storages, by file id, from which a copy of these files is still to be removed. */
export async function condemnedCopies(
  db: Db,
  files: readonly number[],
): Promise<Map<number, Set<string>>> {
  const ids = rowsOf(
    files.map((id) => ({ id })),
    { id: 'integer' },
  );
  const { rows } = await sql<{ file_id: number; storage: string }>`
    select p.file_id, p.storage from ${ids} as r join replicas p on p.file_id = r.id
    where p.state = 'Removing'`.execute(db);
  const found = new Map<number, Set<string>>();
  for (const { file_id, storage } of rows) {
    found.set(file_id, (found.get(file_id) ?? new Set()).add(storage));
  }
  return found;
}

/** Registers a verified copy. Where one like it was to be removed, it is wanted again. */
export async function addReplicas(
  db: Db,
  replicas: readonly { file: number; storage: string; path: string }[],
  now: number,
): Promise<void> {
  if (replicas.length === 0) return;
  const rows = rowsOf(
    replicas.map((one) => ({ ...one })),
    { file: 'integer', storage: 'text', path: 'text' },
  );
  await sql`
    insert into replicas (file_id, storage, path, state, created_at)
    select r.file, r.storage, r.path, 'Available', ${now} from ${rows} as r
    where true
    on conflict (file_id, storage) do update set state = 'Available'`.execute(db);
  // An earlier copy of that name may have left its removal as a debt.
  await sql`
    delete from remnants
    where (storage, path) in (select r.storage, r.path from ${rows} as r)`.execute(db);
}

/** Condemns replicas: they are `Removing` until their absence is confirmed. */
export async function condemnReplicas(
  db: Db,
  replicas: readonly { file: number; storage: string }[],
): Promise<void> {
  if (replicas.length === 0) return;
  await eachRow(
    db,
    `update replicas set state = 'Removing' where file_id = ? and storage = ?`,
    replicas.map(({ file, storage }) => [file, storage]),
  );
}

/** Condemns all copies of a block's outputs that are good: they are merged. */
export async function condemnOutputs(db: Db, { block, production }: BlockKey): Promise<void> {
  await sql`
    update replicas set state = 'Removing'
    where state = 'Available' and file_id in (
      select id from files
      where production_id = ${production} and block = ${block} and kind = 'output' and state = 'Valid' and ${isPresent})`.execute(
    db,
  );
}
