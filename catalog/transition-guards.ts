import { sql, type QueryExecutorProvider } from 'kysely';
import { ATTEMPT_TRANSITIONS } from '../domain/states/attempt.js';
import { BLOCK_TRANSITIONS } from '../domain/states/block.js';
import {
  FILE_TRANSITIONS,
  REPLICA_TRANSITIONS,
  TRANSFER_TRANSITIONS,
} from '../domain/states/file.js';
import { JOB_TRANSITIONS } from '../domain/states/job.js';
import { PRODUCTION_TRANSITIONS } from '../domain/states/production.js';
import { RESOURCE_TRANSITIONS } from '../domain/states/resource.js';
import type { TransitionTable } from '../domain/transition.js';
import { transitionGuard } from './dialect.js';

/** The tables whose rows have a `state`, and how it may change. */
export const GUARDED: Readonly<Record<string, TransitionTable<string>>> = {
  productions: PRODUCTION_TRANSITIONS,
  blocks: BLOCK_TRANSITIONS,
  jobs: JOB_TRANSITIONS,
  attempts: ATTEMPT_TRANSITIONS,
  files: FILE_TRANSITIONS,
  replicas: REPLICA_TRANSITIONS,
  transfers: TRANSFER_TRANSITIONS,
  sites: RESOURCE_TRANSITIONS,
  storages: RESOURCE_TRANSITIONS,
};

/** Has the database itself refuse each change of a state that its table does not allow, whichever statement makes it. */
export async function guardTransitions(db: QueryExecutorProvider): Promise<void> {
  for (const [table, transitions] of Object.entries(GUARDED)) {
    for (const statement of transitionGuard(table, transitions)) {
      await sql.raw(statement).execute(db);
    }
  }
}
