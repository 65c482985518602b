import type { ReplicaToVerify } from '../../catalog/files.js';
import type { StoredExpectation } from '../storage/index.js';
import { byStorage, packed, type PackedBatch } from './storage-batches.js';

/** A page of files to be verified where they lie. `next` is the file id after which the next page begins; null after the last. */
export interface VerificationPage {
  readonly batches: readonly PackedBatch<StoredExpectation>[];
  readonly next: number | null;
}

/** Replicas in a page: some ten bytes each in the history. */
export const VERIFIED_AT_ONCE = 4_000;
/** Bytes of a page on one storage, which may have to read all of them: some twenty minutes of work. The storages work side by side. */
const MOST_BYTES = 200e9;

/** The page that these replicas make, of which `VERIFIED_AT_ONCE` were asked for; they come in order of their files. */
export function verificationPage(replicas: readonly ReplicaToVerify[]): VerificationPage {
  const bytes = new Map<string, number>();
  let most = 0;
  let taken = 0;
  for (const [i, { file, size, storage }] of replicas.entries()) {
    // No file without all of its replicas.
    if (most > MOST_BYTES && file !== replicas[i - 1]?.file) break;
    const there = (bytes.get(storage) ?? 0) + size;
    bytes.set(storage, there);
    most = Math.max(most, there);
    taken++;
  }
  const page = replicas.slice(0, taken);
  const all = page.length === replicas.length && replicas.length < VERIFIED_AT_ONCE;
  return {
    batches: packed(
      byStorage(page, ({ storage, path, size, adler32 }) => ({
        storage,
        file: { path, size, adler32 },
      })),
    ),
    next: all ? null : (page.at(-1)?.file ?? null),
  };
}
