import { gunzipSync, gzipSync } from 'node:zlib';
import { NOTHING_PACKED, type Packed } from '../domain/packed.js';

/** Rows much alike become hardly smaller by more work than this. */
const LEVEL = { level: 1 };

export function pack<T>(rows: readonly T[]): Packed<T> {
  if (rows.length === 0) return NOTHING_PACKED;
  return gzipSync(JSON.stringify(rows), LEVEL).toString('base64');
}

export function unpack<T>(packed: Packed<T>): T[] {
  if (packed === NOTHING_PACKED) return [];
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as T[];
}
