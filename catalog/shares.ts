import { sql } from 'kysely';
import type { Definition } from '../domain/definition.js';
import type { Db } from './catalog.js';

/** An active production that has jobs waiting to be placed. */
export interface ClaimRow {
  readonly production: number;
  readonly group: string;
  readonly priority: number;
  /** Wall time of its jobs, s; null if not known. */
  readonly jobSeconds: number | null;
  /** Jobs that wait, of those that are planned. */
  readonly waiting: number;
  /** It will have further blocks. */
  readonly unplanned: boolean;
  /** Jobs at sites. */
  readonly open: number;
  /** Sites that it may use; empty: all. */
  readonly sites: readonly string[];
  readonly throttle: Definition['throttle'];
}

/** All active productions that have jobs waiting. */
export async function claims(db: Db): Promise<ClaimRow[]> {
  const { rows } = await sql<
    Omit<ClaimRow, 'sites' | 'throttle' | 'unplanned'> & {
      sites: string | null;
      throttle: string | null;
      unplanned: number;
    }
  >`
    with work as materialized (
      select p.id, p.group_name, p.priority, p.job_seconds, p.revision, p.events,
             (select sum(b.waiting) from blocks b
              where b.production_id = p.id and b.state not in ('Finished', 'Discarded', 'Held')) as waiting
      from productions p where p.state = 'Active'),
    sent as materialized (
      select production_id, sum(open) as open from bundles where bundles.open > 0 group by production_id)
    select w.id as production, w.group_name as "group", w.priority, w.job_seconds as "jobSeconds", w.waiting,
           w.events > (select sum(b.events) from blocks b where b.production_id = w.id and b.state <> 'Discarded') as unplanned,
           coalesce(s.open, 0) as open,
           json_extract(r.definition, '$.sites') as sites, json_extract(r.definition, '$.throttle') as throttle
    from work w
    join revisions r on r.production_id = w.id and r.revision = w.revision
    left join sent s on s.production_id = w.id
    where w.waiting > 0`.execute(db);
  return rows.map(({ sites, throttle, unplanned, ...row }) => ({
    ...row,
    unplanned: unplanned === 1,
    sites: sites === null ? [] : (JSON.parse(sites) as string[]),
    throttle: throttle === null ? {} : (JSON.parse(throttle) as Definition['throttle']),
  }));
}

/** What tells these productions apart, by their numbers. */
export async function productionsNamed(
  db: Db,
  ids: readonly number[],
): Promise<Map<number, { production: string; group: string; priority: number }>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('productions')
    .select(['id', 'name as production', 'group_name as group', 'priority'])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(rows.map(({ id, ...row }) => [id, row]));
}
