import {
  changeAttempts,
  lostAttempts,
  openAttempts,
  type BundleRow,
  type OpenAttempt,
} from '../../catalog/attempts.js';
import { recountBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { changeJobs } from '../../catalog/jobs.js';
import { revisionOf, type ProductionRow, type Revision } from '../../catalog/productions.js';
import { insertRemnants, type Removal } from '../../catalog/remnants.js';
import { bareReport, type AttemptKey, type AttemptReport } from '../../domain/bundle.js';
import type { JobState } from '../../domain/states/job.js';
import { possibleRemnants } from './attempt-outputs.js';
import { destinationsOf, outputsOf } from './orders.js';

/**
 * No job of the bundle runs any more, or none that does will be listened to: its open attempts are `Cancelled`, what they may have left is
 * noted for removal, and their jobs wait again, uncharged (or are `Cancelled` with the production, or `Waived` if a person has given
 * them up). Returns how many there were.
 */
export async function endAttempts(
  db: Db,
  production: ProductionRow,
  bundle: BundleRow,
  { now, reason }: { now: number; reason: string },
): Promise<number> {
  const revision = await revisionOf(db, production);
  const open = await openAttempts(db, bundle.id);
  const gone: JobState = production.state === 'Cancelling' ? 'Cancelled' : 'Waiting';
  await changeAttempts(
    db,
    bundle,
    open.map((attempt) => ({
      from: attempt.state,
      state: 'Cancelled' as const,
      class: null,
      blame: null,
      rule: null,
      evidence: null,
      report: endedReport(attempt, reason, now),
    })),
    now,
  );
  await changeJobs(
    db,
    production.id,
    open.map((attempt) => ({
      number: attempt.job,
      from: attempt.job_state,
      state: attempt.killed === 1 && gone === 'Waiting' ? ('Waived' as const) : gone,
      charged: attempt.charged,
      uncharged: attempt.uncharged,
      not_before: 0,
      avoid: attempt.avoid,
      raised: attempt.raised,
    })),
  );
  const remnants = leftBehind(production.id, revision, bundle, open);
  const key = { production: production.id, block: bundle.block };
  await insertRemnants(db, key, remnants, reason, now);
  await recountBlock(db, key);
  return open.length;
}

/** Notes once more what lost attempts of a bundle may have left, and those that were never seen to begin: they may have written since. */
export async function noteLost(
  db: Db,
  production: ProductionRow,
  bundle: BundleRow,
  now: number,
): Promise<void> {
  const revision = await revisionOf(db, production);
  const lost = await lostAttempts(db, bundle.id);
  const key = { production: production.id, block: bundle.block };
  const remnants = leftBehind(production.id, revision, bundle, lost);
  await insertRemnants(db, key, remnants, 'left by a lost attempt', now);
}

/** What open attempts of a bundle may have left on any storage that they could write to. */
export function leftBehind(
  production: number,
  revision: Revision,
  bundle: BundleRow,
  open: readonly Pick<OpenAttempt, 'job' | 'attempt' | 'file_index' | 'level'>[],
): Removal[] {
  return open.flatMap((attempt) =>
    outputsOf(revision, production, { kind: bundle.kind, level: attempt.level }).flatMap((output) =>
      possibleRemnants(bundle.epoch, attempt, output, destinationsOf(bundle)),
    ),
  );
}

/** The report of an attempt that was ended by a person, or given up. */
export function endedReport(attempt: AttemptKey, reason: string, now: number): AttemptReport {
  return { ...bareReport(attempt), state: 'killed', step: 'killed', reason, endedAt: now };
}
