import type { OutputReport } from '../../domain/bundle.js';
import { asError, FabricaError } from '../../domain/errors.js';
import type { WrapperOutputReport } from '../../grid/compute/wrapper-report.js';
import type {
  StorageElement,
  StorageElements,
  StoredFile,
} from '../../grid/storage/storage-element.js';

/** Where an output lies that a job has reported, and what the storage has there; or why that can not be told. */
type StoredOutput = { readonly path: string; readonly file: StoredFile | null } | Error;
export type StoredOutputs = ReadonlyMap<WrapperOutputReport, StoredOutput>;

/** Asks the storages for outputs: each once for all of its files, and for one after the other if it fails for one of them. */
export async function storedOutputs(
  outputs: readonly WrapperOutputReport[],
  storages: StorageElements,
): Promise<StoredOutputs> {
  const stored = new Map<WrapperOutputReport, StoredOutput>();
  const asked = new Map<StorageElement, { output: WrapperOutputReport; path: string }[]>();
  for (const output of outputs) {
    try {
      const { path, storage } = placeOf(output, storages);
      const there = asked.get(storage);
      if (there === undefined) asked.set(storage, [{ output, path }]);
      else there.push({ output, path });
    } catch (error) {
      stored.set(output, asError(error));
    }
  }
  for (const [storage, files] of asked) {
    const paths = files.map(({ path }) => path);
    const found = await storage.statAll(paths, { checksum: true }).catch(() => null);
    for (const [i, { output, path }] of files.entries()) {
      const file =
        found === null
          ? await storage.stat(path, { checksum: true }).catch(asError)
          : (found[i] ?? null);
      stored.set(output, file instanceof Error ? file : { path, file });
    }
  }
  return stored;
}

function placeOf(
  output: WrapperOutputReport,
  storages: StorageElements,
): { storage: StorageElement; path: string } {
  const storage = storages.get(output.storage);
  const path = storage.pathOf(output.url);
  if (path !== null) return { storage, path };
  throw new FabricaError(
    'FABRICA_REPORT_MALFORMED',
    `The output ${output.level} is reported at ${output.url}, which is not on ${output.storage}.`,
  );
}

/**
 * What the storage itself says of a staged output: the wrapper told how many bytes it has copied; size and adler32 are those
 * of the copy, as the storage reads it. Throws if that is not what the wrapper told.
 */
export function stagedOutput(output: WrapperOutputReport, stored: StoredOutputs): OutputReport {
  const found = stored.get(output);
  if (found === undefined || found instanceof Error)
    throw found ?? new Error('it was not looked for');
  const { file, path } = found;
  if (file?.adler32 === undefined || file.size !== output.size) {
    throw new FabricaError(
      'FABRICA_STORAGE_CHECKSUM',
      `${path} on ${output.storage} is ${file === null ? 'missing' : `${file.size} bytes`} after stage-out of ${output.size} bytes.`,
    );
  }
  return {
    level: output.level,
    storage: output.storage,
    path,
    size: file.size,
    adler32: file.adler32,
  };
}
