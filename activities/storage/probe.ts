import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { adler32 } from '../../domain/adler32.js';
import type { Clock } from '../../domain/clock.js';
import { FabricaError } from '../../domain/errors.js';
import type { Space, StorageElement } from '../../grid/storage/storage-element.js';

/** Where probes are written; below it is nothing else. */
export const PROBE_DIRECTORY = '/fabrica-probe';

/** The rest of a probe that was killed is removed by a later one, ms. */
const LEFT_BEHIND = 3_600_000;

/**
 * Proves that a storage works: a small file is written, read back, and removed. Answers its room. Throws `FABRICA_STORAGE_*`, also when
 * that takes longer than `seconds`.
 */
export async function probe(
  storage: StorageElement,
  { clock, seconds }: { readonly clock: Clock; readonly seconds: number },
): Promise<Space> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new FabricaError(
          'FABRICA_STORAGE_UNREACHABLE',
          `Storage ${storage.name} has not written, read and removed a small file within ${seconds} s.`,
          { storage: storage.name },
        ),
      );
    }, 1000 * seconds);
  });
  try {
    return await Promise.race([writeReadRemove(storage, clock.now()), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function writeReadRemove(storage: StorageElement, now: number): Promise<Space> {
  const path = `${PROBE_DIRECTORY}/${now}-${randomBytes(6).toString('hex')}`;
  const content = Buffer.from(`Fabrica has probed ${storage.name}; this may be removed.\n`);
  const expected = { size: content.length, adler32: adler32(content) };
  try {
    await storage.put(Readable.from([content]), path, expected);
    const found = await contentOf(storage, path);
    if (!found.equals(content)) throw altered(storage, path);
  } catch (error) {
    // What went wrong first tells more than that the removal goes wrong as well.
    await storage.remove(path).catch(() => undefined);
    throw error;
  }
  await storage.remove(path);
  await removeLeftBehind(storage, now);
  return storage.space();
}

function altered({ name }: StorageElement, path: string): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_CHECKSUM',
    `Storage ${name} gives back other bytes than were written to ${path}.`,
    { storage: name, path },
    { remedy: 'Look at its disk; `fabrica audit NAME` tells which files are damaged.' },
  );
}

async function contentOf(storage: StorageElement, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await storage.read(path)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function removeLeftBehind(storage: StorageElement, now: number): Promise<void> {
  for await (const { path } of storage.list(PROBE_DIRECTORY)) {
    const written = Number(/\/(?:\.part-\w+-)?(\d+)-\w+$/.exec(path)?.[1]);
    if (written < now - LEFT_BEHIND) await storage.remove(path);
  }
}
