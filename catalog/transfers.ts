import { sql, type Selectable } from 'kysely';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { TransferTable } from './tables.js';

export type TransferRow = Selectable<TransferTable>;

/** Asks for copies. */
export async function insertTransfers(
  db: Db,
  key: BlockKey,
  transfers: readonly { file: number; source: string; destination: string }[],
  now: number,
): Promise<void> {
  if (transfers.length === 0) return;
  const rows = rowsOf(
    transfers.map((one) => ({ ...one })),
    { file: 'integer', source: 'text', destination: 'text' },
  );
  await sql`
    insert into transfers (production_id, block, file_id, source, destination, state, tries, reason, created_at, updated_at)
    select ${key.production}, ${key.block}, r.file, r.source, r.destination, 'Waiting', 0, '', ${now}, ${now}
    from ${rows} as r`.execute(db);
}

/** Transfers of a block in one state, with what their files should be and the path at the source. */
export async function transfersOf(
  db: Db,
  key: BlockKey,
  state: TransferRow['state'],
  limit: number,
) {
  return db
    .selectFrom('transfers as t')
    .innerJoin('files as f', 'f.id', 't.file_id')
    .leftJoin('replicas as r', (join) =>
      join.onRef('r.file_id', '=', 't.file_id').onRef('r.storage', '=', 't.source'),
    )
    .select([
      't.id',
      't.file_id',
      't.source',
      't.destination',
      't.tries',
      'f.lfn',
      'f.size',
      'f.adler32',
      'r.path as source_path',
    ])
    .where('t.production_id', '=', key.production)
    .where('t.block', '=', key.block)
    .where('t.state', '=', state)
    .orderBy('t.id')
    .limit(limit)
    .execute();
}

/** How often copying a file to a storage has failed for good since a time (ms), by `file storage`. */
export async function failedTransfers(
  db: Db,
  key: BlockKey,
  since: number,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('transfers')
    .select((eb) => ['file_id', 'destination', eb.fn.countAll<number>().as('failures')])
    .where('production_id', '=', key.production)
    .where('block', '=', key.block)
    .where('state', '=', 'Failed')
    .where('updated_at', '>=', since)
    .groupBy(['file_id', 'destination'])
    .execute();
  return new Map(rows.map((row) => [`${row.file_id} ${row.destination}`, row.failures]));
}

/** Changes transfers that still wait. */
export async function changeTransfers(
  db: Db,
  changes: readonly { id: number; state: TransferRow['state']; reason: string }[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  const rows = rowsOf(
    changes.map((one) => ({ ...one })),
    { id: 'integer', state: 'text', reason: 'text' },
  );
  await sql`
    update transfers set state = r.state, reason = r.reason, tries = tries + 1, updated_at = ${now}
    from ${rows} as r where transfers.id = r.id and transfers.state = 'Waiting'`.execute(db);
}
