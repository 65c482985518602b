import { allStorages } from '../../catalog/resources.js';
import type { ControlContext } from './context.js';

/** A figure of this age is good enough for planning, ms. */
const MEASURE_EVERY = 60_000;

/** What the catalog knows of the room on storages. */
export function spaceKeeping({ catalog, clock }: ControlContext) {
  /** Records free and total bytes of a storage, for placement and distribution. */
  async function recordSpace(input: {
    storage: string;
    total: number;
    free: number;
  }): Promise<void> {
    await catalog.write(async (db) => {
      await db
        .updateTable('storages')
        .set({ total: input.total, free: input.free, updated_at: clock.now() })
        .where('name', '=', input.storage)
        .execute();
    });
  }
  /** Final storages whose room was not measured within the last minute. */
  async function storagesToMeasure(): Promise<string[]> {
    const before = clock.now() - MEASURE_EVERY;
    const rows = await catalog.read((db) => allStorages(db));
    return rows
      .filter((row) => row.purpose === 'final' && (row.free === null || row.updated_at < before))
      .map((row) => row.name);
  }

  return { recordSpace, storagesToMeasure };
}
