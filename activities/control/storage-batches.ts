/** Work on files of one storage. */
export interface StorageBatch<T> {
  readonly storage: string;
  readonly files: readonly T[];
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
