import type { Db } from '../catalog.js';

/** The first of `base`, `base-2`, `base-3`... that no production has. */
export async function freeName(db: Db, base: string): Promise<string> {
  const rows = await db
    .selectFrom('productions')
    .select('name')
    .where('name', 'like', `${base}%`)
    .execute();
  const taken = new Set(rows.map((row) => row.name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}
