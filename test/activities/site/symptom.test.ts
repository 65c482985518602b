import { afterEach, expect, it } from 'vitest';
import { attemptReports } from '../../../activities/site/attempt-report.js';
import type { AttemptReport } from '../../../domain/bundle.js';
import type { CeStatus, CeSymptom } from '../../../grid/compute/compute-element.js';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import { Diagnostician } from '../../../policy/diagnosis.js';
import { wrapperReportText } from '../../grid/compute/wrapper-report-text.js';
import { storagesOf } from '../../grid/simulated/storages-of.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

const opened: LocalComputeElement[] = [];
afterEach(async () => {
  for (const element of opened.splice(0)) await element.close();
});

/** What is reported of a job of which its computing element says so; it is asked for a log, and has none. */
async function reportOf(told: Partial<CeStatus>): Promise<AttemptReport> {
  const element = new LocalComputeElement({ site: 'HERE', slots: 1, folder: temporaryFolder() });
  opened.push(element);
  const status: CeStatus = {
    ...{ name: 'e1aaaaaa.p.1.1', state: 'ended', ceId: '12_3', startedAt: 1000, endedAt: 2000 },
    ...{ report: null, payloadReport: null },
    ...told,
  };
  const key = { job: 1, attempt: 1 };
  const [report] = await attemptReports([{ key, status }], element, storagesOf());
  if (report === undefined) throw new Error('one is reported');
  return report;
}

const classOf = ({ exitCode, logTail, reason, step }: AttemptReport): string =>
  new Diagnostician().diagnose({ exitCode, logTail, reason, step, site: 'HERE', release: 'r' })
    .class;

const symptom = (step: CeSymptom['step'], exitCode: number | null = null): CeSymptom => ({
  ...{ step, exitCode, reason: 'Slurm says so' },
});

it.each([
  ['wall-limit', 'failed', 'wall-time'],
  ['memory-limit', 'failed', 'memory'],
  ['killed', 'failed', 'node'],
  ['wrapper', 'failed', 'node'],
  ['vanished', 'lost', 'lost'],
] as const)(
  'a job without a report is what its computing element says: %s',
  async (step, state, failure) => {
    const report = await reportOf({ symptom: symptom(step, 137) });
    expect(report).toMatchObject({ state, step, reason: 'Slurm says so' });
    expect(classOf(report)).toBe(failure);
  },
);

it('a job of which nobody says anything is lost', async () => {
  const report = await reportOf({});
  expect(report).toMatchObject({ state: 'lost', step: 'vanished' });
  expect(report.reason).toBe('the job ended without a report: its wrapper was killed');
});

it('the computing element knows who has sent the signal that a wrapper tells of, and nothing better than any other report', async () => {
  const measured = {
    ...{ exitCode: null, node: 'n1', startedAt: 1000, endedAt: 2000 },
    ...{ wallSeconds: 60, cpuSeconds: 50, memoryMB: 900, outputs: [] },
  };
  const killed = wrapperReportText({
    ...measured,
    ...{ outcome: 'killed', step: 'killed', reason: 'ended by a signal' },
  });
  const report = await reportOf({ report: killed, symptom: symptom('wall-limit') });
  expect(report).toMatchObject({ state: 'failed', step: 'wall-limit', memoryMB: 900, node: 'n1' });
  expect(classOf(report)).toBe('wall-time');
  // The signal goes to all processes: it may be the payload that falls first.
  const fell = wrapperReportText({
    ...measured,
    ...{ outcome: 'failed', step: 'payload', exitCode: 143, reason: 'ended by signal 15' },
  });
  expect(await reportOf({ report: fell, symptom: symptom('wall-limit') })).toMatchObject({
    ...{ step: 'wall-limit', exitCode: 143 },
  });
  expect(await reportOf({ report: fell })).toMatchObject({ step: 'payload', exitCode: 143 });
  const failed = wrapperReportText({
    ...measured,
    ...{ outcome: 'failed', step: 'payload', exitCode: 3, reason: 'exit code 3' },
  });
  expect(await reportOf({ report: failed, symptom: symptom('killed') })).toMatchObject({
    ...{ step: 'payload', exitCode: 3, reason: 'exit code 3' },
  });
});
