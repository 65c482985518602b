import type { Db } from '../../catalog/catalog.js';
import { findingsOn, getSweep, type FindingView, type SweepRow } from '../../catalog/sweeps.js';
import { remedyOf } from '../../policy/sweep.js';

export interface SweepRef {
  readonly epoch: string;
  readonly storage: string;
  readonly sweep: number;
}

/** Findings in one page. */
export const PAGE = 200;

/** A page of what a sweep is concerned with, in these states. */
export async function findings(
  db: Db,
  { after, storage, sweep }: SweepRef & { after: string },
  states: Parameters<typeof findingsOn>[2]['states'],
): Promise<FindingView[]> {
  const { production_id: production }: SweepRow = await getSweep(db, sweep);
  return findingsOn(db, storage, { states, production, after, limit: PAGE });
}

/** True if a bad copy was removed to be made anew, and that is still to be done. */
export function isOwed(finding: FindingView): boolean {
  const { file_state, remedy, replica } = finding;
  const still = remedy === 'copy' && remedyFor(finding).remedy === 'copy';
  return still && replica !== 'Available' && file_state === 'Valid';
}

/** What is to be done about a finding, with the reason. */
export function remedyFor(finding: FindingView): ReturnType<typeof remedyOf> {
  const { block, copies, file_kind, kind, production, wanted_copies } = finding;
  if (kind === 'dark') return { remedy: 'remove', why: '' };
  return remedyOf({
    ...{ kind, block, production },
    fileKind: file_kind ?? 'output',
    goodCopies: copies,
    wantedCopies: wanted_copies,
  });
}
