import { sql, type Selectable } from 'kysely';
import type { FailureClass } from '../domain/failure-class.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { ExclusionTable } from './tables.js';

/** Attempts of a production that ended in one way at one site. */
export interface Ended {
  readonly site: string;
  /** Empty for good ones. */
  readonly class: FailureClass | '';
  readonly attempts: number;
}

/** ms. */
const PERIOD = 600_000;

/** Counts attempts that have ended just now. A release begins a new period, so that what was before can be left aside. */
export async function addTallies(
  db: Db,
  production: { readonly id: number; readonly judged_from: number },
  ended: readonly Ended[],
  now: number,
): Promise<void> {
  if (ended.length === 0) return;
  const period = Math.max(Math.floor(now / PERIOD) * PERIOD, production.judged_from);
  const rows = rowsOf(
    ended.map((one) => ({ ...one })),
    { site: 'text', class: 'text', attempts: 'integer' },
  );
  await sql`
    insert into tallies (production_id, period, site, class, attempts)
    select ${production.id}, ${period}, r.site, r.class, r.attempts from ${rows} as r
    where true
    on conflict (production_id, period, site, class) do update set attempts = tallies.attempts + excluded.attempts`.execute(
    db,
  );
}

/** What has ended since a time (ms, to within ten minutes) or the last release, by ten minutes, site and class. */
export async function talliesSince(
  db: Db,
  production: { readonly id: number; readonly judged_from: number },
  since: number,
): Promise<Ended[]> {
  const from = Math.max(Math.floor(since / PERIOD) * PERIOD, production.judged_from);
  return db
    .selectFrom('tallies')
    .select(['site', 'class', 'attempts'])
    .where('production_id', '=', production.id)
    .where('period', '>=', from)
    .execute();
}

/** Sites that a production leaves out at this time, by name; a release tries all of them again. */
export async function exclusionsAt(
  db: Db,
  production: { readonly id: number; readonly judged_from: number },
  now: number,
): Promise<Map<string, Selectable<ExclusionTable>>> {
  const rows = await db
    .selectFrom('exclusions')
    .selectAll()
    .where('production_id', '=', production.id)
    .where('until', '>', now)
    .where('since', '>=', production.judged_from)
    .execute();
  return new Map(rows.map((row) => [row.site, row]));
}

/** Leaves a site out until a time, ms. */
export async function excludeSite(db: Db, exclusion: Selectable<ExclusionTable>): Promise<void> {
  const { why, since, until } = exclusion;
  await db
    .insertInto('exclusions')
    .values(exclusion)
    .onConflict((conflict) =>
      conflict.columns(['production_id', 'site']).doUpdateSet({ why, since, until }),
    )
    .execute();
}

/** Good attempts of these productions since a time, and from when on they are counted: the begin of its ten minutes. Times in ms. */
export async function goodAttempts(
  db: Db,
  productions: readonly number[],
  since: number,
): Promise<{ attempts: number; from: number }> {
  const from = Math.floor(since / PERIOD) * PERIOD;
  const wanted = rowsOf(
    productions.map((id) => ({ id })),
    { id: 'integer' },
  );
  const { rows } = await sql<{ attempts: number | null }>`
    select sum(t.attempts) as attempts
    from ${wanted} as w join tallies as t on t.production_id = w.id and t.period >= ${from}
    where t.class = ''`.execute(db);
  return { attempts: rows[0]?.attempts ?? 0, from };
}
