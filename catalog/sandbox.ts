import type { StoredPayload } from '../domain/payload.js';
import { FabricaError } from '../domain/errors.js';
import type { Db } from './catalog.js';
import { insertRemnants } from './remnants.js';

/** Where payload files lie, by storage and LFN (`<storage> <lfn>`): one that was stored in an earlier epoch stays where it is. */
export async function sandboxPaths(
  db: Db,
  payloads: readonly Pick<StoredPayload, 'lfn'>[],
): Promise<Map<string, string>> {
  if (payloads.length === 0) return new Map();
  const rows = await db
    .selectFrom('files')
    .innerJoin('replicas', 'replicas.file_id', 'files.id')
    .select(['files.lfn', 'replicas.storage', 'replicas.path'])
    .where(
      'files.lfn',
      'in',
      payloads.map((one) => one.lfn),
    )
    .execute();
  return new Map(rows.map(({ lfn, path, storage }) => [`${storage} ${lfn}`, path]));
}

/** Catalogues a payload file of a production and where it lies; the same file twice is one, and lies where it was stored last. */
export async function registerSandbox(
  db: Db,
  production: number,
  payload: StoredPayload,
  path: string,
  now: number,
): Promise<void> {
  await db
    .insertInto('files')
    .values({
      lfn: payload.lfn,
      production_id: null,
      job: null,
      attempt: null,
      kind: 'sandbox',
      level: 'sandbox',
      state: 'Valid',
      size: payload.size,
      adler32: payload.adler32,
      events: null,
      metadata: '{}',
      created_at: now,
    })
    .onConflict((conflict) => conflict.column('lfn').doUpdateSet({ state: 'Valid' }))
    .execute();
  const file = await db
    .selectFrom('files')
    .select(['id', 'kind', 'size', 'adler32'])
    .where('lfn', '=', payload.lfn)
    .executeTakeFirstOrThrow();
  if (file.kind !== 'sandbox' || file.size !== payload.size || file.adler32 !== payload.adler32) {
    throw new FabricaError(
      'FABRICA_DEFINITION_INVALID',
      `Payload ${payload.name} refers to ${payload.lfn}, which is catalogued as a ${file.kind} of ${file.size} bytes with adler32 ${file.adler32}.`,
      { lfn: payload.lfn },
    );
  }
  const before = (await sandboxPaths(db, [payload])).get(`${payload.storage} ${payload.lfn}`);
  if (before !== undefined && before !== path) {
    const old = { storage: payload.storage, path: before, shape: 'file' as const };
    await insertRemnants(db, { production, block: 0 }, [old], 'stored again', now);
  }
  await db
    .insertInto('replicas')
    .values({
      file_id: file.id,
      storage: payload.storage,
      path,
      state: 'Available',
      created_at: now,
    })
    .onConflict((conflict) =>
      conflict.columns(['file_id', 'storage']).doUpdateSet({ state: 'Available', path }),
    )
    .execute();
  // An ended production may have left its removal as a debt: it is wanted again.
  await db
    .deleteFrom('remnants')
    .where('storage', '=', payload.storage)
    .where('path', '=', path)
    .execute();
}

/** Condemns the payload files of a production that no other living production uses; `lfns` are those of its definition. */
export async function condemnSandboxes(
  db: Db,
  production: number,
  lfns: readonly string[],
  now: number,
): Promise<void> {
  for (const lfn of lfns) {
    const others = await db
      .selectFrom('revisions')
      .innerJoin('productions', 'productions.id', 'revisions.production_id')
      .select('productions.id')
      .where('productions.id', '<>', production)
      .where('productions.state', 'not in', ['Cleaned', 'Archived'])
      .where('revisions.definition', 'like', `%${lfn}%`)
      .limit(1)
      .execute();
    if (others.length > 0) continue;
    const replicas = await db
      .selectFrom('replicas')
      .innerJoin('files', 'files.id', 'replicas.file_id')
      .select(['files.id', 'replicas.storage', 'replicas.path'])
      .where('files.lfn', '=', lfn)
      .execute();
    for (const replica of replicas) {
      await db
        .updateTable('replicas')
        .set({ state: 'Removing' })
        .where('file_id', '=', replica.id)
        .where('storage', '=', replica.storage)
        .execute();
    }
    await insertRemnants(
      db,
      { production, block: 0 },
      replicas.map(({ storage, path }) => ({ storage, path, shape: 'file' as const })),
      'payload of an ended production',
      now,
    );
  }
}
