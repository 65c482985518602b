import type { ProductionView } from '../../../catalog/views/production-view.js';
import { formatDuration, formatSize } from '../../../domain/quantity.js';
import type { Session } from '../session.js';
import { stateStyle } from '../style.js';
import { facts, type Cell } from '../table.js';
import { counted, countsText, firstOf, grouped, safe, timeText } from '../text.js';
import { stageLine } from './bar.js';
import { stagesOf } from './stages.js';

/** What of a session the pages use. */
export type PageLook = Pick<Session, 'style' | 'table'>;

/** The page of a production for a person. */
export function productionPage(view: ProductionView, waits: string, look: PageLook): string {
  const { progress } = view;
  const { wanted } = progress.events;
  const stages =
    wanted === 0
      ? []
      : stagesOf(progress, view.merges).map(({ name, events }) => stageLine(name, events, wanted));
  return [
    head(view, waits, look),
    stages.join('\n'),
    failures(view, look),
    estimate(view, look),
    blocks(view, look),
    log(view, look),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function head(view: ProductionView, waits: string, look: PageLook): string {
  const { progress } = view;
  const { events, state } = progress;
  const ended = view.finishedAt === null ? '' : `, ended ${timeText(view.finishedAt)}`;
  const remnants = [...view.remnants]
    .sort((a, b) => b.remnants - a.remnants)
    .map((one) => `${grouped(one.remnants)} on ${one.storage} (${one.state})`);
  const leftOut = view.leftOut.map(
    ({ site, until, why }) => `${site} until ${timeText(until)} (${safe(why, 100)})`,
  );
  const pairs: [string, Cell][] = [
    ['production', { text: view.name, paint: look.style.bold }],
    ['state', { text: state, paint: stateStyle(look.style, state) }],
    ['reason', progress.reason],
    ['waits for', waits],
    ['description', view.description],
    ['owner', `${view.owner || 'unknown'}, group ${view.group}`],
    ['campaign', `${view.campaign}, priority ${progress.priority}, revision ${view.revision}`],
    ['revisions', view.revisions.length > 1 ? revisions(view) : ''],
    ['registered', `${timeText(view.createdAt)}${ended}`],
    ['reads', reads(view)],
    [
      'read by',
      firstOf(
        view.lineage.readBy.map(({ production, state }) => `${production} (${state})`),
        6,
      ),
    ],
    ['waived', events.waived > 0 ? counted(events.waived, 'event') : ''],
    ['jobs', countsText(progress.jobs) || 'none yet'],
    ['merges', countsText(progress.merges)],
    ['left out', firstOf(leftOut, 6)],
    ['remnants', firstOf(remnants, 6)],
  ];
  return facts(pairs, look);
}

function reads({ lineage }: ProductionView): string {
  const { inputFiles, overlayFiles, reads: from } = lineage;
  const what = [
    ...(inputFiles > 0 ? [counted(inputFiles, 'file')] : []),
    ...(overlayFiles > 0 ? [`overlay of ${counted(overlayFiles, 'file')}`] : []),
  ];
  return what.length === 0 ? '' : `${what.join(' and ')}, made by ${firstOf(from, 6)}`;
}

/** The last of them, with who submitted them and when. */
function revisions(view: ProductionView): string {
  const last = view.revisions.slice(-5);
  return last
    .map(
      ({ createdAt, revision, submittedBy }) =>
        `${revision} by ${safe(submittedBy, 60)} (${timeText(createdAt)})`,
    )
    .join(', ');
}

function failures(view: ProductionView, look: PageLook): string {
  const rows = Object.entries(view.progress.failures).map(([name, attempts]): Cell[] => [
    name,
    attempts,
  ]);
  if (rows.length === 0) return '';
  return look.table(['failed attempts', 'count'], rows);
}

function estimate(view: ProductionView, look: PageLook): string {
  const { estimate: measured } = view;
  if (measured === null) return '';
  const value = (key: string): number | null => measured[key] ?? null;
  const samples = value('samples') ?? 0;
  // What the figures allow may be far more than there is.
  const all = jobsInAll(view);
  const blockJobs = Math.min(value('blockJobs') ?? all, all);
  const told = (key: string, show: (n: number) => string): string => {
    const found = value(key);
    return found === null ? '' : show(found);
  };

  const pairs: [string, Cell][] = [
    [
      'estimate',
      samples > 0
        ? `from ${counted(samples, 'scout')}`
        : 'from the definition alone, without scouts',
    ],
    ['wall time', told('wallPerEvent', (n) => `${formatDuration(n)} per event`)],
    ['CPU', told('cpuPerEvent', (n) => `${n.toPrecision(3)} HS23 s per event`)],
    ['output', told('bytesPerEvent', (n) => `${formatSize(n)} per event`)],
    ['memory', told('memoryMB', (n) => `${grouped(n)} MB`)],
    [
      'a job',
      [
        told('eventsPerJob', (n) => counted(Math.min(n, eventsInAll(view)), 'event')),
        told('jobSeconds', (n) => formatDuration(n)),
      ]
        .filter((part) => part !== '')
        .join(', '),
    ],
    [
      'a merge',
      view.merges
        ? told('jobsPerMerge', (n) => `up to ${counted(Math.min(n, blockJobs), 'job')}`)
        : '',
    ],
    ['a block', told('blockJobs', () => `up to ${counted(blockJobs, 'job')}`)],
  ];
  return facts(pairs, look);
}

function eventsInAll({ progress }: ProductionView): number {
  return Math.max(1, progress.events.asked);
}

/** Scout and fabrication jobs of the production: those that are planned, or those that its events will need. */
function jobsInAll(view: ProductionView): number {
  const planned = Object.entries(view.progress.jobs)
    .filter(([state]) => state !== 'Split')
    .reduce((sum, [, jobs]) => sum + jobs, 0);
  const perJob = view.estimate?.eventsPerJob ?? null;
  return Math.max(1, planned, perJob === null ? 0 : Math.ceil(eventsInAll(view) / perJob));
}

function blocks(view: ProductionView, look: PageLook): string {
  if (view.blocks.length === 0) return '';
  const rows = view.blocks.map((block): Cell[] => [
    String(block.block),
    { text: block.state, paint: stateStyle(look.style, block.state) },
    block.homeStorage,
    block.events,
    block.counts.made,
    block.counts.merged,
    countsText(block.counts.jobs),
    block.reason,
  ]);
  const title = ['block', 'state', 'home', 'events', 'made', 'merged', 'jobs', 'reason'];
  const rest = view.blocksInAll - view.blocks.length;
  return look.table(title, rows) + (rest > 0 ? `\n... and ${counted(rest, 'more block')}` : '');
}

function log(view: ProductionView, look: PageLook): string {
  return view.log
    .map(({ at, block, what, who, why }) => {
      const where = block === null ? '' : ` (block ${block})`;
      const reason = why === '' ? '' : `: ${safe(why, 300)}`;
      return `${look.style.dim(timeText(at))}  ${safe(who, 60)}  ${safe(what, 200)}${where}${reason}`;
    })
    .join('\n');
}
