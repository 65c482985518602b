import { sql } from 'kysely';
import type { Catalog } from '../catalog/catalog.js';

/** Bytes of the catalog, also those that wait to be written into its file. */
export async function catalogBytes(catalog: Pick<Catalog, 'read'>): Promise<number> {
  const { rows } = await catalog.read((db) =>
    sql<{ bytes: number }>`
      select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()`.execute(
      db,
    ),
  );
  return rows[0]?.bytes ?? 0;
}
