import { eventsWanted, type JobCounts, type ProductionProgress } from '../domain/progress.js';

/** The page of a production in Temporal's UI, in Markdown. */
export function detailsOf(progress: ProductionProgress): string {
  const { events } = progress;
  const wanted = eventsWanted(events);
  const lines = [
    `### ${progress.production}: ${progress.state}`,
    progress.reason === '' ? '' : `${progress.reason}\n`,
    `| stage | events | of ${wanted} |`,
    `| --- | ---: | :--- |`,
    row('fabricated', events.made, wanted),
    row('merged', events.merged, wanted),
    row('distributed', events.distributed, wanted),
    '',
    `Jobs: ${countsLine(progress.jobs)}`,
    Object.keys(progress.merges).length === 0 ? '' : `\nMerges: ${countsLine(progress.merges)}`,
    failuresLine(progress.failures),
    `\nPriority ${progress.priority}; as of ${new Date(progress.at).toISOString()}`,
  ];
  return lines.filter((line, i) => line !== '' || i === 6).join('\n');
}

function row(stage: string, events: number, wanted: number): string {
  const tenths = wanted === 0 ? 0 : Math.floor((10 * events) / wanted);
  const percent = wanted === 0 ? 0 : Math.floor((100 * events) / wanted);
  return `| ${stage} | ${events} | ${'█'.repeat(tenths)}${'░'.repeat(10 - tenths)} ${percent} % |`;
}

function countsLine(counts: JobCounts): string {
  const told = Object.entries(counts)
    .filter(([, jobs]) => jobs > 0)
    .map(([state, jobs]) => `${jobs} ${state}`);
  return told.length === 0 ? 'none yet' : told.join(', ');
}

function failuresLine(failures: ProductionProgress['failures']): string {
  const told = Object.entries(failures).map(([kind, attempts]) => `${attempts} ${kind}`);
  return told.length === 0 ? '' : `\nFailed attempts, retried: ${told.join(', ')}`;
}
