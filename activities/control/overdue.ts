import {
  getBundle,
  openAttempts,
  type BundleRow,
  type OpenAttempt,
} from '../../catalog/attempts.js';
import { getBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import type { PlaceableJob } from '../../catalog/jobs.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { avoidSites } from '../../catalog/queued-attempts.js';
import { attemptRanges, attemptsOf, type AttemptRange } from '../../domain/bundle.js';
import { counted } from '../../domain/counted.js';
import { formatDuration } from '../../domain/quantity.js';
import { placeJobs } from '../../policy/placement.js';
import { queuePatience, untilNextLook, withdrawalsOf } from '../../policy/queue-patience.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import type { PlacementCases } from './placement-case.js';
import { PromisedRoom } from './promised-room.js';

/** Attempts of a bundle that still wait at their site. */
export interface QueuedInput extends BlockRef {
  readonly bundle: number;
  readonly site: string;
  readonly attempts: readonly AttemptRange[];
  /** Since when, ms. */
  readonly queuedSince: number;
}

export interface QueueVerdict {
  /** Those that are to be withdrawn: another site would take them now. */
  readonly withdraw: readonly AttemptRange[];
  /** When to look again, s from now. */
  readonly lookAgain: number;
}

/** Jobs that wait in the queue of a site for too long. */
export function judgingQueues(context: ControlContext, cases: PlacementCases) {
  const { catalog, clock, configuration } = context;
  const promised = new PromisedRoom();

  /**
   * Which of these jobs go elsewhere: those that have waited too long, as far as `placeJobs` would give them to other sites now, with room that
   * was found for none of the last minute. Afterwards they avoid this one.
   */
  async function judgeQueue(input: QueuedInput): Promise<QueueVerdict> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const slots = configuration.sites.find(({ name }) => name === input.site)?.slots ?? 1;
      const { job_seconds: jobSeconds } = production;
      const waited = (clock.now() - input.queuedSince) / 1000;
      const lookAgain = untilNextLook(waited);
      if (production.state !== 'Active' && production.state !== 'Scouting') {
        return { withdraw: [], lookAgain };
      }
      const asked = new Set([...attemptsOf(input.attempts)].map(keyOf));
      const overdue = (await openAttempts(db, input.bundle)).filter(
        (attempt) =>
          asked.has(keyOf(attempt)) &&
          attempt.killed === 0 &&
          waited >= queuePatience({ slots, jobSeconds, withdrawals: withdrawalsOf(attempt) }),
      );
      const bundle = await getBundle(db, production.id, input.bundle);
      const wanted = await wantedElsewhere(db, production, bundle, overdue);
      if (wanted.length === 0) return { withdraw: [], lookAgain };
      await avoidSites(
        db,
        production.id,
        wanted.map((attempt) => ({ number: attempt.job, avoid: avoiding(attempt, input.site) })),
      );
      // Asked again, because the answer was not heard: it is noted already.
      const fresh = wanted.filter(({ avoid }) => !avoids(avoid, input.site));
      if (fresh.length > 0) {
        await recordEvent(db, {
          at: clock.now(),
          who: 'fabrica',
          production: production.id,
          block: input.block,
          what: `${counted(fresh.length, 'job')} withdrawn from ${input.site}`,
          why: `not started there in ${formatDuration(waited)}, and other sites have room`,
          data: { bundle: input.bundle, site: input.site, waited, overdue: overdue.length },
        });
      }
      return { withdraw: attemptRanges(wanted), lookAgain };
    });
  }

  /** Those that would be placed at other sites, if they waited in Fabrica. */
  async function wantedElsewhere(
    db: Db,
    production: ProductionRow,
    { block: number, id, kind, site }: BundleRow,
    overdue: readonly OpenAttempt[],
  ): Promise<OpenAttempt[]> {
    if (overdue.length === 0) return [];
    const { definition } = await revisionOf(db, production);
    const block = await getBlock(db, { production: production.id, block: number });
    const stage = kind === 'merge' ? 'merge' : 'events';
    const jobs = overdue.map((attempt): PlaceableJob => ({
      ...attempt,
      kind,
      number: attempt.job,
      avoid: avoiding(attempt, site),
      not_before: 0,
    }));
    const aside = { site, jobs: overdue.length };
    const gathered = await cases.gather(db, { production, definition, block, stage }, jobs, aside);
    if (gathered.throttled !== '') return [];
    const now = clock.now();
    const key = { bundle: id, production: production.id };
    const sites = promised.after(gathered.case.sites, key, now);
    const { bundles } = placeJobs({ ...gathered.case, sites });
    const others = bundles.filter((bundle) => bundle.site !== site);
    const to = new Map(others.map((bundle) => [bundle.site, bundle.jobs.length]));
    promised.promise({ ...key, from: site, to }, now);
    const elsewhere = new Set(others.flatMap(({ jobs: numbers }) => numbers));
    return overdue.filter(({ job }) => elsewhere.has(job));
  }

  return { judgeQueue };
}

function keyOf({ attempt, job }: { attempt: number; job: number }): string {
  return `${job} ${attempt}`;
}

function avoids(avoid: OpenAttempt['avoid'], site: string): boolean {
  return avoidedBy(avoid).includes(site);
}

function avoiding({ avoid }: Pick<OpenAttempt, 'avoid'>, site: string): string {
  return JSON.stringify([...new Set([...avoidedBy(avoid), site])]);
}

function avoidedBy(avoid: OpenAttempt['avoid']): string[] {
  return JSON.parse(avoid ?? '[]') as string[];
}
