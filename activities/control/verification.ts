import type { ReplicaOfFile } from '../../catalog/files.js';
import type { StoredExpectation } from '../storage/index.js';
import { byStorage, type StorageBatch } from './storage-batches.js';

/** A page of files to be verified where they lie. `next` is the file id after which the next page begins; null after the last. */
export interface VerificationPage {
  readonly batches: readonly StorageBatch<StoredExpectation>[];
  readonly next: number | null;
}

/** The page that these replicas make; `limit` is how many were asked for. */
export function verificationPage(
  replicas: readonly ReplicaOfFile[],
  limit: number,
): VerificationPage {
  return {
    batches: byStorage(replicas, ({ storage, path, size, adler32 }) => ({
      storage,
      file: { path, size, adler32 },
    })),
    next: replicas.length < limit ? null : (replicas.at(-1)?.file ?? null),
  };
}
