import type { InFlightBench } from './in-flight.js';
import type { PriorityShare, SharesBench } from './shares.js';
import type { SimulatedBench } from './simulated.js';

/** `100000 jobs: 415 jobs/s, CPU 4.24 ms per job (temporal 1.9, control 1.7, site 0.6), ...` */
export function scaleRow(row: SimulatedBench): string {
  const by = Object.entries(row.cpuMsBy)
    .map(([name, ms]) => `${name} ${(ms / row.jobs).toFixed(2)}`)
    .join(', ');
  return [
    `${row.jobs} jobs: ${row.jobsPerSecond.toFixed(0)} jobs/s`,
    `CPU ${row.cpuPerJobMs.toFixed(2)} ms per job (${by})`,
    `control ${row.controlRssMb.toFixed(0)} MB at most`,
    `catalog ${row.catalogBytesPerJob.toFixed(0)} bytes per job`,
    `${(row.attempts / row.bundles).toFixed(0)} attempts per bundle`,
    `largest history ${row.largestHistoryEvents} events, ${(row.largestHistoryBytes / 1e6).toFixed(1)} MB`,
  ].join(', ');
}

/** What jobs in flight cost while nothing ends, and how soon ends are recorded. */
export function inFlightText(one: InFlightBench): string {
  const each = (figures: Readonly<Record<string, number>>, unit: string, digits: number): string =>
    Object.entries(figures)
      .map(([name, value]) => `${name} ${value.toFixed(digits)}${unit}`)
      .join(', ');
  const { most, median, p99 } = one.recordedAfter;
  return [
    `${one.jobs} jobs in flight, placed within ${one.fillSeconds.toFixed(0)} s`,
    `while nothing ends: cores ${each(one.coresBy, '', 3)}; memory ${each(one.memoryMbBy, ' MB', 0)}`,
    `catalog ${one.catalogBytesPerJob.toFixed(0)} bytes per job`,
    `recorded after the end: median ${median.toFixed(1)} s, 99 % within ${p99.toFixed(1)} s, all within ${most.toFixed(1)} s`,
  ].join('\n  ');
}

/** Which part of the job starts productions of each priority had, and which was due to them. */
export function sharesText(one: SharesBench): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(7);
  const line = ({ priority, starts, weight }: PriorityShare): string =>
    `  priority ${String(priority).padStart(2)}: weight ${percent(weight)}, starts ${percent(starts)}`;
  return (['before', 'after'] as const)
    .flatMap((when) => {
      const { byPriority, meanDeviation, starts, worstDeviation } = one[when];
      return [
        `${one.productions} productions, ${starts} starts ${when} all priorities were turned round`,
        ...byPriority.map(line),
        `  a production is off by ${percent(meanDeviation).trim()} on average, ${percent(worstDeviation).trim()} at most`,
      ];
    })
    .join('\n');
}
