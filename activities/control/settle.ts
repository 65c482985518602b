import {
  changeAttempts,
  closedAttempts,
  openAttempts,
  payloadFailures,
  type AttemptChange,
  type BundleRow,
  type OpenAttempt,
} from '../../catalog/attempts.js';
import { recountBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertFiles, type NewFile } from '../../catalog/files.js';
import { inputsOf, type JobInput } from '../../catalog/job-inputs.js';
import { changeJobs, waitingJobs, type JobChange } from '../../catalog/jobs.js';
import {
  learnJobSeconds,
  revisionOf,
  type ProductionRow,
  type Revision,
} from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { insertRemnants, type Removal } from '../../catalog/remnants.js';
import {
  attemptRanges,
  type AttemptRange,
  type AttemptReport,
  type OutputRecipe,
} from '../../domain/bundle.js';
import type { FailureClass } from '../../domain/failure-class.js';
import { lfnOf, partialPath, physicalPath } from '../../domain/lfn.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { diagnose } from '../../policy/diagnosis.js';
import { decideRetry } from '../../policy/retry.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { destinationsOf, outputsOf } from './orders.js';

export interface SettleAnswer {
  /** Attempts of the bundle that are still open. */
  readonly open: readonly AttemptRange[];
  /** Attempts that were reported and are closed, now or before, for the site to forget. */
  readonly closed: readonly AttemptRange[];
  /** Jobs of the block's stage that wait, those that wait again among them. */
  readonly requeued: number;
  /** True if remnants of failed attempts wait to be removed. */
  readonly remnants: boolean;
  /** True if merges could not read their inputs: the outputs of the block must be verified. */
  readonly badInputs: boolean;
  readonly progress: ProductionProgress;
}

/** What one report comes to. */
interface Judgement {
  readonly attempt: AttemptChange;
  readonly job: JobChange | null;
  readonly files: readonly NewFile[];
  readonly failure: FailureClass | null;
  /** It may have left something on a storage. */
  readonly leaves: boolean;
  readonly parked: string;
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
    input: BlockRef & { bundle: number; reports: readonly AttemptReport[] },
  ): Promise<SettleAnswer> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      const bundle = await db
        .selectFrom('bundles')
        .selectAll()
        .where('id', '=', input.bundle)
        .where('production_id', '=', production.id)
        .executeTakeFirstOrThrow();
      const open = new Map((await openAttempts(db, bundle.id)).map((one) => [one.job, one]));
      const fresh = new Map(
        input.reports
          .filter((report) => {
            const attempt = open.get(report.job);
            return attempt?.attempt === report.attempt && attempt.job_attempt === report.attempt;
          })
          .map((report) => [report.job, report]),
      );
      const judgements = await judge(db, production, bundle, open, [...fresh.values()]);

      await changeAttempts(
        db,
        production.id,
        judgements.map((one) => one.attempt),
      );
      await changeJobs(
        db,
        production.id,
        judgements.flatMap((one) => one.job ?? []),
      );
      await insertFiles(
        db,
        production.id,
        bundle.kind === 'merge' ? 'merged' : 'output',
        judgements.flatMap((one) => one.files),
        clock.now(),
      );
      const remnants = await noteRemnants(db, production, bundle, open, judgements);
      await logParked(db, production, bundle, judgements);
      const failures: Partial<Record<FailureClass, number>> = {};
      for (const { failure } of judgements) {
        if (failure !== null) failures[failure] = (failures[failure] ?? 0) + 1;
      }
      await recountBlock(db, key, failures);
      if (bundle.kind !== 'merge') {
        await learnJobSeconds(
          db,
          production,
          judgements.flatMap(({ attempt }) =>
            attempt.state === 'Done' ? (attempt.report.wallSeconds ?? []) : [],
          ),
        );
      }

      const stage = bundle.kind === 'merge' ? 'merge' : 'events';
      const closed = await closedAttempts(
        db,
        bundle,
        input.reports.map((report) => report.job),
      );
      return {
        open: attemptRanges(await openAttempts(db, bundle.id)),
        closed: attemptRanges(closed),
        requeued: (await waitingJobs(db, key, stage)).waiting,
        remnants: remnants > 0,
        badInputs:
          bundle.kind === 'merge' &&
          closed.some((one) => one.class === 'input-missing' || one.class === 'input-corrupt'),
        progress: await progressOf(db, production, clock.now()),
      };
    });
  }

  async function judge(
    db: Db,
    production: ProductionRow,
    bundle: BundleRow,
    open: ReadonlyMap<number, OpenAttempt>,
    reports: readonly AttemptReport[],
  ): Promise<Judgement[]> {
    const revision = await revisionOf(db, production);
    const numbers = reports.map((report) => report.job);
    const failedBefore = await payloadFailures(db, production.id, numbers);
    const inputs =
      bundle.kind === 'merge'
        ? await inputsOf(db, production.id, numbers)
        : new Map<number, JobInput[]>();
    const full = production.estimate === null || bundle.kind === 'merge';
    return reports.flatMap((given) => {
      const attempt = open.get(given.job);
      if (attempt === undefined) return [];
      if (bundle.kind === 'merge' && !inputs.has(given.job)) return [retired(attempt, given)];
      const outputs = outputsOf(revision, production.id, {
        kind: bundle.kind,
        level: attempt.level,
      });
      const report = checkedReport(given, attempt, {
        outputs,
        destinations: destinationsOf(bundle),
        epoch: catalog.epoch,
        countEvents: revision.definition.validation.countEvents,
        wanted:
          inputs.get(given.job)?.reduce((sum, file) => sum + (file.events ?? 0), 0) ??
          attempt.events,
      });
      switch (report.state) {
        case 'running':
          return [running(attempt, report)];
        case 'done':
          return [done(attempt, report, outputs)];
        case 'failed':
        case 'lost':
        case 'killed':
          return [
            failed(attempt, report, revision, {
              // A release begins the count anew.
              payloadFailures: attempt.charged === 0 ? 0 : (failedBefore.get(report.job) ?? 0),
              full: full || attempt.raised === 1,
            }),
          ];
      }
    });
  }

  function running(attempt: OpenAttempt, report: AttemptReport): Judgement {
    return {
      attempt: { from: attempt.state, state: 'Running', class: null, report },
      job: attempt.job_state === 'Running' ? null : jobChange(attempt, { state: 'Running' }),
      files: [],
      failure: null,
      leaves: false,
      parked: '',
    };
  }

  /** A merge whose inputs were found bad while it ran: the verification has given them to others. */
  function retired(attempt: OpenAttempt, report: AttemptReport): Judgement {
    if (report.state === 'running') return running(attempt, report);
    return {
      attempt: { from: attempt.state, state: 'Cancelled', class: null, report },
      job: jobChange(attempt, { state: 'Cancelled' }),
      files: [],
      failure: null,
      leaves: true,
      parked: '',
    };
  }

  function done(
    attempt: OpenAttempt,
    report: AttemptReport,
    outputs: readonly OutputRecipe[],
  ): Judgement {
    return {
      attempt: { from: attempt.state, state: 'Done', class: null, report },
      job: jobChange(attempt, { state: 'Done' }),
      files: outputs.flatMap((output) => {
        const staged = report.outputs.find((one) => one.level === output.level);
        if (staged === undefined) return [];
        const { storage, path, size, adler32 } = staged;
        const lfn = outputLfn(output, attempt);
        const { job, attempt: number, events } = attempt;
        return [
          { lfn, job, attempt: number, level: output.level, size, adler32, events, storage, path },
        ];
      }),
      failure: null,
      leaves: false,
      parked: '',
    };
  }

  function failed(
    attempt: OpenAttempt,
    report: AttemptReport,
    revision: Revision,
    history: { payloadFailures: number; full: boolean },
  ): Judgement {
    const { retries } = revision.definition;
    const verdict = diagnose(report);
    const decision = decideRetry({
      class: verdict.class,
      attempt: attempt.attempt,
      charged: attempt.charged,
      payloadFailures: history.payloadFailures,
      raised: history.full,
      attempts: retries.attempts,
      backoff: retries.backoff,
      maximumBackoff: retries.maximumBackoff,
    });
    const avoid = new Set(JSON.parse(attempt.avoid) as string[]);
    if (decision.action === 'retry' && decision.avoidSite) avoid.add(attempt.site);
    return {
      attempt: {
        from: attempt.state,
        state: report.state === 'lost' ? 'Lost' : 'Failed',
        class: verdict.class,
        report,
      },
      job:
        decision.action === 'park'
          ? jobChange(attempt, { state: 'Parked', charged: attempt.charged + 1 })
          : jobChange(attempt, {
              state: 'Waiting',
              charged: attempt.charged + (decision.charge ? 1 : 0),
              not_before: clock.now() + Math.round(decision.seconds * 1000),
              avoid: JSON.stringify([...avoid]),
              raised: decision.raise ? 1 : attempt.raised,
            }),
      files: [],
      failure: verdict.class,
      leaves: true,
      parked: decision.action === 'park' ? decision.why : '',
    };
  }

  /**
   * Notes what failed attempts may have left on any storage that they could write to, and good ones on those that they tried in vain: a
   * storage that goes away in the middle of a write keeps a part of it.
   */
  async function noteRemnants(
    db: Db,
    production: ProductionRow,
    bundle: BundleRow,
    open: ReadonlyMap<number, OpenAttempt>,
    judgements: readonly Judgement[],
  ): Promise<number> {
    const revision = await revisionOf(db, production);
    const destinations = destinationsOf(bundle);
    const remnants: Removal[] = [];
    for (const { attempt: change, leaves } of judgements) {
      const attempt = open.get(change.report.job);
      // A job that never came to a site can have left nothing.
      if (attempt === undefined || change.report.step === 'submission') continue;
      for (const output of outputsOf(revision, production.id, {
        kind: bundle.kind,
        level: attempt.level,
      })) {
        const path = physicalPath(catalog.epoch, outputLfn(output, attempt));
        const tried = leaves ? destinations : triedInVain(destinations, change.report, output);
        for (const storage of tried) {
          remnants.push({ storage, path, shape: 'file' });
          remnants.push({ storage, path: partialPath(path), shape: 'file' });
        }
      }
    }
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

/** The destinations that came before the one that took an output. */
function triedInVain(
  destinations: readonly string[],
  report: AttemptReport,
  output: OutputRecipe,
): readonly string[] {
  const taken = report.outputs.find(({ level }) => level === output.level)?.storage;
  return taken === undefined ? [] : destinations.slice(0, destinations.indexOf(taken));
}

/** The LFN of an output of an attempt. */
export function outputLfn(
  output: OutputRecipe,
  attempt: Pick<OpenAttempt, 'job' | 'attempt' | 'file_index'>,
): string {
  return lfnOf(output.naming, {
    index: attempt.file_index,
    job: attempt.job,
    attempt: attempt.attempt,
  });
}

function jobChange(
  attempt: OpenAttempt,
  change: Partial<JobChange> & Pick<JobChange, 'state'>,
): JobChange {
  return {
    number: attempt.job,
    from: attempt.job_state,
    charged: attempt.charged,
    not_before: 0,
    avoid: attempt.avoid,
    raised: attempt.raised,
    ...change,
  };
}

/** A `done` report that does not stand up to what the catalog knows of the job becomes a failed check. */
function checkedReport(
  report: AttemptReport,
  attempt: OpenAttempt,
  expected: {
    outputs: readonly OutputRecipe[];
    destinations: readonly string[];
    epoch: string;
    countEvents: boolean;
    wanted: number;
  },
): AttemptReport {
  if (report.state !== 'done') return report;
  const bad = (reason: string): AttemptReport => ({
    ...report,
    state: 'failed',
    step: 'check',
    reason,
  });
  for (const output of expected.outputs) {
    const staged = report.outputs.filter((one) => one.level === output.level);
    const path = physicalPath(expected.epoch, outputLfn(output, attempt));
    if (staged.length !== 1 || staged[0]?.path !== path) {
      return bad(`output ${output.level} is not reported at ${path}`);
    }
    if (!expected.destinations.includes(staged[0].storage)) {
      return bad(`output ${output.level} is on ${staged[0].storage}, where it was not to go`);
    }
    if (staged[0].size === 0) return bad(`output ${output.level} is empty`);
  }
  if (report.outputs.length !== expected.outputs.length)
    return bad('more outputs than were asked for');
  if (report.events === null && expected.countEvents) {
    return bad('the payload did not report its events in fabrica-report.json');
  }
  if (report.events !== null && report.events !== expected.wanted) {
    return bad(`the payload reports ${report.events} events, ${expected.wanted} were asked for`);
  }
  return report;
}
