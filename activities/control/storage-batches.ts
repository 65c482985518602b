import type { Packed } from '../../domain/packed.js';
import { pack } from '../packed.js';

/** Work on files of one storage. */
export interface StorageBatch<T> {
  readonly storage: string;
  readonly files: readonly T[];
}

/** The same for many files. */
export interface PackedBatch<T> {
  readonly storage: string;
  /** How many files there are. */
  readonly count: number;
  readonly files: Packed<T>;
}

/** Items by the storage that they are for, in the order in which they come. */
export function byStorage<I, T>(
  items: Iterable<I>,
  take: (item: I) => { storage: string; file: T },
): StorageBatch<T>[] {
  const batches = new Map<string, T[]>();
  for (const item of items) {
    const { storage, file } = take(item);
    const files = batches.get(storage);
    if (files === undefined) batches.set(storage, [file]);
    else files.push(file);
  }
  return [...batches].map(([storage, files]) => ({ storage, files }));
}

export function packed<T>(batches: readonly StorageBatch<T>[]): PackedBatch<T>[] {
  return batches.map(({ storage, files }) => ({
    storage,
    count: files.length,
    files: pack(files),
  }));
}
