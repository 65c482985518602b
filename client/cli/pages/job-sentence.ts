import type { AttemptView, JobView } from '../../../catalog/views/job-view.js';
import { BLAME_OF } from '../../../domain/failure-class.js';
import { formatDuration } from '../../../domain/quantity.js';
import type { ProductionState } from '../../../domain/states/production.js';
import { counted } from '../text.js';

/** One sentence: why a job is where it is. */
export function jobSentence(
  job: JobView,
  production: { readonly name: string; readonly state: ProductionState },
  now: number,
): string {
  const last = job.attempts.at(-1);
  const failed = [...job.attempts].reverse().find((attempt) => attempt.class !== null);
  switch (job.state) {
    case 'Waiting':
      return waiting(job, production, failed, now);
    case 'Submitted':
      return `Attempt ${job.attempt} was sent to ${last?.site ?? 'a site'} and waits there for a slot.`;
    case 'Running':
      return `Attempt ${job.attempt} runs at ${last?.site ?? 'a site'}${since(last, now)}.`;
    case 'Done':
      return job.attempts.length === 1
        ? `Its first attempt succeeded at ${last?.site ?? 'a site'}.`
        : `It succeeded at ${last?.site ?? 'a site'} in attempt ${job.attempt}, after ${counted(job.attempts.length - 1, 'attempt')} that did not.`;
    case 'Parked':
      return `It is parked after ${counted(job.charged, 'attempt')} that count against it, ${lastFailure(failed)}; \`fabrica release ${production.name}\` tries it again${job.kind === 'merge' ? '' : `, \`fabrica waive ${production.name}\` gives it up`}.`;
    case 'Split':
      return 'It was too big for its limits; smaller jobs with new numbers make its events.';
    case 'Waived':
      return `A person, or the tolerance, gave it up: its ${counted(job.events, 'event')} will be missing.`;
    case 'Cancelled':
      return 'It was ended before it was done.';
  }
}

function waiting(
  job: JobView,
  production: { readonly state: ProductionState },
  failed: AttemptView | undefined,
  now: number,
): string {
  const before = failed === undefined ? '' : ` Before, ${lastFailure(failed)}.`;
  if (['Stopped', 'Held', 'AwaitingApproval'].includes(production.state)) {
    return `It waits because its production is ${production.state}.${before}`;
  }
  if (job.notBeforeAt > now) {
    const left = formatDuration((job.notBeforeAt - now) / 1000);
    return `It is in its back-off for another ${left}.${before}`;
  }
  const avoid = job.avoid.length === 0 ? '' : ` other than ${job.avoid.join(', ')}`;
  return `It waits for room at a site${avoid}.${before}`;
}

function since(attempt: AttemptView | undefined, now: number): string {
  if (attempt?.startedAt === null || attempt?.startedAt === undefined) return '';
  return ` for ${formatDuration((now - attempt.startedAt) / 1000)}`;
}

function lastFailure(attempt: AttemptView | undefined): string {
  if (attempt?.class === null || attempt?.class === undefined) return 'for no recorded failure';
  const exit = attempt.exitCode === null ? '' : ` with exit code ${attempt.exitCode}`;
  return `attempt ${attempt.attempt} failed at ${attempt.site}${exit}: ${attempt.class}, blamed on the ${BLAME_OF[attempt.class]}`;
}
