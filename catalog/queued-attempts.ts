import { sql } from 'kysely';
import type { Db } from './catalog.js';
import { eachRow } from './each-row.js';
import { holdsOpen } from './open-bundles.js';

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
  const { rows } = await sql<QueuedAttempt>`
    select p.name as production, bundles.block, a.bundle, a.job, a.attempt
    from bundles cross join attempts a cross join productions p
    where bundles.site = ${site} and ${holdsOpen} and a.bundle = bundles.id and a.state = 'Submitted'
      and p.id = a.production_id
    order by a.bundle, a.job`.execute(db);
  return rows;
}

/** Sets which sites jobs of a production avoid from now on. */
export async function avoidSites(
  db: Db,
  production: number,
  jobs: readonly { readonly number: number; readonly avoid: string }[],
): Promise<void> {
  await eachRow(
    db,
    'update jobs set avoid = ? where production_id = ? and number = ?',
    jobs.map(({ avoid, number }) => [avoid, production, number]),
  );
}
