import type { AttemptView, JobView } from '../../../catalog/views/job-view.js';
import { formatDuration } from '../../../domain/quantity.js';
import type { ProductionState } from '../../../domain/states/production.js';
import { counted, timeText } from '../text.js';
import { clause } from '../../../domain/clause.js';

interface OfProduction {
  readonly name: string;
  readonly state: ProductionState;
  readonly reason: string;
}

/** One sentence: why a job is where it is. */
export function jobSentence(job: JobView, production: OfProduction, now: number): string {
  const last = job.attempts.at(-1);
  const at = last?.site ?? 'a site';
  const failed = [...job.attempts].reverse().find((attempt) => attempt.class !== null);
  switch (job.state) {
    case 'Waiting':
      return job.lostInput === null
        ? waiting(job, production, failed, now)
        : withoutInput(job, job.lostInput, production);
    case 'Submitted':
      return submitted(job, last, now);
    case 'Running':
      return `Attempt ${job.attempt} runs at ${at}${since(last?.startedAt, now)}.`;
    case 'Done':
      return job.attempts.length === 1
        ? `Its first attempt succeeded at ${at}${when(last)}.`
        : `It succeeded at ${at}${when(last)} in attempt ${job.attempt}, after ${counted(job.attempts.length - 1, 'attempt')} that did not.`;
    case 'Parked':
      if (job.lostInput !== null) return withoutInput(job, job.lostInput, production);
      return `It is parked after ${counted(job.charged, 'attempt that counts', 'attempts that count')} against it${uncharged(job)}: ${lastFailure(failed)}; \`fabrica release ${production.name}\` tries it again${job.kind === 'merge' ? '' : `, \`fabrica waive ${production.name}\` gives it up`}.`;
    case 'Split':
      return job.splitInto.length === 0
        ? 'It was too big for its limits; smaller jobs with new numbers make its events.'
        : `It was too big for its limits: jobs ${job.splitInto.join(' and ')} make its events.`;
    case 'Waived':
      return `${waiver(job)} its ${counted(job.events, 'event')} will be missing.`;
    case 'Cancelled':
      return cancelled(job, production);
  }
}

function withoutInput(
  job: JobView,
  { lfn, production: owner, remade, role }: NonNullable<JobView['lostInput']>,
  production: OfProduction,
): string {
  const of = owner === null ? '' : ` of ${owner}`;
  if (job.state === 'Waiting') {
    return remade
      ? `It waits for ${owner ?? 'its production'} to make its ${role} file ${lfn} again.`
      : `No good copy of its ${role} file ${lfn}${of} is left: it will be parked.`;
  }
  const waive = job.kind === 'merge' ? '' : `, \`fabrica waive ${production.name}\` gives it up`;
  return `It is parked because no good copy of its ${role} file ${lfn}${of} is left; once there is one, \`fabrica release ${production.name}\` tries it again${waive}.`;
}

function waiting(
  job: JobView,
  production: OfProduction,
  failed: AttemptView | undefined,
  now: number,
): string {
  const before = failed === undefined ? '' : ` Before, ${lastFailure(failed)}.`;
  if (['Stopped', 'Held', 'AwaitingApproval'].includes(production.state)) {
    return `It waits because its production is ${production.state}${because(production.reason)}.${before}`;
  }
  if (job.notBeforeAt > now) {
    const left = formatDuration((job.notBeforeAt - now) / 1000);
    return `It is in its back-off for another ${left}, until ${timeText(job.notBeforeAt)}.${before}`;
  }
  if (job.openSites.length === 0 && job.closedSites.length > 0) {
    const sites = job.closedSites.map(({ site, why }) => `${site} (${why})`).join(', ');
    return `It waits because no site can take it: ${sites}.${before}`;
  }
  const avoid = job.avoid.length === 0 ? '' : ` other than ${job.avoid.join(', ')}`;
  return `It waits for room at a site${avoid}.${before}`;
}

function submitted(job: JobView, last: AttemptView | undefined, now: number): string {
  const at = last?.site ?? 'a site';
  return last === undefined || last.submittedAt === null
    ? `Attempt ${job.attempt} was sent to ${at}${ago(last?.placedAt, now)}, which has not told yet that it has started.`
    : `Attempt ${job.attempt} has been queued at ${at}${since(last.submittedAt, now)} and waits for a slot.`;
}

function waiver({ waived }: JobView): string {
  if (waived === null) return 'A person, or the tolerance, gave it up:';
  const at = ` on ${timeText(waived.at)}${because(waived.why)}:`;
  return waived.who === 'fabrica' ? `It was given up${at}` : `${waived.who} gave it up${at}`;
}

function cancelled(job: JobView, production: OfProduction): string {
  if (!['Cancelling', 'Cancelled', 'Rejected', 'Cleaning', 'Cleaned'].includes(production.state)) {
    return job.kind === 'merge'
      ? 'It was ended because inputs of it were lost; another merge takes the others.'
      : 'It was ended before it was done.';
  }
  return `It was ended with its production, which is ${production.state}${because(production.reason)}.`;
}

const because = (reason: string): string =>
  reason === '' ? '' : ` (${clause(reason).slice(0, 300)})`;

const uncharged = ({ uncharged: others }: JobView): string =>
  others === 0 ? '' : ` and ${others} that do not`;

function when(attempt: AttemptView | undefined): string {
  return attempt?.endedAt === undefined || attempt.endedAt === null
    ? ''
    : ` on ${timeText(attempt.endedAt)}`;
}

function since(from: number | null | undefined, now: number): string {
  if (from === null || from === undefined) return '';
  return ` for ${formatDuration(Math.max(0, now - from) / 1000)}`;
}

function ago(from: number | undefined, now: number): string {
  return from === undefined ? '' : ` ${formatDuration(Math.max(0, now - from) / 1000)} ago`;
}

function lastFailure(attempt: AttemptView | undefined): string {
  if (attempt?.class === null || attempt?.class === undefined) return 'no failure is recorded';
  const exit = attempt.exitCode === null ? '' : ` with exit code ${attempt.exitCode}`;
  const blame = attempt.blame === null ? '' : `, blamed on the ${attempt.blame}`;
  return `attempt ${attempt.attempt} failed at ${attempt.site}${exit}: ${attempt.class}${blame}`;
}
