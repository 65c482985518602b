import { unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { findProduction } from '../../catalog/productions.js';
import { queuedAttempts, type QueuedAttempt } from '../../catalog/queued-attempts.js';
import { attemptRanges, type BundleHandle } from '../../domain/bundle.js';
import { withdrawalText } from '../../domain/withdrawal.js';
import type { ControlContext } from './context.js';

/** What waits at a site that has been banned. */
export function siteWithdrawing(context: ControlContext) {
  const { catalog, clock } = context;

  /** The bundles of all productions of which jobs may still wait at a site, with those. Before a recovery there are none. */
  async function queuedAt({ site }: { site: string }): Promise<BundleHandle[]> {
    return catalog.read(async (db) => {
      if ((await unrecovered(db)) !== null) return [];
      const bundles = new Map<number, QueuedAttempt[]>();
      for (const attempt of await queuedAttempts(db, site)) {
        const known = bundles.get(attempt.bundle);
        if (known === undefined) bundles.set(attempt.bundle, [attempt]);
        else known.push(attempt);
      }
      return [...bundles].flatMap(([bundle, attempts]) => {
        const [first] = attempts;
        if (first === undefined) return [];
        const { block, production } = first;
        const ranges = attemptRanges(attempts);
        return [{ epoch: catalog.epoch, production, block, bundle, site, attempts: ranges }];
      });
    });
  }

  /** Notes what has been withdrawn from a site, for it and for each production. */
  async function noteSiteWithdrawal(input: {
    site: string;
    who: string;
    why: string;
    productions: readonly { readonly production: string; readonly jobs: number }[];
    /** The site has not answered for all of them. */
    silent: boolean;
  }): Promise<void> {
    const { productions, site, who, why } = input;
    const silent = input.silent ? [site] : [];
    const jobs = productions.reduce((sum, one) => sum + one.jobs, 0);
    await catalog.write(async (db) => {
      const now = clock.now();
      const what = (count: number): string => `site ${site}: ${withdrawalText(count, silent)}`;
      await recordEvent(db, { at: now, who, what: what(jobs), why, data: { site, jobs } });
      for (const one of productions) {
        const row = one.jobs === 0 ? undefined : await findProduction(db, one.production);
        if (row === undefined) continue;
        await recordEvent(db, {
          at: now,
          who,
          production: row.id,
          what: what(one.jobs),
          why,
          data: { site, jobs: one.jobs },
        });
      }
    });
  }

  return { queuedAt, noteSiteWithdrawal };
}
