import { finalKind } from '../../domain/definition.js';
import type { FileKind, FileState, ReplicaState } from '../../domain/states/file.js';
import type { Db } from '../catalog.js';
import { revisionOf, type ProductionRow } from '../productions.js';

/** A file with its replicas. Size in bytes. */
export interface FileView {
  readonly lfn: string;
  readonly kind: FileKind;
  readonly level: string;
  readonly state: FileState;
  readonly job: number | null;
  readonly attempt: number | null;
  readonly size: number;
  readonly adler32: string;
  readonly events: number | null;
  readonly createdAt: number;
  readonly replicas: readonly ReplicaView[];
  /** The files that it was made from, the first 100; told of a single file only. */
  readonly parents?: readonly string[];
  /** The files that were made from it, the first 100; told of a single file only. */
  readonly children?: readonly string[];
}

export interface ReplicaView {
  readonly storage: string;
  readonly path: string;
  readonly state: ReplicaState;
  readonly createdAt: number;
}

export interface FileFilter {
  readonly level?: string | undefined;
  readonly kind?: FileKind | undefined;
  /** Also files that are removed or invalid. (Default: only those that exist) */
  readonly gone?: boolean | undefined;
  readonly limit: number;
}

/** A part of a list; `more` tells that there are others beyond the limit. */
export interface FilePage {
  readonly files: readonly FileView[];
  readonly more: boolean;
}

/** Files that a production has made, in order of their making. */
export async function listFiles(db: Db, production: number, filter: FileFilter): Promise<FilePage> {
  const made = filteredFiles(db, filter).where('production_id', '=', production);
  return pageOf(db, made, filter);
}

/** Those that it keeps: what it has merged, or its outputs where its definition merges nothing. */
export async function listFinalFiles(
  db: Db,
  production: Pick<ProductionRow, 'id' | 'revision'>,
  limit: number,
): Promise<FilePage> {
  const { definition } = await revisionOf(db, production);
  return listFiles(db, production.id, { kind: finalKind(definition), limit });
}

/** Files of these logical names, whosever they are: those that a definition refers to are of all productions that use them. */
export async function listNamedFiles(
  db: Db,
  lfns: readonly string[],
  filter: FileFilter,
): Promise<FilePage> {
  if (lfns.length === 0) return { files: [], more: false };
  return pageOf(db, filteredFiles(db, filter).where('lfn', 'in', lfns), filter);
}

function filteredFiles(db: Db, { gone, kind, level }: FileFilter) {
  return db
    .selectFrom('files')
    .selectAll()
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? 'merged'))
    .$if(level !== undefined, (query) => query.where('level', '=', level ?? ''))
    .$if(gone !== true, (query) => query.where('state', '=', 'Valid'));
}

async function pageOf(
  db: Db,
  query: ReturnType<typeof filteredFiles>,
  { limit }: FileFilter,
): Promise<FilePage> {
  const rows = await query
    .orderBy('job')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  const shown = rows.slice(0, limit);
  const replicas = await replicasOfFiles(
    db,
    shown.map((row) => row.id),
  );
  const files = shown.map((row) => ({ ...fileView(row), replicas: replicas.get(row.id) ?? [] }));
  return { files, more: rows.length > limit };
}

/** The file of this logical name with its replicas; null if there is none. */
export async function findFile(db: Db, lfn: string): Promise<FileView | null> {
  const row = await db.selectFrom('files').selectAll().where('lfn', '=', lfn).executeTakeFirst();
  if (row === undefined) return null;
  const replicas = await replicasOfFiles(db, [row.id]);
  const parents = await relatives(db, row.id, 'parents');
  const children = await relatives(db, row.id, 'children');
  return { ...fileView(row), replicas: replicas.get(row.id) ?? [], parents, children };
}

const MOST_RELATIVES = 100;

/** LFNs of the files that a file was made from, or of those that were made from it. */
async function relatives(db: Db, file: number, which: 'parents' | 'children'): Promise<string[]> {
  const [from, to] =
    which === 'parents'
      ? (['file_parents.file_id', 'file_parents.parent_id'] as const)
      : (['file_parents.parent_id', 'file_parents.file_id'] as const);
  const rows = await db
    .selectFrom('file_parents')
    .innerJoin('files', 'files.id', to)
    .select('files.lfn')
    .where(from, '=', file)
    .orderBy('files.lfn')
    .limit(MOST_RELATIVES)
    .execute();
  return rows.map(({ lfn }) => lfn);
}

interface FileColumns {
  lfn: string;
  kind: FileKind;
  level: string;
  state: FileState;
  job: number | null;
  attempt: number | null;
  size: number;
  adler32: string;
  events: number | null;
  created_at: number;
}

function fileView(row: FileColumns): Omit<FileView, 'replicas'> {
  const { lfn, kind, level, state, job, attempt, size, adler32, events } = row;
  const createdAt = row.created_at;
  return { lfn, kind, level, state, job, attempt, size, adler32, events, createdAt };
}

/** SQLite takes at most 32,766 parameters. */
const CHUNK = 5000;

async function replicasOfFiles(
  db: Db,
  files: readonly number[],
): Promise<Map<number, ReplicaView[]>> {
  const found = new Map<number, ReplicaView[]>();
  for (let start = 0; start < files.length; start += CHUNK) {
    const rows = await db
      .selectFrom('replicas')
      .select(['file_id', 'storage', 'path', 'state', 'created_at as createdAt'])
      .where('file_id', 'in', files.slice(start, start + CHUNK))
      .orderBy('storage')
      .execute();
    for (const { file_id, ...replica } of rows) {
      const list = found.get(file_id);
      if (list === undefined) found.set(file_id, [replica]);
      else list.push(replica);
    }
  }
  return found;
}
