import type { ScoutOutcome, ScoutSample } from '../domain/scout.js';
import type { BlockKey } from './blocks.js';
import type { Db } from './catalog.js';

/** The last attempt of each scout of a block, with its outputs' size. */
async function lastAttempts(db: Db, key: BlockKey) {
  return db
    .selectFrom('jobs as j')
    .leftJoin('attempts as a', (join) =>
      join
        .onRef('a.production_id', '=', 'j.production_id')
        .onRef('a.job', '=', 'j.number')
        .onRef('a.attempt', '=', 'j.attempt'),
    )
    .leftJoin('sites as s', 's.name', 'a.site')
    .select((eb) => [
      'j.number as job',
      'j.state',
      'j.events',
      'a.class',
      'a.site',
      'a.reason',
      'a.wall_seconds',
      'a.cpu_seconds',
      'a.memory_mb',
      's.hs23_per_core',
      eb
        .selectFrom('files')
        .select((f) => f.fn.sum<number>('files.size').as('bytes'))
        .whereRef('files.production_id', '=', 'j.production_id')
        .whereRef('files.job', '=', 'j.number')
        .whereRef('files.attempt', '=', 'j.attempt')
        // Also when they have been merged since.
        .where('files.state', 'in', ['Valid', 'Removed'])
        .as('bytes'),
    ])
    .where('j.production_id', '=', key.production)
    .where('j.block', '=', key.block)
    .where('j.kind', '=', 'scout')
    .orderBy('j.number')
    .execute();
}

/** How each scout of a block stands. */
export async function scoutOutcomes(db: Db, key: BlockKey): Promise<ScoutOutcome[]> {
  const rows = await lastAttempts(db, key);
  return rows.map((row) => ({
    job: row.job,
    state: row.state,
    class: row.class,
    site: row.site,
    reason: row.reason ?? '',
  }));
}

/** What the scouts of a block measured: good ones, and those that a limit ended. */
export async function scoutSamples(db: Db, key: BlockKey): Promise<ScoutSample[]> {
  const rows = await lastAttempts(db, key);
  return rows.flatMap((row) => {
    const killedBy = row.class === 'wall-time' || row.class === 'memory' ? row.class : null;
    if (row.state !== 'Done' && killedBy === null) return [];
    return [
      {
        events: row.events,
        wallSeconds: row.wall_seconds,
        cpuSeconds: row.cpu_seconds,
        memoryMB: row.memory_mb,
        bytes: row.bytes === null ? null : Number(row.bytes),
        hs23PerCore: row.hs23_per_core ?? 10,
        killedBy,
      },
    ];
  });
}
