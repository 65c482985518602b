import type { FailureClass } from '../../domain/failure-class.js';
import { blocksOf, countsOf } from '../blocks.js';
import type { Db } from '../catalog.js';

/** Failed attempts of one class, with the newest of them as the example. */
export interface FailureClassRow {
  readonly class: FailureClass;
  readonly attempts: number;
  readonly sites: Readonly<Record<string, number>>;
  readonly example: {
    readonly job: number;
    readonly attempt: number;
    readonly site: string;
    readonly exitCode: number | null;
    readonly reason: string;
  } | null;
}

/** Failed attempts of a production by class, the most frequent first. */
export async function failuresByClass(db: Db, production: number): Promise<FailureClassRow[]> {
  const bySite = await failureCells(db, production);
  const classes = [...new Set(bySite.map((cell) => cell.class))];
  const rows: FailureClassRow[] = [];
  for (const failure of classes) {
    const cells = bySite.filter((cell) => cell.class === failure);
    rows.push({
      class: failure,
      attempts: cells.reduce((sum, cell) => sum + cell.attempts, 0),
      sites: Object.fromEntries(cells.map((cell) => [cell.site, cell.attempts])),
      example: await newestOf(db, production, failure),
    });
  }
  return rows.sort((a, b) => b.attempts - a.attempts);
}

/** How often attempts failed in one way at one site. */
export interface FailureCell {
  readonly site: string;
  readonly class: FailureClass;
  readonly attempts: number;
}

/** Failed attempts by site and class: the index alone answers it. */
export async function failureCells(db: Db, production: number): Promise<FailureCell[]> {
  const rows = await db
    .selectFrom('attempts')
    .select((eb) => ['class', 'site', eb.fn.countAll<number>().as('attempts')])
    .where('production_id', '=', production)
    .where('class', 'is not', null)
    .groupBy(['class', 'site'])
    .orderBy('site')
    .execute();
  return rows.flatMap((row) => (row.class === null ? [] : [{ ...row, class: row.class }]));
}

/** Failed attempts by block, from the blocks' counters; blocks without failures are left out. */
export async function failuresByBlock(
  db: Db,
  production: number,
): Promise<{ block: number; failures: Partial<Record<FailureClass, number>> }[]> {
  return (await blocksOf(db, production))
    .map((block) => ({ block: block.number, failures: countsOf(block).failures }))
    .filter(({ failures }) => Object.keys(failures).length > 0);
}

async function newestOf(
  db: Db,
  production: number,
  failure: FailureClass,
): Promise<FailureClassRow['example']> {
  const row = await db
    .selectFrom('attempts')
    .select(['job', 'attempt', 'site', 'exit_code as exitCode', 'reason'])
    .where('production_id', '=', production)
    .where('class', '=', failure)
    .orderBy('ended_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}
