import type { Discrepancy } from '../domain/audit.js';

/** Fabrica's own counts of a production (DESIGN 3.4). Events, files, jobs. */
export interface AuditCase {
  readonly asked: number;
  readonly made: number;
  readonly waived: number;
  /** Data levels of the outputs. */
  readonly levels: readonly string[];
  /** Events in final files, per data level; a level without files is left out. */
  readonly final: Readonly<Record<string, number>>;
  /** Events in outputs of jobs, per data level; null where each job writes all that it makes. Jobs with input may write fewer than they read. */
  readonly written: Readonly<Record<string, number>> | null;
  /** Final files by number of copies. */
  readonly copies: readonly { copies: number; files: number; sample: string }[];
  readonly wantedCopies: number;
  readonly openJobs: number;
  readonly repeatedSeeds: number;
  readonly overlaps: number;
  readonly unmerged: number;
  readonly multiplyMerged: number;
  readonly pendingRemnants: number;
  /** The definition merges its outputs. */
  readonly merges: boolean;
  /** A production that still runs is only asked for what must hold at any time. */
  readonly ended: boolean;
}

/** How often what an audit has found may be mended without a person, until one has passed. */
const MOST_REPAIRS = 3;

/** More lost copies than these, and more than a hundredth of all, look like a storage that is not itself. */
const MOST_LOST = 20;

/**
 * The copies that are lost or damaged, if Fabrica may mend that by itself: by other copies, or by the jobs that made them. Empty where a person
 * must look first.
 */
export function mendableCopies(input: {
  readonly discrepancies: readonly Discrepancy[];
  /** Copies of final files in all. */
  readonly copies: number;
  /** How often it has been tried since an audit has passed. */
  readonly repairs: number;
}): { readonly storage: string; readonly path: string }[] {
  const lost = input.discrepancies.flatMap(({ kind, path, storage }) =>
    LOSSES.includes(kind) && path !== undefined && storage !== undefined ? [{ storage, path }] : [],
  );
  const few = lost.length <= Math.max(MOST_LOST, input.copies / 100);
  return few && input.repairs < MOST_REPAIRS ? lost : [];
}

const LOSSES: readonly Discrepancy['kind'][] = ['missing', 'size', 'checksum'];

/** What is wrong with the counts; nothing if the production is whole. */
export function auditCounts(input: AuditCase): Discrepancy[] {
  const found: Discrepancy[] = [];
  const find = (kind: Discrepancy['kind'], text: string): void => {
    found.push({ kind, text });
  };
  if (input.repeatedSeeds > 0) find('seeds', `${input.repeatedSeeds} seeds belong to several jobs`);
  if (input.overlaps > 0) find('events', `${input.overlaps} event ranges overlap`);
  if (input.multiplyMerged > 0) {
    find('merge', `${input.multiplyMerged} outputs are in more than one merge`);
  }
  if (!input.ended) return found;

  if (input.openJobs > 0) find('unfinished', `${input.openJobs} jobs have not ended`);
  if (input.made + input.waived !== input.asked) {
    find(
      'events',
      `${input.made} events are made and ${input.waived} waived, ${input.asked} were asked for`,
    );
  }
  for (const level of new Set([...input.levels, ...Object.keys(input.final)])) {
    const events = input.final[level] ?? 0;
    const expected = input.written === null ? input.made : (input.written[level] ?? 0);
    if (events !== expected) {
      const what = input.written === null ? 'made' : 'written';
      find('events', `the final ${level} files hold ${events} events, ${expected} were ${what}`);
    }
  }
  if (input.merges && input.unmerged > 0) {
    find('merge', `${input.unmerged} outputs are in no merge`);
  }
  for (const { copies, files, sample } of input.copies) {
    if (copies !== input.wantedCopies) {
      find(
        'copies',
        `${files} final files have ${copies} copies, ${input.wantedCopies} are wanted (e.g. ${sample})`,
      );
    }
  }
  if (input.pendingRemnants > 0) {
    find('remnant', `${input.pendingRemnants} remnants are not removed`);
  }
  return found;
}
