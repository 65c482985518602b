import type { AttemptChange, Evidence, OpenAttempt } from '../../catalog/attempts.js';
import type { NewFile } from '../../catalog/files.js';
import type { JobChange } from '../../catalog/jobs.js';
import type { AttemptReport, FailureStep } from '../../domain/bundle.js';
import type { Definition } from '../../domain/definition.js';
import type { FailureClass } from '../../domain/failure-class.js';
import type { BlameVerdict } from '../../policy/blame.js';
import type { Diagnosis } from '../../policy/diagnosis.js';
import { CHARGED, decideRetry } from '../../policy/retry.js';
import type { AttemptOutput } from './attempt-outputs.js';

/** What one report comes to. */
export interface Judgement {
  readonly attempt: AttemptChange;
  readonly job: JobChange | null;
  readonly files: readonly NewFile[];
  readonly failure: FailureClass | null;
  /** It may have left something on a storage. */
  readonly leaves: boolean;
  /** The job is too big: smaller ones take its place. */
  readonly split: boolean;
  readonly parked: string;
}

const PLAIN = {
  files: [],
  failure: null,
  leaves: false,
  split: false,
  parked: '',
} as const;

const NO_VERDICT = { class: null, blame: null, rule: null, evidence: null } as const;

export function running(attempt: OpenAttempt, report: AttemptReport): Judgement {
  return {
    ...PLAIN,
    attempt: { ...NO_VERDICT, from: attempt.state, state: 'Running', report },
    job: attempt.job_state === 'Running' ? null : jobChange(attempt, { state: 'Running' }),
  };
}

/** A merge whose inputs were found bad while it ran: the verification has given them to others. */
export function retired(attempt: OpenAttempt, report: AttemptReport): Judgement {
  if (report.state === 'running') return running(attempt, report);
  return {
    ...PLAIN,
    attempt: { ...NO_VERDICT, from: attempt.state, state: 'Cancelled', report },
    job: jobChange(attempt, { state: 'Cancelled' }),
    leaves: true,
  };
}

/** A person has given the job up: whatever came of it is not wanted any more. */
export function killed(attempt: OpenAttempt, report: AttemptReport): Judgement {
  if (report.state === 'running') return running(attempt, report);
  return {
    ...PLAIN,
    attempt: {
      from: attempt.state,
      state: 'Cancelled',
      class: 'killed',
      blame: 'person',
      rule: null,
      evidence: null,
      report,
    },
    job: jobChange(attempt, { state: 'Waived' }),
    failure: 'killed',
    leaves: true,
  };
}

/** It has not started, and never will: its job waits as before. */
export function withdrawn(attempt: OpenAttempt, report: AttemptReport): Judgement {
  return {
    ...PLAIN,
    attempt: { ...NO_VERDICT, from: attempt.state, state: 'Cancelled', report },
    job: jobChange(attempt, { state: 'Waiting' }),
  };
}

export function done(
  attempt: OpenAttempt,
  report: AttemptReport,
  outputs: readonly AttemptOutput[],
): Judgement {
  return {
    ...PLAIN,
    attempt: { ...NO_VERDICT, from: attempt.state, state: 'Done', report },
    job: jobChange(attempt, { state: 'Done' }),
    files: outputs.flatMap(({ level, lfn }) => {
      const staged = report.outputs.find((one) => one.level === level);
      if (staged === undefined) return [];
      const { storage, path, size, adler32 } = staged;
      const { job, attempt: number } = attempt;
      const events = staged.events ?? attempt.events;
      return [{ lfn, job, attempt: number, level, size, adler32, events, storage, path }];
    }),
  };
}

/**
 * Steps in which a wrapper has not written to any storage yet. A failed check may be one of a report after the stage-out, jobs whose
 * submission failed may have run before they were ended, and the twin that holds a claim may have written.
 */
const BEFORE_STAGE_OUT: readonly FailureStep[] = [
  'stage-in',
  'environment',
  'payload',
  'wall-limit',
  'memory-limit',
  'disk-limit',
];

/** What is known of a failure besides its report. */
export interface FailureHistory {
  /** Where it ran. */
  readonly site: string;
  readonly diagnosis: Diagnosis;
  readonly verdict: BlameVerdict;
  /** Failures of the job before this one that are its payload's. */
  readonly payloadFailures: number;
  /** The job ran with the definition's full limits. */
  readonly full: boolean;
  /** The job may be divided. */
  readonly divisible: boolean;
  /** ms. */
  readonly now: number;
}

export function failed(
  attempt: OpenAttempt,
  report: AttemptReport,
  retries: Definition['retries'],
  history: FailureHistory,
): Judgement {
  const { diagnosis, verdict } = history;
  const decision = decideRetry({
    class: diagnosis.class,
    blame: verdict.blame,
    attempt: attempt.attempt,
    charged: attempt.charged,
    uncharged: attempt.uncharged,
    payloadFailures: history.payloadFailures,
    raised: history.full,
    divisible: history.divisible && retries.split && attempt.events > 1,
    attempts: retries.attempts,
    systemAttempts: retries.systemAttempts,
    backoff: retries.backoff,
    maximumBackoff: retries.maximumBackoff,
  });
  const charge = CHARGED.includes(verdict.blame);
  const counted = {
    charged: attempt.charged + (charge ? 1 : 0),
    uncharged: attempt.uncharged + (charge ? 0 : 1),
  };
  const avoid = new Set(JSON.parse(attempt.avoid ?? '[]') as string[]);
  if (decision.action === 'retry' && decision.avoidSite) avoid.add(history.site);
  const change: Partial<JobChange> & Pick<JobChange, 'state'> =
    decision.action === 'retry'
      ? {
          state: 'Waiting',
          not_before: history.now + decision.seconds * 1000,
          avoid: avoid.size === 0 ? null : JSON.stringify([...avoid]),
          raised: decision.raise ? 1 : attempt.raised,
        }
      : { state: decision.action === 'split' ? 'Split' : 'Parked' };
  return {
    attempt: {
      from: attempt.state,
      state: report.state === 'lost' ? 'Lost' : 'Failed',
      class: diagnosis.class,
      blame: verdict.blame,
      rule: diagnosis.rule,
      evidence: evidenceOf(diagnosis, verdict),
      report,
    },
    job: jobChange(attempt, { ...counted, ...change }),
    files: [],
    failure: diagnosis.class,
    leaves: !BEFORE_STAGE_OUT.includes(report.step),
    split: decision.action === 'split',
    parked: decision.action === 'park' ? decision.why : '',
  };
}

function evidenceOf(diagnosis: Diagnosis, { because }: BlameVerdict): Evidence | null {
  const { found, passive } = diagnosis;
  if (found === '' && because === '' && passive.length === 0) return null;
  return {
    ...(found === '' ? {} : { found }),
    ...(because === '' ? {} : { because }),
    ...(passive.length === 0 ? {} : { passive }),
  };
}

function jobChange(
  attempt: OpenAttempt,
  change: Partial<JobChange> & Pick<JobChange, 'state'>,
): JobChange {
  return {
    number: attempt.job,
    from: attempt.job_state,
    charged: attempt.charged,
    uncharged: attempt.uncharged,
    not_before: 0,
    avoid: attempt.avoid,
    raised: attempt.raised,
    ...change,
  };
}
