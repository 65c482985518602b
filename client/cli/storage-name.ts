import { allStorages } from '../../catalog/resources.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { nearest } from '../../domain/spelling.js';
import type { Session } from './session.js';

/** Throws `FABRICA_STORAGE_UNKNOWN`, with the storages there are, for a name that the catalog does not know. */
export async function checkStorageName(session: Session, name: string): Promise<void> {
  const storages = await (await session.catalog()).read(allStorages);
  const names = storages.map((storage) => storage.name);
  if (names.includes(name)) return;
  const meant = nearest(name, names);
  throw new FabricaError(
    'FABRICA_STORAGE_UNKNOWN',
    `No storage is named ${quoted(name)}; there are ${names.join(', ')}.`,
    { storage: name },
    meant === null ? {} : { remedy: `Did you mean ${meant}?` },
  );
}
