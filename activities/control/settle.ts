import {
  acquitPayload,
  changeAttempts,
  closedAttempts,
  getBundle,
  openAmong,
  openKeys,
  type AttemptChange,
  type BundleRow,
  type EndedAttempt,
  type OpenAttempt,
} from '../../catalog/attempts.js';
import {
  countMoves,
  countsOf,
  getBlock,
  recountBlock,
  recountMerges,
  waitingIn,
  type MovedJobs,
} from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertFiles } from '../../catalog/files.js';
import { changeJobs } from '../../catalog/jobs.js';
import {
  learnJobSeconds,
  revisionOf,
  type ProductionRow,
  type Revision,
} from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { insertRemnants } from '../../catalog/remnants.js';
import {
  attemptRanges,
  attemptsOf,
  bareReport,
  type AttemptRange,
  type AttemptReport,
  type OutputRecipe,
  type UntoldEnd,
} from '../../domain/bundle.js';
import type { FailureClass } from '../../domain/failure-class.js';
import type { BundleClosing } from '../../domain/log-archive.js';
import type { Packed } from '../../domain/packed.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { DOUBTFUL } from '../../policy/blame.js';
import { keepsLog } from '../../policy/log-keeping.js';
import { unpack } from '../packed.js';
import { possibleRemnants } from './attempt-outputs.js';
import { closingOf, noteSubmission } from './closing.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { heedFailureRates } from './failure-rates.js';
import { tellParkedElsewhere } from './held-reason.js';
import type { Judgement } from './judgement.js';
import { judge } from './judging.js';
import { destinationsOf, outputsOf, readsFiles } from './orders.js';
import { plantParts } from './splits.js';

export interface SettleAnswer {
  /** Attempts of the bundle that are still open. */
  readonly open: readonly AttemptRange[];
  /** Attempts that were reported and are closed, now or before, for the site to forget: all but those whose logs are kept. */
  readonly closed: readonly AttemptRange[];
  /** What is left to do when no attempt is open any more; null before. */
  readonly closing: BundleClosing | null;
  /** Jobs of the block's stage that wait, those that wait again among them. */
  readonly requeued: number;
  /** True if remnants of failed attempts wait to be removed. */
  readonly remnants: boolean;
  /** True if jobs could not read their inputs: those, or the outputs of the block that merges read, must be verified. */
  readonly badInputs: boolean;
  readonly progress: ProductionProgress;
}

/** Recording what came back from a site: diagnosis, decision, registration of outputs. */
export function settling(context: ControlContext) {
  const { catalog, clock } = context;

  /**
   * Records reports of one bundle, all or none. A report of an attempt that is not open any more changes nothing, so the same
   * report may come twice, and one of a fenced attempt comes to nothing. The answer is read from the catalog: whoever did not hear
   * the first one learns the same from the second.
   */
  async function settle(
    input: BlockRef & {
      bundle: number;
      reports: Packed<AttemptReport>;
      /** Attempts that ended unseen. */
      untold?: UntoldEnd | null;
      /** When the site had taken the bundle, if that is news. */
      submittedAt?: number | null;
    },
  ): Promise<SettleAnswer> {
    return catalog.write(async (db) => {
      // Not before its turn has come: many may wait.
      const told = [...unpack(input.reports), ...untoldReports(input.untold ?? null)];
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const bundle = await getBundle(db, production.id, input.bundle);
      const open = await openAmong(db, bundle, told);
      const fresh = new Map(
        told
          .filter((report) => {
            const attempt = open.get(report.job);
            return attempt?.attempt === report.attempt && attempt.job_attempt === report.attempt;
          })
          .map((report) => [report.job, report]),
      );
      const reports = [...fresh.values()];
      const revision = await revisionOf(db, production);
      const { judgements, tallies } = await judge(context, db, {
        ...{ production, revision, bundle, open, reports },
      });

      const block = await getBlock(db, key);
      const before = countsOf(block).failures;
      await changeAttempts(db, bundle, withFewTails(before, judgements), clock.now());
      await noteSubmission(db, bundle, input.submittedAt ?? null);
      await changeJobs(
        db,
        production.id,
        judgements.flatMap((one) => one.job ?? []),
      );
      await insertFiles(
        db,
        key,
        {
          kind: bundle.kind === 'merge' ? 'merged' : 'output',
          lineage: bundle.kind === 'merge' || production.inputs > 0,
        },
        judgements.flatMap((one) => one.files),
        clock.now(),
      );
      await acquitPayload(db, production.id, passedElsewhere(bundle.site, judgements), DOUBTFUL);
      await plantParts(db, production, key, tooBig(open, judgements), clock.now());
      const remnants = await noteRemnants(db, production, revision, bundle, open, judgements);
      await logParked(db, production, bundle, judgements);
      const failures: Partial<Record<FailureClass, number>> = {};
      for (const { failure } of judgements) {
        if (failure !== null) failures[failure] = (failures[failure] ?? 0) + 1;
      }
      if (bundle.kind === 'merge') await recountMerges(db, key, failures);
      else if (judgements.some(({ split }) => split)) await recountBlock(db, key, failures);
      else {
        await countMoves(db, block, movesOf(open, judgements), failures);
      }
      if (judgements.some(({ parked }) => parked !== '')) {
        await tellParkedElsewhere(db, production, clock.now());
      }
      await heedFailureRates(db, production, revision.definition, tallies, clock.now());
      if (bundle.kind !== 'merge') {
        await learnJobSeconds(
          db,
          production,
          judgements.flatMap(({ attempt }) =>
            attempt.state === 'Done' ? slotSeconds(attempt.report) : [],
          ),
        );
      }

      const stage = bundle.kind === 'merge' ? 'merge' : 'events';
      const { sampleOfGood } = context.configuration.logs;
      const closed = await closedNow(db, bundle, told, judgements);
      return {
        open: attemptRanges(await openKeys(db, bundle)),
        closed: attemptRanges(
          closed.filter((one) => !keepsLog({ production: production.id, ...one }, sampleOfGood)),
        ),
        closing: await closingOf(context, db, production, bundle),
        requeued: waitingIn(await getBlock(db, key), stage),
        remnants: remnants > 0,
        badInputs:
          (bundle.kind === 'merge' || readsFiles(production, revision.definition)) &&
          closed.some((one) => one.class === 'input-missing' || one.class === 'input-corrupt'),
        progress: await progressOf(db, production, clock.now()),
      };
    });
  }

  /**
   * Notes what failed attempts may have left on any storage that they could write to, and good ones on those that they tried in vain: a
   * storage that goes away in the middle of a write keeps a part of it.
   */
  async function noteRemnants(
    db: Db,
    production: ProductionRow,
    revision: Revision,
    bundle: BundleRow,
    open: ReadonlyMap<number, OpenAttempt>,
    judgements: readonly Judgement[],
  ): Promise<number> {
    const destinations = destinationsOf(bundle);
    const remnants = judgements.flatMap(({ attempt: { report }, leaves }) => {
      const attempt = open.get(report.job);
      // Most are good, and where they were to go.
      if (attempt === undefined || (!leaves && !triedSome(destinations, report))) return [];
      return outputsOf(revision, production.id, {
        kind: bundle.kind,
        level: attempt.level,
      }).flatMap((output) => {
        const tried = leaves ? destinations : triedInVain(destinations, report, output);
        return possibleRemnants(catalog.epoch, attempt, output, tried);
      });
    });
    await insertRemnants(
      db,
      { production: production.id, block: bundle.block },
      remnants,
      'left by an attempt',
      clock.now(),
    );
    return remnants.length;
  }

  async function logParked(
    db: Db,
    production: ProductionRow,
    bundle: BundleRow,
    judgements: readonly Judgement[],
  ): Promise<void> {
    for (const { parked, attempt } of judgements) {
      if (parked === '') continue;
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        production: production.id,
        block: bundle.block,
        what: `job ${attempt.report.job} parked`,
        why: parked,
      });
    }
  }

  return { settle };
}

/** The end of attempts of which nobody has told, one by one. */
function untoldReports(end: UntoldEnd | null): AttemptReport[] {
  if (end === null) return [];
  const { attempts, ...told } = end;
  return [...attemptsOf(attempts)].map((key) => ({ ...bareReport(key), ...told }));
}

/** How many jobs have gone from which state to which. */
function movesOf(
  open: ReadonlyMap<number, OpenAttempt>,
  judgements: readonly Judgement[],
): MovedJobs[] {
  const moves = new Map<string, { -readonly [K in keyof MovedJobs]: MovedJobs[K] }>();
  for (const { job } of judgements) {
    if (job === null) continue;
    const { from, state: to } = job;
    const events = open.get(job.number)?.events ?? 0;
    const known = moves.get(`${from} ${to}`);
    if (known === undefined) moves.set(`${from} ${to}`, { from, to, jobs: 1, events });
    else {
      known.jobs++;
      known.events += events;
    }
  }
  return [...moves.values()];
}

/** How long a job has held its slot, s; none if that is not known. By the clock that rates and pauses go by: simulated jobs tell another wall time. */
function slotSeconds({ endedAt, startedAt }: AttemptReport): number[] {
  return startedAt === null || endedAt === null ? [] : [Math.max(0, endedAt - startedAt) / 1000];
}

/** True if an output is not on the first of the destinations. */
function triedSome([first]: readonly string[], report: AttemptReport): boolean {
  return report.outputs.some(({ storage }) => storage !== first);
}

/** The destinations that came before the one that took an output. */
function triedInVain(
  destinations: readonly string[],
  report: AttemptReport,
  output: OutputRecipe,
): readonly string[] {
  const taken = report.outputs.find(({ level }) => level === output.level)?.storage;
  return taken === undefined ? [] : destinations.slice(0, destinations.indexOf(taken));
}

/** Attempts of these reports that are closed, by this batch or before, in order of their jobs. */
async function closedNow(
  db: Db,
  bundle: BundleRow,
  told: readonly AttemptReport[],
  judgements: readonly Judgement[],
): Promise<EndedAttempt[]> {
  const judged = new Set(judgements.map(({ attempt: { report } }) => report.job));
  const before = told.filter(({ job }) => !judged.has(job)).map(({ job }) => job);
  const now = judgements.flatMap(({ attempt: { class: failure, report, state } }) =>
    state === 'Running'
      ? []
      : [{ job: report.job, attempt: report.attempt, state, step: report.step, class: failure }],
  );
  const known = before.length === 0 ? [] : await closedAttempts(db, bundle, before);
  return [...known, ...now].sort((a, b) => a.job - b.job);
}

/** The ends of logs that the catalog keeps, of each class in a block; all of them are archived. */
const KEPT_TAILS = 20;

/** Only the first failures of a class keep the end of their log here. */
function withFewTails(
  before: Readonly<Partial<Record<FailureClass, number>>>,
  judgements: readonly Judgement[],
): AttemptChange[] {
  const seen = { ...before };
  return judgements.map(({ attempt, failure }) => {
    if (failure === null) return attempt;
    seen[failure] = (seen[failure] ?? 0) + 1;
    return seen[failure] <= KEPT_TAILS
      ? attempt
      : { ...attempt, report: { ...attempt.report, logTail: '' } };
  });
}

/** Jobs that passed after their first attempt. */
function passedElsewhere(
  site: string,
  judgements: readonly Judgement[],
): { job: number; site: string }[] {
  return judgements.flatMap(({ attempt: { report, state } }) =>
    state === 'Done' && report.attempt > 1 ? [{ job: report.job, site }] : [],
  );
}

function tooBig(
  open: ReadonlyMap<number, OpenAttempt>,
  judgements: readonly Judgement[],
): { attempt: OpenAttempt; why: string }[] {
  return judgements.flatMap(({ split, failure, attempt: { report } }) => {
    const attempt = open.get(report.job);
    return split && attempt !== undefined ? [{ attempt, why: failure ?? '' }] : [];
  });
}
