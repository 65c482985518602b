import { sql, type RawBuilder } from 'kysely';

/**
 * True for bundles with attempts that are submitted or running. NOTE: written out, because SQLite uses the partial index `bundles_open` only
 * where it sees its condition in the text; parameters hide it, and the whole table would be read.
 */
export const holdsOpen: RawBuilder<boolean> = sql<boolean>`bundles.open > 0`;
