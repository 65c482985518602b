import { addCounts, type JobCounts, type ProductionProgress } from '../../domain/progress.js';
import type { FailureClass } from '../../domain/failure-class.js';
import type { ProductionState } from '../../domain/states/production.js';
import type { Db } from '../catalog.js';
import { progressesOf } from '../progress.js';
import type { ProductionRow } from '../productions.js';

/** All productions of a campaign in one line. A campaign is what its productions are: those with its name in their data set. */
export interface CampaignSummary {
  readonly name: string;
  readonly productions: number;
  /** Productions by state. */
  readonly states: Partial<Record<ProductionState, number>>;
  /** Those that wait for a person: Held (but for its sites, when it goes on by itself), Rejected or AwaitingApproval, or live with parked jobs. */
  readonly troubled: number;
  readonly events: ProductionProgress['events'];
  /** Scout and fabrication jobs by state. */
  readonly jobs: JobCounts;
  readonly merges: JobCounts;
  /** Failed attempts by class. */
  readonly failures: Partial<Record<FailureClass, number>>;
  /** Final files that are distributed, and their bytes; each file is counted once. */
  readonly files: number;
  readonly bytes: number;
  /** When the first production was registered, and when the last changed, ms since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A production with how far it is. */
export interface ProductionInCampaign {
  readonly row: ProductionRow;
  readonly progress: ProductionProgress;
}

/** The productions with how far they are, by three statements however many there are. */
export async function withProgress(
  db: Db,
  rows: readonly ProductionRow[],
  now: number,
): Promise<ProductionInCampaign[]> {
  const progresses = await progressesOf(db, rows, now);
  return rows.flatMap((row, i) => {
    const progress = progresses[i];
    return progress === undefined ? [] : [{ row, progress }];
  });
}

const FOR_A_PERSON: readonly ProductionState[] = ['Held', 'Rejected', 'AwaitingApproval'];
/** Their parked jobs have been given up with them. */
const WITHOUT_PARKED: readonly ProductionState[] = [
  'Rejected',
  'Completed',
  'Cancelling',
  'Cancelled',
  'Cleaning',
  'Cleaned',
  'Archived',
];

/** Jobs and merges that wait for a person. */
export function parkedIn({ row, progress: { jobs, merges } }: ProductionInCampaign): number {
  return WITHOUT_PARKED.includes(row.state) ? 0 : (jobs.Parked ?? 0) + (merges.Parked ?? 0);
}

/** A production that goes on only if a person does something. */
export function isTroubled(one: ProductionInCampaign): boolean {
  const { held_for, state } = one.row;
  const byItself = held_for === 'sites';
  return (FOR_A_PERSON.includes(state) && !byItself) || parkedIn(one) > 0;
}

/** What the productions of a campaign are together. There must be one. */
export function summaryOf(name: string, all: readonly ProductionInCampaign[]): CampaignSummary {
  const sum = (value: (one: ProductionInCampaign) => number): number =>
    all.reduce((total, one) => total + value(one), 0);
  const counts = <K extends string>(
    of: (one: ProductionInCampaign) => Readonly<Partial<Record<K, number>>>,
  ): Partial<Record<K, number>> =>
    all.reduce<Partial<Record<K, number>>>((total, one) => addCounts(total, of(one)), {});
  return {
    name,
    productions: all.length,
    states: counts(({ row }) => ({ [row.state]: 1 })),
    troubled: all.filter(isTroubled).length,
    events: {
      asked: sum(({ progress }) => progress.events.asked),
      wanted: sum(({ progress }) => progress.events.wanted),
      made: sum(({ progress }) => progress.events.made),
      merged: sum(({ progress }) => progress.events.merged),
      distributed: sum(({ progress }) => progress.events.distributed),
      waived: sum(({ progress }) => progress.events.waived),
    },
    jobs: counts(({ progress }) => progress.jobs),
    merges: counts(({ progress }) => progress.merges),
    failures: counts(({ progress }) => progress.failures),
    files: sum(({ progress }) => progress.files),
    bytes: sum(({ progress }) => progress.bytes),
    createdAt: Math.min(...all.map(({ row }) => row.created_at)),
    updatedAt: Math.max(...all.map(({ row }) => row.updated_at)),
  };
}
