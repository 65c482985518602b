import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { EPOCH_PATTERN } from '../domain/names.js';
import type { Db } from './catalog.js';
import { epochsOf } from './epochs.js';

/** How far a catalog has come. */
export interface CatalogMark {
  /** All its epochs, the present one last. */
  readonly epochs: readonly string[];
  /** Transactions that have changed it, ever. */
  readonly changes: number;
}

/** The file beside a catalog that remembers how far it has come: an older catalog that somebody puts in its place is noticed by it. */
export const markFile = (catalogFile: string): string => `${catalogFile}.mark`;

/** The mark beside a catalog; null if there is none that can be understood. */
export function readMark(catalogFile: string): CatalogMark | null {
  try {
    const text: unknown = JSON.parse(readFileSync(markFile(catalogFile), 'utf8'));
    if (typeof text !== 'object' || text === null) return null;
    const { epochs, changes } = text as Partial<Record<keyof CatalogMark, unknown>>;
    if (!Array.isArray(epochs) || !Number.isSafeInteger(changes)) return null;
    const named = epochs.map(String).filter((one) => EPOCH_PATTERN.test(one));
    return named.length === 0 ? null : { epochs: named, changes: Number(changes) };
  } catch {
    return null;
  }
}

/** Afterwards the mark tells this, whole; a reader sees the old one or the new one. */
export function writeMark(catalogFile: string, mark: CatalogMark): void {
  const file = markFile(catalogFile);
  writeFileSync(`${file}.new`, `${JSON.stringify(mark)}\n`);
  renameSync(`${file}.new`, file);
}

/** How far the catalog has come by what it says itself. */
export async function markOf(db: Db): Promise<CatalogMark> {
  const row = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'changes')
    .executeTakeFirst();
  const epochs = (await epochsOf(db)).map(({ epoch }) => epoch);
  return { epochs, changes: Number(row?.value ?? 0) };
}

/** Why a catalog can not be the one that was last worked with in its place; null if it is that one. */
export function behind(catalog: CatalogMark, mark: CatalogMark): string | null {
  const [here, there] = [catalog.epochs.at(-1), mark.epochs.at(-1)];
  if (here !== there) {
    return `a catalog of epoch ${here ?? 'none'} was put in the place of one of epoch ${there ?? 'none'}`;
  }
  if (catalog.changes >= mark.changes) return null;
  return `an older copy of the catalog was put in its place: it lacks ${mark.changes - catalog.changes} of its changes`;
}
