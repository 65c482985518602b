import type { WrapperReport } from '../../../grid/compute/wrapper-report.js';

/** A report as a wrapper writes it; `parseWrapperReport` reads it. */
export function wrapperReportText(report: WrapperReport): string {
  const shown = (value: number | null, factor = 1): string =>
    value === null ? '-' : String(Number((value * factor).toFixed(3)));
  const whole = (value: number | null): string =>
    value === null ? '-' : String(Math.round(value));
  return [
    'version 1',
    `outcome ${report.outcome}`,
    `step ${report.step}`,
    `exit ${shown(report.exitCode)}`,
    `reason ${report.reason}`,
    `node ${report.node}`,
    `started ${shown(report.startedAt, 0.001)}`,
    `ended ${shown(report.endedAt, 0.001)}`,
    `wall ${shown(report.wallSeconds)}`,
    `cpu ${shown(report.cpuSeconds)}`,
    `memoryKB ${whole(report.memoryMB === null ? null : report.memoryMB * 1000)}`,
    ...report.outputs.map(
      ({ index, level, storage, size, url }) =>
        `output ${index} ${level} ${storage} ${size} ${url}`,
    ),
    'end',
    '',
  ].join('\n');
}
