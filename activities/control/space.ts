import type { ControlContext } from './context.js';

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
  return { recordSpace };
}
