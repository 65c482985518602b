import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** An attempt that was submitted to a site, and of which nobody has heard that it runs. */
export interface QueuedAttempt {
  readonly production: string;
  readonly block: number;
  readonly bundle: number;
  readonly job: number;
  readonly attempt: number;
}

/** The attempts of all productions that are not known to have started at a site, in order of bundles and jobs. */
export async function queuedAttempts(db: Db, site: string): Promise<QueuedAttempt[]> {
  // Written out: SQLite uses the partial index `attempts_open` only where it sees its condition, which parameters hide.
  const { rows } = await sql<QueuedAttempt>`
    select p.name as production, b.block, a.bundle, a.job, a.attempt
    from attempts a cross join bundles b cross join productions p
    where a.site = ${site} and a.state in ('Submitted', 'Running') and +a.state = 'Submitted'
      and b.id = a.bundle and p.id = a.production_id
    order by a.bundle, a.job`.execute(db);
  return rows;
}

/** Sets which sites jobs of a production avoid from now on. */
export async function avoidSites(
  db: Db,
  production: number,
  jobs: readonly { readonly number: number; readonly avoid: string }[],
): Promise<void> {
  const rows = rowsOf(
    jobs.map((job) => ({ ...job })),
    { number: 'integer', avoid: 'text' },
  );
  await sql`
    update jobs set avoid = r.avoid from ${rows} as r
    where jobs.production_id = ${production} and jobs.number = r.number`.execute(db);
}
