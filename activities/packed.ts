import { gunzipSync, gzipSync } from 'node:zlib';
import { NOTHING_PACKED, type Packed } from '../domain/packed.js';

export function pack<T>(rows: readonly T[]): Packed<T> {
  return rows.length === 0 ? NOTHING_PACKED : gzipSync(JSON.stringify(rows)).toString('base64');
}

export function unpack<T>(packed: Packed<T>): T[] {
  if (packed === NOTHING_PACKED) return [];
  return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as T[];
}
