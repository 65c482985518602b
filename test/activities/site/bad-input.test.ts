import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LARGEST_ANSWER, logText } from '../../../activities/log-text.js';
import { unpack } from '../../../activities/packed.js';
import { attemptRanges, type AttemptReport } from '../../../domain/bundle.js';
import { jobFolder } from '../../../grid/compute/local-job.js';
import type { WrapperReport } from '../../../grid/compute/wrapper-report.js';
import { wrapperReportText } from '../../grid/compute/wrapper-report-text.js';
import { SiteRoom } from './site-room.js';

let room: SiteRoom;
beforeEach(async () => {
  room = await SiteRoom.open();
});
afterEach(() => room.close());

/** What terminals would act on, and characters cut in two. */

const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

const read = (job: number, part: 'head' | 'tail' = 'tail') =>
  room.run(room.activities.readLog, {
    ...{ epoch: 'e1aaaaaa', production: 'p', job, attempt: 1, part },
  });

/** What a watcher reports of jobs that have ended. */
async function reports(commands: readonly string[]): Promise<readonly AttemptReport[]> {
  const handle = await room.ran(commands);
  const watch = { ...handle, recorded: [], running: [] };
  return unpack((await room.run(room.activities.watchJobs, watch)).reports);
}

describe('a log', () => {
  it.each([
    ['binary junk', 'head -c 3000000 /dev/urandom; exit 3'],
    [
      'invalid UTF-8',
      `for i in 1 2 3 4 5 6 7 8 9; do printf '\\303\\050\\377\\376 %s\\n' $i; done; exit 3`,
    ],
    ['terminal escapes', `printf '\\033]0;title\\007\\033[2J\\033[31mred\\233 31m\\r\\b'; exit 3`],
    ['only zeros', 'head -c 2000000 /dev/zero; exit 3'],
  ])('of %s is read, and shown safely', async (_, command) => {
    const [report] = await reports([command]);
    expect(report).toMatchObject({ state: 'failed', step: 'payload', exitCode: 3 });
    expect(report?.logTail).not.toMatch(UNSAFE);
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(50_000);
    for (const part of ['head', 'tail'] as const) {
      const log = await read(1, part);
      expect(log?.text).not.toMatch(UNSAFE);
      expect(log?.text.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(log?.text ?? '')).toBeLessThanOrEqual(LARGEST_ANSWER);
      expect(log?.shown).toBeLessThanOrEqual(log?.size ?? 0);
    }
  });

  it('of 1 GB is never read whole', async () => {
    const [report] = await reports(['echo begin; truncate -s 1G log; echo end; exit 3']);
    expect(report?.logTail).toContain('end\n');
    const before = process.memoryUsage.rss();
    const tail = await read(1);
    expect(tail?.text).toContain('end\n');
    expect(tail?.size).toBeGreaterThan(1e9);
    expect((await read(1, 'head'))?.text).toContain('begin\n');
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
  });

  it('is cut between characters, and within the bound however they are coded', () => {
    const text = 'äöü€😀'.repeat(100);
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < 20; cut++) {
      const head = logText(bytes.subarray(0, bytes.length - cut), bytes.length, 'head').text;
      expect(text.startsWith(head), `head ${cut}`).toBe(true);
      const tail = logText(bytes.subarray(cut), bytes.length, 'tail').text;
      expect(text.endsWith(tail), `tail ${cut}`).toBe(true);
    }
    const junk = Buffer.alloc(LARGEST_ANSWER, 0xff);
    for (const part of ['head', 'tail'] as const) {
      const answer = logText(junk, 1e9, part);
      expect(Buffer.byteLength(answer.text)).toBeLessThanOrEqual(LARGEST_ANSWER);
      expect(answer.shown).toBeGreaterThan(LARGEST_ANSWER / 4);
    }
  });
});

describe('a payload report', () => {
  it.each([
    ['NaN', `printf '{"events": NaN}'`],
    ['a negative number', `printf '{"events": -5}'`],
    ['a huge number', `printf '{"events": 1e300}'`],
    ['a number in words', `printf '{"events": "ten"}'`],
    ['a list', `printf '[1]'`],
    ['nothing', `printf ''`],
    ['junk', `head -c 1000 /dev/urandom`],
    ['ten megabytes', `head -c 10000000 /dev/zero`],
  ])('with %s is a failed check with its reason', async (_, writes) => {
    const [report] = await reports([`${writes} >fabrica-report.json`]);
    expect(report).toMatchObject({ state: 'failed', step: 'check' });
    expect(report?.reason).toContain('fabrica-report.json');
    expect(report?.reason).not.toMatch(UNSAFE);
  });

  it('that is a link or a pipe is none', async () => {
    const [link, pipe] = await reports([
      'ln -s /etc/passwd fabrica-report.json',
      'mkfifo fabrica-report.json',
    ]);
    expect(link).toMatchObject({ state: 'done', events: null });
    expect(pipe).toMatchObject({ state: 'done', events: null });
  });
});

describe('a report that the payload has written in place of its wrapper', () => {
  const faked = wrapperReportText({ ...ended(), outcome: 'done', step: 'none', exitCode: 0 });

  it('is overwritten by that of the wrapper', async () => {
    const [report] = await reports([`printf '%s' '${faked}' >report; exit 7`]);
    expect(report).toMatchObject({ state: 'failed', step: 'payload', exitCode: 7 });
  });

  it('names no output that the storage does not have', async () => {
    const handle = await room.ran(['true']);
    const url = room.storages.get('A').url('/e1aaaaaa/made/up.root');
    const output = { index: 0, level: 'mdst', storage: 'A', size: 10, url };
    const text = wrapperReportText({
      ...ended(),
      outcome: 'done',
      step: 'none',
      outputs: [output],
    });
    writeFileSync(path.join(jobFolder(room.at('spool'), 'e1aaaaaa.p.1.1'), 'report'), text);
    const watch = { ...handle, recorded: [], running: [] };
    const found = unpack((await room.run(room.activities.watchJobs, watch)).reports);
    expect(found).toMatchObject([{ state: 'failed', step: 'stage-out' }]);
  });
});

describe('a bundle of 500 failures with long logs', () => {
  it('is reported in parts, each of which Temporal takes', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => ({ job: i + 1, attempt: 1 }));
    for (const { job } of keys) {
      const folder = jobFolder(room.at('spool'), `e1aaaaaa.p.${job}.1`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, 'wrapper.sh'), '');
      writeFileSync(path.join(folder, 'wrapper.started'), '999999999 1\n');
      // The bytes that take most room in an answer.
      writeFileSync(path.join(folder, 'log'), Buffer.alloc(4096, job % 2 === 0 ? 0xff : '"'));
      const reason = '"'.repeat(500);
      writeFileSync(path.join(folder, 'report'), wrapperReportText({ ...ended(), reason }));
    }
    let left: readonly { job: number; attempt: number }[] = keys;
    const sizes: number[] = [];
    while (left.length > 0 && sizes.length < 20) {
      const answer = await room.run(room.activities.watchJobs, {
        ...{ epoch: 'e1aaaaaa', production: 'p', block: 0, bundle: 1, site: 'HERE' },
        ...{ attempts: attemptRanges(left), recorded: [], running: [] },
      });
      sizes.push(Buffer.byteLength(JSON.stringify(answer)));
      const reports = unpack(answer.reports);
      const told = new Set(reports.map((report) => report.job));
      left = left.filter(({ job }) => !told.has(job));
      expect(answer.open).toBe(left.length);
      expect(reports.every((report) => report.state === 'failed')).toBe(true);
    }
    expect(left).toEqual([]);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(1_500_000);
  });
});

function ended(): WrapperReport {
  return {
    outcome: 'failed',
    step: 'payload',
    exitCode: 1,
    reason: '',
    node: 'wn1',
    startedAt: 1000,
    endedAt: 2000,
    wallSeconds: 1,
    cpuSeconds: 1,
    memoryMB: 1,
    outputs: [],
  };
}
