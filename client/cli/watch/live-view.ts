import type { EventLine } from '../../../catalog/views/production-view.js';
import type { ProductionProgress } from '../../../domain/progress.js';
import { formatDuration } from '../../../domain/quantity.js';
import { stageLine } from '../pages/bar.js';
import { stagesOf } from '../pages/stages.js';
import { stateStyle, type Style } from '../style.js';
import { clockText, countsText, grouped, safe } from '../text.js';

/** What a look at a running production shows. Times in ms since 1970. */
export interface LiveView {
  readonly progress: ProductionProgress;
  readonly merges: boolean;
  readonly startedAt: number;
  readonly openBySite: Readonly<Record<string, number>>;
  readonly eventsPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** The newest entries of the log, oldest first. */
  readonly log: readonly EventLine[];
  /** What a person should know about the system itself; empty if nothing. */
  readonly note: string;
}

/** The display that is redrawn in place. */
export function liveLines(view: LiveView, style: Style): string[] {
  const { progress } = view;
  const { wanted } = progress.events;
  const elapsed = formatDuration((progress.at - view.startedAt) / 1000);
  const state = stateStyle(style, progress.state)(progress.state);
  const left = view.secondsLeft === null ? '' : `, about ${formatDuration(view.secondsLeft)} left`;
  const rate = view.eventsPerSecond === null ? '' : `, ${rateText(view.eventsPerSecond)}`;
  const facts: [string, string][] = [
    ['jobs', countsText(progress.jobs) || 'none yet'],
    ['merges', countsText(progress.merges)],
    ['at sites', countsText(view.openBySite)],
    ['blocks', countsText(progress.blocks)],
    ['failures', failuresText(progress)],
  ];
  return [
    `${style.bold(safe(progress.production))}  ${state}  ${elapsed}${rate}${left}`,
    style.dim(safe(progress.reason, 200)),
    ...stagesOf(progress, view.merges).map(({ name, events }) => stageLine(name, events, wanted)),
    ...facts
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${style.dim(name.padEnd(12))} ${value}`),
    ...view.log.map((event) => style.dim(eventText(event))),
    ...(view.note === '' ? [] : [style.warn(view.note)]),
  ];
}

/** The same as one line, for what is no terminal. */
export function liveLine(view: LiveView): string {
  const { progress } = view;
  const { wanted } = progress.events;
  const stages = stagesOf(progress, view.merges)
    .map(({ name, events }) => `${name} ${grouped(events)}/${grouped(wanted)}`)
    .join(', ');
  const failed = failuresText(progress);
  const parts = [
    `${clockText(progress.at)} ${progress.state}: ${stages}`,
    `jobs: ${countsText(progress.jobs) || 'none yet'}`,
    ...(failed === '' ? [] : [`failures: ${failed}`]),
    ...(view.note === '' ? [] : [view.note]),
  ];
  return parts.join('; ');
}

/** How a production has ended, on one line. */
export function endLine({ reason, state }: ProductionProgress): string {
  return reason === '' ? state : `${state}: ${safe(reason)}`;
}

/** One entry of the log on one line. */
export function eventText({ at, block, what, who, why }: EventLine): string {
  const where = block === null ? '' : ` (block ${block})`;
  return `${clockText(at)} ${safe(who, 60)}: ${safe(what, 200)}${where}${why === '' ? '' : `: ${safe(why, 200)}`}`;
}

/** `85 events/s`, `3.2 events/min`. */
export function rateText(perSecond: number): string {
  if (perSecond >= 1 || perSecond <= 0) return `${grouped(perSecond)} events/s`;
  return `${(60 * perSecond).toPrecision(2)} events/min`;
}

function failuresText({ failures, jobs }: ProductionProgress): string {
  const told = Object.entries(failures).map(([name, attempts]) => `${grouped(attempts)} ${name}`);
  if (told.length === 0) return '';
  const parked = jobs.Parked ?? 0;
  if (parked > 0) return `${told.join(', ')} (${grouped(parked)} jobs parked)`;
  const givenUp = (jobs.Waived ?? 0) + (jobs.Cancelled ?? 0) > 0;
  return givenUp ? told.join(', ') : `${told.join(', ')} (all tried again)`;
}
