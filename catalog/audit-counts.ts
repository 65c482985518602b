import { sql } from 'kysely';
import type { Db } from './catalog.js';

/** What a production has come to, counted from its jobs, files and replicas alone. */
export interface ProductionCounts {
  /** Events of jobs that are done. */
  readonly made: number;
  /** Events in valid final files, per data level. */
  readonly final: Readonly<Record<string, number>>;
  /** Events in the accepted outputs of its jobs, per data level. */
  readonly written: Readonly<Record<string, number>>;
  /** Final files by number of available copies. */
  readonly copies: readonly { copies: number; files: number; sample: string }[];
  /** Jobs that are neither done nor given up. */
  readonly openJobs: number;
  readonly waivedJobs: readonly number[];
  /** Seeds that more than one job of the production has. */
  readonly repeatedSeeds: number;
  /** Pairs of jobs whose event ranges touch, and events that no job has. */
  readonly overlaps: number;
  /** Valid outputs that are an input of no merge, or of several. */
  readonly unmerged: number;
  readonly multiplyMerged: number;
  /** Remnants that wait and are not debts. */
  readonly pendingRemnants: number;
}

export async function productionCounts(db: Db, production: number): Promise<ProductionCounts> {
  const one = async (query: ReturnType<typeof sql<{ n: number | null }>>): Promise<number> =>
    Number((await query.execute(db)).rows[0]?.n ?? 0);
  const made = await one(sql<{ n: number | null }>`
    select sum(events) as n from jobs
    where production_id = ${production} and kind in ('scout', 'fabrication') and state = 'Done'`);
  const openJobs = await one(sql<{ n: number | null }>`
    select count(*) as n from jobs
    where production_id = ${production} and state in ('Waiting', 'Submitted', 'Running', 'Parked')`);
  const waived = await sql<{ number: number }>`
    select number from jobs where production_id = ${production} and state = 'Waived' order by number limit 1000`.execute(
    db,
  );
  const repeatedSeeds = await one(sql<{ n: number | null }>`
    select count(*) as n from (
      select seed from jobs
      where production_id = ${production} and kind in ('scout', 'fabrication') and state <> 'Cancelled'
      group by seed having count(*) > 1)`);
  const overlaps = await one(sql<{ n: number | null }>`
    select count(*) as n from (
      select first_event, lag(first_event + events) over (order by first_event) as before
      from jobs where production_id = ${production} and kind in ('scout', 'fabrication')
        and state in ('Done', 'Waived'))
    where before is not null and first_event < before`);
  const finalKind = sql`case when exists (select 1 from jobs m where m.production_id = ${production} and m.kind = 'merge')
                             then 'merged' else 'output' end`;
  const final = await sql<{ level: string; n: number }>`
    select level, sum(events) as n from files
    where production_id = ${production} and state = 'Valid' and kind = ${finalKind} group by level`.execute(
    db,
  );
  const written = await sql<{ level: string; n: number }>`
    select f.level, sum(f.events) as n from jobs o
    join files f on f.production_id = o.production_id and f.job = o.number and f.attempt = o.attempt
    where o.production_id = ${production} and o.kind in ('scout', 'fabrication') and o.state = 'Done'
      and f.kind = 'output' and f.state <> 'Invalid'
    group by f.level`.execute(db);
  const copies = await sql<{ copies: number; files: number; sample: string }>`
    select copies, count(*) as files, min(lfn) as sample from (
      select f.lfn, (select count(*) from replicas r where r.file_id = f.id and r.state = 'Available') as copies
      from files f where f.production_id = ${production} and f.state = 'Valid' and f.kind = ${finalKind})
    group by copies`.execute(db);
  const merged = (having: ReturnType<typeof sql>) => sql<{ n: number | null }>`
    select count(*) as n from (
      select f.id, count(i.job) as merges from files f
      join jobs o on o.production_id = f.production_id and o.number = f.job and o.state = 'Done'
                 and o.attempt = f.attempt
      left join job_inputs i on i.file_id = f.id and i.production_id = f.production_id
      where f.production_id = ${production} and f.kind = 'output' and f.state <> 'Invalid'
      group by f.id having ${having})`;
  return {
    made,
    final: Object.fromEntries(final.rows.map((row) => [row.level, Number(row.n)])),
    written: Object.fromEntries(written.rows.map((row) => [row.level, Number(row.n)])),
    copies: copies.rows,
    openJobs,
    waivedJobs: waived.rows.map((row) => row.number),
    repeatedSeeds,
    overlaps,
    unmerged: await one(merged(sql`count(i.job) = 0`)),
    multiplyMerged: await one(merged(sql`count(i.job) > 1`)),
    pendingRemnants: await one(sql<{ n: number | null }>`
      select count(*) as n from remnants where production_id = ${production} and state = 'Pending'`),
  };
}
