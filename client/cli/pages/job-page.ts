import type { AttemptView, JobView } from '../../../catalog/views/job-view.js';
import { formatDuration, formatSize } from '../../../domain/quantity.js';
import { stateStyle } from '../style.js';
import { facts, type Cell } from '../table.js';
import { counted, grouped, safe, safeLines, timeText } from '../text.js';
import type { PageLook } from './production-page.js';

const TAIL_LINES = 10;
/** Attempts that are told in full, the latest ones. */
const MOST_DETAILS = 10;

/** The page of a job for a person. */
export function jobPage(job: JobView, sentence: string, look: PageLook): string {
  const range = `${grouped(job.firstEvent)} to ${grouped(job.firstEvent + job.events - 1)}`;
  const head = facts(
    [
      ['job', { text: `${job.job} of ${job.production}`, paint: look.style.bold }],
      ['state', { text: job.state, paint: stateStyle(look.style, job.state) }],
      ['why', sentence],
      ['kind', `${job.kind}, block ${job.block}`],
      job.kind === 'merge'
        ? ['events', grouped(job.events)]
        : ['events', `${grouped(job.events)} (${range}), seed ${job.seed}`],
      ['part of', job.splitFrom === null ? '' : `job ${job.splitFrom}, which was too big`],
      ['avoids', job.avoid.join(', ')],
      ['inputs', job.inputFiles === 0 ? '' : counted(job.inputFiles, 'file')],
      ['overlay', job.overlay.length === 0 ? '' : counted(job.overlay.length, 'file')],
    ],
    look,
  );
  const details = job.attempts.slice(-MOST_DETAILS).map((attempt) => detailsOf(attempt, look));
  return [
    head,
    attempts(job.attempts, look),
    ...details,
    filesRead(job, look),
    lastTail(job.attempts, look),
    outputs(job, look),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function attempts(list: readonly AttemptView[], look: PageLook): string {
  if (list.length === 0) return '';
  const rows = list.map((attempt): Cell[] => [
    String(attempt.attempt),
    { text: attempt.state, paint: stateStyle(look.style, attempt.state) },
    attempt.site,
    timeText(attempt.placedAt),
    timeText(attempt.startedAt),
    timeText(attempt.endedAt),
    attempt.wallSeconds === null ? null : formatDuration(attempt.wallSeconds),
    attempt.memoryMB === null ? null : `${grouped(attempt.memoryMB)} MB`,
    attempt.exitCode,
    attempt.class,
    attempt.reason,
  ]);
  const title = ['attempt', 'state', 'site', 'placed', 'started', 'ended', 'wall', 'memory'];
  return look.table([...title, 'exit', 'class', 'reason'], rows);
}

/** Everything about one attempt that has no room in the table. */
function detailsOf(attempt: AttemptView, look: PageLook): string {
  const { class: failure, cpuSeconds, exitCode, memoryMB, step, wallSeconds } = attempt;
  const measured = [
    ...(wallSeconds === null ? [] : [`wall ${formatDuration(wallSeconds)}`]),
    ...(cpuSeconds === null ? [] : [`CPU ${formatDuration(cpuSeconds)}`]),
    ...(memoryMB === null ? [] : [`memory ${grouped(Math.round(memoryMB))} MB`]),
  ];
  const told = facts(
    [
      ['placed', timeText(attempt.placedAt)],
      ['submitted', timeText(attempt.submittedAt)],
      ['started', timeText(attempt.startedAt)],
      ['ended', timeText(attempt.endedAt)],
      ['recorded', timeText(attempt.settledAt)],
      ['node', attempt.node],
      ['CE id', attempt.ceId],
      ['resources', measured.join(', ')],
      ['exit code', exitCode === null ? '' : `${exitCode}${inStep(step)}`],
      ['verdict', failure === null ? '' : verdictOf(attempt, failure)],
      ['raw text', attempt.reason],
      ['log', logText(attempt)],
    ],
    look,
  );
  const indented = told.replaceAll(/^/gm, '  ');
  return `attempt ${attempt.attempt} at ${safe(attempt.site)}, bundle ${attempt.bundle}\n${indented}`;
}

const inStep = (step: AttemptView['step']): string =>
  step === null || step === 'none' ? '' : ` in step ${step}`;

function verdictOf({ blame, evidence, rule }: AttemptView, failure: string): string {
  const parts = [
    failure,
    ...(blame === null ? [] : [`blamed on the ${blame}`]),
    ...(rule === null ? [] : [`by the rule ${rule}`]),
    ...(evidence?.found === undefined ? [] : [`which found: ${evidence.found}`]),
    ...(evidence?.because === undefined ? [] : [evidence.because]),
    ...(evidence?.passive ?? []).map(
      (one) => `the passive rule ${one.rule} would have said ${one.class}`,
    ),
  ];
  return parts.join(', ');
}

function logText({ log: { archive, at, replicas }, site }: AttemptView): string {
  switch (at) {
    case 'site':
      return `at ${site}`;
    case 'archive':
      return `in ${archive?.lfn ?? ''} on ${replicas.map((one) => one.storage).join(', ')}`;
    case 'catalog':
      return archive === null
        ? 'its end, in the catalog'
        : `its end, in the catalog; the archive ${archive.lfn} is ${archive.state}`;
    case null:
      return '';
  }
}

/** Files that are told by name; `--json` tells more. */
const MOST_FILES = 20;

/** What it has read: parents of its outputs, and what was mixed in. */
function filesRead({ inputFiles, inputs, overlay }: JobView, look: PageLook): string {
  const list = (title: string, lfns: readonly string[], total: number): string[] => {
    if (lfns.length === 0) return [];
    const more = total - Math.min(lfns.length, MOST_FILES);
    return [
      look.style.dim(title),
      ...lfns.slice(0, MOST_FILES).map((lfn) => `  ${safe(lfn)}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ];
  };
  return [
    ...list('inputs:', inputs, inputFiles),
    ...list('overlay:', overlay, overlay.length),
  ].join('\n');
}

/** The end of the log of the last attempt that failed. */
function lastTail(list: readonly AttemptView[], look: PageLook): string {
  const failed = [...list].reverse().find((attempt) => attempt.logTail !== '');
  if (failed === undefined) return '';
  const lines = failed.logTail.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  return `${look.style.dim(`the end of the log of attempt ${failed.attempt}:`)}\n${safeLines(lines)}`;
}

function outputs(job: JobView, look: PageLook): string {
  return job.outputs
    .map((file) => {
      const size = `${formatSize(file.size)}, adler32 ${file.adler32}`;
      const replicas = file.replicas.map(
        (replica) => `\n    ${safe(replica.storage)} ${safe(replica.path)} ${replica.state}`,
      );
      const state = stateStyle(look.style, file.state)(file.state);
      return `${safe(file.lfn)}\n  ${state}, ${size}${file.events === null ? '' : `, ${counted(file.events, 'event')}`}${replicas.join('')}`;
    })
    .join('\n');
}
