import { sql, type RawBuilder } from 'kysely';
import type { FailureStep } from '../../domain/bundle.js';
import type { Blame, FailureClass } from '../../domain/failure-class.js';
import type { Db } from '../catalog.js';

/** Which failed attempts: of one production, or of all. */
export interface FailureFilter {
  /** Number of the production. */
  readonly production?: number | undefined;
  readonly class?: FailureClass | undefined;
  readonly site?: string | undefined;
  readonly step?: FailureStep | undefined;
  /** Those that ended at this time or later, ms. */
  readonly since?: number | undefined;
}

/** Failed attempts of one class, with the newest of them as the example. */
export interface FailureClassRow {
  readonly class: FailureClass;
  readonly attempts: number;
  /** How many are blamed on whom, the most frequent first. */
  readonly blames: Readonly<Partial<Record<Blame, number>>>;
  readonly sites: Readonly<Record<string, number>>;
  readonly example: {
    readonly production: string;
    readonly job: number;
    readonly attempt: number;
    readonly site: string;
    readonly exitCode: number | null;
    readonly reason: string;
  } | null;
}

/**
 * What the filter lets pass, of attempts `a`. Only failed ones have a class; partial indices know them by production, and by the time of their
 * end, which the last term makes the way in when all productions are asked.
 */
export function chosenFailures(filter: FailureFilter): RawBuilder<boolean> {
  const { production, class: failure, site, since, step } = filter;
  const terms = [
    sql`a.class is not null`,
    ...(production === undefined ? [] : [sql`a.production_id = ${production}`]),
    ...(failure === undefined ? [] : [sql`a.class = ${failure}`]),
    ...(site === undefined ? [] : [sql`a.site = ${site}`]),
    ...(step === undefined ? [] : [sql`a.step = ${step}`]),
    ...(production !== undefined && since === undefined ? [] : [sql`a.ended_at >= ${since ?? 0}`]),
  ];
  return sql<boolean>`${sql.join(terms, sql` and `)}`;
}

/** Failed attempts by class, the most frequent first. */
export async function failuresByClass(db: Db, filter: FailureFilter): Promise<FailureClassRow[]> {
  const { rows } = await sql<{
    class: FailureClass;
    site: string;
    blame: Blame | null;
    attempts: number;
  }>`
    select a.class, a.site, a.blame, count(*) as attempts from attempts a
    where ${chosenFailures(filter)} group by a.class, a.site, a.blame
    order by count(*) desc, a.site`.execute(db);
  const found: FailureClassRow[] = [];
  for (const failure of new Set(rows.map((row) => row.class))) {
    const mine = rows.filter((row) => row.class === failure);
    const sites: Record<string, number> = {};
    const blames: Partial<Record<Blame, number>> = {};
    for (const { attempts, blame, site } of mine) {
      sites[site] = (sites[site] ?? 0) + attempts;
      if (blame !== null) blames[blame] = (blames[blame] ?? 0) + attempts;
    }
    found.push({
      class: failure,
      attempts: mine.reduce((sum, row) => sum + row.attempts, 0),
      blames: Object.fromEntries(Object.entries(blames).sort(([, a], [, b]) => b - a)),
      sites,
      example: await newestOf(db, { ...filter, class: failure }),
    });
  }
  return found.sort((a, b) => b.attempts - a.attempts);
}

async function newestOf(db: Db, filter: FailureFilter): Promise<FailureClassRow['example']> {
  const { rows } = await sql<NonNullable<FailureClassRow['example']>>`
    select p.name as production, a.job, a.attempt, a.site, a.exit_code as exitCode, a.reason
    from attempts a join productions p on p.id = a.production_id
    where ${chosenFailures(filter)} order by a.ended_at desc limit 1`.execute(db);
  return rows[0] ?? null;
}

/** How often attempts failed in one way at one site. */
export interface FailureCell {
  readonly site: string;
  readonly class: FailureClass;
  readonly attempts: number;
}

/** Failed attempts by site and class. */
export async function failureCells(db: Db, filter: FailureFilter): Promise<FailureCell[]> {
  const { rows } = await sql<FailureCell>`
    select a.site, a.class, count(*) as attempts from attempts a
    where ${chosenFailures(filter)} group by a.class, a.site order by a.site`.execute(db);
  return rows;
}

/** Failed attempts of one block, production or hour, by class. */
export interface FailureGroup<K> {
  readonly key: K;
  readonly failures: Readonly<Partial<Record<FailureClass, number>>>;
}

/** Failed attempts by block, in order of their numbers. */
export async function failuresByBlock(
  db: Db,
  filter: FailureFilter & { readonly production: number },
): Promise<FailureGroup<number>[]> {
  const { rows } = await sql<Counted<number>>`
    select b.block as key, a.class, count(*) as attempts from attempts a join bundles b on b.id = a.bundle
    where ${chosenFailures(filter)} group by b.block, a.class order by b.block`.execute(db);
  return grouped(rows);
}

/** Failed attempts by production, the newest production first. */
export async function failuresByProduction(
  db: Db,
  filter: FailureFilter,
): Promise<FailureGroup<string>[]> {
  const { rows } = await sql<Counted<string>>`
    select p.name as key, a.class, count(*) as attempts from attempts a join productions p on p.id = a.production_id
    where ${chosenFailures(filter)} group by p.id, a.class order by p.id desc`.execute(db);
  return grouped(rows);
}

const HOUR = 3_600_000;

/** Failed attempts by the hour in which they ended: its begin, ms. */
export async function failuresByHour(
  db: Db,
  filter: FailureFilter,
): Promise<FailureGroup<number>[]> {
  const hour = sql`a.ended_at / ${sql.lit(HOUR)}`;
  const { rows } = await sql<Counted<number>>`
    select ${hour} * ${sql.lit(HOUR)} as key, a.class, count(*) as attempts from attempts a
    where ${chosenFailures(filter)} group by ${hour}, a.class order by 1`.execute(db);
  return grouped(rows);
}

interface Counted<K> {
  readonly key: K;
  readonly class: FailureClass;
  readonly attempts: number;
}

function grouped<K>(rows: readonly Counted<K>[]): FailureGroup<K>[] {
  const groups = new Map<K, Partial<Record<FailureClass, number>>>();
  for (const { key, class: failure, attempts } of rows) {
    const failures = groups.get(key) ?? {};
    failures[failure] = attempts;
    groups.set(key, failures);
  }
  return [...groups].map(([key, failures]) => ({ key, failures }));
}
