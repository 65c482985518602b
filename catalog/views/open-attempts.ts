import { sql, type RawBuilder } from 'kysely';

/**
 * True for attempts that are submitted or running. NOTE: written out, because SQLite uses the partial index `attempts_open` only where it
 * sees its condition in the text; parameters hide it, and the whole table would be read.
 */
export const isOpen: RawBuilder<boolean> = sql<boolean>`state in ('Submitted', 'Running')`;
