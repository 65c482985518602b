import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import type { Catalog } from '../catalog.js';

/** What tells catalogs apart in few characters: their epoch, and of copies of one catalog the place. `e1abc.3f2a91`. */
export function catalogTag({ epoch, file }: Pick<Catalog, 'epoch' | 'file'>): string {
  return `${epoch}.${createHash('sha256').update(realpathSync(file)).digest('hex').slice(0, 6)}`;
}
