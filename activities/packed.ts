import { gunzipSync, gzipSync } from 'node:zlib';

/** Rows on their way through a history: compressed, for those of one storage are much alike. `T` must survive JSON. */
export type Packed<T> = string & { readonly rows?: readonly T[] };

export function pack<T>(rows: readonly T[]): Packed<T> {
  return gzipSync(JSON.stringify(rows), { level: 9 }).toString('base64');
}

export function unpack<T>(packed: Packed<T>): T[] {
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as T[];
}
