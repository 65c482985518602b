import { sql } from 'kysely';
import type { Db } from '../catalog.js';

/** What the database finds wrong in its own file, at most 10 lines; empty if nothing. */
export async function integrityProblems(db: Db): Promise<string[]> {
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(10)`.execute(db);
  return rows.map((row) => row.quick_check).filter((line) => line !== 'ok');
}

/** The newest migration that the catalog has seen. */
export async function catalogVersion(db: Db): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select name from kysely_migration order by name desc limit 1`.execute(db);
  return rows[0]?.name ?? 'none';
}
