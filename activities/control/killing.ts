import { changeAttempts, getBundle, openAttempts } from '../../catalog/attempts.js';
import { recountBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { changeJobs } from '../../catalog/jobs.js';
import { revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { insertRemnants } from '../../catalog/remnants.js';
import { killedAttempts } from '../../catalog/selected-jobs.js';
import { attemptRanges, attemptsOf, type BundleHandle } from '../../domain/bundle.js';
import { productionFor, type ControlContext } from './context.js';
import { endedReport, leftBehind } from './ended-attempts.js';

/** Ending jobs that a person has given up. */
export function killing(context: ControlContext) {
  const { catalog, clock } = context;

  /** The site has confirmed that these attempts do not run any more: they are `Cancelled`, their jobs `Waived`, what they left is noted. */
  async function recordKilled(input: BundleHandle): Promise<void> {
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const revision = await revisionOf(db, production);
      const bundle = await getBundle(db, production.id, input.bundle);
      const ended = new Set(
        [...attemptsOf(input.attempts)].map(({ attempt, job }) => `${job} ${attempt}`),
      );
      const open = (await openAttempts(db, bundle.id)).filter(
        ({ attempt, job, killed }) => killed === 1 && ended.has(`${job} ${attempt}`),
      );
      if (open.length === 0) return;
      await changeAttempts(
        db,
        bundle,
        open.map((attempt) => ({
          from: attempt.state,
          state: 'Cancelled' as const,
          class: 'killed' as const,
          blame: 'person' as const,
          rule: null,
          evidence: null,
          report: endedReport(attempt, GIVEN_UP, clock.now()),
        })),
        clock.now(),
      );
      await changeJobs(
        db,
        production.id,
        open.map((attempt) => ({
          number: attempt.job,
          from: attempt.job_state,
          state: 'Waived' as const,
          charged: attempt.charged,
          uncharged: attempt.uncharged,
          not_before: 0,
          avoid: attempt.avoid,
          raised: attempt.raised,
        })),
      );
      const key = { production: production.id, block: bundle.block };
      const left = leftBehind(production.id, revision, bundle, open);
      await insertRemnants(db, key, left, GIVEN_UP, clock.now());
      await recountBlock(db, key, { killed: open.length });
    });
  }

  return { recordKilled };
}

export const GIVEN_UP = 'given up by a person';

/** Attempts of jobs that were given up, by bundle; those of the bundles `except` are being ended. */
export async function killedHandles(
  db: Db,
  epoch: string,
  production: ProductionRow,
  except: readonly number[],
): Promise<BundleHandle[]> {
  const bundles = new Map<number, Awaited<ReturnType<typeof killedAttempts>>>();
  for (const attempt of await killedAttempts(db, production.id)) {
    if (except.includes(attempt.bundle)) continue;
    bundles.set(attempt.bundle, [...(bundles.get(attempt.bundle) ?? []), attempt]);
  }
  return [...bundles].map(([bundle, attempts]) => ({
    epoch,
    production: production.name,
    block: attempts[0]?.block ?? 0,
    bundle,
    site: attempts[0]?.site ?? '',
    attempts: attemptRanges(attempts),
  }));
}
