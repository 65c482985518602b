import { describe, expect, it } from 'vitest';
import { auditCounts, type AuditCase } from '../../policy/audit.js';

const WHOLE: AuditCase = {
  asked: 1000,
  made: 990,
  waived: 10,
  levels: ['mdst', 'log'],
  final: { mdst: 990, log: 990 },
  written: null,
  copies: [{ copies: 2, files: 8, sample: '/belle/a' }],
  wantedCopies: 2,
  openJobs: 0,
  repeatedSeeds: 0,
  overlaps: 0,
  unmerged: 0,
  multiplyMerged: 0,
  pendingRemnants: 0,
  merges: true,
  ended: true,
};

const found = (more: Partial<AuditCase>): string[] =>
  auditCounts({ ...WHOLE, ...more }).map(({ kind, text }) => `${kind}: ${text}`);

describe('auditCounts', () => {
  it('finds nothing wrong with a whole production', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<AuditCase>, string[]]>([
    ['repeated seeds', { repeatedSeeds: 2 }, ['seeds: 2 seeds belong to several jobs']],
    ['overlaps', { overlaps: 1 }, ['events: 1 event ranges overlap']],
    ['double merges', { multiplyMerged: 3 }, ['merge: 3 outputs are in more than one merge']],
    ['open jobs', { openJobs: 4 }, ['unfinished: 4 jobs have not ended']],
    [
      'missing events',
      { made: 980, final: { mdst: 980, log: 980 } },
      ['events: 980 events are made and 10 waived, 1000 were asked for'],
    ],
    [
      'events lost in merging',
      { final: { mdst: 980, log: 990 } },
      ['events: the final mdst files hold 980 events, 990 were made'],
    ],
    [
      'a data level without any file',
      { final: { mdst: 990 } },
      ['events: the final log files hold 0 events, 990 were made'],
    ],
    ['outputs in no merge', { unmerged: 1 }, ['merge: 1 outputs are in no merge']],
    [
      'missing copies',
      { copies: [...WHOLE.copies, { copies: 1, files: 3, sample: '/belle/b' }] },
      ['copies: 3 final files have 1 copies, 2 are wanted (e.g. /belle/b)'],
    ],
    ['remnants', { pendingRemnants: 5 }, ['remnant: 5 remnants are not removed']],
  ])('finds %s', (_, planted, texts) => {
    expect(found(planted)).toEqual(texts);
  });

  it('does not ask a production without a merge for merges', () => {
    expect(found({ merges: false, unmerged: 100 })).toEqual([]);
  });

  it('asks a production that runs only for what holds at any time', () => {
    const running = { ended: false, openJobs: 7, made: 5, final: {}, pendingRemnants: 3 };
    expect(found(running)).toEqual([]);
    expect(found({ ...running, repeatedSeeds: 1, overlaps: 1, multiplyMerged: 1 })).toHaveLength(3);
  });

  it('finds nothing wrong where all jobs were waived and there are no files', () => {
    expect(found({ made: 0, waived: 1000, final: {}, copies: [] })).toEqual([]);
  });
});
